"""How long to wait before the next attempt. Clock, sleep and chance are passed in."""

import email.utils
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from huggingface_hub.utils import parse_ratelimit_headers

from reflex_weights.errors import FinalError, TemporaryError

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 60.0
LONGEST_WISH: Final = 600.0
"""A server may ask for more patience than our own back-off, but not for hours."""


@dataclass(frozen=True, kw_only=True)
class Tempo:
    """Where time and chance come from."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    chance: Callable[[], float] = random.random
    """0 <= chance() < 1."""


def delay(failures: int, chance: float, wish: float | None = None) -> float:
    """Return the seconds before the next attempt after `failures` in a row (from 1).

    Between half and all of 1, 2, 4 … 60 seconds, so that many pods do not come back together; never
    less than the server wished.

    >>> [delay(n, chance=1.0) for n in (1, 2, 3, 9)]
    [1.0, 2.0, 4.0, 60.0]
    >>> delay(1, chance=0.5, wish=30)
    30.75
    """
    longest = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures - 1, 10))
    ours = longest * (0.5 + chance / 2)
    return ours if wish is None else min(wish, LONGEST_WISH) + ours


def wished_delay(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that a server asks for: `Retry-After`, else the hub's `RateLimit`."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    if text:
        try:
            moment = email.utils.parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    limit = parse_ratelimit_headers(headers)
    return None if limit is None else float(limit.reset_in_seconds)


class Patience:
    """Counts failures in a row and waits longer after each."""

    def __init__(
        self,
        tempo: Tempo,
        on_trouble: Callable[[TemporaryError, float], None],
        *,
        give_up_after: float | None = None,
    ) -> None:
        """`give_up_after` seconds of trying a failure is final; None: never."""
        self._tempo = tempo
        self._on_trouble = on_trouble
        self._give_up_after = give_up_after
        self._started = tempo.clock()
        self._failures = 0
        self._limited = 0

    def reset(self) -> None:
        """Something arrived: the next failure is the first again."""
        self._failures = 0
        self._started = self._tempo.clock()

    def wait(self, error: TemporaryError) -> None:
        """Tell of the failure and sleep.

        Raises:
            FinalError: the time or the attempts are used up, with the same reason.
        """
        self._failures += 1
        if error.attempts is not None:
            self._limited += 1
            if self._limited >= error.attempts:
                raise FinalError(error.failure, error.message) from error
        seconds = delay(self._failures, self._tempo.chance(), error.retry_after)
        spent = self._tempo.clock() - self._started
        if self._give_up_after is not None and spent + seconds > self._give_up_after:
            raise FinalError(
                error.failure, f"{error.message} ({self._failures} attempts)"
            ) from error
        self._on_trouble(error, seconds)
        self._tempo.sleep(seconds)


def utc_now() -> datetime:
    """Return the time that HTTP dates are compared with."""
    return datetime.now(UTC)
