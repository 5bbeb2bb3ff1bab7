"""Writes reflex-loop's word about one route into its ConfigMap, not often, and never in the way."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol

from reflex_api.names import feedback_name
from reflex_loop.adapters.kube.errors import ApiConflictError, ApiError, ApiGoneError
from reflex_loop.adapters.routes.view import RouteView
from reflex_loop.adapters.routes.word import Observed, ReplicaWord, compose, due

LOG: Final = logging.getLogger("reflex.service.routes")
_RETRY: Final = 30.0
_CONFLICTS: Final = 4
"""Replicas that write at the same moment; who loses so often waits for its next turn."""

Ending = Literal["written", "conflict", "failed"]


class ConfigMaps(Protocol):
    """The ConfigMaps of a namespace: `kube.api.Collection`."""

    async def get(self, name: str) -> dict[str, Any]:
        """Return one."""
        ...

    async def patch(self, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Merge into one."""
        ...


class Reporter:
    """The word of this replica about one route; `observed` is filled by others.

    Args:
        maps: where the ConfigMap is. It is never made here: the right to make one would be the
            right to make evidence.
        route: its name.
        replica: name of this process, as a key of the ConfigMap may be.
        observed: what this process saw.
        now: the wall clock.
        told: hears how each write ended.
        sleep: waits.
    """

    def __init__(
        self, maps: ConfigMaps, route: str, *, replica: str, observed: Observed,
        now: Callable[[], datetime], told: Callable[[Ending], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        self._maps = maps
        self._name = feedback_name(route)
        self._replica = replica
        self._observed = observed
        self._now = now
        self._told = told
        self._sleep = sleep
        self._written: ReplicaWord | None = None
        self._written_at: datetime | None = None
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.trouble = ""
        """Why the last write failed."""

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name=f"feedback-{self._name}")

    async def close(self) -> None:
        """Stop. What was not written yet is not: others go on, or nobody asks."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def news(self) -> None:
        """Hear that something may have changed."""
        self._news.set()

    async def _run(self) -> None:
        while True:
            left = self._left()
            if left is None or left > 0:
                try:
                    async with asyncio.timeout(left):
                        await self._news.wait()
                    self._news.clear()
                except TimeoutError:
                    pass
                else:
                    continue
            try:
                await self._write()
            except ApiError as error:
                if str(error) != self.trouble:
                    LOG.warning("the word about %s is not written: %s", self._name, error)
                self.trouble = str(error)
                self._told("conflict" if isinstance(error, ApiConflictError) else "failed")
                await self._sleep(_RETRY)
            except Exception:  # nobody else would write, and nobody would hear of it
                LOG.exception("the word about %s is not written", self._name)
                self.trouble = "a fault of the service; its log says more"
                self._told("failed")
                await self._sleep(_RETRY)

    def _left(self) -> float | None:
        """Return the seconds until the next write; None: there is nothing to write."""
        now, view = self._now(), self._observed.view
        word = self._observed.word(now)
        if word is None or view is None:
            return None
        wait = due(self._written, word, serving=view.serving)
        if wait is None:
            return None
        since = self._written_at
        return 0.0 if since is None else max(0.0, (since + wait - now) / timedelta(seconds=1))

    async def _write(self) -> None:
        """Put the word beside those of the others, and say what all of them mean together."""
        for left in range(_CONFLICTS, 0, -1):
            word, view = self._observed.word(self._now()), self._observed.view
            if word is None or view is None:
                return
            try:
                await self._put(word, view)
            except ApiConflictError:
                if left == 1:
                    raise
            else:
                self._written, self._written_at = word, word.at
                self.trouble = ""
                self._told("written")
                return

    async def _put(self, word: ReplicaWord, view: RouteView) -> None:
        try:
            found = await self._maps.get(self._name)
        except ApiGoneError as error:
            raise ApiGoneError(
                f"there is no ConfigMap {self._name}; it is made by the chart (loop.routes), or by"
                " hand: docs/reflexroute.md", status=error.status,
            ) from error  # fmt: skip
        letter = compose(
            found.get("data") or {}, replica=self._replica, word=word, floor=view.floor
        )
        await self._maps.patch(
            self._name,
            {
                "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
                "data": dict(letter.data),
            },
        )
