"""The verdict as Markdown, for a pull request or a terminal."""

from collections.abc import Iterable, Sequence

from reflex_api.verdict import Metric, Verdict
from reflex_bakeoff.report import words


def render(verdict: Verdict) -> str:
    """Return the document; the same verdict gives the same text."""
    lines = [f"# {_text(words.title(verdict))}", ""]
    lines += [f"> **{_text(warning)}**" for warning in words.warnings(verdict)]
    lines += ["", *(f"- {_text(sentence)}" for sentence in words.summary(verdict)), ""]
    lines += ["## What decides", "", *_metrics(words.deciding(verdict))]
    if verdict.pairs is not None:
        pairs = verdict.pairs
        lines += [
            "",
            "## Item by item",
            "",
            f"Of {pairs.n} items {pairs.gained} were repaired by the candidate only and"
            f" {pairs.lost} by the incumbent only (discordance {pairs.discordance:.3f}, exact"
            f" McNemar p = {pairs.mcnemar_p:.3g}).",
            f"At this discordance two equally good models are found so with probability"
            f" {pairs.power:.2f}, one that is better by the margin with"
            f" {pairs.power_at_margin_gain:.2f} (simulated).",
        ]
    if verdict.strata:
        rows = [
            (
                one.name, str(one.n), words.number(one.passed / one.n, "share"),
                words.interval(one.interval, "share"),
                "" if one.incumbent_passed is None
                else words.number(one.incumbent_passed / one.n, "share"),
            )
            for one in verdict.strata
        ]  # fmt: skip
        header = ("error code", "items", "pass@1", "95 % bounds", "incumbent")
        lines += ["", "## By error code", "", *_table(header, rows)]
    if informing := words.informing(verdict):
        lines += ["", "## For information", "", *_metrics(informing)]
    lines += ["", "## Formulas", ""]
    lines += [f"- `{one.name}` = {_text(one.formula)}" for one in verdict.metrics]
    lines += ["", *_origin(verdict), ""]
    return "\n".join(lines)


def _metrics(metrics: Sequence[Metric]) -> list[str]:
    header = ("metric", "measured", "95 % bounds", "wanted", "incumbent", "n", "verdict", "why")
    rows = [
        (
            f"`{one.name}`", words.point(one), words.interval(one.interval, one.unit),
            words.target(one.target, one.unit),
            "" if one.incumbent is None else words.number(one.incumbent, one.unit),
            str(one.n), words.judgement(one.verdict), words.why(one),
        )
        for one in metrics
    ]  # fmt: skip
    return _table(header, rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(header)} |",
        f"|{'|'.join('---' for _ in header)}|",
        *(f"| {' | '.join(_text(cell) for cell in row)} |" for row in rows),
    ]


def _origin(verdict: Verdict) -> list[str]:
    said = [f"Harness {verdict.harness_version}, suite `{verdict.suite_digest}`."]
    for name, side in (("Candidate", verdict.candidate), ("Incumbent", verdict.baseline)):
        if side is not None:
            said.append(
                f"{name}: {_text(side.model)}, measured {side.measured_at:%Y-%m-%d %H:%M} UTC,"
                f" evidence `{side.evidence_key or 'none'}`, items `{side.items_digest or 'none'}`."
            )
    return said


def _text(text: str) -> str:
    """Return text that ends neither a cell nor a line, and is no markup."""
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    for mark in ("|", "*"):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
