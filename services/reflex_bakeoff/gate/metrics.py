"""Builds the metrics of a verdict: bounds against targets, at one look or at several."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from reflex_api.verdict import Interval, Judgement, Look, Metric, Part, Target, Why

Relation = Literal[">=", "<=", ">"]

SINGLE_LOOK_Z: Final = 1.645
"""One-sided 95 % for what is measured once."""

_SIGNS: Final = {">=": "at least", "<=": "at most", ">": "more than"}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a metric is, apart from its numbers."""

    name: str
    part: Part
    unit: str
    formula: str


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why there is no measurement."""

    reason: Why
    message: str


def judge(low: float, high: float, target: Target) -> Judgement:
    """Return Pass when the whole interval is on the target's side, Fail when none of it is.

    >>> judge(0.52, 0.70, Target(relation=">=", value=0.5)).value
    'Pass'
    >>> judge(0.45, 0.70, Target(relation=">=", value=0.5)).value
    'Inconclusive'
    """
    if math.isnan(low) or math.isnan(high):
        return Judgement.ERROR
    if target.relation == "<=":
        good, bad = high <= target.value, low > target.value
    elif target.relation == ">=":
        good, bad = low >= target.value, high < target.value
    else:
        good, bad = low > target.value, high <= target.value
    return Judgement.PASS if good else Judgement.FAIL if bad else Judgement.INCONCLUSIVE


def bounded(low: float, high: float) -> Interval:
    """Return an interval; an infinite bound is none."""
    return Interval(
        low=low if math.isfinite(low) else None, high=high if math.isfinite(high) else None
    )


def failed(subject: Subject, fault: Fault, n: int = 0, target: Target | None = None) -> Metric:
    """Return a metric without a measurement: Error, unless nothing is decided by it."""
    decides = subject.part is not Part.REPORT
    return Metric(
        name=subject.name,
        part=subject.part,
        unit=subject.unit,
        formula=subject.formula,
        n=n,
        target=target,
        verdict=Judgement.ERROR if decides else None,
        reason=fault.reason,
        message=fault.message,
    )


def reported(
    subject: Subject, n: int, point: float, interval: Interval | None = None,
    incumbent: float | None = None, message: str = "",
) -> Metric:  # fmt: skip
    """Return a metric that decides nothing; an infinite point is shown by its message."""
    finite = math.isfinite(point)
    return Metric(
        name=subject.name,
        part=Part.REPORT,
        unit=subject.unit,
        formula=subject.formula,
        n=n,
        point=point if finite else None,
        interval=interval,
        incumbent=incumbent,
        reason=Why.REPORT_ONLY,
        message=message or ("for information" if finite else "failed requests reach this far"),
    )


def at_one_look(
    subject: Subject, target: Target, n: int, point: float, low: float, high: float,
) -> Metric:  # fmt: skip
    """Return a metric that is measured once: its Inconclusive is final."""
    verdict = judge(low, high, target)
    look = Look(
        items=n,
        point=point if math.isfinite(point) else 0.0,
        interval=bounded(low, high),
        verdict=verdict,
    )
    metric = _from_look(subject, target, look, last=True)
    return metric.model_copy(update={"point": point if math.isfinite(point) else None})


def over_looks(
    subject: Subject, target: Target, looks: Sequence[Look], last: int,
    incumbent: float | None = None,
) -> Metric:  # fmt: skip
    """Return a sequential metric: the first look that decides stands, whatever came after it.

    Args:
        looks: those that were reached, in their order.
        last: items of the gate's last look.
    """
    decided = [one for one in looks if one.verdict is not Judgement.INCONCLUSIVE]
    chosen = decided[0] if decided else looks[-1]
    metric = _from_look(subject, target, chosen, last=chosen.items >= last)
    return metric.model_copy(update={"looks": tuple(looks), "incumbent": incumbent})


def _from_look(subject: Subject, target: Target, look: Look, *, last: bool) -> Metric:
    reasons = {
        Judgement.PASS: Why.BOUND_MET,
        Judgement.FAIL: Why.BOUND_MISSED,
        Judgement.ERROR: Why.MISSING_MEASUREMENT,
        Judgement.INCONCLUSIVE: Why.UNDECIDED_AT_LAST_LOOK if last else Why.NOT_YET_DECIDED,
    }
    return Metric(
        name=subject.name,
        part=subject.part,
        unit=subject.unit,
        formula=subject.formula,
        n=look.items,
        point=look.point,
        interval=look.interval,
        target=target,
        verdict=look.verdict,
        reason=reasons[look.verdict],
        message=sentence(look, target, subject.unit),
    )


def sentence(look: Look, target: Target, unit: str) -> str:
    """Return the numbers in words."""
    low, high = look.interval.low, look.interval.high
    return (
        f"{_shown(look.point, unit)} with n = {look.items}, 95 % bounds"
        f" {'none' if low is None else _shown(low, unit)} and"
        f" {'none' if high is None else _shown(high, unit)};"
        f" wanted {_SIGNS[target.relation]} {_shown(target.value, unit)}"
    )


def _shown(value: float, unit: str) -> str:
    return f"{value * 100:.3g} %" if unit == "share" else f"{value:.4g} {unit}"
