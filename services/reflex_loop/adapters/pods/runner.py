"""A claimed pod as a `Runner`: brings the tree up to date, then runs the job there."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from reflex_loop.adapters.pods.agent import Agent
from reflex_loop.adapters.pods.dependencies import DependencyStore, Fetch, lock_of
from reflex_loop.adapters.pods.errors import AgentLostError
from reflex_loop.adapters.pods.packing import pack
from reflex_loop.adapters.pods.podview import PodView
from reflex_runner.job import Job, Outcome

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A pod of ours and the way to speak to it."""

    pod: PodView
    agent: Agent


Replace = Callable[[AgentLostError], Awaitable[Claimed]]
"""Gives up the pod that was lost and claims another one."""


class PodRunner:
    """One repair's sandbox; implements `reflex_runner.job.Runner`.

    A pod that is lost (evicted, out of memory, its node gone) is replaced once: each run brings
    the whole tree along, so nothing but the build cache is lost with it.

    Args:
        claimed: the pod, for this repair.
        replace: see `Replace`.
        dependencies: the crates of earlier repairs.
        fetch: fetches those of the tree under a root, for such a cargo.
    """

    def __init__(
        self,
        claimed: Claimed,
        *,
        replace: Replace,
        dependencies: DependencyStore,
        fetch: Callable[[Path, str], Fetch],
    ) -> None:
        self._claimed = claimed
        self._replace = replace
        self._dependencies = dependencies
        self._fetch = fetch
        self._replaced = False
        self._one_at_a_time = asyncio.Lock()
        self._workspace = ""
        self._registry = ""

    async def run(self, job: Job, root: Path) -> Outcome:
        """Run a job on the tree as it is now; see `Runner`.

        Raises:
            PodError: no pod could run it; the text says why.
        """
        async with self._one_at_a_time:
            try:
                return await self._run(job, root)
            except AgentLostError as error:
                if self._replaced:
                    raise
                self._replaced = True
                self._claimed = await self._replace(error)
                self._workspace = self._registry = ""
                return await self._run(job, root)

    async def _run(self, job: Job, root: Path) -> Outcome:
        if not job.entry:
            await self._bring_dependencies(root)
        packed = await asyncio.to_thread(pack, root)
        with closing(packed):
            if packed.digest != self._workspace:
                self._workspace = ""
                await self._claimed.agent.put_workspace(packed.file)
                self._workspace = packed.digest
        return await self._claimed.agent.job(job)

    async def _bring_dependencies(self, root: Path) -> None:
        lock = await asyncio.to_thread(lock_of, root)
        if lock is None:
            return
        digest = hashlib.sha256(lock).hexdigest()
        if digest == self._registry:
            return
        cargo = self._claimed.pod.cargo
        async with self._dependencies.tar(lock, cargo, self._fetch(root, cargo)) as tar:
            await self._claimed.agent.put_registry(tar)
        self._registry = digest
