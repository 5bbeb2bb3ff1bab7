"""The record that every decision leaves: why, on what, who answered, what it cost.

JSON, versioned: readers of version 1 find every key below in it, and may find more.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from reflex_routing.breaker import BreakerView
from reflex_routing.capture import Captured
from reflex_routing.ledger import Standing
from reflex_routing.policy import Decision, RoutingState
from reflex_routing.prices import usd
from reflex_routing.wire import Usage

RECORD_VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class CallOutcome:
    """What became of the call; `error` is a code of `errors`, or empty."""

    error: str = ""
    message: str = ""
    calls: int = 0
    """HTTP calls made, retries included."""
    finish_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    cost: int = 0
    """Nano-dollars; 0 for local models."""
    first_token_seconds: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class DecisionRecord:
    """One decision and its outcome."""

    id: str
    request_id: str
    task_id: str
    """The repair that the request belongs to, or empty."""
    at: datetime
    state: RoutingState
    max_attempts: int
    decision: Decision
    standings: tuple[tuple[str, Standing], ...]
    """What the budget said about each cloud target, when it was asked."""
    outcome: CallOutcome
    captured: Captured

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        state, decision = self.state, self.decision
        target = decision.target
        chosen = None
        if target is not None:
            chosen = {
                "endpoint": target.endpoint,
                "model": target.model,
                "revision": decision.revision,
            }
        return {
            "version": RECORD_VERSION,
            "id": self.id,
            "requestId": self.request_id,
            "taskId": self.task_id,
            "at": self.at.isoformat(timespec="milliseconds"),
            "role": state.role.value,
            "stage": state.stage,
            "mode": decision.mode.value,
            "reason": decision.reason.value,
            "isFallback": decision.is_fallback,
            "chosen": chosen,
            "alternatives": [
                {
                    "endpoint": other.target.endpoint,
                    "model": other.target.model,
                    "mode": other.mode.value,
                    "reason": other.reason,
                }
                for other in decision.alternatives
            ],
            "inputs": {
                "failedAttempts": state.failed_attempts,
                "maxAttempts": self.max_attempts,
                "risk": state.risk.document(),
                "gates": {str(one.target): one.gate.document() for one in state.local},
                "breakers": {
                    **{str(one.target): _breaker(one.breaker) for one in state.local},
                    **{str(one.target): _breaker(one.breaker) for one in state.cloud},
                },
                "budgets": {name: _standing(standing) for name, standing in self.standings},
            },
            "outcome": self._outcome(),
            "capture": self.captured.document(),
        }

    def _outcome(self) -> dict[str, Any]:
        done = self.outcome
        return {
            "ok": not done.error,
            "error": done.error,
            "message": done.message,
            "calls": done.calls,
            "finishReason": done.finish_reason,
            "tokens": {
                "prompt": done.usage.prompt_tokens,
                "cached": done.usage.cached_tokens,
                "completion": done.usage.completion_tokens,
                "reasoning": done.usage.reasoning_tokens,
                "reported": done.usage.reported,
            },
            "costUsd": usd(done.cost),
            "firstTokenSeconds": done.first_token_seconds,
            "seconds": done.seconds,
        }


class DecisionSink(Protocol):
    """Takes records; must not block and must not raise."""

    def record(self, record: DecisionRecord) -> None:
        """Keep or pass on one record."""
        ...


class RecentDecisions:
    """The last records of this process."""

    def __init__(self, capacity: int = 1000) -> None:
        self._records: deque[DecisionRecord] = deque(maxlen=capacity)

    def record(self, record: DecisionRecord) -> None:
        """See `DecisionSink`."""
        self._records.append(record)

    def all(self) -> tuple[DecisionRecord, ...]:
        """Return them, the oldest first."""
        return tuple(self._records)


def _breaker(view: BreakerView) -> dict[str, Any]:
    return {
        "state": view.state.value,
        "permits": view.permits,
        "calls": view.calls,
        "failureRate": view.failure_rate,
        "slowRate": view.slow_rate,
    }


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        "allowed": standing.allowed,
        "reason": standing.reason,
        "estimateUsd": usd(standing.estimate),
        "priceVersion": standing.price_version,
        "overriddenBy": standing.overridden_by,
        "windows": {
            window.kind.value: {
                "key": window.key,
                "spentUsd": usd(window.spent),
                "reservedUsd": usd(window.reserved),
            }
            for window in standing.windows
        },
    }
