"""One question at a time for each key: the tasks of the edges that ask, read and fetch."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Wanted = TypeVar("Wanted")
Answer = TypeVar("Answer")


class InFlight(Generic[Key, Wanted]):
    """What is being asked now, and for what; whether to ask again is the owner's decision."""

    def __init__(self, verb: str) -> None:
        """Make one with nothing in flight.

        Args:
            verb: begins the tasks' names, for whoever debugs.
        """
        self._verb = verb
        self._tasks: dict[Key, tuple[Wanted, asyncio.Task[None]]] = {}

    def get(self, key: Key) -> Wanted | None:
        """Return what is being asked for this key, or None."""
        entry = self._tasks.get(key)
        return None if entry is None else entry[0]

    def start(
        self,
        key: Key,
        wanted: Wanted,
        ask: Callable[[], Awaitable[Answer]],
        done: Callable[[Answer], None],
    ) -> None:
        """Ask in a task of its own, in the place of what is being asked for this key.

        Args:
            key: whom it is about.
            wanted: what `get` tells meanwhile.
            ask: gives the answer; not called again.
            done: takes the answer when the key is free again, so that it may ask the next.
        """
        self.cancel(key)
        task = asyncio.create_task(self._carry(key, ask, done), name=f"{self._verb} {key}")
        self._tasks[key] = (wanted, task)

    def cancel(self, key: Key) -> None:
        """Stop what is being asked for this key; its answer is not delivered."""
        entry = self._tasks.pop(key, None)
        if entry is not None:
            entry[1].cancel()

    async def close(self) -> None:
        """Stop everything and wait until it has ended."""
        tasks = [task for _, task in self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(
        self, key: Key, ask: Callable[[], Awaitable[Answer]], done: Callable[[Answer], None]
    ) -> None:
        try:
            answer = await ask()
        finally:
            # A newer question may have taken the place; its entry is not ours to remove.
            entry = self._tasks.get(key)
            if entry is not None and entry[1] is asyncio.current_task():
                del self._tasks[key]
        done(answer)
