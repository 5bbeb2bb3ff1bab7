"""Claims, replacements, orphans and dependencies, over a scripted API server and agent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from reflex_loop.adapters.pods.errors import AgentError, AgentLostError, DependenciesError
from reflex_loop.adapters.pods.podview import (
    CARGO_ANNOTATION,
    EXPIRES_ANNOTATION,
    STATE_LABEL,
)
from reflex_loop.adapters.pods.pool import PodPool, PodPoolOptions
from reflex_loop.adapters.sandboxes import NoSandboxError
from reflex_runner.job import Job, Runner
from unit.reflex_loop.pods.fake_cluster import (
    NAMESPACE,
    FakeAgent,
    FakePods,
    agent_server,
    api_server,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CHECK = Job(verb="check", seconds=60)
LOCK = '[[package]]\nname = "a"\nversion = "1.0.0"\nsource = "registry+https://example"\n'


class Rig:
    """Pools over one fake cluster; `now` is everybody's clock."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.pods = FakePods()
        self.agent = FakeAgent()
        self.now = NOON
        self._folder = folder
        self._stack = stack

    async def pool(self, **options: float) -> PodPool:
        """Start one more replica's pool."""
        connection = await self._stack.enter_async_context(api_server(self.pods))
        address = await self._stack.enter_async_context(agent_server(self.agent))

        async def connect() -> object:
            return connection

        known = {"wait_seconds": 0.2, "collect_seconds": 0.05, **options}
        pool = PodPool(
            PodPoolOptions(namespace=NAMESPACE, cache=self._folder / "crates", **known),  # type: ignore[arg-type]
            connect=connect,  # type: ignore[arg-type]
            now=lambda: self.now,
            address=lambda _: address,
            chance=Random(4),
        )
        await pool.start()
        self._stack.push_async_callback(pool.close)
        return pool


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        yield Rig(tmp_path, stack)


@pytest.fixture
def crate(tmp_path: Path) -> Path:
    root = tmp_path / "crate"
    (root / "src").mkdir(parents=True)
    (root / "Cargo.toml").write_text('[package]\nname = "a"\n')
    (root / "src/lib.rs").write_text("pub fn secret() {}\n")
    return root


