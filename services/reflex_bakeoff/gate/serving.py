"""Decode speed of one stream, and the share of requests that fail."""

from decimal import Decimal

from reflex_api.gate import GateSpec
from reflex_api.items import Ending, Items
from reflex_api.verdict import Judgement, Metric, Part, Target, Why
from reflex_bakeoff.gate.metrics import (
    SINGLE_LOOK_Z,
    Fault,
    Subject,
    at_one_look,
    bounded,
    failed,
    judge,
    reported,
)
from reflex_bakeoff.stats.quantiles import quantile, quantile_interval
from reflex_bakeoff.stats.shares import least_without_failure, wilson

_MEDIAN = (
    "median over requests with one stream of 1 / ITL; a failed request counts as 0; bounds: order"
    " statistics"
)


def decode_metrics(items: Items, gate: GateSpec, fault: Fault | None) -> list[Metric]:
    """Return the decode speed, by itself and as a share of the roofline."""
    roofline = items.load.roofline if items.load is not None else None
    missing = Fault(
        reason=Why.MISSING_MEASUREMENT,
        message="the roofline is not known: add the model and the GPU to the catalogue, or take"
        " throughput.minRooflineShare out of the gate",
    )
    share = gate.throughput.min_roofline_share
    metrics = [
        _speed("decode_speed", "tokens/s", "", 1.0, gate.throughput.min_tokens_per_second, items,
               fault),
    ]  # fmt: skip
    if share is not None or roofline is not None:
        unknown = missing if roofline is None else None
        metrics.append(
            _speed("roofline_share", "share", " / roofline", roofline or 1.0, share, items,
                   fault or unknown)
        )  # fmt: skip
    return metrics


def _speed(
    name: str, unit: str, divided: str, scale: float, wanted: Decimal | None, items: Items,
    fault: Fault | None,
) -> Metric:  # fmt: skip
    part = Part.QUALIFICATION if wanted is not None else Part.REPORT
    subject = Subject(name=name, part=part, unit=unit, formula=_MEDIAN + divided)
    target = None if wanted is None else Target(relation=">=", value=float(wanted))
    speeds = []
    for one in items.requests:
        if one.streams != 1 or one.output_tokens == 1:
            continue
        if one.ending is not Ending.OK:
            speeds.append(0.0)
        elif one.itl:
            speeds.append(1 / one.itl / scale)
        else:
            fault = fault or Fault(
                reason=Why.MISSING_MEASUREMENT,
                message=f"request {one.id} has no time between tokens: the server reports no"
                " token counts, or sends all tokens at once",
            )
    if fault is None and not speeds:
        fault = Fault(reason=Why.TOO_FEW_SAMPLES, message="no request ran with one stream")
    if fault is not None:
        return failed(subject, fault, len(speeds), target)
    point = quantile(speeds, 0.5)
    low, high = quantile_interval(speeds, 0.5)
    if target is None:
        return reported(subject, len(speeds), point, bounded(low, high))
    return at_one_look(subject, target, len(speeds), point, low, high)


def error_metric(items: Items, gate: GateSpec, fault: Fault | None) -> Metric:
    """Return the share of timed requests without a usable answer."""
    subject = Subject(
        name="error_rate",
        part=Part.QUALIFICATION,
        unit="share",
        formula="requests that failed, were refused, cut off or empty / requests sent;"
        " bounds: Wilson, z = 1.645",
    )
    target = Target(relation="<=", value=float(gate.errors.ceiling))
    n = len(items.requests)
    if fault is None and not n:
        fault = Fault(reason=Why.TOO_FEW_SAMPLES, message="no request was timed")
    if fault is not None:
        return failed(subject, fault, n, target)
    bad = sum(one.ending is not Ending.OK for one in items.requests)
    low, high = wilson(bad, n, SINGLE_LOOK_Z)
    metric = at_one_look(subject, target, n, bad / n, low, high)
    if judge(low, high, target) is Judgement.INCONCLUSIVE and target.value > 0:
        least = least_without_failure(target.value, SINGLE_LOOK_Z)
        if n < least:
            few = f"{n} requests, {bad} failed; {least} without one failure are needed"
            return failed(subject, Fault(reason=Why.TOO_FEW_SAMPLES, message=few), n, target)
    return metric
