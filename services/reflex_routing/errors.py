"""RoutingError > ConfigError, RedirectedError, CallError, CircuitOpenError, BudgetExceededError,
NoRouteError, PriceUnknownError.

CallError is one attempt at one endpoint that gave no answer. Its subclasses say what a caller can
do; its facts (`retryable`, `counts_for_breaker`, `may_be_billed`) drive retries, the circuit
breaker and the budget, so that no code branches on the text of a message.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from reflex_routing.decision import DecisionRecord
    from reflex_routing.policy import Target
    from reflex_routing.run import Run


class RoutingError(Exception):
    """Base of what this package raises.

    `decisions` are the records of the request that failed, the last one last.
    """

    code: ClassVar[str] = "routing_error"
    """For machines: telemetry, and the `code` of an HTTP error."""
    decisions: "tuple[DecisionRecord, ...]" = ()


class ConfigError(RoutingError):
    """The configuration is wrong; `problems` has one line for each fault: path, fault, fix."""

    code = "config_error"

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"error: the configuration is wrong ({source})\n{lines}")


class RedirectedError(RoutingError):
    """Who may answer now is not among `Request.models`; nothing was sent to it.

    Send messages that it understands, with `Request.resume` set to `run`.
    """

    code = "redirected"

    def __init__(self, target: "Target", run: "Run") -> None:
        self.target = target
        self.run = run
        super().__init__(f"{target} would answer, and needs messages of its own")


class CallError(RoutingError):
    """One call gave no answer; `status` is the HTTP status, 0 without one."""

    code = "call_failed"
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed in a moment."""
    counts_for_breaker: ClassVar[bool] = True
    """Whether it speaks against the endpoint; a bad request speaks only against itself."""
    final_for_target: ClassVar[bool] = False
    """Whether asking the same target again within this request is pointless."""
    may_be_billed: bool = False
    """Whether the provider may charge for it: the model had perhaps begun to answer."""

    def __init__(
        self, message: str, *, status: int = 0, retry_after: float | None = None, target: str = ""
    ) -> None:
        self.status = status
        self.retry_after = retry_after
        """Seconds that the server asks to wait."""
        self.target = target
        """`endpoint/model` that was asked."""
        super().__init__(f"{target}: {message}" if target else message)


class UnavailableError(CallError):
    """No connection, a broken one, or a 5xx: the server is down, starting or overloaded."""

    code = "unavailable"
    retryable = True


class RateLimitedError(CallError):
    """429: too many requests; `retry_after` says for how long."""

    code = "rate_limited"
    retryable = True


class CallTimeoutError(CallError):
    """The answer did not come in time.

    `phase` is `connect`, `first_token` or `total`. Not retried after the connection stood: the
    engine may still be busy with it.
    """

    code = "timeout"
    phase: Literal["connect", "first_token", "total"]

    def __init__(
        self, phase: Literal["connect", "first_token", "total"], *, seconds: float, target: str = ""
    ) -> None:
        self.phase = phase
        self.may_be_billed = phase != "connect"
        words = {"connect": "no connection", "first_token": "no first token", "total": "no end"}
        super().__init__(f"{words[phase]} within {seconds:g} s", target=target)


class BrokenReplyError(CallError):
    """The reply was no complete answer: cut off, not JSON, or without a choice."""

    code = "broken_reply"
    retryable = True
    may_be_billed = True


class AuthError(CallError):
    """401 or 403: the key is missing, wrong or not allowed."""

    code = "auth"
    final_for_target = True


class QuotaExhaustedError(CallError):
    """402, or 429 with `insufficient_quota`: the account is empty, waiting does not help."""

    code = "quota_exhausted"
    final_for_target = True


class NotServedError(CallError):
    """404 and the like: the endpoint does not serve this model, or base_url is wrong."""

    code = "not_served"
    final_for_target = True


class RequestRejectedError(CallError):
    """400, 413 or 422: the request itself is wrong; sending it again changes nothing."""

    code = "request_rejected"
    counts_for_breaker = False


class ContextTooLongError(RequestRejectedError):
    """Prompt and answer do not fit the model's context: another model may have more."""

    code = "context_too_long"
    final_for_target = True


class BadSchemaError(RequestRejectedError):
    """The engine's grammar does not accept the JSON schema: another engine may."""

    code = "bad_schema"
    final_for_target = True


class CircuitOpenError(RoutingError):
    """The breaker lets no call through; nothing was sent."""

    code = "circuit_open"

    def __init__(self, target: str, *, retry_after: float | None) -> None:
        self.target = target
        self.retry_after = retry_after
        """Seconds until a probe may pass; None when only a person closes the breaker."""
        when = "until it is closed by hand" if retry_after is None else f"for {retry_after:.1f} s"
        super().__init__(f"{target}: the circuit is open {when}; nothing was sent")


class BudgetExceededError(RoutingError):
    """The cloud budget does not allow the call; nothing was sent or charged."""

    code = "cloud_budget_exhausted"

    def __init__(
        self, *, window: str, limit_usd: str, committed_usd: str, asked_usd: str,
        resets_at: datetime,
    ) -> None:  # fmt: skip
        self.window = window
        """`daily` or `monthly`."""
        self.resets_at = resets_at
        super().__init__(
            f"{window} cloud budget: {committed_usd} of {limit_usd} USD are spent or reserved and"
            f" this call may cost {asked_usd}; wait for {resets_at:%Y-%m-%d %H:%M} UTC, raise"
            f" reflex.budgets.{window}_usd, or override"
        )


class PriceUnknownError(RoutingError):
    """The price table does not know the model, so its cost cannot be bounded; nothing was sent."""

    code = "price_unknown"

    def __init__(self, model: str, *, table: str) -> None:
        self.model = model
        super().__init__(f"{model}: no price in {table}; add it to the price table")


class NoRouteError(RoutingError):
    """Neither a local model nor the cloud may answer; `reasons` says why, for each."""

    code = "no_route"

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("nobody may answer: " + "; ".join(reasons))
