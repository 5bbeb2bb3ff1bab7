"""What became of a decision: facts for its record, and the error when nobody answered."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reflex_routing.attempt import Progress
from reflex_routing.decision import CallOutcome
from reflex_routing.errors import CircuitOpenError, NoRouteError, RoutingError
from reflex_routing.ledger import Standing
from reflex_routing.policy import Decision, Reason, RoutingState, Target
from reflex_routing.wire import Completion


def refusal(
    state: RoutingState,
    decision: Decision,
    standings: Mapping[Target, Standing],
    *,
    last_error: RoutingError | None,
) -> RoutingError:
    """Return why nobody may answer: the budget, else what was tried, else the breakers."""
    for standing in standings.values():
        if standing.error is not None:
            return standing.error
    if last_error is not None:
        return last_error
    views = [one.breaker for one in state.cloud if not one.breaker.permits]
    if decision.reason is Reason.CIRCUIT_OPEN:
        views += [one.breaker for one in state.local if not one.breaker.permits]
    if views:
        soonest = min(views, key=lambda view: view.retry_after_seconds or float("inf"))
        return CircuitOpenError(soonest.breaker_id, retry_after=soonest.retry_after_seconds)
    reasons = [f"{other.target}: {other.reason}" for other in decision.alternatives]
    if not state.cloud:
        reasons.append("no cloud is configured (reflex.cloud)")
    if not state.local:
        reasons.append("no local model is serving")
    return NoRouteError([f"rule {decision.reason.value}", *reasons])


def outcome_of(
    progress: Progress, completion: Completion | None, failure: BaseException | None, *,
    seconds: float,
) -> CallOutcome:  # fmt: skip
    """Return the record's part about the calls; exactly one of answer and failure is given."""
    made = CallOutcome(
        calls=progress.calls,
        cost=progress.cost,
        first_token_seconds=progress.first_token_seconds,
        seconds=seconds,
    )
    if completion is not None:
        finish = completion.finish_reason.value
        return replace(made, finish_reason=finish, usage=completion.usage)
    if isinstance(failure, RoutingError):
        return replace(made, error=failure.code, message=str(failure))
    gone = isinstance(failure, asyncio.CancelledError | GeneratorExit)
    return replace(made, error="cancelled" if gone else "internal", message=repr(failure))


def describe(error: RoutingError) -> dict[str, Any]:
    """Return an error as a JSON document for callers of a service."""
    return {"code": error.code, "message": str(error), "decisions": [
        record.document() for record in error.decisions
    ]}  # fmt: skip
