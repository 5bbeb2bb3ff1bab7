"""The warm pool against a real API server, ReplicaSets, garbage collector and the chart's own Role.

The pods run on fake nodes and their agent is scripted: nothing is compiled here.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kubernetes.aio.client import Configuration
from reflex_e2e.kubectl import ROOT, Cluster

from audit import AuditLog, summary
from planes import clients
from reflex_lab.controlplane import ControlPlane
from reflex_loop.adapters.pods.podview import EXPIRES_ANNOTATION, STATE_LABEL
from reflex_loop.adapters.pods.pool import PodPool, PodPoolOptions
from reflex_loop.adapters.sandboxes import NoSandboxError
from reflex_runner.job import Job
from unit.reflex_loop.pods.fake_cluster import FakeAgent, agent_server

pytestmark = pytest.mark.controlplane

NAMESPACE = "reflex-runners"
USER = "system:serviceaccount:default:reflex-loop"
WARM = 6
SELECTOR = "app.kubernetes.io/component=runner,app.kubernetes.io/instance=reflex"
CHECKS = "reflexstack.dev/sandbox=check"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    home = tmp_path_factory.mktemp("pool-plane")
    with ControlPlane(name="t-pool", home=home, storage=False) as running:
        running.add_gpu_nodes(2)
        yield running


@pytest.fixture(scope="module")
def cluster(plane: ControlPlane) -> Cluster:
    made = clients(plane)
    made.helm(
        "install", "reflex", str(ROOT / "charts/reflex"), "--namespace", "reflex-system",
        "--create-namespace", "--set", "replicaCount=0",
        "--set-json", f"loop={json.dumps(values())}",
    )  # fmt: skip
    return made


def values() -> dict[str, object]:
    return {
        "enabled": True,
        "namespace": "default",
        "replicaCount": 0,  # the pool runs in the test's own process
        "limits": {"repairsRunning": 16},
        "database": {"existingSecret": "none"},
        "config": {"model_primary": "m", "endpoints": {"local": {"base_url": "http://m/v1"}}},
        "runners": {
            "check": {"warm": WARM, "resources": {"requests": {"cpu": "10m"}}},
            "fetch": {"warm": 1},
        },
    }


class Rig:
    """Pools with the service's own rights."""

    def __init__(self, cluster: Cluster, plane: ControlPlane, stack: AsyncExitStack) -> None:
        self.cluster = cluster
        self.agent = FakeAgent()
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.audit = AuditLog(plane.audit_log)
        self.audit.mark()
        self._stack = stack

    async def pool(self, folder: Path, *, wait: float = 30.0, collect: float = 0.2) -> PodPool:
        address = await self._stack.enter_async_context(agent_server(self.agent))
        pool = PodPool(
            PodPoolOptions(
                namespace=NAMESPACE,
                selector=SELECTOR,
                cache=folder,
                wait_seconds=wait,
                collect_seconds=collect,
            ),
            connect=self._connect,
            now=lambda: self.now(),
            address=lambda _: address,
        )
        await pool.start()
        self._stack.push_async_callback(pool.close)
        return pool

    async def _connect(self) -> Configuration:
        """Sign in as the service: its token, not the administrator's certificate."""
        token = self.kubectl("create", "token", "reflex-loop", "-n", "default").strip()
        config = json.loads(self.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        server = config["clusters"][0]["cluster"]
        made = Configuration()
        made.host = server["server"]
        made.ca_cert_data = base64.b64decode(server["certificate-authority-data"]).decode()
        made.api_key["BearerToken"] = f"Bearer {token}"
        made.client_session_kwargs = {"trust_env": False}
        return made

    def kubectl(self, *words: str) -> str:
        return self.cluster.kubectl(*words)

    def pods(self, state: str) -> list[str]:
        found = self.cluster.list("pods", NAMESPACE, f"{CHECKS},{STATE_LABEL}={state}")
        ready = [
            each["metadata"]["name"]
            for each in found
            if not each["metadata"].get("deletionTimestamp")
            and any(
                one["type"] == "Ready" and one["status"] == "True"
                for one in each["status"].get("conditions") or []
            )
        ]
        return sorted(ready)

    async def until(self, what: Callable[[], bool], *, within: float = 60.0) -> None:
        async with asyncio.timeout(within):
            while not await asyncio.to_thread(what):
                await asyncio.sleep(0.2)

    async def warm(self) -> None:
        """Wait until the pool is as at rest: all warm, none claimed."""
        await self.until(lambda: len(self.pods("idle")) == WARM and not self.pods("claimed"))


@pytest.fixture
async def rig(cluster: Cluster, plane: ControlPlane) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        made = Rig(cluster, plane, stack)
        await made.warm()
        yield made


async def test_many_claims_of_two_replicas_take_a_pod_each_and_the_pool_fills_again(
    rig: Rig, tmp_path: Path
) -> None:
    pools = [await rig.pool(tmp_path / "one"), await rig.pool(tmp_path / "two")]
    at_once = 2 * WARM
    everybody = asyncio.Barrier(at_once)
    held: list[list[str]] = []

    async def repair(number: int) -> None:
        async with pools[number % 2].claim(f"repair-{number}", seconds=300):
            await everybody.wait()
            if number == 0:
                held.append(await asyncio.to_thread(rig.pods, "claimed"))
            await everybody.wait()

    async with asyncio.timeout(90):
        await asyncio.gather(*(repair(number) for number in range(at_once)))
    assert len(held[0]) == at_once == len(set(held[0]))
    await rig.warm()
    assert not set(held[0]) & set(rig.pods("idle"))


async def test_an_upgrade_of_the_pool_leaves_a_pod_at_work_alone(rig: Rig, tmp_path: Path) -> None:
    pool = await rig.pool(tmp_path)
    async with pool.claim("repair-1", seconds=300):
        (claimed,) = rig.pods("claimed")
        rig.kubectl("rollout", "restart", "-n", NAMESPACE, "deployment/reflex-check")
        rig.kubectl("rollout", "status", "-n", NAMESPACE, "deployment/reflex-check")
        # The garbage collector takes the old ReplicaSet's pods along; this one has no owner.
        sets = rig.cluster.list("replicasets", NAMESPACE, CHECKS)
        for each in sets:
            if not each["spec"]["replicas"]:
                name = each["metadata"]["name"]
                rig.kubectl("delete", "-n", NAMESPACE, "replicaset", name, "--cascade=foreground")
        assert rig.pods("claimed") == [claimed]
    await rig.warm()


async def test_any_replica_deletes_what_a_dead_one_left(rig: Rig, tmp_path: Path) -> None:
    dead = await rig.pool(tmp_path / "dead", collect=3600)
    claim = dead.claim("repair-1", seconds=60)
    await claim.__aenter__()  # and never ended
    (orphan,) = rig.pods("claimed")
    heir = await rig.pool(tmp_path / "heir")
    async with heir.claim("repair-2", seconds=600):
        assert orphan in rig.pods("claimed")
        pod = rig.cluster.get("pod", orphan, NAMESPACE)
        expires = datetime.fromisoformat(pod["metadata"]["annotations"][EXPIRES_ANNOTATION])
        rig.now = lambda: expires + timedelta(seconds=1)
        await rig.until(lambda: orphan not in rig.pods("claimed"))
        assert len(rig.pods("claimed")) == 1  # the heir's own is younger
    await rig.warm()


async def test_none_free_is_said_and_not_waited_for_longer_than_asked(
    rig: Rig, tmp_path: Path
) -> None:
    rig.kubectl("scale", "-n", NAMESPACE, "deployment/reflex-check", "--replicas=0")
    await rig.until(lambda: not rig.pods("idle"))
    try:
        pool = await rig.pool(tmp_path, wait=0.5)
        assert pool.free() == 0
        with pytest.raises(NoSandboxError, match="no check sandbox became free"):
            async with pool.claim("repair-1", seconds=60):
                pass
    finally:
        rig.kubectl("scale", "-n", NAMESPACE, "deployment/reflex-check", f"--replicas={WARM}")


async def test_every_right_of_the_role_is_used_and_no_other_is_asked_for(
    rig: Rig, tmp_path: Path
) -> None:
    crate = tmp_path / "crate"
    crate.mkdir()
    (crate / "Cargo.toml").write_text('[package]\nname = "a"\n')
    pool = await rig.pool(tmp_path / "crates")
    rig.agent.answers = ["lost"]
    async with pool.claim("repair-1", seconds=60) as runner:
        await runner.run(Job(verb="check", seconds=10), crate)
    await rig.warm()

    asked = rig.audit.requests_of(USER)
    assert not [one for one in asked if one.code in (401, 403)], summary(asked)
    assert {(one.namespace, one.resource) for one in asked} == {(NAMESPACE, "pods")}
    role = rig.cluster.get("role", "reflex-loop", NAMESPACE)
    (rule,) = role["rules"]
    assert {one.verb for one in asked} == set(rule["verbs"])
