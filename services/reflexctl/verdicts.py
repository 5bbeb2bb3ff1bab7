"""A verdict on the screen, and the exit code that it means."""

from typing import Final

from rich.table import Table

from reflex_api.verdict import Judgement, Metric, Part, Verdict
from reflex_bakeoff.report import words
from reflexctl.errors import CONFIGURATION, NOT_DONE, OK
from reflexctl.screen import Screen

_CODES: Final = {
    Judgement.PASS: OK,
    Judgement.FAIL: NOT_DONE,
    Judgement.INCONCLUSIVE: NOT_DONE,
    Judgement.ERROR: CONFIGURATION,
}


def exit_code(verdict: Verdict, *, promotes: bool = False) -> int:
    """Return 0 for Pass, 1 for Fail and Inconclusive, 2 when there is no measurement to judge.

    Args:
        verdict: of the gate.
        promotes: superiority over the baseline must be Pass as well; without one it is not.
    """
    codes = [_CODES[verdict.verdict]]
    if promotes:
        superiority = verdict.superiority
        codes.append(CONFIGURATION if superiority is None else _CODES[superiority.verdict])
    return max(codes)


def show(verdict: Verdict, screen: Screen) -> None:
    """Print a verdict for people, or its document with --json."""
    if screen.as_json:
        screen.json(verdict.model_dump(mode="json", by_alias=True))
        return
    table = Table(box=None, pad_edge=False)
    for head in ("metric", "n", "measured", "95 % bounds", "wanted", "verdict"):
        table.add_column(head, no_wrap=True)
    for metric in words.deciding(verdict):
        table.add_row(*_row(metric))
    screen.out.print(table)
    for line in _unsaid(verdict):
        screen.out.print(line, markup=False)
    for line in (*words.warnings(verdict), *words.summary(verdict)):
        screen.out.print(line, markup=False)


def _row(metric: Metric) -> tuple[str, ...]:
    return (
        metric.name,
        str(metric.n),
        words.point(metric),
        words.interval(metric.interval, metric.unit),
        words.target(metric.target, metric.unit),
        words.judgement(metric.verdict),
    )


def _unsaid(verdict: Verdict) -> list[str]:
    """Return why metrics did not pass, but for the worst: the summary tells those."""
    worst = {Part.QUALIFICATION: verdict.qualification.verdict}
    if verdict.superiority is not None:
        worst[Part.SUPERIORITY] = verdict.superiority.verdict
    return [
        f"{one.name}: {one.message}"
        for one in words.deciding(verdict)
        if one.verdict not in {Judgement.PASS, worst.get(one.part)}
    ]
