"""The runner's agent beside the bakeoff in its pod, as a `Runner` for all items of one run."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

import aiohttp

from reflex_loop.adapters.pods.agent import Agent
from reflex_loop.adapters.pods.errors import AgentError, AgentLostError
from reflex_loop.adapters.pods.packing import pack
from reflex_runner.job import Job, Outcome

_READY_SECONDS: Final = 120.0
_PAUSE: Final = 0.5
_LONGEST_CLAIM: Final = 86_400.0
_LOST: Final = frozenset({401, 403, 503})


class AgentRunner:
    """Runs jobs at an agent; one that was restarted is claimed again and given the tree anew.

    Crates with dependencies are not supported: a suite is compiled without a network.

    Args:
        agent: with the token of this run.
        seconds: how long it may be used.
        ready_seconds: longest wait for an agent that starts, or starts again.
    """

    def __init__(
        self, agent: Agent, *, seconds: float, ready_seconds: float = _READY_SECONDS
    ) -> None:
        self._agent = agent
        self._ends = time.monotonic() + seconds
        self._ready_seconds = ready_seconds
        self._one_at_a_time = asyncio.Lock()
        self._workspace = ""

    async def claim(self) -> None:
        """Take the agent, as soon as it has proved its confinement.

        Raises:
            PodError: it does not start, or somebody else has it.
        """
        deadline = time.monotonic() + self._ready_seconds
        self._workspace = ""
        while True:
            left = max(1.0, min(self._ends - time.monotonic(), _LONGEST_CLAIM))
            try:
                await self._agent.claim("bakeoff", seconds=left)
                return
            except (AgentLostError, AgentError) as error:
                lost = isinstance(error, AgentLostError) or error.status in _LOST
                if not lost or time.monotonic() >= deadline:
                    raise
            await asyncio.sleep(_PAUSE)

    async def run(self, job: Job, root: Path) -> Outcome:
        """Run a job on the tree as it is now; see `Runner`."""
        async with self._one_at_a_time:
            try:
                return await self._run(job, root)
            except (AgentLostError, AgentError) as error:
                if isinstance(error, AgentError) and error.status not in _LOST:
                    raise
                await self.claim()
                return await self._run(job, root)

    async def _run(self, job: Job, root: Path) -> Outcome:
        packed = await asyncio.to_thread(pack, root)
        with closing(packed):
            if packed.digest != self._workspace:
                self._workspace = ""
                await self._agent.put_workspace(packed.file)
                self._workspace = packed.digest
        return await self._agent.job(job)


@asynccontextmanager
async def agent_runner(address: str, *, seconds: float) -> AsyncIterator[AgentRunner]:
    """Claim the agent at an address until the block ends.

    Args:
        address: such as `http://127.0.0.1:8080`.
        seconds: how long it may be used.

    Raises:
        PodError: it cannot be claimed.
    """
    async with aiohttp.ClientSession(trust_env=False) as session:
        agent = Agent(session, address, secrets.token_urlsafe(32))
        runner = AgentRunner(agent, seconds=seconds)
        await runner.claim()
        yield runner
