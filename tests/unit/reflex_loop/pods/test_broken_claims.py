"""What becomes of pods and repairs when a claim breaks off, or none is free in the middle."""

import asyncio
from pathlib import Path

import pytest

from reflex_loop.adapters.checker import RunnerChecker
from reflex_loop.adapters.pods.errors import DependenciesError
from reflex_loop.adapters.pods.podview import PodView
from reflex_loop.adapters.pods.pool import PodPool
from reflex_loop.adapters.sandboxes import NoSandboxError
from unit.reflex_loop.pods.test_pod_pool import CHECK, LOCK, Rig, crate, rig, until

__all__ = ["crate", "rig"]


async def test_no_free_fetcher_makes_a_repair_wait_and_not_fail(rig: Rig, crate: Path) -> None:
    """Through the loop's compiler: what it wraps ends the repair for good."""
    (crate / "Cargo.lock").write_text(LOCK)
    rig.pods.add("a")
    rig.pods.add("fetcher", "fetch", ready=False)
    pool = await rig.pool()
    with pytest.raises(NoSandboxError, match="no fetch sandbox became free") as refused:
        async with pool.claim("repair-1", seconds=60) as runner:
            await RunnerChecker(runner).check(crate, seconds=60)
    assert refused.value.retry_after
    await until(lambda: set(rig.pods.pods) == {"fetcher"})


async def test_without_a_pool_that_fetches_nobody_waits_for_one(rig: Rig, crate: Path) -> None:
    (crate / "Cargo.lock").write_text(LOCK)
    rig.pods.add("a")
    pool = await rig.pool()
    with pytest.raises(DependenciesError, match="not fetched here"):
        async with pool.claim("repair-1", seconds=60) as runner:
            await runner.run(CHECK, crate)


async def test_no_pod_for_a_lost_one_makes_a_repair_wait(rig: Rig, crate: Path) -> None:
    rig.pods.add("a")
    pool = await rig.pool()
    rig.agent.answers = ["lost"]
    with pytest.raises(NoSandboxError, match="no check sandbox became free"):
        async with pool.claim("repair-1", seconds=60) as runner:
            await runner.run(CHECK, crate)


async def test_a_claim_that_is_cancelled_after_it_took_hold_leaves_no_pod(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the write is on its way when the service is told to end."""
    rig.pods.add("a")
    pool = await rig.pool()
    written = asyncio.Event()
    really = pool._mirror.put

    async def lost(pod: dict[str, object]) -> PodView:
        seen = await really(pod)
        if seen.claimed:
            written.set()
            await asyncio.Event().wait()
        return seen

    monkeypatch.setattr(pool._mirror, "put", lost)

    async def claim(pool: PodPool) -> None:
        async with pool.claim("repair-1", seconds=1800):
            raise AssertionError("it was never claimed")

    task = asyncio.create_task(claim(pool))
    await asyncio.wait_for(written.wait(), 5)
    monkeypatch.undo()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: rig.pods.pods == {})


async def test_an_answer_that_no_api_server_gives_does_not_blind_the_pool(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reflex_loop.adapters.pods.mirror._LONGEST_PAUSE", 0.02)
    pool = await rig.pool(wait_seconds=10)
    await until(lambda: ("watch", "") in rig.pods.requests)
    for queue in rig.pods._watchers:
        queue.put_nowait({"kind": "Status"})  # no event: neither type nor object
    rig.pods.add("a")
    rig.pods.end_watches()
    async with pool.claim("repair-1", seconds=60):
        pass
