"""The whole loop without kopf: a model in a fake API server, from nothing to quiet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from recorded import reported_logs
from reflex_operator.apply import Applier
from reflex_operator.autopsy import Autopsies
from reflex_operator.collector import Collector
from reflex_operator.controller import Controller
from reflex_operator.endings import Endings
from reflex_operator.idleness import IdleWatcher
from reflex_operator.keys import Keys
from reflex_operator.metrics import Metrics
from reflex_operator.observe import Observer
from reflex_operator.observe_routes import RouteObserver
from reflex_operator.passes import Passes
from reflex_operator.probe import Prober
from reflex_operator.progress import ProgressReader
from reflex_operator.reconcile.plan import AnyKey, EngineDefaults, ModelKey, RouteKey
from reflex_operator.store import Store
from reflex_operator.workqueue import WorkQueue
from unit.reflex_operator.fakeapi import FakeApi, serving

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = ModelKey(namespace="default", name="tiny")
Object = dict[str, Any]


def model(name: str = "tiny", uid: str = "uid-tiny") -> Object:
    return {
        "apiVersion": "reflexstack.dev/v1alpha1",
        "kind": "ReflexModel",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": uid,
            "generation": 1,
            "creationTimestamp": "2026-01-01T11:00:00Z",
        },
        "spec": {
            "replicas": 1,
            "source": {"bundled": {"path": "/models/reflex-tiny"}},
            "engine": {"device": "cpu", "contextLength": 1024},
            "resources": {"cpu": "1", "memory": "4Gi", "sharedMemory": "1Gi"},
        },
    }


class Rig:
    def __init__(
        self,
        fake: FakeApi,
        controller: Controller,
        queue: WorkQueue[AnyKey],
        store: Store,
        metrics: Metrics,
    ) -> None:
        self.fake, self.controller, self.queue, self.store = fake, controller, queue, store
        self.metrics = metrics

    async def settle(self) -> None:
        """Work until nothing waits; timers are not waited for."""
        running = asyncio.create_task(self.queue.run(self.controller.reconcile_once, 2))
        async with asyncio.timeout(10):
            while True:
                await asyncio.sleep(0.005)
                if self.queue.idle:
                    break
        running.cancel()  # and waited for, lest it begins a pass that the cancellation cuts
        await asyncio.gather(running, return_exceptions=True)

    def condition(self, name: str) -> Object:
        conditions = self.fake.get("ReflexModel", "tiny")["status"]["conditions"]
        return next(one for one in conditions if one["type"] == name)


@asynccontextmanager
async def rig(fake: FakeApi, image: str = "engine:cpu") -> AsyncIterator[Rig]:
    metrics, store, rng = Metrics(), Store(), Random(1)
    queue: WorkQueue[AnyKey] = WorkQueue(metrics=metrics, rng=rng)
    async with serving(fake, metrics) as cluster:
        keys = Keys(cluster, clock=lambda: 0.0)
        defaults = EngineDefaults(image_cuda="", image_cpu=image, operator_namespace="system")
        prober = Prober(keys, metrics=metrics, now=lambda: NOON, answered=queue.add)
        autopsies = Autopsies(cluster, done=queue.add)
        progress = ProgressReader(now=lambda: NOON, answered=queue.add)
        endings = Endings()
        idle = IdleWatcher(now=lambda: NOON, answered=queue.add)
        observer = Observer(store, keys, cluster, defaults)
        applier = Applier(cluster, store, keys, identity="pod", now=lambda: NOON, wake=queue.add)
        passes = Passes(
            store=store,
            queue=queue,
            observer=observer,
            routes=RouteObserver(store, endings, idle, prober, defaults),
            applier=applier,
            idle=idle,
            collector=Collector(answered=queue.add, now=lambda: NOON),
            metrics=metrics,
            now=lambda: NOON,
        )
        controller = Controller(
            store=store,
            queue=queue,
            cluster=cluster,
            keys=keys,
            observer=observer,
            applier=applier,
            passes=passes,
            endings=endings,
            prober=prober,
            autopsies=autopsies,
            progress=progress,
            metrics=metrics,
            rng=rng,
            now=lambda: NOON,
        )
        await controller.relist()
        try:
            yield Rig(fake, controller, queue, store, metrics)
        finally:
            queue.close()
            await prober.close()
            await autopsies.close()
            await progress.close()


async def test_a_model_gets_its_children_and_a_status_and_then_it_is_quiet() -> None:
    fake = FakeApi()
    fake.add(model())
    async with rig(fake) as r:
        await r.settle()
        assert r.condition("Accepted")["status"] == "True"
        kinds = sorted(plural for plural, _, _ in fake.objects)
        assert kinds == ["deployments", "networkpolicies", "reflexmodels", "secrets", "services"]
        fake.requests.clear()
        r.queue.add(KEY)
        await r.settle()
        assert fake.requests == [], "a satisfied model costs no request at all"


async def test_a_restart_writes_nothing() -> None:
    fake = FakeApi()
    fake.add(model())
    async with rig(fake) as r:
        await r.settle()
    fake.requests.clear()
    async with rig(fake) as r:
        await r.settle()
    assert fake.writes == []


async def test_a_foreign_service_is_named_in_the_status_and_left_alone() -> None:
    fake = FakeApi()
    fake.add(model())
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "tiny", "namespace": "default"},
        "spec": {"selector": {"app": "theirs"}},
    }
    before = dict(fake.add(foreign))
    async with rig(fake) as r:
        await r.settle()
        accepted = r.condition("Accepted")
        assert (accepted["status"], accepted["reason"]) == ("False", "NameConflict")
        assert "Service default/tiny" in accepted["message"]
        assert fake.get("Service", "tiny") == before
        del fake.objects["services", "default", "tiny"]
        r.queue.add(KEY)  # the timer that looks again
        await r.settle()
        assert r.condition("Accepted")["status"] == "True"


async def test_a_child_that_vanished_unseen_is_made_again_after_the_list() -> None:
    fake = FakeApi()
    fake.add(model())
    async with rig(fake) as r:
        await r.settle()
        del fake.objects["services", "default", "tiny"]
        fake.version += 1
        r.queue.add(KEY)
        await r.settle()
        assert ("services", "default", "tiny") not in fake.objects, "nobody told us"
        await r.controller.relist()
        await r.settle()
        assert ("services", "default", "tiny") in fake.objects


async def test_a_child_deleted_before_the_watches_began_is_missed_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reflex_operator.controller._SETTLING", (0.01,))
    fake = FakeApi()
    fake.add(model())
    async with rig(fake) as r:
        await r.settle()
        del fake.objects["services", "default", "tiny"]  # no event tells
        fake.version += 1
        relists = asyncio.create_task(r.controller.relist_forever(3600))
        async with asyncio.timeout(10):
            while r.queue.idle:
                await asyncio.sleep(0.005)
        await r.settle()
        relists.cancel()
        assert ("services", "default", "tiny") in fake.objects


async def test_a_child_deleted_in_view_comes_back() -> None:
    fake = FakeApi()
    fake.add(model())
    async with rig(fake) as r:
        await r.settle()
        gone = fake.objects.pop(("deployments", "default", "tiny"))
        fake.version += 1
        gone["metadata"]["resourceVersion"] = str(fake.version)
        r.controller.observe("DELETED", gone)
        await r.settle()
        assert ("deployments", "default", "tiny") in fake.objects


async def test_a_missing_image_is_said() -> None:
    fake = FakeApi()
    fake.add(model())
    async with rig(fake, image="") as r:
        await r.settle()
        assert r.condition("Accepted")["reason"] == "ImageNotConfigured"
        assert not [key for key in fake.objects if key[0] == "deployments"]


def crashed_pod(deployment: Object) -> Object:
    """The engine's pod after its first crash, waiting for its next run."""
    ended = {"reason": "Error", "exitCode": 137, "message": "the end of the log"}
    waits = {"waiting": {"reason": "CrashLoopBackOff"}}
    container = {"restartCount": 1, "state": waits, "lastState": {"terminated": ended}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "tiny-1",
            "namespace": "default",
            "uid": "pod-1",
            "labels": deployment["spec"]["template"]["metadata"]["labels"],
            "creationTimestamp": "2026-01-01T11:30:00Z",
        },
        "spec": {"nodeName": "node-1", "containers": []},
        "status": {"phase": "Running", "containerStatuses": [container | {"name": "engine"}]},
    }


