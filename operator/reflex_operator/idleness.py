"""Watches an engine's counters, to know since when nobody asks it. Never inside a worker.

One question at a time for a route; the answer goes into a table and the key back on the queue. The
engine serves its metrics without a key; nothing secret is asked for, sent or answered.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import aiohttp

from reflex_operator.reconcile.plan import RouteKey
from reflex_operator.reconcile.route.snapshot import IdleRequest

_log = logging.getLogger(__name__)

_EVERY: Final = 15.0
_SECONDS: Final = 5.0
_BODY_LIMIT: Final = 4 << 20
_BUSY: Final = re.compile(r"^sglang:num_(?:running|queue)_reqs(?:\{[^}]*\})? (\S+)", re.MULTILINE)
_TOTAL: Final = re.compile(r"^sglang:num_requests_total(?:\{[^}]*\})? (\S+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    pod_uid: str
    total: float
    since: datetime  # unchanged and nothing running since


class IdleWatcher:
    """The last counters of each route's active engine."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        answered: Callable[[RouteKey], None],
        resolver: str = "",
    ) -> None:
        """Make a watcher without answers.

        Args:
            now: the time.
            answered: called with the key when an engine was found idle or busy anew.
            resolver: test profile: base URL that stands in for every engine.
        """
        self._now = now
        self._answered = answered
        self._resolver = resolver.rstrip("/")
        self._seen: dict[RouteKey, _Seen] = {}
        self._running: dict[RouteKey, tuple[str, asyncio.Task[None]]] = {}
        self._session: aiohttp.ClientSession | None = None

    def since(self, key: RouteKey) -> datetime | None:
        """Return since when the route's engine was seen idle; None: not known, or busy."""
        seen = self._seen.get(key)
        return seen.since if seen else None

    def watch(self, key: RouteKey, wanted: IdleRequest | None) -> None:
        """Look at this engine from now on, or at none."""
        running = self._running.get(key)
        if running is not None and wanted is not None and running[0] == wanted.pod_uid:
            return
        if running is not None:
            running[1].cancel()
            del self._running[key]
            self._seen.pop(key, None)
        if wanted is not None:
            task = asyncio.create_task(self._follow(key, wanted), name=f"idleness {key}")
            self._running[key] = (wanted.pod_uid, task)

    def forget(self, key: RouteKey) -> None:
        """Drop what is known about a route that is gone."""
        self.watch(key, None)

    async def close(self) -> None:
        """Stop all watching and close the connections."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _follow(self, key: RouteKey, wanted: IdleRequest) -> None:
        while True:
            text = await self._ask(wanted)
            before = self._seen.get(key)
            now = self._now()
            found = _counters(text) if text is not None else None
            if found is None:
                self._seen.pop(key, None)  # what cannot be read is busy
            elif before is None or found[0] > 0 or found[1] != before.total:
                self._seen[key] = _Seen(pod_uid=wanted.pod_uid, total=found[1], since=now)
            if (before is None) != (key not in self._seen):
                self._answered(key)
            await asyncio.sleep(_EVERY)

    async def _ask(self, wanted: IdleRequest) -> str | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=8, force_close=True),
            )
        url = f"{self._resolver}/metrics" if self._resolver else wanted.url
        try:
            async with self._session.get(
                url, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=_SECONDS)
            ) as response:
                if response.status != 200:
                    return None
                raw = await response.content.read(_BODY_LIMIT)
                while not response.content.at_eof() and len(raw) < _BODY_LIMIT:
                    raw += await response.content.read(_BODY_LIMIT - len(raw))
                return raw.decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.debug("no metrics from %s: %s", wanted.url, type(error).__name__)
            return None


def _counters(text: str) -> tuple[float, float] | None:
    """Return the requests in the engine and those that it ever had; None: it does not say."""
    try:
        busy = [float(value) for value in _BUSY.findall(text)]
        total = [float(value) for value in _TOTAL.findall(text)]
    except ValueError:
        return None
    return (sum(busy), sum(total)) if busy else None
