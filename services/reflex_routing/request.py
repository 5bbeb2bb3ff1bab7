"""What callers ask the router, and what they get."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reflex_routing.decision import DecisionRecord
from reflex_routing.policy import IMPLEMENT_STAGE, Mode, Reason, Role, Target
from reflex_routing.prices import usd
from reflex_routing.risk import RiskFacts
from reflex_routing.wire import JSON, Completion

if TYPE_CHECKING:
    from reflex_routing.run import Run


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request for a completion."""

    messages: list[JSON]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Everything else of a chat completion: temperature, response_format, max_tokens, tools …"""
    role: Role = Role.IMPLEMENTER
    stage: str = IMPLEMENT_STAGE
    facts: RiskFacts = field(default_factory=RiskFacts)
    failed_attempts: int = 0
    """Failed local attempts at the same repair before this request."""
    request_id: str = ""
    task_id: str = ""
    """The repair it belongs to."""
    models: frozenset[str] | None = None
    """The models that understand these messages; None: all. Another one is never asked: `Router`
    raises `RedirectedError` instead, and the caller sends messages for that one."""
    resume: "Run | None" = None
    """The run of a RedirectedError that this request goes on with: its failures and deadline."""
    whole: bool = False
    """Ask the server for an answer in one piece: no first-token timeout, `raw` is the server's."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer and how it came about."""

    completion: Completion
    target: Target
    mode: Mode
    reason: Reason
    failed_attempts: int
    """The request's, and those local attempts that failed within it."""
    cost: int
    """Nano-dollars, of every call of this request."""
    decisions: tuple[DecisionRecord, ...]

    @property
    def content(self) -> str:
        """The answer's text, without any reasoning."""
        return self.completion.content

    @property
    def truncated(self) -> bool:
        """Whether it was cut at its token limit."""
        return self.completion.truncated

    @property
    def cost_usd(self) -> str:
        """What the request cost, in USD."""
        return usd(self.cost)