async def test_a_crash_is_explained_by_its_log_and_costs_a_restarted_operator_no_write() -> None:
    fake = FakeApi()
    fake.add(model())
    line = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 448.00 MiB."
    fake.logs["tiny-1", True] = reported_logs.scheduler(line, "event_loop_normal", "run_batch")
    async with rig(fake) as r:
        await r.settle()
        fake.add(crashed_pod(fake.get("Deployment", "tiny")))
        await r.controller.relist()
        async with asyncio.timeout(10):
            while r.condition("EngineReady")["reason"] != "EngineGPUOutOfMemory":
                await r.settle()
        assert "448.00 MiB.; lower engine.memFractionStatic" in r.condition("Ready")["message"]
    status = fake.get("ReflexModel", "tiny")["status"]
    assert status["startup"]["lastTermination"]["reason"] == "EngineGPUOutOfMemory"
    fake.requests.clear()
    async with rig(fake) as r:
        async with asyncio.timeout(10):
            while not any(path.endswith("/log") for _, path in fake.requests):
                await r.settle()
        await r.settle()
    assert fake.writes == [], "the log is read again, and says what the status says"


def gpu_node(mib: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "gpu", "labels": {"nvidia.com/gpu.memory": mib}},
        "status": {"capacity": {"nvidia.com/gpu": "1"}, "conditions": []},
    }


