"""The warm pool: claims ready pods, hands them out as runners, deletes them and what was orphaned.

The pods come from two Deployments of the chart. A claim takes a pod out of its ReplicaSet, which
makes a new one: the pool never creates anything, and its Role has no such verb.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import IO, Any, Final

import aiohttp
from kubernetes.aio.client import Configuration

from reflex_loop.adapters.kube.api import connect
from reflex_loop.adapters.kube.errors import ApiConflictError, ApiError, ApiGoneError
from reflex_loop.adapters.pods.agent import Agent
from reflex_loop.adapters.pods.api import PodApi
from reflex_loop.adapters.pods.dependencies import DependencyStore, Fetch
from reflex_loop.adapters.pods.errors import (
    AgentLostError,
    DependenciesError,
    PodError,
)
from reflex_loop.adapters.pods.mirror import Mirror
from reflex_loop.adapters.pods.packing import pack_manifests
from reflex_loop.adapters.pods.podview import (
    GRACE,
    PodKind,
    PodView,
    claim_patch,
    free_pods,
    left_behind,
    orphans,
    view,
    why_it_ended,
)
from reflex_loop.adapters.pods.runner import Claimed, PodRunner
from reflex_loop.adapters.sandboxes import NoSandboxError
from reflex_runner.job import Runner

_log = logging.getLogger(__name__)
_TOKEN_BYTES: Final = 32
_RETRY_AFTER: Final = 5.0
_STARTING: Final = 30.0
_LAST_WORDS: Final = 2000


@dataclass(frozen=True, kw_only=True)
class PodPoolOptions:
    """What the pool has to know.

    Attributes:
        namespace: where the sandbox pods are.
        selector: labels of all pods of this release's pools.
        cache: folder for fetched crates; the service's own.
        cache_bytes: most that is kept there.
        wait_seconds: how long a claim waits for a pod to become ready.
        fetch_seconds: for fetching the crates of one Cargo.lock.
        collect_seconds: between two looks for orphans.
    """

    namespace: str
    cache: Path
    selector: str = "app.kubernetes.io/name=reflex-runner"
    cache_bytes: int = 2 << 30
    wait_seconds: float = 20.0
    fetch_seconds: float = 300.0
    collect_seconds: float = 30.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _address(pod: PodView) -> str:
    return pod.address


class PodPool:
    """Sandboxes that are pods; implements `reflex_loop.adapters.sandboxes.SandboxPool`.

    Args:
        options: see there.
        connect: gives the connection to the API server.
        now: the clock that expiries are written by; aware.
        address: gives the base URL of a pod's agent.
        chance: which of the free pods is tried first, so that replicas seldom collide.
    """

    def __init__(
        self,
        options: PodPoolOptions,
        *,
        connect: Callable[[], Awaitable[Configuration]] = connect,
        now: Callable[[], datetime] = _utc_now,
        address: Callable[[PodView], str] = _address,
        chance: Random | None = None,
    ) -> None:
        self._options = options
        self._connect = connect
        self._now = now
        self._address = address
        self._chance = chance or Random()
        self._store = DependencyStore(options.cache, most_bytes=options.cache_bytes)
        self._held: set[str] = set()
        """Uids that this process claims or works with."""
        self._lent: dict[str, PodView] = {}
        """What this process works with, by uid."""
        self._endings: set[asyncio.Task[None]] = set()
        self._collector: asyncio.Task[None] | None = None
        self._api: PodApi
        self._mirror: Mirror
        self._session: aiohttp.ClientSession
        self._started = False

    async def start(self) -> None:
        """See `SandboxPool`."""
        options = self._options
        self._api = PodApi(
            await self._connect(), namespace=options.namespace, selector=options.selector
        )
        self._mirror = Mirror(self._api, self._chance)
        try:
            async with asyncio.timeout(_STARTING):
                await self._first_list()
        except (ApiError, TimeoutError) as error:
            await self._api.close()
            raise NoSandboxError(
                f"the sandbox pods in namespace {options.namespace} cannot be listed: "
                f"{error or 'no answer'}; does the Role reflex-runner exist there?",
                retry_after=None,
            ) from error
        await asyncio.to_thread(self._store.clear_partial)
        self._session = aiohttp.ClientSession()
        self._collector = asyncio.create_task(self._collect(), name="sandbox-orphans")
        self._started = True

    async def close(self) -> None:
        """See `SandboxPool`."""
        if not self._started:
            return
        self._started = False
        if self._collector:
            self._collector.cancel()
            await asyncio.gather(self._collector, return_exceptions=True)
        for pod in list(self._lent.values()):
            self._end(pod)
        await asyncio.gather(*self._endings, return_exceptions=True)
        await self._mirror.close()
        await self._session.close()
        await self._api.close()

    def free(self) -> int | None:
        """See `SandboxPool`."""
        if not self._started:
            return None
        return len(free_pods(self._mirror.pods, PodKind.CHECK, reserved=self._held))

    @asynccontextmanager
    async def claim(self, repair_id: str, *, seconds: float) -> AsyncIterator[Runner]:
        """See `SandboxPool`."""
        # Those of an earlier process that died with this repair at work: their tree is not known.
        await self._delete_all(left_behind(self._mirror.pods, repair_id, ours=self._held))
        claimed = await self._take(PodKind.CHECK, repair_id, seconds)

        async def replace(lost: AgentLostError) -> Claimed:
            nonlocal claimed
            _log.warning(
                "repair %s lost its sandbox %s: %s", repair_id, claimed.pod.name,
                await self._explain(claimed.pod, lost),
            )  # fmt: skip
            self._end(claimed.pod)
            claimed = await self._take(PodKind.CHECK, repair_id, seconds)
            return claimed

        runner = PodRunner(
            claimed,
            replace=replace,
            dependencies=self._store,
            fetch=lambda root, cargo: self._fetcher(repair_id, root, cargo),
        )
        try:
            yield runner
        finally:
            await self._give_up(claimed.pod)

    def _fetcher(self, repair_id: str, root: Path, cargo: str) -> Fetch:
        seconds = self._options.fetch_seconds

        async def fetch(into: IO[bytes]) -> int:
            """Have a pod with network, and without the source, fetch what Cargo.lock names."""
            claimed = await self._take(PodKind.FETCH, repair_id, 2 * seconds, cargo=cargo)
            try:
                with closing(await asyncio.to_thread(pack_manifests, root)) as packed:
                    await claimed.agent.put_workspace(packed.file)
                outcome = await claimed.agent.fetch(seconds=seconds)
                if outcome.code or outcome.timed_out:
                    words = outcome.stderr[-_LAST_WORDS:].decode(errors="replace").strip()
                    raise DependenciesError(f"cargo fetch failed: {words or outcome.code}")
                return await claimed.agent.get_registry(into, seconds=seconds)
            finally:
                await self._give_up(claimed.pod)

        return fetch

    async def _take(
        self, kind: PodKind, repair: str, seconds: float, *, cargo: str | None = None
    ) -> Claimed:
        """Claim a pod, waiting for one to become ready.

        Raises:
            NoSandboxError: none did in time. No RunnerError, also in the middle of a repair (a pod
                was lost, crates are to be fetched): the repair waits, it has not failed.
            DependenciesError: none that fetches will ever be there.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._options.wait_seconds
        trouble, pooled = "", False
        while True:
            seen = self._mirror.generation
            pooled |= any(each.kind == kind and not each.claimed for each in self._mirror.pods)
            free = free_pods(self._mirror.pods, kind, reserved=self._held, cargo=cargo)
            self._chance.shuffle(free)
            for pod in free:
                try:
                    if claimed := await self._try(pod, repair, seconds):
                        return claimed
                except (ApiError, PodError) as error:
                    trouble = str(error)
                    _log.warning("could not claim sandbox %s: %s", pod.name, error)
            left = deadline - loop.time()
            if left <= 0:
                words = (
                    f"no {kind} sandbox became free in namespace {self._options.namespace} within "
                )
                words += f"{self._options.wait_seconds:.0f} s"
                words = f"{words}; last: {trouble}" if trouble else words
                if kind is PodKind.FETCH and not pooled:
                    # Not even one that is starting: no such pool, and waiting helps nobody.
                    raise DependenciesError(
                        f"{words}, and none is about to: crates from a registry are not fetched"
                        " here (loop.runners.fetch.warm)"
                    )
                raise NoSandboxError(words, retry_after=_RETRY_AFTER)
            await self._mirror.wait(seen, left)

    async def _try(self, pod: PodView, repair: str, seconds: float) -> Claimed | None:
        """Claim exactly this pod; None when somebody was faster."""
        if pod.uid in self._held:
            return None
        self._held.add(pod.uid)
        try:
            claimed = await self._relabel(pod, repair, seconds)
        except (ApiConflictError, ApiGoneError):
            self._held.discard(pod.uid)
            return None
        except BaseException:
            self._background(self._take_back(pod, repair), f"take-back-{pod.name}")
            raise
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        agent = Agent(self._session, self._address(claimed), token)
        try:
            await agent.claim(repair, seconds=seconds)
        except BaseException:
            self._end(claimed)
            raise
        self._lent[claimed.uid] = claimed
        return Claimed(pod=claimed, agent=agent)

    async def _relabel(self, pod: PodView, repair: str, seconds: float) -> PodView:
        expires = self._now() + timedelta(seconds=seconds) + GRACE
        try:
            patched = await self._api.patch(
                pod.name, claim_patch(pod, repair=repair, expires=expires)
            )
        except ApiConflictError:
            # A status update is a new version too: look, and try once more if it is still free.
            pod = await self._mirror.put(await self._api.get(pod.name))
            if not pod.free:
                raise
            patched = await self._api.patch(
                pod.name, claim_patch(pod, repair=repair, expires=expires)
            )
        return await self._mirror.put(patched)

    async def _first_list(self) -> None:
        while True:
            try:
                return await self._mirror.start()
            except ApiError as error:
                if 400 <= error.status < 500 and error.status != 429:
                    raise  # no right, no namespace: waiting helps nobody
                _log.warning("the sandbox pods cannot be listed yet: %s", error)
            await asyncio.sleep(1)

    async def _collect(self) -> None:
        """Delete what nobody will come back for, whichever replica claimed it."""
        while True:
            try:
                await self._delete_all(orphans(self._mirror.pods, self._now(), ours=self._held))
            except Exception:  # nobody else would collect, and nobody would hear of it
                _log.exception("orphaned sandboxes were not collected; again soon")
            await asyncio.sleep(self._options.collect_seconds)

    async def _delete_all(self, pods: Iterable[PodView]) -> None:
        for pod in pods:
            _log.warning("deleting sandbox %s, left behind by repair %s", pod.name, pod.repair)
            await self._delete(pod)

    async def _give_up(self, pod: PodView) -> None:
        """End a pod of ours, unless `close` did."""
        if pod.uid in self._lent:
            await asyncio.shield(self._end(pod))

    def _end(self, pod: PodView) -> asyncio.Task[None]:
        """Begin to delete a pod of ours; goes on even when the caller is cancelled."""
        return self._background(self._delete(pod), f"end-{pod.name}")

    def _background(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        return task

    async def _take_back(self, pod: PodView, repair: str) -> None:
        """End a pod whose claim broke off, if it took hold; else it would wait for its time."""
        try:
            now = view(await self._api.get(pod.name))
        except ApiError:
            now = pod  # its expiry stays, if it has one
        if now.uid == pod.uid and now.claimed and now.repair == repair:
            await self._delete(now)
        else:
            self._held.discard(pod.uid)

    async def _delete(self, pod: PodView) -> None:
        self._lent.pop(pod.uid, None)
        try:
            await self._api.delete(pod.name, uid=pod.uid)
        except (ApiGoneError, ApiConflictError):
            pass
        except ApiError as error:
            # Its expiry stays: some replica's collector will find it.
            _log.warning("could not delete sandbox %s: %s", pod.name, error)
            self._held.discard(pod.uid)
            return
        await self._mirror.drop(pod.uid)
        self._held.discard(pod.uid)

    async def _explain(self, pod: PodView, lost: AgentLostError) -> str:
        try:
            words = why_it_ended(await self._api.get(pod.name))
        except ApiGoneError:
            words = "the pod was deleted"
        except ApiError:
            words = ""
        return words or str(lost)
