"""Each row of the policy: state in, decision out."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from reflex_routing.breaker import BreakerState, BreakerView
from reflex_routing.gate import GateResult
from reflex_routing.policy import (
    CloudCandidate,
    LocalCandidate,
    Mode,
    Reason,
    RiskFallback,
    Role,
    RoutingPolicy,
    RoutingState,
    Target,
    decide,
)
from reflex_routing.risk import Risk

PRIMARY = Target(endpoint="local", model="gpt-oss-20b")
FALLBACK = Target(endpoint="second", model="qwen3-coder-30b-a3b")
CLOUD = Target(endpoint="cloud", model="gpt-5.1-codex")
CLOUD2 = Target(endpoint="cloud", model="other")
QUALIFIED = GateResult(passed=True, reason="qualified", evidence="e1")
NO_EVIDENCE = GateResult(passed=False, reason="no_evidence")
RISKY = Risk(files=5, reasons=("5 files, more than 4",))


def breaker(target: Target, *, permits: bool = True) -> BreakerView:
    return BreakerView(
        breaker_id=str(target), permits=permits,
        state=BreakerState.CLOSED if permits else BreakerState.OPEN,
        retry_after_seconds=None if permits else 12.0,
        calls=0, failures=0, slow=0, failure_rate=None, slow_rate=None,
    )  # fmt: skip


def local(target: Target = PRIMARY, **facts: Any) -> LocalCandidate:
    permits = facts.pop("permits", True)
    known = {"gate": QUALIFIED, "revision": "r1", **facts}
    return LocalCandidate(target=target, breaker=breaker(target, permits=permits), **known)


def cloud(target: Target = CLOUD, **facts: Any) -> CloudCandidate:
    permits = facts.pop("permits", True)
    return CloudCandidate(target=target, breaker=breaker(target, permits=permits), **facts)


GOOD = RoutingState(
    role=Role.IMPLEMENTER, stage="implement", failed_attempts=0, risk=Risk(),
    local=(local(),), cloud=(cloud(),),
)  # fmt: skip
POLICY = RoutingPolicy()


@dataclass(frozen=True)
class Row:
    name: str
    change: dict[str, Any]
    target: Target | None
    reason: Reason
    is_fallback: bool
    alternatives: tuple[str, ...]
    policy: RoutingPolicy = POLICY


EXHAUSTED = (cloud(budget="cloud_budget_exhausted"),)
OPEN = (local(permits=False),)
ROWS = [
    Row("local first", {}, PRIMARY, Reason.LOCAL_FIRST, False, ("not_needed",)),
    Row("judging is cloud only", {"role": Role.JUDGE}, CLOUD, Reason.JUDGE_IS_CLOUD_ONLY, False,
        ("judge_is_cloud_only",)),
    Row("judging never falls back to local", {"role": Role.JUDGE, "cloud": ()}, None,
        Reason.JUDGE_IS_CLOUD_ONLY, False, ("judge_is_cloud_only",)),
    Row("other stages are cloud only", {"stage": "plan"}, CLOUD, Reason.NOT_IMPLEMENT_STAGE,
        False, ("not_implement_stage",)),
    Row("reflex disabled", {}, CLOUD, Reason.REFLEX_DISABLED, False, ("reflex_disabled",),
        RoutingPolicy(reflex_enabled=False)),
    Row("risk goes to the cloud first", {"risk": RISKY}, CLOUD, Reason.HIGH_RISK, False,
        ("high_risk",)),
    Row("risk comes before failures", {"risk": RISKY, "failed_attempts": 7}, CLOUD,
        Reason.HIGH_RISK, False, ("high_risk",)),
    Row("risk comes before the gate", {"risk": RISKY, "local": (local(gate=NO_EVIDENCE),)}, CLOUD,
        Reason.HIGH_RISK, False, ("high_risk",)),
    Row("risk without any cloud stays local", {"risk": RISKY, "cloud": ()}, PRIMARY,
        Reason.RISK_STAYS_LOCAL, False, ()),
    Row("risk without any cloud is refused when told so", {"risk": RISKY, "cloud": ()}, None,
        Reason.HIGH_RISK, False, ("high_risk",), RoutingPolicy(risk_fallback=RiskFallback.NEVER)),
    Row("risk with an exhausted budget is refused", {"risk": RISKY, "cloud": EXHAUSTED}, None,
        Reason.HIGH_RISK, False, ("high_risk", "cloud_budget_exhausted")),
    Row("risk with an exhausted budget stays local when told so",
        {"risk": RISKY, "cloud": EXHAUSTED}, PRIMARY, Reason.RISK_STAYS_LOCAL, False,
        ("cloud_budget_exhausted",), RoutingPolicy(risk_fallback=RiskFallback.ALWAYS)),
    Row("risk stays local only with a qualified model",
        {"risk": RISKY, "cloud": (), "local": (local(gate=NO_EVIDENCE),)}, None, Reason.HIGH_RISK,
        False, ("not_qualified: no_evidence",)),
    Row("one failure is not enough", {"failed_attempts": 1}, PRIMARY, Reason.LOCAL_FIRST, False,
        ("not_needed",)),
    Row("two failures escalate", {"failed_attempts": 2}, CLOUD, Reason.ESCALATED_AFTER_FAILURES,
        True, ("escalated_after_failures",)),
    Row("N is configured", {"failed_attempts": 2}, PRIMARY, Reason.LOCAL_FIRST, False,
        ("not_needed",), RoutingPolicy(max_attempts=3)),
    Row("failures without a cloud stay local", {"failed_attempts": 2, "cloud": ()}, PRIMARY,
        Reason.NO_CLOUD_STAY_LOCAL, False, ()),
    Row("failures with an exhausted budget are refused",
        {"failed_attempts": 2, "cloud": EXHAUSTED}, None, Reason.ESCALATED_AFTER_FAILURES, True,
        ("escalated_after_failures", "cloud_budget_exhausted")),
    Row("no evidence is no pass", {"local": (local(gate=NO_EVIDENCE),)}, CLOUD,
        Reason.NOT_QUALIFIED, True, ("not_qualified: no_evidence",)),
    Row("the gate comes before the breaker",
        {"local": (local(gate=NO_EVIDENCE, permits=False),)}, CLOUD, Reason.NOT_QUALIFIED, True,
        ("not_qualified: no_evidence",)),
    Row("its route does not serve", {"local": (local(away="Evaluating"),)}, CLOUD,
        Reason.ROUTE_NOT_SERVING, True, ("route_not_serving: Evaluating",)),
    Row("what its route says comes before the gate and the breaker",
        {"local": (local(away="Swapping", gate=NO_EVIDENCE, permits=False),)}, CLOUD,
        Reason.ROUTE_NOT_SERVING, True, ("route_not_serving: Swapping",)),
    Row("a model elsewhere takes over from a route that does not serve",
        {"local": (local(away="Evaluating"), local(FALLBACK))}, FALLBACK, Reason.LOCAL_FIRST,
        False, ("route_not_serving: Evaluating", "not_needed")),
    Row("risk without any cloud does not wait for a route either",
        {"risk": RISKY, "cloud": (), "local": (local(away="Swapping"),)}, None, Reason.HIGH_RISK,
        False, ("route_not_serving: Swapping",)),
    Row("an open breaker", {"local": OPEN}, CLOUD, Reason.CIRCUIT_OPEN, True, ("circuit_open",)),
    Row("a qualified fallback takes over from an open breaker",
        {"local": (local(permits=False), local(FALLBACK))}, FALLBACK, Reason.LOCAL_FIRST, False,
        ("circuit_open", "not_needed")),
    Row("an unqualified fallback does not",
        {"local": (local(permits=False), local(FALLBACK, gate=NO_EVIDENCE))}, CLOUD,
        Reason.CIRCUIT_OPEN, True, ("circuit_open", "not_qualified: no_evidence")),
    Row("a model that cannot answer this", {"local": (local(excluded="context_too_long"),)}, CLOUD,
        Reason.LOCAL_CANNOT_ANSWER, True, ("context_too_long",)),
    Row("nothing serves", {"local": ()}, CLOUD, Reason.NO_LOCAL_MODEL, True, ()),
    Row("the second cloud model",
        {"failed_attempts": 2, "cloud": (cloud(permits=False), cloud(CLOUD2))}, CLOUD2,
        Reason.ESCALATED_AFTER_FAILURES, True, ("escalated_after_failures", "circuit_open")),
    Row("no price is no cloud", {"local": OPEN, "cloud": (cloud(budget="price_unknown"),)}, None,
        Reason.CIRCUIT_OPEN, True, ("circuit_open", "price_unknown")),
    Row("nobody is left", {"local": OPEN, "cloud": ()}, None, Reason.CIRCUIT_OPEN, True,
        ("circuit_open",)),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_policy(row: Row) -> None:
    decision = decide(replace(GOOD, **row.change), row.policy)
    assert decision.target == row.target
    assert decision.reason is row.reason
    assert decision.is_fallback is row.is_fallback
    assert tuple(other.reason for other in decision.alternatives) == row.alternatives
    expected = Mode.NONE if row.target is None else Mode.REFLEX
    assert decision.mode is (Mode.CLOUD if row.target in (CLOUD, CLOUD2) else expected)


def test_every_reason_has_a_row() -> None:
    assert {row.reason for row in ROWS} == set(Reason)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_nothing_unqualified_or_forbidden_is_ever_chosen(row: Row) -> None:
    state = replace(GOOD, **row.change)
    decision = decide(state, row.policy)
    for one in state.local:
        if one.target == decision.target:
            assert one.gate.passed
            assert one.breaker.permits
            assert not one.excluded
            assert state.role is Role.IMPLEMENTER
    for other in state.cloud:
        if other.target == decision.target:
            assert other.breaker.permits
            assert not other.budget
            assert not other.excluded


def test_the_revision_of_the_chosen_model_is_named() -> None:
    assert decide(GOOD, POLICY).revision == "r1"