async def test_the_memory_choice_survives_a_restart_with_another_gpu() -> None:
    fake = FakeApi()
    body = model()
    body["spec"]["engine"] = {"device": "cuda", "contextLength": 4096, "image": "engine:cuda"}
    fake.add(body)
    fake.add(gpu_node("32607"))
    async with rig(fake) as r:
        await r.settle()
    before = fake.get("Deployment", "tiny")
    (container,) = before["spec"]["template"]["spec"]["containers"]
    assert "--mem-fraction-static=0.837" in container["args"]
    del fake.objects["nodes", "", "gpu"]
    fake.add(gpu_node("24564"))
    fake.requests.clear()
    async with rig(fake) as r:
        await r.settle()
    assert fake.writes == []


async def test_a_rival_does_not_make_the_operator_write_for_ever() -> None:
    fake = FakeApi()
    fake.add(model())
    async with rig(fake) as r:
        await r.settle()
        for _ in range(40):
            live = fake.get("Service", "tiny")
            live["spec"]["selector"] = {"app": "theirs"}
            r.controller.observe("MODIFIED", fake.add(live))
            await r.settle()
        writes = [one for one in fake.writes if one[1].endswith("/services/tiny")]
        assert len(writes) == 10
        assert r.metrics.registry.get_sample_value(
            "reflex_writes_held_total", {"kind": "Service"}
        ) == 1.0  # fmt: skip
        assert r.metrics.registry.get_sample_value("reflex_reconcile_total", {"result": "restless"})


