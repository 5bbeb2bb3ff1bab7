"""Is a model qualified? Only valid, fitting, unexpired evidence says yes. Pure.

The same rule as the operator's: no evidence is no pass, a missing number is no pass, and evidence
for another revision is no evidence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class GateMode(StrEnum):
    """Whether the gate is asked."""

    ENFORCE = "enforce"
    DISABLED = "disabled"
    """Everything passes; each decision record says so."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a bakeoff found about one revision of one model."""

    id: str
    model: str
    revision: str
    verdict: str
    """`Pass`, `Fail`, `Inconclusive` or `Error`."""
    expires_at: datetime
    metrics: Mapping[str, float] = field(default_factory=dict)
    """By the names of `Thresholds`."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Floors beyond the bakeoff's own; None: the verdict alone decides."""

    p95_latency_ms: float | None = None
    """At most."""
    success_percent: float | None = None
    """At least."""
    json_schema_percent: float | None = None
    """At least."""
    pass_at_1_percent: float | None = None
    """At least."""
    min_samples: int | None = None
    """At least."""


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """The answer, with a reason from a closed vocabulary and the numbers behind it."""

    passed: bool
    reason: str
    """qualified, gate_disabled, no_evidence, other_revision, not_passed, expired, below_threshold,
    no_measurement."""
    detail: str = ""
    evidence: str = ""
    """Id of the evidence that was looked at."""

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return dict(vars(self))


def gate(
    evidence: Evidence | None, *, model: str, revision: str, mode: GateMode,
    thresholds: Thresholds, now: datetime,
) -> GateResult:  # fmt: skip
    """Return whether this revision of this model may answer."""
    if mode is GateMode.DISABLED:
        return GateResult(passed=True, reason="gate_disabled")
    if evidence is None:
        return _no("no_evidence", f"no bakeoff of {model}")
    if (evidence.model, evidence.revision) != (model, revision):
        return _no(
            "other_revision", f"evidence is for {evidence.model}@{evidence.revision}", evidence
        )
    if evidence.verdict != "Pass":
        return _no("not_passed", f"verdict {evidence.verdict}", evidence)
    if now >= evidence.expires_at:
        return _no("expired", f"since {evidence.expires_at:%Y-%m-%d %H:%M} UTC", evidence)
    for name, limit in vars(thresholds).items():
        if limit is None:
            continue
        value = evidence.metrics.get(name)
        if value is None:
            return _no("no_measurement", f"{name} was not measured", evidence)
        at_most = name == "p95_latency_ms"
        if value > limit if at_most else value < limit:
            bound = "at most" if at_most else "at least"
            return _no("below_threshold", f"{name} {value:g}, wanted {bound} {limit:g}", evidence)
    return GateResult(passed=True, reason="qualified", evidence=evidence.id)


def _no(reason: str, detail: str, evidence: Evidence | None = None) -> GateResult:
    found = evidence.id if evidence is not None else ""
    return GateResult(passed=False, reason=reason, detail=detail, evidence=found)
