"""Circuit breaker of one endpoint and model, by the rate of failures in a window of calls.

Closed until, with at least `minimum_calls` in the window, the share of failures (or of slow calls)
reaches its threshold. Open for `cool_down_seconds`; then one probe at a time may pass (half-open):
`probes_required` good ones in a row close it, the first bad one opens it again.

The operating modes are resilience4j's: DISABLED lets everything pass and records nothing,
METRICS_ONLY lets everything pass and records, FORCED_OPEN lets nothing pass and records nothing;
only a person enters and leaves them.

The clock is an argument; one event loop uses a breaker, so there are no locks.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from reflex_routing.errors import CircuitOpenError

Clock = Callable[[], float]
"""Monotonic seconds."""


class BreakerState(StrEnum):
    """What the breaker does with the next call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    DISABLED = "disabled"
    METRICS_ONLY = "metrics_only"
    FORCED_OPEN = "forced_open"


class Outcome(StrEnum):
    """How a permitted call ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    IGNORED = "ignored"
    """Says nothing about the endpoint, such as a request that it rightly rejected."""
    CANCELLED = "cancelled"
    """The caller went away. Ignored, but a cancelled probe is a failed one: it proved nothing,
    and callers with a short patience would otherwise probe a hanging engine for ever."""


@dataclass(frozen=True, kw_only=True)
class BreakerConfig:
    """Numbers of one breaker; the defaults are the project's (50 %, 100, 10, 30 s)."""

    failure_rate_percent: float = 50.0
    window_calls: int = 100
    minimum_calls: int = 10
    cool_down_seconds: float = 30.0
    slow_call_seconds: float = 60.0
    """A call that took longer is slow."""
    slow_call_rate_percent: float = 100.0
    probes_required: int = 1
    probe_timeout_seconds: float = 900.0
    """A probe that did not report for so long is lost and counts as failed."""


@dataclass(frozen=True, kw_only=True)
class StateChange:
    """A change of state, as listeners and telemetry see it."""

    breaker_id: str
    previous_state: BreakerState
    current_state: BreakerState
    reason: str
    failure_count: int
    failure_rate: float | None
    """0 to 100, None below the minimum of calls."""
    retry_after_seconds: float | None = None
    successful_probes: int | None = None
    probes_required: int | None = None

    def payload(self) -> dict[str, Any]:
        """Return the event `BreakerStateChanged`; absent facts are left out."""
        facts = {name: value for name, value in vars(self).items() if value is not None}
        return {"event": "BreakerStateChanged", **facts}


@dataclass(frozen=True, kw_only=True)
class BreakerView:
    """A snapshot, for decisions and for people."""

    breaker_id: str
    state: BreakerState
    permits: bool
    """Whether a call would pass now."""
    retry_after_seconds: float | None
    calls: int
    failures: int
    slow: int
    failure_rate: float | None
    slow_rate: float | None


Listener = Callable[[StateChange], None]


@dataclass(frozen=True)
class _Permit:
    epoch: int
    started: float
    probe: bool


_RECORDS: Final = (BreakerState.CLOSED, BreakerState.METRICS_ONLY)


