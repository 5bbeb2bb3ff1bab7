"""How long to wait before the same call is made again. Pure: randomness is an argument."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from reflex_routing.errors import CallError, RateLimitedError

Random = Callable[[], float]
"""Uniform in [0, 1), as `random.random`."""


@dataclass(frozen=True, kw_only=True)
class RetryConfig:
    """Waits of 0.1, 0.2, 0.4 … seconds, each with jitter, at most `cap_seconds`."""

    attempts: int = 3
    """Calls at most, the first included."""
    base_seconds: float = 0.1
    cap_seconds: float = 10.0
    jitter: float = 0.5
    """0.5: the wait is 50 to 150 % of its nominal length."""
    rate_limit_seconds: float = 5.0
    """Wait after a 429 that names none."""
    longest_wait_seconds: float = 30.0
    """A server that asks for more is not waited for: the next candidate is asked."""


def wait_before_retry(
    error: CallError, *, made: int, config: RetryConfig, random: Random, left_seconds: float
) -> float | None:
    """Return the seconds to wait before the next call, or None when there should be none.

    Args:
        error: how the last call ended.
        made: calls made so far, at least 1.
        config: the limits.
        random: for the jitter, so that many callers do not come back at once.
        left_seconds: until the whole request must have been answered.
    """
    if not error.retryable or made >= config.attempts:
        return None
    nominal = min(config.base_seconds * 2 ** (made - 1), config.cap_seconds)
    wait = min(nominal * (1 + config.jitter * (2 * random() - 1)), config.cap_seconds)
    asked = error.retry_after
    if asked is None and isinstance(error, RateLimitedError):
        asked = config.rate_limit_seconds
    if asked is not None:
        # Never before the server's time; a little after it, for the same reason as above.
        wait = asked + wait * random()
        if asked > config.longest_wait_seconds:
            return None
    return wait if wait < left_seconds else None


def read_retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Return the server's wish in seconds, from `Retry-After` or `Retry-After-Ms`.

    >>> read_retry_after({"retry-after": "2"}, now=datetime(2026, 1, 1, tzinfo=UTC))
    2.0
    """
    for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / divisor
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())
