"""What a repair came to: one object for the service, the CLI and the bakeoff."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, Literal

from reflex_loop.protocols import Usage
from reflex_loop.stopping import Stop


@dataclass(frozen=True, kw_only=True)
class Record:
    """Why something was done: one for each round of suggestions and each reply.

    Attributes:
        source: who wrote the change.
        outcome: "kept", "rolled_back", "refused", or "unanswered" when nobody could be asked.
        reason: one sentence; the refusal's or the judgement's.
        problem: PatchError's kind for a refused reply; the error's code for an unanswered question.
        fixed: the root causes that are gone by it, as "path:line code message".
        levels: how each edit matched.
        form: how the reply was written.
        renderer: how the question was written.
        document: the bound patch document (JSON text), empty for suggestions and refusals.
        routing: the proposer's own record of who was asked and why.
    """

    source: Literal["compiler", "model"]
    attempt: int
    candidate: int = 0
    outcome: str
    reason: str
    problem: str = ""
    answered_by: str = ""
    errors_before: int
    errors_after: int
    fixed: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    form: str = ""
    renderer: str = ""
    patch: str = ""
    document: str = ""
    usage: Usage = field(default_factory=Usage)
    routing: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """Where the time went; `loop` is everything that is neither model nor compiler."""

    model: float = 0.0
    compiler: float = 0.0
    loop: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """The end of a repair.

    Attributes:
        code: what machines need of `no_answer`, such as `cloud_budget_exhausted`; else empty.
        rustfix_edits: suggestions of the compiler that were kept.
        diff: from the first byte to the last, over everything that was kept.
        left: the root causes that are left, rendered by the compiler.
    """

    fixed: bool
    stop: Stop
    detail: str
    code: str = ""
    attempts: int
    rustfix_edits: int
    errors_before: int
    errors_after: int
    diff: str
    usage: Usage
    cost_usd: Decimal
    records: tuple[Record, ...]
    seconds: Seconds
    left: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the object that `reflexctl fix --json` prints."""
        return {
            "fixed": self.fixed,
            "stop": self.stop.value,
            "detail": self.detail,
            "code": self.code,
            "attempts": self.attempts,
            "rustfix_edits": self.rustfix_edits,
            "errors_before": self.errors_before,
            "errors_after": self.errors_after,
            "diff": self.diff,
            "tokens": asdict(self.usage),
            "cost_usd": str(self.cost_usd),
            "decisions": [asdict(each) for each in self.records],
            "seconds": asdict(self.seconds),
            "left": list(self.left),
        }
