"""What the program says while it works: numbers for the operator, lines for the log."""

import logging
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Final

from reflex_api.weights import WeightsProgress
from reflex_weights.errors import TemporaryError
from reflex_weights.words import named, plain, size

WINDOW: Final = 60.0
"""Seconds over which the rate is taken."""
_STEP: Final = 5
_LONGEST_SILENCE: Final = 30.0

_log = logging.getLogger("reflex_weights")


class Progress:
    """Counts for all threads. Bytes found on the volume count as done, but not for the rate."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._done = 0
        self._total: int | None = None
        self._received: deque[tuple[int, int]] = deque()  # (second, bytes)
        self._started: float | None = None
        self._active: dict[str, None] = {}
        self._troubles: dict[str, TemporaryError] = {}
        self._said_at = clock()
        self._said_percent = 0

    def expect(self, total: int | None) -> None:
        """Set the bytes of all files."""
        with self._lock:
            self._total = total

    def begin(self, path: str) -> None:
        """A file is worked on."""
        with self._lock:
            self._active[path] = None

    def end(self, path: str) -> None:
        """A file is worked on no more."""
        with self._lock:
            self._active.pop(path, None)
            self._troubles.pop(path, None)

    def found(self, count: int) -> None:
        """Bytes were on the volume already; negative: they were dropped."""
        with self._lock:
            self._done += count

    def received(self, path: str, count: int) -> None:
        """Bytes came over the network and are on the volume: what was in the way is over."""
        now = self._clock()
        with self._lock:
            self._done += count
            self._started = now if self._started is None else self._started
            self._troubles.pop(path, None)
            if self._received and self._received[-1][0] == int(now):
                count += self._received.pop()[1]
            self._received.append((int(now), count))

    def trouble(self, path: str, error: TemporaryError) -> None:
        """An attempt failed; another follows."""
        with self._lock:
            self._troubles[path] = error
        self.say(f"{error.failure}: {error.message}")

    def clear(self, path: str) -> None:
        """What was in the way is over."""
        with self._lock:
            self._troubles.pop(path, None)

    def snapshot(self) -> WeightsProgress:
        """Return what `GET /progress` answers."""
        now = self._clock()
        with self._lock:
            trouble = next(iter(self._troubles.values()), None)
            return WeightsProgress(
                bytes_done=max(self._done, 0),
                bytes_total=self._total,
                bytes_per_second=self._rate(now),
                file=plain(next(iter(self._active), "")),
                failure=trouble.failure if trouble is not None else None,
                message=plain(trouble.message) if trouble is not None else "",
            )

    def say_if_due(self) -> None:
        """Log where it stands: every 5 %, or after half a minute."""
        now, state = self._clock(), self.snapshot()
        percent = 100 * state.bytes_done // state.bytes_total if state.bytes_total else 0
        step = percent - percent % _STEP
        if step <= self._said_percent and now - self._said_at < _LONGEST_SILENCE:
            return
        self._said_percent, self._said_at = max(step, self._said_percent), now
        of = f" of {size(state.bytes_total)}, {percent} %" if state.bytes_total else ""
        file = f", {named(state.file)}" if state.file else ""
        self.say(f"{size(state.bytes_done)}{of}, {size(state.bytes_per_second)}/s{file}")

    def say(self, text: str) -> None:
        """Log one line."""
        _log.info("%s", plain(text))

    def _rate(self, now: float) -> int:
        while self._received and self._received[0][0] < int(now - WINDOW):
            self._received.popleft()
        if self._started is None or not self._received:
            return 0
        seconds = max(min(now - self._started, WINDOW), 1.0)
        return int(sum(count for _, count in self._received) / seconds)
