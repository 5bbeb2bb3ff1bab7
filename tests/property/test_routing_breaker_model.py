"""The breaker against an independent reference: a log of events, evaluated from the start.

The reference keeps no counters and no window of its own; it derives everything from the list of
what happened, so that a mistake of bookkeeping cannot be in both.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from reflex_routing.breaker import (
    BreakerConfig,
    BreakerState,
    CircuitBreaker,
    Outcome,
    StateChange,
)
from reflex_routing.errors import CircuitOpenError

CONFIG = BreakerConfig(
    failure_rate_percent=50, window_calls=8, minimum_calls=4, cool_down_seconds=30,
    slow_call_seconds=10, slow_call_rate_percent=75, probes_required=2, probe_timeout_seconds=100,
)  # fmt: skip
FREE = (BreakerState.CLOSED, BreakerState.DISABLED, BreakerState.METRICS_ONLY)


@dataclass
class Era:
    """What happened since the last change of state."""

    state: BreakerState
    began: float
    results: list[tuple[bool, bool]] = field(default_factory=list)
    probes: list[bool] = field(default_factory=list)
    probing_since: float | None = None


@dataclass
class Reference:
    """The rules as written in docs/routing.md, one after the other."""

    eras: list[Era] = field(default_factory=lambda: [Era(BreakerState.CLOSED, 0.0)])

    @property
    def era(self) -> Era:
        return self.eras[-1]

    def enter(self, state: BreakerState, now: float) -> None:
        self.eras.append(Era(state, now))

    def may_call(self, now: float) -> bool:
        era = self.era
        if era.probing_since is not None and now - era.probing_since >= 100:
            self.enter(BreakerState.OPEN, now)
        elif era.state is BreakerState.OPEN and now - era.began >= 30:
            self.enter(BreakerState.HALF_OPEN, now)
        era = self.era
        if era.state is BreakerState.HALF_OPEN and era.probing_since is None:
            era.probing_since = now
            return True
        return era.state in FREE

    def ended(self, era: Era, outcome: Outcome, seconds: float, now: float) -> None:
        if era is not self.era:
            return
        slow = seconds > 10
        if era.state is BreakerState.HALF_OPEN:
            era.probing_since = None
            if outcome is Outcome.IGNORED:
                return
            if outcome is not Outcome.SUCCESS or slow:
                self.enter(BreakerState.OPEN, now)
                return
            era.probes.append(True)
            if len(era.probes) == 2:
                self.enter(BreakerState.CLOSED, now)
            return
        if era.state not in (BreakerState.CLOSED, BreakerState.METRICS_ONLY):
            return
        if outcome in (Outcome.SUCCESS, Outcome.FAILURE):
            era.results.append((outcome is Outcome.FAILURE, slow))
            last = era.results[-8:]
            bad = sum(failed for failed, _ in last) * 100 >= 50 * len(last)
            late = sum(slow for _, slow in last) * 100 >= 75 * len(last)
            if era.state is BreakerState.CLOSED and len(last) >= 4 and (bad or late):
                self.enter(BreakerState.OPEN, now)


class BreakerMachine(RuleBasedStateMachine):
    """Calls, results, the passing of time and a person's hand, in any order."""

    calls: Bundle[Any] = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.changes: list[StateChange] = []
        self.breaker = CircuitBreaker(
            "local/m", CONFIG, clock=lambda: self.now, listeners=(self.changes.append,)
        )
        self.reference = Reference()

    @rule(target=calls)
    def begin(self) -> Any:
        return self.call()

    def call(self) -> Any:
        expected = self.reference.may_call(self.now)
        assert self.breaker.view().permits or not expected
        try:
            permit = self.breaker.acquire()
        except CircuitOpenError as error:
            refused = error
        else:
            assert expected
            return permit, self.reference.era, self.now
        assert not expected
        if self.breaker.state is BreakerState.FORCED_OPEN:
            assert refused.retry_after is None
        else:
            assert refused.retry_after is not None
            assert refused.retry_after >= 0
        return None

    @rule(call=consumes(calls), outcome=st.sampled_from(Outcome))
    def finish(self, call: Any, outcome: Outcome) -> None:
        self.end(call, outcome)

    def end(self, call: Any, outcome: Outcome) -> None:
        if call is None:
            return
        permit, era, started = call
        self.breaker.report(permit, outcome)
        self.reference.ended(era, outcome, self.now - started, self.now)

    @rule(outcome=st.sampled_from(Outcome), seconds=st.sampled_from([1, 11]))
    def run(self, outcome: Outcome, seconds: float) -> None:
        """A call from its beginning to its end, so that windows fill and probes finish."""
        call = self.call()
        self.now += seconds
        self.end(call, outcome)

    @rule(seconds=st.sampled_from([0.5, 5, 10, 11, 29, 30, 100]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(state=st.sampled_from(BreakerState))
    def hand(self, state: BreakerState) -> None:
        self.breaker.force(state, reason="by hand")
        self.reference.enter(state, self.now)

    @invariant()
    def same_state(self) -> None:
        assert self.breaker.state is self.reference.era.state

    @invariant()
    def listeners_heard_every_change(self) -> None:
        states = [era.state for era in self.reference.eras]
        expected = [new for old, new in pairwise(states) if old is not new]
        assert [change.current_state for change in self.changes] == expected

    @invariant()
    def looking_changes_nothing(self) -> None:
        before = self.breaker.state
        view = self.breaker.view()
        assert view.state is before is self.breaker.state
        in_window = self.reference.era.results[-8:]
        if view.state in (BreakerState.CLOSED, BreakerState.METRICS_ONLY):
            assert (view.calls, view.failures) == (
                len(in_window),
                sum(failed for failed, _ in in_window),
            )


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
