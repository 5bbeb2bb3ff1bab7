"""Follows one ReflexRoute: a look at it, then a watch, again and again."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from random import Random
from typing import Any, Final, Protocol

from reflex_loop.adapters.kube.errors import ApiError, ApiGoneError
from reflex_loop.adapters.routes.view import RouteView, read

LOG: Final = logging.getLogger("reflex.service.routes")
RESYNC: Final = 30.0
"""Seconds of a watch; then the route is looked at anew, whatever the watch said."""
STALE: Final = 90.0
"""Seconds without a word of the API server after which what was seen counts no longer."""
_LONGEST_PAUSE: Final = 10.0


class Routes(Protocol):
    """The ReflexRoutes of a namespace: `kube.api.Collection`."""

    async def get(self, name: str) -> dict[str, Any]:
        """Return one."""
        ...

    def watch(
        self, query: Mapping[str, str], *, seconds: float
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Yield what happens."""
        ...


class RouteFollower:
    """What one route says, never older than `STALE` seconds.

    Args:
        routes: where it is.
        name: of the route.
        changed: called after each look with what is known now, or None.
        clock: monotonic seconds.
        chance: spreads the pauses after failures.
        sleep: waits.
    """

    def __init__(
        self, routes: Routes, name: str, *, changed: Callable[[RouteView | None], None],
        clock: Callable[[], float], chance: Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        self.name = name
        self._routes = routes
        self._changed = changed
        self._clock = clock
        self._chance = chance or Random()
        self._sleep = sleep
        self._view: RouteView | None = None
        self._heard: float | None = None
        self._words = "it was not looked at yet"
        self._first = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def view(self) -> RouteView | None:
        """What the route says; None: nobody knows, see `trouble`."""
        if self._heard is None or self._clock() - self._heard > STALE:
            return None
        return self._view

    @property
    def trouble(self) -> str:
        """Why nothing is known; empty when something is."""
        if self.view is not None:
            return ""
        return self._words or f"the API server says nothing for more than {STALE:g} s"

    async def start(self, *, seconds: float) -> None:
        """Follow, and wait so long for a first answer, whatever it is."""
        self._task = asyncio.create_task(self._follow(), name=f"route-{self.name}")
        try:
            async with asyncio.timeout(seconds):
                await self._first.wait()
        except TimeoutError:
            LOG.warning("route %s: the API server does not answer yet", self.name)

    async def close(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        failures = 0
        while True:
            began = self._clock()
            try:
                self._take(await self._routes.get(self.name))
                failures = 0
                selected = {"fieldSelector": f"metadata.name={self.name}"}
                # Without a version the watch begins with the object as it is now.
                async for kind, manifest in self._routes.watch(selected, seconds=RESYNC):
                    if kind == "DELETED":
                        self._gone("the route was deleted")
                    else:
                        self._take(manifest)
            except ApiGoneError:
                self._gone("there is no such ReflexRoute")
            except ApiError as error:
                failures += 1
                self._tell(str(error))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                # What no API server says, but a proxy before it may.
                failures += 1
                self._tell(f"the API server's answer cannot be read: {type(error).__name__}")
            self._first.set()
            pause = min(0.5 * 2**failures, _LONGEST_PAUSE) * (0.5 + self._chance.random() / 2)
            if failures or self._clock() - began < 1:
                await self._sleep(pause)  # also after a proxy that ends watches at once

    def _take(self, manifest: Mapping[str, Any]) -> None:
        view = read(manifest)
        self._heard = self._clock()
        words = "" if view else "its status says nothing: is the operator running?"
        self._set(view, words)

    def _gone(self, words: str) -> None:
        self._heard = self._clock()
        self._set(None, words)

    def _set(self, view: RouteView | None, words: str) -> None:
        if words and words != self._words:
            LOG.warning("route %s: %s", self.name, words)
        if view is not None and (
            self._view is None
            or (self._view.serving, self._view.reason, self._view.activation)
            != (view.serving, view.reason, view.activation)
        ):
            LOG.info(
                "route %s: %s (%s), active %s@%s",
                self.name, "serves" if view.serving else "does not serve", view.reason,
                view.model or "none", view.revision,
            )  # fmt: skip
        self._view, self._words = view, words
        self._first.set()
        self._changed(self.view)

    def _tell(self, words: str) -> None:
        """Keep what was seen until it is too old."""
        if words != self._words:
            LOG.warning("route %s cannot be followed: %s", self.name, words)
        self._words = words
        self._changed(self.view)
