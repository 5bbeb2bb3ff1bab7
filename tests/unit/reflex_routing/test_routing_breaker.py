"""The breaker's named rules, one at a time; their interplay is tests/property's."""

import pytest

from reflex_routing.breaker import (
    BreakerConfig,
    BreakerState,
    CircuitBreaker,
    Outcome,
    StateChange,
)
from reflex_routing.breakers import Breakers
from reflex_routing.errors import CircuitOpenError


class Bench:
    def __init__(self, config: BreakerConfig | None = None) -> None:
        self.now = 0.0
        self.changes: list[StateChange] = []
        self.breaker = CircuitBreaker(
            "local/gpt-oss-20b", config or BreakerConfig(), clock=lambda: self.now,
            listeners=(self.changes.append,),
        )  # fmt: skip

    def state(self) -> BreakerState:
        return self.breaker.state

    def calls(self, *outcomes: Outcome, seconds: float = 0.1) -> None:
        for outcome in outcomes:
            permit = self.breaker.acquire()
            self.now += seconds
            self.breaker.report(permit, outcome)


GOOD, BAD = Outcome.SUCCESS, Outcome.FAILURE


def test_it_opens_at_half_of_the_calls_but_not_before_ten() -> None:
    bench = Bench()
    bench.calls(*[BAD] * 9)
    assert bench.state() is BreakerState.CLOSED
    bench.calls(GOOD)
    assert bench.state() is BreakerState.OPEN, "nine of ten have failed"


def test_exactly_half_is_enough_and_less_is_not() -> None:
    below, at = Bench(), Bench()
    below.calls(*[GOOD, GOOD, BAD] * 30)
    assert below.state() is BreakerState.CLOSED
    at.calls(*[GOOD, BAD] * 5)
    assert at.state() is BreakerState.OPEN


def test_only_the_last_hundred_calls_count() -> None:
    bench = Bench()
    bench.calls(*[GOOD] * 500, *[BAD] * 49)
    assert bench.state() is BreakerState.CLOSED
    bench.calls(BAD)
    assert bench.state() is BreakerState.OPEN


def test_after_thirty_seconds_one_probe_at_a_time_may_pass() -> None:
    bench = Bench()
    bench.calls(*[BAD] * 10)
    bench.now += 29.5
    with pytest.raises(CircuitOpenError) as caught:
        bench.breaker.acquire()
    assert caught.value.retry_after == pytest.approx(0.5)
    bench.now += 0.5
    probe = bench.breaker.acquire()
    assert bench.state() is BreakerState.HALF_OPEN
    with pytest.raises(CircuitOpenError):
        bench.breaker.acquire()
    bench.breaker.report(probe, GOOD)
    assert bench.state() is BreakerState.CLOSED
    assert bench.breaker.view().calls == 0


@pytest.mark.parametrize("outcome", [Outcome.FAILURE, Outcome.CANCELLED])
def test_a_probe_that_fails_or_is_cancelled_opens_it_again(outcome: Outcome) -> None:
    bench = Bench()
    bench.calls(*[BAD] * 10)
    bench.now += 30
    bench.calls(outcome)
    assert bench.state() is BreakerState.OPEN
    with pytest.raises(CircuitOpenError):
        bench.breaker.acquire()


def test_a_slow_probe_opens_it_again() -> None:
    bench = Bench(BreakerConfig(slow_call_seconds=10))
    bench.calls(*[BAD] * 10)
    bench.now += 30
    bench.calls(GOOD, seconds=11)
    assert bench.state() is BreakerState.OPEN


def test_a_probe_that_was_rightly_rejected_lets_another_try() -> None:
    bench = Bench()
    bench.calls(*[BAD] * 10)
    bench.now += 30
    bench.calls(Outcome.IGNORED)
    assert bench.state() is BreakerState.HALF_OPEN
    bench.calls(GOOD)
    assert bench.state() is BreakerState.CLOSED


def test_a_probe_that_never_reports_does_not_block_for_ever() -> None:
    bench = Bench(BreakerConfig(probe_timeout_seconds=100))
    bench.calls(*[BAD] * 10)
    bench.now += 30
    lost = bench.breaker.acquire()
    bench.now += 100
    with pytest.raises(CircuitOpenError):
        bench.breaker.acquire()
    bench.now += 30
    bench.calls(GOOD)
    bench.breaker.report(lost, BAD)
    assert bench.state() is BreakerState.CLOSED, "a late result says nothing any more"


def test_bad_requests_and_callers_that_left_do_not_count() -> None:
    bench = Bench()
    bench.calls(*[Outcome.IGNORED, Outcome.CANCELLED] * 50)
    assert bench.state() is BreakerState.CLOSED
    assert bench.breaker.view().calls == 0


def test_slow_calls_open_it_although_they_succeed() -> None:
    bench = Bench(BreakerConfig(slow_call_seconds=10, slow_call_rate_percent=80))
    bench.calls(GOOD, GOOD, seconds=10)
    bench.calls(*[GOOD] * 7, seconds=10.5)
    assert bench.state() is BreakerState.CLOSED
    bench.calls(GOOD, seconds=10.5)
    assert bench.state() is BreakerState.OPEN
    assert "slow" in bench.changes[-1].reason


def test_metrics_only_counts_and_never_opens() -> None:
    bench = Bench()
    bench.breaker.force(BreakerState.METRICS_ONLY, reason="trial")
    bench.calls(*[BAD] * 50)
    view = bench.breaker.view()
    assert (view.state, view.permits, view.failure_rate) == (BreakerState.METRICS_ONLY, True, 100)


def test_disabled_lets_everything_pass_and_counts_nothing() -> None:
    bench = Bench()
    bench.breaker.force(BreakerState.DISABLED, reason="trial")
    bench.calls(*[BAD] * 50)
    assert bench.breaker.view().permits
    assert bench.breaker.view().calls == 0


def test_forced_open_stays_until_a_person_closes_it() -> None:
    bench = Bench()
    bench.breaker.force(BreakerState.FORCED_OPEN, reason="maintenance")
    bench.now += 10_000
    with pytest.raises(CircuitOpenError) as caught:
        bench.breaker.acquire()
    assert caught.value.retry_after is None
    bench.breaker.force(BreakerState.CLOSED, reason="done")
    bench.calls(GOOD)


def test_a_change_is_told_with_its_facts() -> None:
    bench = Bench()
    bench.calls(*[BAD] * 10)
    assert bench.changes[0].payload() == {
        "event": "BreakerStateChanged",
        "breaker_id": "local/gpt-oss-20b",
        "previous_state": "closed",
        "current_state": "open",
        "reason": "100 % of 10 calls failed (limit 50 %)",
        "failure_count": 10,
        "failure_rate": 100.0,
        "retry_after_seconds": 30.0,
    }
    bench.now += 30
    bench.calls(GOOD)
    closed = bench.changes[-1].payload()
    assert (closed["successful_probes"], closed["probes_required"]) == (1, 1)


def test_each_endpoint_and_model_has_its_own() -> None:
    breakers = Breakers(BreakerConfig(), clock=lambda: 0.0)
    one = breakers.get("local/a")
    for _ in range(10):
        one.report(one.acquire(), BAD)
    assert [(view.breaker_id, view.permits) for view in breakers.views()] == [("local/a", False)]
    assert breakers.get("local/b").view().permits
    assert breakers.get("local/a") is one
