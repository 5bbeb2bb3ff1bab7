"""What a client is told when nobody answered: the router's typed errors in OpenAI's shape."""

import json
import math
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from reflex_loop.service.errors import document
from reflex_loop.service.metrics import ServiceMetrics
from reflex_routing.errors import (
    AuthError,
    BadSchemaError,
    BrokenReplyError,
    BudgetExceededError,
    CallError,
    CallTimeoutError,
    CircuitOpenError,
    ContextTooLongError,
    NoRouteError,
    NotServedError,
    PriceUnknownError,
    QuotaExhaustedError,
    RateLimitedError,
    RequestRejectedError,
    RoutingError,
    UnavailableError,
)

# The first that fits; what the engine or the cloud refuses for reasons of ours is a 502.
_ANSWERS: Final[tuple[tuple[type[RoutingError], int, str, str], ...]] = (
    (BudgetExceededError, 402, "insufficient_quota", "cloud_budget_exhausted"),
    (CircuitOpenError, 503, "server_error", "circuit_open"),
    (NoRouteError, 503, "server_error", "no_route"),
    (PriceUnknownError, 503, "server_error", "price_unknown"),
    (RateLimitedError, 429, "rate_limit_error", "rate_limited"),
    (ContextTooLongError, 400, "invalid_request_error", "context_length_exceeded"),
    (BadSchemaError, 400, "invalid_request_error", "bad_schema"),
    (RequestRejectedError, 400, "invalid_request_error", "request_rejected"),
    (CallTimeoutError, 504, "server_error", "timeout"),
    (UnavailableError, 503, "server_error", "unavailable"),
    (AuthError, 502, "server_error", "upstream_auth"),
    (QuotaExhaustedError, 502, "server_error", "upstream_quota"),
    (NotServedError, 502, "server_error", "upstream_not_served"),
    (BrokenReplyError, 502, "server_error", "broken_reply"),
)
_SOON: Final = 5.0


def answer_of(error: RoutingError, metrics: ServiceMetrics, headers: dict[str, str]) -> Response:
    """Return the answer for an error; its header names the decision that says more."""
    fits = (found[1:] for found in _ANSWERS if isinstance(error, found[0]))
    status, kind, code = next(fits, (500, "server_error", error.code))
    told = dict(headers)
    if error.decisions:
        told["X-Reflex-Decision"] = error.decisions[-1].id
    wait = _retry_after(error, status)
    if wait is not None:
        told["Retry-After"] = str(max(1, math.ceil(wait)))
    metrics.rejected(code)
    body = document(str(error), type_=kind, code=code)
    return Response(
        json.dumps(body).encode(), status_code=status, headers=told, media_type="application/json"
    )


def _retry_after(error: RoutingError, status: int) -> float | None:
    if isinstance(error, BudgetExceededError):
        return (error.resets_at - datetime.now(UTC)).total_seconds()
    if isinstance(error, CircuitOpenError | CallError) and error.retry_after is not None:
        return error.retry_after
    return _SOON if status in (429, 503) and not isinstance(error, PriceUnknownError) else None
