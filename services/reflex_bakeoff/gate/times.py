"""Latency of single requests, judged by counts; failures are +inf."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from reflex_api.gate import GateSpec
from reflex_api.items import Ending, Items, Phase, Prefix, RequestRecord
from reflex_api.verdict import Judgement, Metric, Part, Target, Why
from reflex_bakeoff.gate.metrics import Fault, Subject, bounded, failed, reported
from reflex_bakeoff.stats.quantiles import (
    beyond_is_shown,
    least_samples,
    quantile,
    quantile_interval,
    within_is_shown,
)

Reader = Callable[[RequestRecord], float | None]
Choice = Callable[[RequestRecord], bool]

MOST_GROUPS: Final = 12

_P95 = 0.95
_REPETITION = re.compile(r"-[0-9]+$")
"""`cold-0` and `cold-1` are one phase, measured twice."""
_FORMULA = (
    "value at rank ceil(0.95 n) of {what}; failed requests count as infinite; Pass: the requests"
    " above the limit are few enough to show with 95 % confidence that 95 % keep it (Wilks)"
)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One time that a request has, and whose requests count."""

    name: str
    what: str
    read: Reader
    choose: Choice


TTFT_COLD = Timing(
    name="ttft_cold_p95",
    what="first token - due time, one stream, nothing cached",
    read=lambda request: request.ttft,
    choose=lambda request: request.streams == 1 and request.prefix is Prefix.COLD,
)
TTFT_WARM = Timing(
    name="ttft_warm_p95",
    what="first token - due time, one stream, prefix cached",
    read=lambda request: request.ttft,
    choose=lambda request: request.streams == 1 and request.prefix is Prefix.WARM,
)
ITL = Timing(
    name="itl_p95",
    what="(last token - first token) / (tokens after the first chunk) of a request, one stream",
    read=lambda request: request.itl,
    choose=lambda request: request.streams == 1 and request.output_tokens != 1,
)
TIMINGS = (TTFT_COLD, TTFT_WARM, ITL)


def latency_metrics(
    items: Items, gate: GateSpec, fault: Fault | None, baseline: Items | None
) -> list[Metric]:
    """Return the latency metrics; with `fault` the measurement as a whole is spoilt."""
    limits = (
        gate.latency.ttft_cold_p95_milliseconds,
        gate.latency.ttft_warm_p95_milliseconds,
        gate.latency.itl_p95_milliseconds,
    )
    metrics = [
        _limit(timing, milliseconds, items, gate, fault, baseline)
        for timing, milliseconds in zip(TIMINGS, limits, strict=True)
    ]
    if fault is None:
        metrics += _for_information(items)
    return metrics


def values(requests: Iterable[RequestRecord], timing: Timing) -> list[float | None]:
    """Return the times of the requests that count: +inf: failed, None: there is none."""
    return [
        timing.read(one) if one.ending is Ending.OK else math.inf
        for one in requests
        if timing.choose(one)
    ]


def _limit(
    timing: Timing, milliseconds: int | None, items: Items, gate: GateSpec,
    fault: Fault | None, baseline: Items | None,
) -> Metric:  # fmt: skip
    part = Part.REPORT if milliseconds is None else Part.QUALIFICATION
    subject = Subject(
        name=timing.name, part=part, unit="s", formula=_FORMULA.format(what=timing.what)
    )
    target = None if milliseconds is None else Target(relation="<=", value=milliseconds / 1000)
    found = values(items.requests, timing)
    times = [value for value in found if value is not None]
    fault = fault or _fault(subject, found, gate, items.requests, timing)
    if fault is not None:
        return failed(subject, fault, len(found), target)
    point = quantile(times, _P95)
    low, high = quantile_interval(times, _P95)
    theirs = [] if baseline is None else values(baseline.requests, timing)
    known = [value for value in theirs if value is not None]
    incumbent = quantile(known, _P95) if known and len(known) == len(theirs) else math.inf
    shown = incumbent if math.isfinite(incumbent) else None
    if target is None:
        return reported(subject, len(times), point, bounded(low, high), shown)
    over = sum(value > target.value for value in times)
    if within_is_shown(over, len(times), _P95):
        verdict, reason = Judgement.PASS, Why.BOUND_MET
    elif beyond_is_shown(over, len(times), _P95):
        verdict, reason = Judgement.FAIL, Why.BOUND_MISSED
    else:
        verdict, reason = Judgement.INCONCLUSIVE, Why.UNDECIDED_AT_LAST_LOOK
    lost = sum(math.isinf(value) for value in times)
    return Metric(
        name=subject.name,
        part=subject.part,
        unit=subject.unit,
        formula=subject.formula,
        n=len(times),
        point=point if math.isfinite(point) else None,
        interval=bounded(low, high),
        target=target,
        incumbent=shown,
        verdict=verdict,
        reason=reason,
        message=f"{over} of {len(times)} requests took longer than {milliseconds} ms, {lost} of"
        f" them failed; with {over} such, {least_samples(over, _P95)} requests are needed",
    )


