"""What no part decides alone: fit, weights, revisions and suspend, one upon the other."""

import copy
from datetime import timedelta
from typing import Any

import states
from reflex_api.weights import Architecture, Inspection, WeightsProgress, WeightsResult
from reflex_operator.builders.cache import folders_in
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.choice import LABEL_MEMORY
from reflex_operator.reconcile.plan import WeightsReport

A, B = ({"huggingFace": {"repo": "a/b", "revision": digit * 40}} for digit in "ab")
SMALL = {"device": "cuda", "contextLength": 4096}
LARGE = {"device": "cuda", "contextLength": 1 << 20}
BROKEN = {"device": "cpu", "contextLength": 1024, "extraArgs": ["--broken"]}
FOUND = WeightsResult(
    bytes_total=12 << 30,
    inspection=Inspection(
        revision="c0ffee",
        weights_bytes=12 << 30,
        download_bytes=12 << 30,
        architecture=Architecture(name="X", layers=48, kv_heads=4, head_dim=128),
    ),
)


def cpu(**spec: Any) -> states.World:
    world = states.World(
        model=states.model(**{"source": A, **copy.deepcopy(spec)}), broken=frozenset({"--broken"})
    )
    world.settle()
    return world


def gpu(**spec: Any) -> states.World:
    """A model that is inspected, on a node of 32 GiB."""
    body = {"source": A, "engine": SMALL, "resources": {"memory": "40Gi"}, **spec}
    node = {"metadata": {"name": "gpu", "labels": {LABEL_MEMORY: "32607"}}}
    world = states.World(
        model=states.model(**copy.deepcopy(body)), nodes={"gpu": node}, result=FOUND
    )
    world.settle()
    return world


def deployment(world: states.World) -> Manifest:
    found = world.child("Deployment")
    assert found is not None
    return found


def ready(world: states.World) -> tuple[str, str]:
    condition = states.condition(world, "Ready")
    return condition["status"], condition["reason"]


def test_a_model_resumed_before_its_new_weights_arrived_waits_for_them() -> None:
    world = cpu()
    world.edit(suspend=True)
    world.settle()
    world.edit(source=B)
    world.carry_out(world.plan())
    world.edit(suspend=False)
    before = world.pods_started
    world.carry_out(world.plan())
    assert world.job() is not None
    if deployment(world)["spec"]["replicas"]:
        there = folders_in(deployment(world)["spec"]["template"])
        world.model["spec"]["source"] = A
        assert there == folders_in(deployment(cpu())["spec"]["template"])
        world.model["spec"]["source"] = B
    world.settle()
    assert ready(world) == ("True", "Serving")
    assert world.pods_started - before == 1


def test_a_stopped_model_whose_volume_was_lost_is_not_started_without_weights() -> None:
    world = cpu(suspend=True)
    world.edit(suspend=False)
    world.settle()
    world.edit(suspend=True)
    world.settle()
    del world.children[world.claim_ref]
    world.edit(suspend=False)
    world.carry_out(world.plan())
    world.carry_out(world.plan())
    assert deployment(world)["spec"]["replicas"] == 0
    assert ready(world) == ("False", "Downloading")
    world.settle()
    assert ready(world) == ("True", "Serving")


def test_a_change_that_does_not_fit_is_not_started_by_resuming() -> None:
    world = gpu()
    world.edit(suspend=True)
    world.settle()
    world.edit(engine=LARGE)
    world.settle()
    started = world.pods_started
    world.edit(suspend=False)
    world.settle()
    assert world.pods_started == started
    assert ready(world) == ("False", "InsufficientGPUMemory")
    world.edit(engine=SMALL)
    world.settle()
    assert ready(world) == ("True", "Serving")


def test_what_does_not_fit_is_not_scaled_up_either() -> None:
    world = gpu(engine=LARGE, memoryPolicy={"admission": "Warn"})
    assert len(world.pods) == 1
    world.edit(memoryPolicy={"admission": "Enforce"}, replicas=2)
    del world.model["status"]["memory"]  # so that it was never measured
    world.probes = {}
    for _ in range(3):
        plan = world.plan()
        assert all(
            one["spec"]["replicas"] == 1 for one in plan.apply if one["kind"] == "Deployment"
        )
        world.carry_out(plan)


def test_an_engine_that_is_replaced_while_a_change_is_refused_is_verified() -> None:
    world = gpu()
    world.edit(engine=LARGE)
    world.settle()
    world.pods = []  # its node was drained
    world.settle()
    assert len(world.pods) == 1
    assert any(
        one["type"] == "Ready" and one["status"] == "True"
        for one in world.pods[0]["status"]["conditions"]
    )


def test_a_verdict_survives_the_pod_that_gave_it() -> None:
    world = gpu(engine=LARGE)
    assert ready(world) == ("False", "InsufficientGPUMemory")
    world.weights_pods = []  # its node is gone
    world.now += timedelta(seconds=11)
    for _ in range(20):
        world.carry_out(world.plan())
        world.controllers()
    assert world.job("download") is None
    assert ready(world) == ("False", "InsufficientGPUMemory")
    before = world.status_writes, world.jobs_started
    world.settle()
    assert (world.status_writes, world.jobs_started) == before


def test_the_revision_of_the_source_is_that_of_what_was_restored() -> None:
    world = cpu()
    world.edit(source=B, engine=BROKEN)
    world.settle()
    assert ready(world) == ("True", "RevisionRestored")
    assert world.model["status"]["resolved"]["sourceRevision"] == "a" * 40
    del world.model["status"]
    world.probes = {}
    world.settle()
    assert world.model["status"]["resolved"]["sourceRevision"] == "a" * 40


def test_a_refused_download_is_said_in_the_status() -> None:
    world = states.World(model=states.model(source=A), refusal="exceeded quota: jobs")
    world.carry_out(world.plan())
    assert ready(world) == ("False", "ApplyFailed")
    assert states.condition(world, "ModelCached")["reason"] == "ApplyFailed"


def test_a_trouble_of_the_download_is_told_once() -> None:
    world = cpu()
    world.pods = [states.engine_pod(deployment(world), container=states.crash_looping())]
    world.carry_out(world.plan())
    world.events.clear()
    world.edit(source=B)
    world.carry_out(world.plan())
    assert world.events == [("Normal", "Downloading")]


def test_a_restarted_operator_asks_before_it_takes_a_trouble_back() -> None:
    world = states.World(model=states.model(source=A))
    for _ in range(3):
        world.carry_out(world.plan())
    job = world.job()
    assert job is not None
    pod = states.weights_pod(job)
    world.weights_pods = [pod]
    world.report = WeightsReport(
        pod_uid=pod["metadata"]["uid"],
        progress=WeightsProgress(
            bytes_done=0, bytes_per_second=0, failure="SourceUnreachable", message="no route"
        ),
        at=world.now,
    )
    world.carry_out(world.plan())
    assert ready(world) == ("False", "SourceUnreachable")
    world.report = None
    plan = world.plan()
    assert plan.weights is not None
    assert plan.status in (None, world.model["status"])
    assert plan.events == ()
    silent = WeightsReport(pod_uid=pod["metadata"]["uid"], progress=None, at=world.now)
    world.report = silent
    assert world.plan().status != world.model["status"]
