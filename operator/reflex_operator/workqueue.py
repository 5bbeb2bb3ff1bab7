"""A work queue: keyed, de-duplicating, rate-limited; it holds the one timer wheel.

The rules are those of client-go's work queue. A key waits at most once. A key that is added while
a worker has it runs once more afterwards, never at the same time. A key that failed comes back
after a growing, jittered delay. What a user has just asked for is urgent and overtakes the rest:
in a burst of new models a change of one would else wait behind the news of all others. Everything
happens on one event loop, and no line below awaits between reading and changing the sets, so no
lock is needed.
"""

import asyncio
import heapq
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from random import Random
from typing import Final, Generic, TypeVar

from reflex_operator.metrics import Metrics

Key = TypeVar("Key", bound=Hashable)

_FIRST_DELAY: Final = 0.005
_LONGEST_DELAY: Final = 300.0
_log = logging.getLogger(__name__)


class Timers(Generic[Key]):
    """When which key is due; of two wishes for a key the earlier holds. It reads no clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._count = 0  # keeps heap entries comparable when keys are not

    def __len__(self) -> int:
        return len(self._due)

    def set(self, key: Key, due: float) -> None:
        """Wake `key` at `due`, unless it is to wake earlier already."""
        if key in self._due and self._due[key] <= due:
            return
        self._due[key] = due
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, key))

    def cancel(self, key: Key) -> None:
        """Forget the wish for `key`; its heap entry is skipped when it surfaces."""
        self._due.pop(key, None)

    def next_due(self) -> float | None:
        """Return when the first key is due."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> list[Key]:
        """Remove and return the keys that are due, earliest first."""
        ready = []
        while (due := self.next_due()) is not None and due <= now:
            key = heapq.heappop(self._heap)[2]
            del self._due[key]
            ready.append(key)
        return ready


class WorkQueue(Generic[Key]):
    """Keys on their way to the workers."""

    def __init__(
        self, *, metrics: Metrics, rng: Random, clock: Callable[[], float] | None = None
    ) -> None:
        """Make an empty queue.

        Args:
            metrics: where depth, waits and retries are counted.
            rng: jitter of the back-off.
            clock: seconds that only grow; the event loop's time unless a test brings its own.
        """
        self._metrics = metrics
        self._rng = rng
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._urgent: OrderedDict[Key, None] = OrderedDict()
        self._waiting: OrderedDict[Key, None] = OrderedDict()
        self._dirty: dict[Key, float] = {}  # wanted, with the time it was asked for
        self._hurry: set[Key] = set()  # wanted urgently while a worker has them
        self._processing: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._timers: Timers[Key] = Timers()
        self._alarm: tuple[float, asyncio.TimerHandle] | None = None
        self._wake = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._urgent) + len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being worked on; timers may still be set."""
        return not len(self) and not self._processing

    def add(self, key: Key, *, urgent: bool = False) -> None:
        """Ask for a pass over `key` as soon as a worker is free; urgent ones go first."""
        if self._closed:
            return
        if urgent and key in self._processing:
            self._hurry.add(key)
        elif urgent and self._waiting.pop(key, self) is None:
            self._urgent[key] = None
        if key in self._dirty:
            return
        self._dirty[key] = self._clock()
        self._metrics.queue_adds.inc()
        if key not in self._processing:
            self._put(key, urgent=urgent)

    def add_after(self, key: Key, delay: float) -> None:
        """Ask for a pass after `delay` seconds. The key's next pass takes the wish back:
        it knows better when to look again.
        """  # fmt: skip
        if self._closed:
            return
        if delay <= 0:
            self.add(key)
            return
        self._timers.set(key, self._clock() + delay)
        self._set_alarm()

    def add_rate_limited(self, key: Key) -> float:
        """Ask for a pass after the key's back-off, which grows; return the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(_FIRST_DELAY * 2.0 ** min(failures, 32), _LONGEST_DELAY)
        delay *= 0.5 + 0.5 * self._rng.random()
        self._metrics.queue_retries.inc()
        self.add_after(key, delay)
        return delay

    def forget(self, key: Key) -> None:
        """Reset the back-off of `key`: a pass went well."""
        self._failures.pop(key, None)

    async def get(self) -> Key | None:
        """Wait for a key and take it; None: the queue was closed. `done` must follow."""
        while not len(self):
            if self._closed:
                return None
            self._wake.clear()
            await self._wake.wait()
        key, _ = (self._urgent or self._waiting).popitem(last=False)
        self._metrics.queue_depth.set(len(self))
        self._metrics.queue_latency.observe(max(0.0, self._clock() - self._dirty.pop(key)))
        self._processing.add(key)
        self._timers.cancel(key)
        return key

    def done(self, key: Key) -> None:
        """Give `key` back; it waits again at once if it was added meanwhile."""
        self._processing.discard(key)
        urgent = key in self._hurry
        self._hurry.discard(key)
        if key in self._dirty and not self._closed:
            self._put(key, urgent=urgent)

    def close(self) -> None:
        """Take no more keys and send the workers home after what they are doing."""
        self._closed = True
        self._urgent.clear()
        self._waiting.clear()
        self._dirty.clear()
        self._hurry.clear()
        self._metrics.queue_depth.set(0)
        if self._alarm:
            self._alarm[1].cancel()
            self._alarm = None
        self._wake.set()

    def fire_due(self) -> None:
        """Put the keys on the queue whose time has come."""
        self._alarm = None
        for key in self._timers.pop_due(self._clock()):
            self.add(key)
        self._set_alarm()

    async def run(self, handler: Callable[[Key], Awaitable[None]], workers: int) -> None:
        """Work until the queue is closed; a cancelled run cancels the passes in progress."""
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._work(handler), name=f"worker-{number}")

    async def _work(self, handler: Callable[[Key], Awaitable[None]]) -> None:
        while (key := await self.get()) is not None:
            started = self._clock()
            try:
                await handler(key)
            except Exception:
                _log.exception("a pass over %s failed in an unforeseen way", key)
                self.add_rate_limited(key)
            finally:
                self._metrics.queue_work.observe(max(0.0, self._clock() - started))
                self.done(key)

    def _put(self, key: Key, *, urgent: bool) -> None:
        (self._urgent if urgent else self._waiting)[key] = None
        self._metrics.queue_depth.set(len(self))
        # Every waiting worker wakes and all but one find nothing: with a handful of workers that
        # is cheaper than futures of their own, and no wake-up can go to a cancelled one.
        self._wake.set()

    def _set_alarm(self) -> None:
        due = self._timers.next_due()
        if due is None or self._closed:
            return
        if self._alarm is not None:
            if self._alarm[0] <= due:
                return
            self._alarm[1].cancel()
        delay = max(0.0, due - self._clock())
        handle = asyncio.get_running_loop().call_later(delay, self.fire_due)
        self._alarm = (due, handle)