async def until(what: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not what():
            await asyncio.sleep(0.01)


async def test_a_claimed_pod_leaves_the_pool_serves_one_repair_and_is_deleted(
    rig: Rig, crate: Path
) -> None:
    rig.pods.add("a")
    pool = await rig.pool()
    assert pool.free() == 1
    async with pool.claim("repair-1", seconds=600) as runner:
        metadata = rig.pods.pods["a"]["metadata"]
        assert metadata["labels"][STATE_LABEL] == "claimed"
        assert "ownerReferences" not in metadata
        assert metadata["annotations"][EXPIRES_ANNOTATION] == "2026-11-21T12:11:00+00:00"
        assert pool.free() == 0
        outcome = await runner.run(CHECK, crate)
    assert (outcome.code, outcome.stdout) == (0, b"checked")
    assert rig.pods.pods == {}
    assert rig.agent.trees == [
        {
            "src": None,
            "src/lib.rs": b"pub fn secret() {}\n",
            "Cargo.toml": b'[package]\nname = "a"\n',
        }
    ]


async def test_the_token_is_long_and_new_for_every_claim(rig: Rig) -> None:
    rig.pods.refill = True
    rig.pods.add("a")
    pool = await rig.pool()
    for number in range(3):
        async with pool.claim(f"repair-{number}", seconds=60):
            pass
    assert len(set(rig.agent.tokens)) == 3
    assert min(len(token) for token in rig.agent.tokens) >= 32


async def test_many_claims_of_two_replicas_never_share_a_pod(rig: Rig) -> None:
    for number in range(12):
        rig.pods.add(f"pod-{number}")
    pools = [await rig.pool(wait_seconds=5), await rig.pool(wait_seconds=5)]
    everybody = asyncio.Barrier(12)

    async def repair(number: int) -> None:
        async with pools[number % 2].claim(f"repair-{number}", seconds=60):
            await everybody.wait()  # all twelve hold one at the same time

    await asyncio.gather(*(repair(number) for number in range(12)))
    assert sorted(rig.pods.claims) == sorted(f"pod-{number}" for number in range(12))
    assert rig.pods.pods == {}


async def test_nothing_free_is_said_with_a_time_to_come_back(rig: Rig) -> None:
    rig.pods.add("starting", ready=False)
    rig.pods.add("fetcher", "fetch")
    pool = await rig.pool()
    with pytest.raises(NoSandboxError, match="no check sandbox became free") as refused:
        async with pool.claim("repair-1", seconds=60):
            pass
    assert refused.value.retry_after
    assert rig.pods.claims == []


async def test_a_claim_waits_for_a_pod_that_is_starting(rig: Rig) -> None:
    rig.pods.add("a", ready=False)
    pool = await rig.pool(wait_seconds=5)

    async def claim() -> None:
        async with pool.claim("repair-1", seconds=60):
            pass

    waiting = asyncio.create_task(claim())
    await until(lambda: ("watch", "") in rig.pods.requests)
    rig.pods.touch("a", ready=True)
    await waiting
    assert rig.pods.claims == ["a"]


async def test_a_status_update_in_between_is_no_lost_claim(rig: Rig) -> None:
    rig.pods.add("a")
    pool = await rig.pool()
    rig.pods._version += 1  # unknown to the watch, as when it lags
    rig.pods.pods["a"]["metadata"]["resourceVersion"] = str(rig.pods._version)
    async with pool.claim("repair-1", seconds=60):
        assert ("get", "a") in rig.pods.requests
    assert rig.pods.claims == ["a"]


async def test_a_pod_whose_agent_refuses_is_deleted_and_the_next_one_taken(rig: Rig) -> None:
    rig.pods.add("a")
    rig.pods.add("b")
    rig.agent.claim_answers = [409]
    pool = await rig.pool()
    async with pool.claim("repair-1", seconds=60):
        await until(lambda: len(rig.pods.pods) == 1)
    assert len(rig.pods.claims) == 2


@pytest.mark.parametrize("end", [RuntimeError, asyncio.CancelledError])
async def test_the_pod_goes_however_the_repair_ends(rig: Rig, end: type[BaseException]) -> None:
    rig.pods.add("a")
    pool = await rig.pool()
    with pytest.raises(end):
        async with pool.claim("repair-1", seconds=60):
            raise end
    await until(lambda: rig.pods.pods == {})


async def test_closing_gives_up_what_is_still_lent(rig: Rig) -> None:
    rig.pods.add("a")
    pool = await rig.pool()
    async with pool.claim("repair-1", seconds=60):
        await pool.close()
        assert rig.pods.pods == {}


async def test_leaving_ends_the_job_in_the_pod(rig: Rig, crate: Path) -> None:
    rig.pods.add("a")
    pool = await rig.pool()
    rig.agent.hold.clear()

    async def repair() -> None:
        async with pool.claim("repair-1", seconds=60) as runner:
            await runner.run(CHECK, crate)

    task = asyncio.create_task(repair())
    await rig.agent.running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        await rig.agent.left.wait()
    await until(lambda: rig.pods.pods == {})


async def test_what_a_dead_process_claimed_is_deleted_after_its_time(rig: Rig) -> None:
    expires = (NOON + timedelta(seconds=60)).isoformat()
    for name, annotations in {
        "orphan": {EXPIRES_ANNOTATION: expires},
        "unreadable": {EXPIRES_ANNOTATION: "soon"},
    }.items():
        pod = rig.pods.add(name, annotations=annotations)
        pod["metadata"]["labels"][STATE_LABEL] = "claimed"
    await rig.pool()
    await until(lambda: set(rig.pods.pods) == {"orphan"})
    rig.now = NOON + timedelta(seconds=60)
    await until(lambda: rig.pods.pods == {})


async def test_a_repair_that_is_resumed_first_deletes_the_pod_it_had(rig: Rig) -> None:
    died = await rig.pool()
    rig.pods.add("a")
    await until(lambda: died.free() == 1)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(died.claim("repair-1", seconds=600))
        rig.pods.add("b")
        heir = await rig.pool()
        async with heir.claim("repair-1", seconds=600):
            assert set(rig.pods.pods) == {"b"}
    assert rig.pods.pods == {}


async def test_the_tree_is_sent_again_only_when_it_changed(rig: Rig, crate: Path) -> None:
    rig.pods.add("a")
    pool = await rig.pool()
    async with pool.claim("repair-1", seconds=60) as runner:
        await runner.run(CHECK, crate)
        await runner.run(CHECK, crate)
        assert len(rig.agent.trees) == 1
        (crate / "src/lib.rs").write_text("pub fn other() {}\n")
        await runner.run(CHECK, crate)
    assert [tree["src/lib.rs"] for tree in rig.agent.trees] == [
        b"pub fn secret() {}\n",
        b"pub fn other() {}\n",
    ]


async def test_a_lost_pod_is_replaced_once_and_the_job_repeated(rig: Rig, crate: Path) -> None:
    rig.pods.refill = True
    rig.pods.add("a")
    pool = await rig.pool(wait_seconds=5)
    rig.agent.answers = ["lost"]
    async with pool.claim("repair-1", seconds=60) as runner:
        assert (await runner.run(CHECK, crate)).code == 0
        assert len(rig.agent.trees) == 2
        rig.agent.answers = ["lost"]
        with pytest.raises(AgentLostError):
            await runner.run(CHECK, crate)


async def test_an_agents_refusal_is_told_in_its_own_words(rig: Rig, crate: Path) -> None:
    rig.pods.add("a")
    pool = await rig.pool()
    rig.agent.answers = [413]
    async with pool.claim("repair-1", seconds=60) as runner:
        with pytest.raises(AgentError, match="scripted refusal") as refused:
            await runner.run(CHECK, crate)
    assert (refused.value.code, refused.value.status) == ("scripted", 413)


async def run_once(pool: PodPool, crate: Path, repair: str = "repair-1") -> Runner:
    async with pool.claim(repair, seconds=60) as runner:
        await runner.run(CHECK, crate)
        return runner


async def test_crates_are_fetched_without_the_source_and_once_for_a_lock(
    rig: Rig, crate: Path
) -> None:
    (crate / "Cargo.lock").write_text(LOCK)
    rig.pods.refill = True
    rig.pods.add("a")
    rig.pods.add("fetcher", "fetch")
    pool = await rig.pool(wait_seconds=5)
    await asyncio.gather(run_once(pool, crate, "one"), run_once(pool, crate, "two"))

    to_fetch = [tree for tree in rig.agent.trees if tree["src/lib.rs"] == b""]
    assert len(to_fetch) == 1
    assert to_fetch[0]["Cargo.lock"] == LOCK.encode()
    assert rig.agent.calls.count("POST fetch") == 1
    assert rig.agent.registries == [b"crates " * 1000] * 2


async def test_crates_fetched_under_another_configuration_are_fetched_again(
    rig: Rig, crate: Path
) -> None:
    (crate / "Cargo.lock").write_text(LOCK)
    for version in ("one", "two"):
        for kind in ("check", "fetch"):
            rig.pods.add(f"{kind}-{version}", kind, annotations={CARGO_ANNOTATION: version})
    pool = await rig.pool()
    await run_once(pool, crate, "first")
    await run_once(pool, crate, "second")
    assert rig.agent.calls.count("POST fetch") == 2
    pairs = [name.rpartition("-")[2] for name in rig.pods.claims]
    assert pairs[0] == pairs[1] != pairs[2] == pairs[3], "each fetches for its own kind"


async def test_a_crate_without_outside_dependencies_needs_no_fetch(rig: Rig, crate: Path) -> None:
    (crate / "Cargo.lock").write_text('[[package]]\nname = "a"\nversion = "1.0.0"\n')
    rig.pods.add("a")
    await run_once(await rig.pool(), crate)
    assert rig.agent.registries == []


async def test_crates_that_cannot_be_fetched_are_told_in_cargos_words(
    rig: Rig, crate: Path
) -> None:
    (crate / "Cargo.lock").write_text(LOCK)
    rig.pods.add("a")
    rig.pods.add("fetcher", "fetch")
    rig.agent.fetch_code = 101
    pool = await rig.pool()
    with pytest.raises(DependenciesError, match="no such crate"):
        await run_once(pool, crate)
    await until(lambda: rig.pods.pods == {})


async def test_a_watch_that_ends_is_begun_again_and_a_server_that_fails_is_asked_again(
    rig: Rig,
) -> None:
    pool = await rig.pool(wait_seconds=10)
    await until(lambda: ("watch", "") in rig.pods.requests)
    rig.pods.broken = [503]
    rig.pods.end_watches()
    rig.pods.add("a")
    async with pool.claim("repair-1", seconds=60):
        pass
    assert rig.pods.broken == []


@pytest.mark.parametrize("code", [403, 404])
async def test_a_missing_right_is_said_at_start_and_not_waited_for(rig: Rig, code: int) -> None:
    rig.pods.broken = [code]
    with pytest.raises(NoSandboxError, match="Role") as refused:
        await rig.pool()
    assert refused.value.retry_after is None