class CircuitBreaker:
    """`permit = acquire()`, then exactly one `report(permit, outcome)`."""

    def __init__(
        self, breaker_id: str, config: BreakerConfig, *, clock: Clock,
        listeners: tuple[Listener, ...] = (),
    ) -> None:  # fmt: skip
        self.breaker_id = breaker_id
        self._config = config
        self._clock = clock
        self._listeners = listeners
        self._state = BreakerState.CLOSED
        self._epoch = 0
        """Grows with every change of state: a result of an earlier one says nothing any more."""
        self._window: deque[tuple[bool, bool]] = deque(maxlen=config.window_calls)
        self._opened_at = 0.0
        self._probe: _Permit | None = None
        self._good_probes = 0

    @property
    def state(self) -> BreakerState:
        """The state as it was left; an open breaker becomes half-open with the next call."""
        return self._state

    def acquire(self) -> _Permit:
        """Return the permission for one call.

        Raises:
            CircuitOpenError: no call may pass now.
        """
        now = self._clock()
        self._drop_lost_probe(now)
        if self._state is BreakerState.OPEN and self._cooled(now):
            self._change(BreakerState.HALF_OPEN, "the cool-down is over")
        if not self._permits():
            raise CircuitOpenError(self.breaker_id, retry_after=self._retry_after(now))
        permit = _Permit(self._epoch, now, self._state is BreakerState.HALF_OPEN)
        if permit.probe:
            self._probe = permit
        return permit

    def report(self, permit: _Permit, outcome: Outcome) -> None:
        """Record how the call ended, its time since `acquire` included."""
        if permit.epoch != self._epoch:
            return
        slow = self._clock() - permit.started > self._config.slow_call_seconds
        if permit.probe:
            self._report_probe(permit, outcome, slow)
        elif self._state in _RECORDS and outcome in (Outcome.SUCCESS, Outcome.FAILURE):
            self._window.append((outcome is Outcome.FAILURE, slow))
            if self._state is BreakerState.CLOSED and (reason := self._too_bad()):
                self._open(reason)

    def force(self, state: BreakerState, *, reason: str) -> None:
        """Set the state by hand, with an empty window; OPEN starts a new cool-down."""
        if state is BreakerState.OPEN:
            self._open(reason)
        else:
            self._change(state, reason)
        self._window.clear()

    def view(self) -> BreakerView:
        """Return a snapshot; changes nothing."""
        now = self._clock()
        calls, failures, slow = self._counts()
        cooled = self._state is BreakerState.OPEN and self._cooled(now)
        return BreakerView(
            breaker_id=self.breaker_id,
            state=self._state,
            permits=cooled or self._permits(),
            retry_after_seconds=self._retry_after(now),
            calls=calls,
            failures=failures,
            slow=slow,
            failure_rate=self._rate(failures),
            slow_rate=self._rate(slow),
        )

    def _permits(self) -> bool:
        if self._state is BreakerState.HALF_OPEN:
            return self._probe is None
        return self._state not in (BreakerState.OPEN, BreakerState.FORCED_OPEN)

    def _report_probe(self, permit: _Permit, outcome: Outcome, slow: bool) -> None:
        if permit is not self._probe:
            return
        self._probe = None
        if outcome is Outcome.IGNORED:
            return
        if outcome is not Outcome.SUCCESS:
            self._open(f"a probe ended with {outcome}")
        elif slow:
            self._open(f"a probe took longer than {self._config.slow_call_seconds:g} s")
        else:
            self._good_probes += 1
            if self._good_probes >= self._config.probes_required:
                self._change(BreakerState.CLOSED, "the probes succeeded")
                self._window.clear()

    def _drop_lost_probe(self, now: float) -> None:
        if self._probe is not None and self._is_lost(self._probe, now):
            self._open("a probe did not report back")

    def _is_lost(self, probe: _Permit, now: float) -> bool:
        return now - probe.started >= self._config.probe_timeout_seconds

    def _too_bad(self) -> str:
        _, failures, slow = self._counts()
        failure_rate, slow_rate = self._rate(failures), self._rate(slow)
        limit, slow_limit = self._config.failure_rate_percent, self._config.slow_call_rate_percent
        if failure_rate is not None and failure_rate >= limit:
            return f"{failure_rate:g} % of {len(self._window)} calls failed (limit {limit:g} %)"
        if slow_rate is not None and slow_rate >= slow_limit:
            return f"{slow_rate:g} % of {len(self._window)} calls were slow"
        return ""

    def _counts(self) -> tuple[int, int, int]:
        failures = sum(failed for failed, _ in self._window)
        return len(self._window), failures, sum(slow for _, slow in self._window)

    def _rate(self, count: int) -> float | None:
        calls = len(self._window)
        return None if calls < self._config.minimum_calls else 100.0 * count / calls

    def _cooled(self, now: float) -> bool:
        return now - self._opened_at >= self._config.cool_down_seconds

    def _retry_after(self, now: float) -> float | None:
        if self._state is BreakerState.OPEN:
            return max(0.0, self._opened_at + self._config.cool_down_seconds - now)
        # A probe is under way: worth asking again soon, nobody knows when.
        return 1.0 if self._state is BreakerState.HALF_OPEN else None

    def _open(self, reason: str) -> None:
        self._opened_at = self._clock()
        self._change(BreakerState.OPEN, reason)

    def _change(self, state: BreakerState, reason: str) -> None:
        previous, self._state = self._state, state
        self._epoch += 1
        self._probe = None
        probes = self._good_probes
        self._good_probes = 0
        if previous is state:
            return
        _, failures, _ = self._counts()
        half_open = BreakerState.HALF_OPEN in (previous, state)
        change = StateChange(
            breaker_id=self.breaker_id,
            previous_state=previous,
            current_state=state,
            reason=reason,
            failure_count=failures,
            failure_rate=self._rate(failures),
            retry_after_seconds=(
                self._config.cool_down_seconds if state is BreakerState.OPEN else None
            ),
            successful_probes=probes if half_open else None,
            probes_required=self._config.probes_required if half_open else None,
        )
        for listener in self._listeners:
            listener(change)
