"""When a repair ends, as a function of what happened so far."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from reflex_loop.protocols import Usage
from reflex_loop.settings import Stopping


class Stop(StrEnum):
    """Why a repair ended."""

    FIXED = "fixed"
    NOTHING_TO_DO = "nothing_to_do"
    ATTEMPTS = "attempts"
    NO_PROGRESS = "no_progress"
    OSCILLATION = "oscillation"
    TOKENS = "tokens"
    TIME = "time"
    COST = "cost"
    CANCELLED = "cancelled"
    NO_ANSWER = "no_answer"  # no model can be reached or may be asked
    NO_VERDICT = "no_verdict"  # the compiler fails without saying where
    CONFLICT = "conflict"  # someone else changes the same files


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What counts towards stopping.

    Attributes:
        attempts: questions asked, whatever came back.
        failures: those whose patch was not kept.
        failures_in_row: since the last patch that was kept.
        revisits: patches or results that were there before.
        seen: fingerprints of results and digests of patches tried.
    """

    attempts: int = 0
    failures: int = 0
    failures_in_row: int = 0
    revisits: int = 0
    seen: frozenset[str] = frozenset()
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = Decimal(0)

    def asked(self, usage: Usage, cost_usd: Decimal) -> "Progress":
        """Return the progress after a reply was paid for."""
        return replace(self, usage=self.usage + usage, cost_usd=self.cost_usd + cost_usd)

    def tried(self, fingerprints: frozenset[str], *, kept: bool) -> "Progress":
        """Return the progress after an attempt, with the fingerprints of what it led to."""
        again = not kept and bool(fingerprints & self.seen)
        return replace(
            self,
            attempts=self.attempts + 1,
            failures=self.failures + (not kept),
            failures_in_row=0 if kept else self.failures_in_row + 1,
            revisits=self.revisits + again,
            seen=self.seen | fingerprints,
        )


def stop(progress: Progress, limits: Stopping, *, seconds: float, next_tokens: int) -> Stop | None:
    """Return why the repair ends before its next question, or None.

    Args:
        progress: so far.
        limits: the bounds.
        seconds: since the repair began.
        next_tokens: what the next question may use, prompt and reply.
    """
    if progress.revisits >= limits.revisits:
        return Stop.OSCILLATION
    if progress.failures_in_row >= limits.without_progress:
        return Stop.NO_PROGRESS
    if progress.attempts >= limits.attempts:
        return Stop.ATTEMPTS
    if seconds >= limits.seconds:
        return Stop.TIME
    if progress.usage.prompt + progress.usage.completion + next_tokens > limits.tokens:
        return Stop.TOKENS
    if limits.cost_usd is not None and progress.cost_usd >= limits.cost_usd:
        return Stop.COST
    return None
