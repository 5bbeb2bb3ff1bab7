"""Who answers: local first, the cloud for what is risky, unqualified, unhealthy or failing. Pure.

`decide` looks, in this order, at the role and stage, at risk, at the failures so far, at the gate
and at the breaker of each local model, and then at the cloud and its budget. The first rule that
says something is the reason in the record; what every other candidate was passed over for is in
`alternatives`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from reflex_routing.breaker import BreakerView
from reflex_routing.gate import GateResult
from reflex_routing.risk import Risk


class Role(StrEnum):
    """Who asks. Judging never happens on a local model."""

    IMPLEMENTER = "implementer"
    JUDGE = "judge"


class Mode(StrEnum):
    """Who answers."""

    REFLEX = "reflex"
    CLOUD = "cloud"
    NONE = "none"
    """Nobody: the request is refused."""


class Reason(StrEnum):
    """Why the decision fell as it did; the closed vocabulary of records and metrics."""

    LOCAL_FIRST = "local_first"
    NO_CLOUD_STAY_LOCAL = "no_cloud_stay_local"
    RISK_STAYS_LOCAL = "risk_stays_local"
    JUDGE_IS_CLOUD_ONLY = "judge_is_cloud_only"
    NOT_IMPLEMENT_STAGE = "not_implement_stage"
    REFLEX_DISABLED = "reflex_disabled"
    HIGH_RISK = "high_risk"
    ESCALATED_AFTER_FAILURES = "escalated_after_failures"
    NOT_QUALIFIED = "not_qualified"
    ROUTE_NOT_SERVING = "route_not_serving"
    CIRCUIT_OPEN = "circuit_open"
    LOCAL_CANNOT_ANSWER = "local_cannot_answer"
    NO_LOCAL_MODEL = "no_local_model"


IMPLEMENT_STAGE = "implement"

_WITHOUT_TRYING_LOCAL = frozenset(
    {
        Reason.JUDGE_IS_CLOUD_ONLY,
        Reason.NOT_IMPLEMENT_STAGE,
        Reason.REFLEX_DISABLED,
        Reason.HIGH_RISK,
    }
)


def wants_local(reason: Reason) -> bool:
    """Return whether a decision for this reason looked for a local model first."""
    return reason not in _WITHOUT_TRYING_LOCAL


class RiskFallback(StrEnum):
    """May a local model take a risky request that the cloud does not answer?"""

    NEVER = "never"
    UNCONFIGURED = "unconfigured"
    """Only where no cloud is configured at all."""
    ALWAYS = "always"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A model at an endpoint."""

    endpoint: str
    model: str

    def __str__(self) -> str:
        """Return the id of its breaker and of its metrics."""
        return f"{self.endpoint}/{self.model}"


@dataclass(frozen=True, kw_only=True)
class LocalCandidate:
    """A local model that is serving, in the order of preference."""

    target: Target
    revision: str
    gate: GateResult
    breaker: BreakerView
    excluded: str = ""
    """Why it cannot answer this request; set after it said so."""
    away: str = ""
    """Why no engine of it serves now, by the word of who knows."""


@dataclass(frozen=True, kw_only=True)
class CloudCandidate:
    """A cloud model, in the order of preference."""

    target: Target
    breaker: BreakerView
    budget: str = ""
    """Why the budget refuses it, or empty."""
    excluded: str = ""


@dataclass(frozen=True, kw_only=True)
class RoutingState:
    """All that a decision may rest on."""

    role: Role
    stage: str
    failed_attempts: int
    """Failed local attempts at this repair so far, whatever made them fail."""
    risk: Risk
    local: tuple[LocalCandidate, ...]
    cloud: tuple[CloudCandidate, ...]
    """Empty: no cloud is configured for this role."""


