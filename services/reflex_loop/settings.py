"""The knobs of one repair and their defaults."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from reflex_loop.policy import Policy
from reflex_loop.snapshot import Limits

CountTokens = Callable[[str], int]
_BYTES_PER_TOKEN: Final = 3


def estimate_tokens(text: str) -> int:
    """Return an upper estimate of a text's tokens; code has 3 to 4 bytes a token in BPE models.

    >>> estimate_tokens("fn main() {}")
    4
    """
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


class Suggestions(StrEnum):
    """What is done with the compiler's own suggestions before any model is asked."""

    OFF = "off"
    SAFE = "safe"
    VERIFIED = "verified"


class Renderer(StrEnum):
    """How the question is written; a property of the model that answers."""

    FULL = "full"
    COMPACT = "compact"


class OnFailure(StrEnum):
    """What happens to accepted patches when errors are left in the end."""

    KEEP = "keep"
    RESTORE = "restore"


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """When to give up. `cost_usd` None is no limit of the loop's own; times are in seconds."""

    attempts: int = 6
    without_progress: int = 4
    revisits: int = 2
    tokens: int = 200_000
    seconds: float = 600.0
    cost_usd: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One repair.

    `renderer`, `prompt_tokens` and `reply_tokens` are for a proposer that names no form of its own.

    Attributes:
        candidates: replies asked for at once in each attempt; the best by compile result is taken.
        prompt_tokens: the room for a prompt: the model's context less `reply_tokens`.
        run_tests: whether a crate that compiles must also pass its tests.
        retry_temperature: for further candidates and repeated questions; the first is greedy.
        suggestion_checks: compiler runs that suggestions may cost.
    """

    suggestions: Suggestions = Suggestions.SAFE
    renderer: Renderer = Renderer.FULL
    candidates: int = 1
    prompt_tokens: int = 12_000
    reply_tokens: int = 2_048
    count_tokens: CountTokens = estimate_tokens
    retry_temperature: float = 0.4
    run_tests: bool = False
    on_failure: OnFailure = OnFailure.KEEP
    suggestion_checks: int = 24
    check_seconds: float = 120.0
    reply_seconds: float = 60.0
    stopping: Stopping = field(default_factory=Stopping)
    policy: Policy = field(default_factory=Policy)
    limits: Limits = field(default_factory=Limits)
    durable: bool = True
