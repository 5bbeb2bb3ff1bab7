"""`reflexctl check`: may who serves go on serving, by its evidence? For people and for CI."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from reflexctl import sources
from reflexctl.bakeoff_command import Span, in_cluster
from reflexctl.bakeoff_past import BAKEOFFS
from reflexctl.bakeoff_rows import rows
from reflexctl.check_rules import MET, Checked, Limits, subjects
from reflexctl.check_rules import check as judge
from reflexctl.cluster import Kubectl
from reflexctl.errors import NOT_DONE, OK, CliError, ConfigurationError
from reflexctl.plain import plain
from reflexctl.route_command import ROUTES
from reflexctl.screen import Screen
from reflexctl.times import moment, written

_DISABLED = "Reflex is disabled: no local model is asked"


@click.command()
@click.argument("duration", type=Span(), required=False, metavar="[DURATION]")
@click.option("--since", type=Span(), metavar="SPAN", help="The same as DURATION.")
@click.option("--min-samples", type=click.IntRange(1), default=10, show_default=True,
              metavar="N", help="Items that a verdict must rest on.")  # fmt: skip
@click.option("--model", "models", multiple=True, metavar="NAME",
              help="A ReflexModel; may be repeated.  [default: who answers]")  # fmt: skip
@click.option("--policy", "--config", "config", type=click.Path(path_type=Path, dir_okay=False),
              help="A reflex.yaml: its primary model, and whether reflex is enabled.")  # fmt: skip
@click.option("--allow-simulated", is_flag=True, help="Let numbers of no real model count.")
@click.option("--ci-gate", is_flag=True, help="Exit 1 unless everything passes.")
@in_cluster
def check(
    duration: timedelta | None, since: timedelta | None, min_samples: int,
    models: tuple[str, ...], config: Path | None, context: str, namespace: str, *,
    allow_simulated: bool, ci_gate: bool, as_json: bool,
) -> int:  # fmt: skip
    """Check the evidence of the models that serve; of the last DURATION, else until it expires.

    Exit codes: 0 it passes, or --ci-gate is not given; 1 it does not; 2 it cannot be known.
    """
    screen = Screen(as_json=as_json)
    limits = Limits(age=duration or since, samples=min_samples, simulated=allow_simulated)
    now = datetime.now(UTC)
    try:
        if duration and since and duration != since:
            raise ConfigurationError("DURATION and --since say different things: give one of them")
        enabled, wanted = _policy(config, models)
        found: list[Checked] = []
        if enabled:
            kubectl = Kubectl(context=context, namespace=namespace)
            found = asyncio.run(_check(kubectl, wanted, limits, now))
    except CliError as error:
        screen.error(error)
        return error.exit_code
    passes = all(one.passes for one in found)
    failed = [one for one in found if not one.passes]
    reason = failed[0].reason if failed else (MET if enabled else _DISABLED)
    if as_json:
        screen.json(_document(found, limits, now, ci_gate=ci_gate, enabled=enabled, reason=reason))
    else:
        _show(screen, found, now, reason=reason, passes=passes)
    return NOT_DONE if ci_gate and not passes else OK


def _policy(config: Path | None, models: tuple[str, ...]) -> tuple[bool, tuple[str, ...]]:
    """Return whether local models are asked at all, and which are to be checked."""
    if config is None:
        return True, models
    section = sources.from_file(config).loaded.reflex
    return section.enabled, models or (section.model_primary,)


async def _check(
    kubectl: Kubectl, wanted: tuple[str, ...], limits: Limits, now: datetime
) -> list[Checked]:
    routes = await kubectl.objects(ROUTES)
    runs = rows(await kubectl.objects(BAKEOFFS), since=None, now=now)
    found = [judge(one, runs, limits, now) for one in subjects(routes, wanted)]
    if not found:
        raise ConfigurationError(
            "there is nothing to check: no ReflexRoute in this namespace",
            hints=("name a model (--model), or another namespace (-n)",),
        )
    return found


def _show(
    screen: Screen, found: list[Checked], now: datetime, *, reason: str, passes: bool
) -> None:
    head = "passes" if passes else "does not pass"
    screen.out.print(
        Text.assemble((head, f"bold {'green' if passes else 'red'}"), f": {plain(reason)}")
    )
    for one in found:
        place = f" of {one.route}" if one.route else ""
        line = f"  {'✓' if one.passes else '✗'} {one.model}{place}: {one.reason}"
        screen.out.print(Text(plain(line)))
        if one.evidence is not None:
            screen.out.print(Text(plain(f"      {_evidence(one, now)}"), style="dim"))


def _evidence(one: Checked, now: datetime) -> str:
    assert one.evidence is not None
    found = one.evidence
    share = "" if found.pass_at_1 is None else f", pass@1 {100 * found.pass_at_1:.1f} %"
    bounds = f" ({found.interval})" if found.interval else ""
    return (
        f"{found.name} (id {found.evidence_id or 'none'}): {found.verdict}{share}{bounds},"
        f" {found.items} items, {moment(found.at, now)}"
    )


def _document(
    found: list[Checked], limits: Limits, now: datetime, *, ci_gate: bool, enabled: bool,
    reason: str,
) -> dict[str, Any]:  # fmt: skip
    start = now - limits.age if limits.age else None
    return {
        "ci_gate": ci_gate,
        "reflex_enabled": enabled,
        "passes": all(one.passes for one in found),
        "reason": reason,
        "thresholds": {"min_samples": limits.samples, "simulated_allowed": limits.simulated},
        "period": {
            "start": start.isoformat(timespec="seconds") if start else None,
            "end": now.isoformat(timespec="seconds"),
            "duration": written(limits.age) if limits.age else None,
        },
        "models": [one.to_json() for one in found],
    }
