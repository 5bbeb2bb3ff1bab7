"""Where repairs get their sandboxes: the protocol, and the pool of this machine's own.

`adapters.pods.PodPool` is the other one: a warm pool of pods in a cluster.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

from reflex_runner.errors import RunnerError
from reflex_runner.job import Runner


class NoSandboxError(Exception):
    """No sandbox is free, or none can be made: nothing ran, and the code is not to blame.

    Attributes:
        retry_after: seconds after which asking again may help; None: never, somebody has to act.
    """

    def __init__(self, message: str, *, retry_after: float | None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class SandboxPool(Protocol):
    """Lends sandboxes, each to one repair; used by one event loop."""

    async def start(self) -> None:
        """Begin to work: connect, watch, check that a sandbox can be had.

        Raises:
            NoSandboxError: none will ever be had here; its text says what to do.
        """
        ...

    async def close(self) -> None:
        """Stop, and give up what is still lent."""
        ...

    def free(self) -> int | None:
        """Return how many could be lent now; None: not known, ask `claim`. Must not block."""
        ...

    def claim(self, repair_id: str, *, seconds: float) -> AbstractAsyncContextManager[Runner]:
        """Lend a sandbox until the block ends; it serves this repair only and is then destroyed.

        Args:
            repair_id: for labels and logs; unique, `[a-z0-9-]`, at most 63 characters.
            seconds: how long the repair may take; a sandbox may end itself after that.

        Raises:
            NoSandboxError: on entering the block: none is free. The repair waits and asks again.
        """
        ...


class LocalRunner(Runner, Protocol):
    """A runner with something left on the disk."""

    def close(self) -> None:
        """Remove it; it was written by code that nobody trusts."""
        ...


LOG: Final = logging.getLogger("reflex.sandboxes")

OpenRunner = Callable[[Path], Awaitable[LocalRunner]]
"""Makes the runner that works in this scratch folder, or raises RunnerError."""


class LocalSandboxes:
    """Sandboxes on this machine: a runner and a scratch folder of its own for each repair.

    Args:
        open_runner: makes a runner, such as `reflex_runner.local.open_local`.
        capacity: at most this many at once.
        scratch: folder for build output; each sandbox's own is deleted after it.
    """

    def __init__(self, open_runner: OpenRunner, *, capacity: int, scratch: Path) -> None:
        self._open = open_runner
        self._capacity = capacity
        self._scratch = scratch
        self._lent = 0

    async def start(self) -> None:
        """See `SandboxPool`; one sandbox is made, to know that it can be."""
        await asyncio.to_thread(self._scratch.mkdir, parents=True, exist_ok=True)
        async with self.claim("start", seconds=1.0):
            pass

    async def close(self) -> None:
        """See `SandboxPool`."""

    def free(self) -> int | None:
        """See `SandboxPool`."""
        return self._capacity - self._lent

    @asynccontextmanager
    async def claim(self, repair_id: str, *, seconds: float) -> AsyncIterator[Runner]:  # noqa: ARG002
        """See `SandboxPool`."""
        if self._lent >= self._capacity:
            raise NoSandboxError(
                f"all {self._capacity} sandboxes of this machine are at work", retry_after=5.0
            )
        self._lent += 1
        try:
            home = await asyncio.to_thread(self._home, repair_id)
            try:
                try:
                    runner = await self._open(Path(home.name))
                except RunnerError as error:
                    raise NoSandboxError(str(error), retry_after=None) from error
                try:
                    yield runner
                finally:
                    await asyncio.to_thread(_close, runner)
            finally:
                await asyncio.to_thread(home.cleanup)
        finally:
            self._lent -= 1

    def _home(self, repair_id: str) -> TemporaryDirectory[str]:
        # A build that is still dying may write while it is deleted.
        return TemporaryDirectory(
            prefix=f"{repair_id}-", dir=self._scratch, ignore_cleanup_errors=True
        )


def _close(runner: LocalRunner) -> None:
    """Remove what a runner leaves; what cannot be removed is no reason to lose its result."""
    try:
        runner.close()
    except (OSError, RunnerError) as error:
        LOG.warning("a sandbox's folder could not be removed: %s", error)