@dataclass(frozen=True, kw_only=True)
class RoutingPolicy:
    """The configured part of the rules."""

    reflex_enabled: bool = True
    max_attempts: int = 2
    """Failed local attempts after which the cloud is asked."""
    risk_fallback: RiskFallback = RiskFallback.UNCONFIGURED


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """A candidate that was not chosen, and why."""

    target: Target
    mode: Mode
    reason: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Who answers; `target` is None when nobody may."""

    mode: Mode
    target: Target | None
    revision: str
    reason: Reason
    is_fallback: bool
    """Whether a local model was wanted and something was wrong with it."""
    alternatives: tuple[Alternative, ...]


def decide(state: RoutingState, policy: RoutingPolicy) -> Decision:
    """Return who answers the next call: same arguments, same decision."""
    rule = _cloud_rule(state, policy)
    if rule is None:
        chosen, passed_over = _first_local(state.local)
        if chosen is not None:
            others = _cloud_unneeded(state.cloud)
            return _local(chosen, Reason.LOCAL_FIRST, (*passed_over, *others))
        return _to_cloud(state, policy, _why_no_local(state.local), passed_over)
    unasked = tuple(
        Alternative(target=one.target, mode=Mode.REFLEX, reason=rule.value) for one in state.local
    )
    return _to_cloud(state, policy, rule, unasked)


def _cloud_rule(state: RoutingState, policy: RoutingPolicy) -> Reason | None:
    """Return the rule that sends the request to the cloud whatever the local models are like."""
    if state.role is Role.JUDGE:
        return Reason.JUDGE_IS_CLOUD_ONLY
    if state.stage != IMPLEMENT_STAGE:
        return Reason.NOT_IMPLEMENT_STAGE
    if not policy.reflex_enabled:
        return Reason.REFLEX_DISABLED
    if state.risk.high:
        return Reason.HIGH_RISK
    if state.failed_attempts >= policy.max_attempts:
        return Reason.ESCALATED_AFTER_FAILURES
    return None


def _to_cloud(
    state: RoutingState, policy: RoutingPolicy, reason: Reason, local: tuple[Alternative, ...]
) -> Decision:
    refused: list[Alternative] = []
    for position, one in enumerate(state.cloud):
        why = _cloud_refusal(one)
        if not why:
            rest = _cloud_unneeded(state.cloud[position + 1 :])
            return Decision(
                mode=Mode.CLOUD,
                target=one.target,
                revision="",
                reason=reason,
                is_fallback=reason not in _WITHOUT_TRYING_LOCAL,
                alternatives=(*local, *refused, *rest),
            )
        refused.append(Alternative(target=one.target, mode=Mode.CLOUD, reason=why))
    stay = _stay_local(state, policy, reason)
    if stay is not None:
        chosen, passed_over = _first_local(state.local)
        if chosen is not None:
            return _local(chosen, stay, (*passed_over, *refused))
        local = passed_over
    return Decision(
        mode=Mode.NONE,
        target=None,
        revision="",
        reason=reason,
        is_fallback=reason not in _WITHOUT_TRYING_LOCAL,
        alternatives=(*local, *refused),
    )


def _stay_local(state: RoutingState, policy: RoutingPolicy, reason: Reason) -> Reason | None:
    """Return the reason to ask a local model after all, the cloud having refused."""
    if reason is Reason.ESCALATED_AFTER_FAILURES and not state.cloud:
        return Reason.NO_CLOUD_STAY_LOCAL
    if reason is Reason.HIGH_RISK:
        always = policy.risk_fallback is RiskFallback.ALWAYS
        unconfigured = policy.risk_fallback is RiskFallback.UNCONFIGURED and not state.cloud
        if always or unconfigured:
            return Reason.RISK_STAYS_LOCAL
    return None


def _first_local(
    candidates: Sequence[LocalCandidate],
) -> tuple[LocalCandidate | None, tuple[Alternative, ...]]:
    """Return the first that may answer, and all the others with their reasons."""
    chosen: LocalCandidate | None = None
    others = []
    for one in candidates:
        why = "not_needed" if chosen is not None else _local_refusal(one)
        if why:
            others.append(Alternative(target=one.target, mode=Mode.REFLEX, reason=why))
        else:
            chosen = one
    return chosen, tuple(others)


def _local_refusal(one: LocalCandidate) -> str:
    if one.away:
        return f"{Reason.ROUTE_NOT_SERVING}: {one.away}"
    if not one.gate.passed:
        return f"{Reason.NOT_QUALIFIED}: {one.gate.reason}"
    if one.excluded:
        return one.excluded
    return "" if one.breaker.permits else Reason.CIRCUIT_OPEN.value


def _why_no_local(candidates: Sequence[LocalCandidate]) -> Reason:
    """Return the first candidate's trouble: it is the one that was wanted."""
    if not candidates:
        return Reason.NO_LOCAL_MODEL
    first = candidates[0]
    if first.away:
        return Reason.ROUTE_NOT_SERVING
    if not first.gate.passed:
        return Reason.NOT_QUALIFIED
    return Reason.LOCAL_CANNOT_ANSWER if first.excluded else Reason.CIRCUIT_OPEN


def _cloud_refusal(one: CloudCandidate) -> str:
    if one.excluded:
        return one.excluded
    if not one.breaker.permits:
        return Reason.CIRCUIT_OPEN.value
    return one.budget


def _cloud_unneeded(candidates: Sequence[CloudCandidate]) -> tuple[Alternative, ...]:
    return tuple(
        Alternative(target=one.target, mode=Mode.CLOUD, reason=_cloud_refusal(one) or "not_needed")
        for one in candidates
    )


def _local(one: LocalCandidate, reason: Reason, others: tuple[Alternative, ...]) -> Decision:
    return Decision(
        mode=Mode.REFLEX,
        target=one.target,
        revision=one.revision,
        reason=reason,
        is_fallback=False,
        alternatives=others,
    )
