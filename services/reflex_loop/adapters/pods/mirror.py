"""The sandbox pods as last seen: one list and one watch for all claims of this process."""

import asyncio
import logging
from collections.abc import Callable
from random import Random
from typing import Final

from reflex_loop.adapters.kube.errors import ApiError
from reflex_loop.adapters.pods.api import Pod, PodApi
from reflex_loop.adapters.pods.podview import PodView, view

_log = logging.getLogger(__name__)
_LONGEST_PAUSE: Final = 10.0


class Mirror:
    """Follows the pods until `close`.

    Args:
        api: where they are.
        chance: spreads the pauses after failures.
    """

    def __init__(self, api: PodApi, chance: Random) -> None:
        self._api = api
        self._chance = chance
        self._pods: dict[str, PodView] = {}
        self.generation = 0
        """Grows with each change: `wait` misses none between a look and itself."""
        self._changed = asyncio.Condition()
        self._follower: asyncio.Task[None] | None = None

    @property
    def pods(self) -> list[PodView]:
        """Return the pods as last seen."""
        return list(self._pods.values())

    async def start(self) -> None:
        """List once, then follow.

        Raises:
            ApiError: the list failed.
        """
        version = await self._list()
        self._follower = asyncio.create_task(self._follow(version), name="sandbox-pods")

    async def close(self) -> None:
        """Stop following."""
        if self._follower:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)

    async def put(self, pod: Pod) -> PodView:
        """Take over what the API server answered to a write: the watch may take a moment."""
        seen = view(pod)
        await self._change(lambda: self._pods.update({seen.uid: seen}))
        return seen

    async def drop(self, uid: str) -> None:
        """Forget a pod that was deleted."""
        await self._change(lambda: self._pods.pop(uid, None))

    async def wait(self, seen: int, seconds: float) -> None:
        """Return when the generation is not `seen` any more, or after `seconds`."""
        async with self._changed:
            try:
                async with asyncio.timeout(max(seconds, 0)):
                    await self._changed.wait_for(lambda: self.generation != seen)
            except TimeoutError:
                return

    async def _change(self, act: Callable[[], object]) -> None:
        async with self._changed:
            act()
            self.generation += 1
            self._changed.notify_all()

    async def _list(self) -> str:
        pods, version = await self._api.list()
        seen = [view(pod) for pod in pods]

        def replace() -> None:
            self._pods = {each.uid: each for each in seen}

        await self._change(replace)
        return version

    async def _follow(self, version: str) -> None:
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                version = version or await self._list()
                async for kind, pod in self._api.watch(version):
                    failures = 0
                    if kind == "DELETED":
                        await self.drop(pod["metadata"]["uid"])
                    else:
                        await self.put(pod)
            except ApiError as error:
                failures += 1
                pause = min(0.5 * 2**failures, _LONGEST_PAUSE) * (0.5 + self._chance.random() / 2)
                _log.warning("cannot follow the sandbox pods: %s; again in %.1f s", error, pause)
                await asyncio.sleep(pause)
            except (ValueError, KeyError, TypeError, AttributeError):
                # What no API server says, but a proxy before it may. Without this the pods would
                # be for ever what they were.
                _log.exception("cannot read what the API server says of the sandbox pods")
                await asyncio.sleep(_LONGEST_PAUSE / 2)
            version = ""
            if asyncio.get_running_loop().time() - began < 1:
                await asyncio.sleep(1)  # a proxy that ends watches at once