def _fault(
    subject: Subject, found: Sequence[float | None], gate: GateSpec,
    requests: Sequence[RequestRecord], timing: Timing,
) -> Fault | None:  # fmt: skip
    missing = sum(value is None for value in found)
    if missing:
        return Fault(
            reason=Why.MISSING_MEASUREMENT,
            message=f"{missing} of {len(found)} requests have no such time: the server reports no"
            " token counts, or sends all tokens at once",
        )
    least = least_samples(0, _P95) if subject.part is not Part.REPORT else 1
    if len(found) < least:
        return Fault(
            reason=Why.TOO_FEW_SAMPLES,
            message=f"{len(found)} requests, at least {least} are needed",
        )
    limit = gate.latency.max_block_ratio
    if limit is None or subject.part is Part.REPORT:
        return None
    return _noise(requests, timing, limit)


def _noise(requests: Sequence[RequestRecord], timing: Timing, limit: Decimal) -> Fault | None:
    """Return a fault when repetitions of the same disagree, or when nothing was repeated."""
    medians = []
    for block in sorted({one.block for one in requests if timing.choose(one)}):
        members = values((one for one in requests if one.block == block), timing)
        medians.append(quantile([value for value in members if value is not None], 0.5))
    if len(medians) < 2:
        return Fault(
            reason=Why.TOO_FEW_SAMPLES,
            message="one block only: how noisy the node is is not known; measure two or more",
        )
    low, high = min(medians), max(medians)
    # A block of failures is no noise: its count fails the limit.
    if math.isfinite(high) and high > float(limit) * low:
        return Fault(
            reason=Why.NOISY_NODE,
            message=f"medians of the same load differ by {high / low if low else math.inf:.2f},"
            f" at most {limit} is allowed: find what else runs on the node",
        )
    return None


def _for_information(items: Items) -> list[Metric]:
    """Return what each phase was like: p50, p95, p99 of the first token, and the output rate."""
    groups: dict[str, list[Phase]] = {}
    for phase in items.load.phases if items.load is not None else ():
        groups.setdefault(_REPETITION.sub("", phase.name), []).append(phase)
    metrics = []
    for group, phases in list(groups.items())[:MOST_GROUPS]:
        names = {phase.name for phase in phases}
        mine = [one for one in items.requests if one.phase in names]
        first = [
            math.inf if one.ending is not Ending.OK or one.ttft is None else one.ttft
            for one in mine
        ]
        for name, share in (("p50", 0.50), ("p95", 0.95), ("p99", 0.99)):
            subject = Subject(
                name=f"ttft_{name}.{group}"[:63],
                part=Part.REPORT,
                unit="s",
                formula=f"value at rank ceil({share} n) of first token - due time;"
                " failed requests count as infinite",
            )
            low, high = quantile_interval(first, share)
            metrics.append(
                reported(subject, len(first), quantile(first, share), bounded(low, high))
            )
        metrics.append(_output_rate(group, sum(phase.wall for phase in phases), mine))
    return metrics


def _output_rate(name: str, wall: float, mine: Sequence[RequestRecord]) -> Metric:
    subject = Subject(
        name=f"output_rate.{name}"[:63],
        part=Part.REPORT,
        unit="tokens/s",
        formula="output tokens of the requests that succeeded / (last token - first due time)",
    )
    counts = [one.output_tokens for one in mine if one.ending is Ending.OK]
    if any(count is None for count in counts):
        unknown = Fault(
            reason=Why.MISSING_MEASUREMENT, message="the server reports no token counts"
        )
        return failed(subject, unknown, len(mine))
    return reported(subject, len(mine), sum(count or 0 for count in counts) / wall)