async def test_a_namespace_that_is_being_deleted_is_left_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake = FakeApi()
    fake.add(model())
    async with rig(fake) as r:
        await r.settle()
        fake.creates_nothing_in = "default"
        fake.requests.clear()
        for plural in ("deployments", "services", "networkpolicies"):
            gone = fake.objects.pop((plural, "default", "tiny"))
            fake.version += 1
            gone["metadata"]["resourceVersion"] = str(fake.version)
            r.controller.observe("DELETED", gone)
            await r.settle()
        assert len(fake.writes) <= 2, "one attempt told it all"
        assert not [one for one in caplog.records if one.levelname in ("WARNING", "ERROR")]
        # The namesake in a new namespace is another model.
        fake.creates_nothing_in = ""
        fake.objects.clear()
        r.controller.observe("ADDED", fake.add(model(uid="uid-later")))
        await r.settle()
        assert ("deployments", "default", "tiny") in fake.objects


async def test_a_refusal_is_told_once_where_no_condition_shows_it() -> None:
    fake = FakeApi()
    fake.add(model())
    async with rig(fake) as r:
        fake.refused["networkpolicies"] = "policies are not for you"
        await r.settle()
        for _ in range(3):
            r.queue.add(KEY)
            await r.settle()
        told = [one for one in fake.events() if one["reason"] == "ApplyFailed"]
        assert len(told) == 1
        assert "policies are not for you" in told[0]["message"]


def route(*members: str) -> Object:
    return {
        "apiVersion": "reflexstack.dev/v1alpha1",
        "kind": "ReflexRoute",
        "metadata": {
            "name": "r",
            "namespace": "default",
            "uid": "uid-r",
            "generation": 1,
            "creationTimestamp": "2026-01-01T11:00:00Z",
        },
        "spec": {
            "primary": members[0],
            "fallbacks": list(members[1:]),
            "slot": {"name": "gpu0"},
            "gate": {"suite": "s"},
            "evaluation": {"when": "Manual"},
        },
    }


def routed(name: str) -> Object:
    made = model(name, uid=f"uid-{name}")
    made["spec"]["activation"] = "Routed"
    return made


def replicas(fake: FakeApi) -> dict[str, int]:
    return {
        name: one["spec"]["replicas"]
        for (plural, _, name), one in fake.objects.items()
        if plural == "deployments"
    }


async def test_of_a_routes_members_only_the_incumbent_is_started() -> None:
    fake = FakeApi()
    for one in (routed("a"), routed("b"), route("a", "b")):
        fake.add(one)
    async with rig(fake) as r:
        await r.settle()
        assert replicas(fake) == {"a": 1, "b": 0}
        selector = fake.get("Service", "r")["spec"]["selector"]
        assert "reflexstack.dev/routing-stopped" in selector
        fake.requests.clear()
        r.queue.add(RouteKey(namespace="default", name="r"))
        await r.settle()
        assert fake.writes == []


async def test_an_engine_that_the_store_does_not_know_keeps_another_from_starting() -> None:
    fake = FakeApi()
    for one in (routed("a"), routed("b"), route("a", "b")):
        fake.add(one)
    async with rig(fake) as r:
        hidden = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "b-hidden",
                "namespace": "default",
                "labels": {
                    "reflexstack.dev/model": "b",
                    "app.kubernetes.io/managed-by": "reflex-operator",
                },
            },
            "spec": {"containers": []},
        }
        fake.add(hidden)  # its watch event is late
        await r.settle()
        assert replicas(fake) == {"a": 0, "b": 0}
        del fake.objects["pods", "default", "b-hidden"]
        r.queue.add(RouteKey(namespace="default", name="r"))
        await r.settle()
        assert replicas(fake) == {"a": 1, "b": 0}


async def test_a_route_that_is_gone_stops_its_models() -> None:
    fake = FakeApi()
    for one in (routed("a"), route("a")):
        fake.add(one)
    async with rig(fake) as r:
        await r.settle()
        assert replicas(fake) == {"a": 1}
        r.controller.observe("DELETED", fake.objects.pop(("reflexroutes", "default", "r")))
        await r.settle()
        assert replicas(fake) == {"a": 0}
