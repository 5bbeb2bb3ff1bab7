"""How often each key may ask, in this process."""

import time

from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from reflex_service.errors import RateLimitError


class Rate:
    """A limit for each owner by itself, such as `60/minute`; a window slides.

    Several replicas count each for itself: behind a balancer the limit is that of all together.
    The library's storage for threads would start a thread for each request; this one starts none.
    """

    def __init__(self, limit: str, *, what: str) -> None:
        self._item = parse(limit)
        self._what = what
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def hit(self, owner: str) -> None:
        """Count one.

        Raises:
            RateLimitError: it is one too many; `retry_after` says when there is room again.
        """
        if await self._limiter.hit(self._item, self._what, owner):
            return
        window = await self._limiter.get_window_stats(self._item, self._what, owner)
        raise RateLimitError(
            f"this key may make {self._item} {self._what}: wait, or ask for a higher limit",
            retry_after=max(1.0, window.reset_time - time.time()),
        )
