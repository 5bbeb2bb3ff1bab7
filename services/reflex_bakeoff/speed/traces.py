"""The load generator's output as text, and what the gate reads of it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from reflex_api.items import LoadRecord, Phase, RequestRecord
from reflex_bakeoff.errors import LoadError
from reflex_bakeoff.speed.plan import LoadPlan
from reflex_bakeoff.speed.timing import Trace, record, wall
from reflex_bakeoff.stats.quantiles import quantile

_TRACE: TypeAdapter[Trace] = TypeAdapter(Trace)


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The load generator on itself: seconds, and CPU seconds a second."""

    loop_lag_p99: float
    cpu_share: float


_WATCHED: TypeAdapter[Watched] = TypeAdapter(Watched)


def dump(traces: Iterable[Trace], watched: Watched) -> str:
    """Return one JSON object a line, the last one about the load generator."""
    lines = [{"trace": _TRACE.dump_python(trace, mode="json")} for trace in traces]
    everything: list[dict[str, Any]] = [*lines, {"watched": _WATCHED.dump_python(watched)}]
    return "".join(json.dumps(line) + "\n" for line in everything)


def read(text: str) -> tuple[tuple[Trace, ...], Watched]:
    """Read what `dump` wrote.

    Raises:
        LoadError: it is cut off or not what was written.
    """
    try:
        lines = [json.loads(line) for line in text.splitlines() if line]
        if not lines or "watched" not in lines[-1]:
            raise LoadError("the load generator's output is cut off: run it again")
        traces = tuple(_TRACE.validate_python(line["trace"]) for line in lines[:-1])
        return traces, _WATCHED.validate_python(lines[-1]["watched"])
    except (ValueError, KeyError, ValidationError) as error:
        raise LoadError(f"the load generator's output is unreadable: {error}") from None


def summarise(
    plan: LoadPlan, traces: Iterable[Trace], watched: Watched, *,
    roofline: float | None = None, speculative: bool = False,
) -> tuple[tuple[RequestRecord, ...], LoadRecord]:  # fmt: skip
    """Return the records of `items.jsonl`.

    Raises:
        LoadError: a phase of the plan has no request at all.
    """
    by_phase: dict[str, list[Trace]] = {}
    for trace in traces:
        by_phase.setdefault(trace.phase, []).append(trace)
    phases, lags = [], []
    for phase in plan.phases:
        mine = by_phase.get(phase.name)
        if not mine:
            raise LoadError(f"phase {phase.name} was not run: run the load again")
        lags += [max(0.0, trace.sent - trace.due) for trace in mine]
        phases.append(
            Phase(
                name=phase.name,
                planned=len(phase.requests),
                streams=phase.streams,
                rate=phase.rate,
                wall=wall(mine),
            )
        )
    return (
        tuple(record(trace) for mine in by_phase.values() for trace in mine),
        LoadRecord(
            phases=tuple(phases),
            dispatch_lag_p95=quantile(lags, 0.95),
            loop_lag_p99=watched.loop_lag_p99,
            cpu_share=watched.cpu_share,
            roofline=roofline,
            speculative=speculative,
        ),
    )
