"""Can these measurements be judged at all? What is wrong with them, most serious first."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from reflex_api.gate import GateSpec
from reflex_api.items import Items, Outcome
from reflex_api.verdict import Why
from reflex_bakeoff.gate.metrics import Fault


def faults(items: Items, gate: GateSpec) -> Iterator[Fault]:
    """Yield each fault of the repairs: with one, nothing of them is judged."""
    run = items.run
    if run.suite != gate.suite:
        yield Fault(
            reason=Why.WRONG_SUITE,
            message=f"measured on {run.suite}, the gate asks for {gate.suite}: run that suite",
        )
    if len(run.planned) < gate.quality.looks[-1]:
        yield Fault(
            reason=Why.SUITE_TOO_SMALL,
            message=f"{len(run.planned)} items are planned, the last look needs"
            f" {gate.quality.looks[-1]}: use a larger suite or fewer looks",
        )
    ids = [item.id for item in items.items]
    if double := _several(ids):
        yield Fault(reason=Why.DUPLICATE_ITEM, message=f"measured more than once: {_some(double)}")
    planned = set(run.planned)
    if unknown := [name for name in ids if name not in planned]:
        yield Fault(reason=Why.UNKNOWN_ITEM, message=f"not in the suite: {_some(unknown)}")
    measured = set(ids)
    if gaps := [name for name in run.planned[: len(measured)] if name not in measured]:
        yield Fault(
            reason=Why.MISSING_ITEM,
            message=f"left out of the planned order: {_some(gaps)}; resume the run",
        )
    if unclear := [one.id for one in items.items if one.outcome is Outcome.ERROR]:
        yield Fault(
            reason=Why.UNMEASURED_ITEM,
            message=f"the harness could not judge {_some(unclear)}; resume the run",
        )
    if len(measured) < gate.quality.looks[0]:
        yield Fault(
            reason=Why.TOO_FEW_SAMPLES,
            message=f"{len(measured)} items, the first look needs {gate.quality.looks[0]}",
        )


def baseline_faults(candidate: Items, baseline: Items, gate: GateSpec) -> Iterator[Fault]:
    """Yield why two runs cannot be compared item by item."""
    for fault in faults(baseline, gate):
        yield Fault(reason=fault.reason, message=f"baseline: {fault.message}")
    if candidate.run.suite_digest != baseline.run.suite_digest:
        yield Fault(
            reason=Why.BASELINE_DIFFERS,
            message="the baseline was measured on another version of the suite: measure it again",
        )
    elif candidate.run.planned != baseline.run.planned:
        yield Fault(
            reason=Why.BASELINE_DIFFERS,
            message="the baseline was measured in another order: measure it again",
        )


def request_faults(items: Items) -> Iterator[Fault]:
    """Yield what is wrong with the timed requests as a whole."""
    if items.load is None:
        yield Fault(
            reason=Why.MISSING_MEASUREMENT,
            message="the load generator's own state (the line with kind load) is missing",
        )
        return
    if double := _several(one.id for one in items.requests):
        yield Fault(reason=Why.DUPLICATE_ITEM, message=f"requests listed twice: {_some(double)}")
    if unreal := [one.id for one in items.requests if not finite(one)]:
        yield Fault(reason=Why.MISSING_MEASUREMENT, message=f"not finite: {_some(unreal)}")
    if not finite(items.load):
        yield Fault(reason=Why.MISSING_MEASUREMENT, message="the load has numbers that are none")
    planned = {phase.name: phase.planned for phase in items.load.phases}
    if len(planned) != len(items.load.phases):
        yield Fault(reason=Why.DUPLICATE_ITEM, message="two phases of the load have one name")
    sent = Counter(one.phase for one in items.requests)
    for name in sorted({*planned, *sent}):
        if sent[name] != planned.get(name, 0):
            yield Fault(
                reason=Why.MISSING_MEASUREMENT,
                message=f"phase {name}: {sent[name]} requests, planned {planned.get(name, 0)}",
            )
    impossible = [
        one.id
        for one in items.requests
        if one.ttft is not None and one.latency is not None and one.latency < one.ttft
    ]
    if impossible:
        yield Fault(
            reason=Why.IMPOSSIBLE_MEASUREMENT,
            message=f"ended before the first token: {_some(impossible)}",
        )


def finite(value: object) -> bool:
    """Return whether every number in it is one; what was read from a file always is."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, BaseModel):
        return all(finite(part) for part in vars(value).values())
    return all(finite(part) for part in value) if isinstance(value, tuple) else True


def _several(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
