"""Enforce, Warn, Off; where the numbers come from; estimated, then measured."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

import states
from reflex_api.conditions import MESSAGE_LIMIT
from reflex_api.model import ReflexModel
from reflex_api.names import LABEL_WEIGHTS_STEP
from reflex_api.weights import Architecture, Inspection, WeightsResult
from reflex_operator.builders.weights import ANNOTATION_SOURCE, source_json
from reflex_operator.catalogue import load_catalogue
from reflex_operator.engines.report import EngineMemory
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile import memory
from reflex_operator.reconcile.choice import ANNOTATION, LABEL_MEMORY
from reflex_operator.reconcile.inspection import inspection_of

GIB = 1 << 30
QWEN3 = Architecture(name="Qwen3MoeForCausalLM", layers=48, kv_heads=4, head_dim=128)
AWQ, FP8 = 16_802_672_640, 31_174_545_408
SPEC: dict[str, Any] = {
    "engine": {"device": "cuda", "contextLength": 32768},
    "resources": {"memory": "40Gi"},
    "source": {"persistentVolumeClaim": {"claimName": "models"}},
}
SOURCE = ReflexModel.parse(states.model(**SPEC)).spec.source
FRACTION = "--mem-fraction-static=0.837"


def gpu_node(name: str = "gpu", mib: str = "32607", **labels: str) -> dict[str, Manifest]:
    return {name: {"metadata": {"name": name, "labels": {LABEL_MEMORY: mib, **labels}}}}


def inspected(
    weights: int | None, *, architecture: Architecture | None = QWEN3, **changes: Any
) -> Manifest:
    """The pod of a finished inspection."""
    found = Inspection(
        revision="c0ffee", weights_bytes=weights, download_bytes=1, architecture=architecture
    )
    message = WeightsResult(inspection=found).model_dump_json()
    seen = {ANNOTATION_SOURCE: source_json(SOURCE)}
    metadata = {
        "name": "i",
        "labels": {LABEL_WEIGHTS_STEP: "inspect"},
        "annotations": seen,
        **changes,
    }
    status = {"containerStatuses": [{"state": {"terminated": {"message": message}}}]}
    return {"metadata": metadata, "status": status}


def world(weights: int | None = FP8, **spec: Any) -> states.World:
    pods = [inspected(weights)] if weights else []
    body = states.model(**copy.deepcopy({**SPEC, **spec}))
    return states.World(model=body, nodes=gpu_node(), weights_pods=pods)


def arguments(one: states.World) -> list[str]:
    deployment = one.child("Deployment")
    assert deployment is not None
    found: list[str] = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    return found


def edited(one: states.World, **spec: Any) -> None:
    one.model["spec"] |= copy.deepcopy(spec)
    one.model["metadata"]["generation"] += 1


def test_a_model_that_does_not_fit_is_not_started() -> None:
    one = world()
    one.settle()
    assert one.children == {}
    assert one.pods == []
    fits = states.condition(one, "MemoryFits")
    assert (fits["status"], fits["reason"]) == ("False", "InsufficientGPUMemory")
    assert "needs 29.3 GiB of weights" in fits["message"]
    assert len(fits["message"]) <= MESSAGE_LIMIT
    ready = states.condition(one, "Ready")
    assert (ready["reason"], ready["message"]) == (fits["reason"], fits["message"])
    assert one.events == [("Warning", "InsufficientGPUMemory")]
    assert one.model["status"]["memory"] == {
        "capacity": "32607Mi",
        "weights": "29986Mi",
        "kvBytesPerToken": 49152,
        "kvTokens": 0,
        "overhead": "5285Mi",
        "headroom": "-4202Mi",
        "source": "Estimated",
    }


def test_warn_starts_it_and_says_so() -> None:
    one = world(memoryPolicy={"admission": "Warn"})
    one.settle()
    assert len(one.pods) == 1
    assert FRACTION in arguments(one)


def test_warn_says_so_before_the_engine_reports() -> None:
    one = world(memoryPolicy={"admission": "Warn"})
    one.carry_out(one.plan())
    one.controllers()
    plan = one.plan()
    assert plan.status is not None
    fits = next(c for c in plan.status["conditions"] if c["type"] == "MemoryFits")
    assert (fits["status"], fits["reason"]) == ("False", "InsufficientGPUMemory")


def test_off_says_that_nothing_was_checked() -> None:
    one = world(memoryPolicy={"admission": "Off"})
    one.settle()
    assert len(one.pods) == 1
    fits = states.condition(one, "MemoryFits")
    assert (fits["status"], fits["reason"]) == ("Unknown", "NotChecked")


def test_the_policy_alone_never_restarts_an_engine() -> None:
    one = world(AWQ)
    one.settle()
    before = one.child("Deployment")
    for policy in ("Warn", "Off", "Enforce"):
        edited(one, memoryPolicy={"admission": policy})
        one.settle()
        assert one.child("Deployment") == before


def test_a_model_that_fits_runs_with_the_largest_fraction_and_is_measured() -> None:
    one = world(AWQ)
    plan = one.plan()
    assert plan.apply
    one.carry_out(plan)
    one.controllers()
    starting = one.plan().status
    assert starting is not None
    assert starting["memory"]["source"] == "Estimated"
    assert starting["memory"]["kvTokens"] == 213103
    one.settle()
    assert FRACTION in arguments(one)
    assert one.model["status"]["resolved"]["args"] == arguments(one)
    assert one.model["status"]["memory"]["source"] == "Measured"


def test_a_fraction_of_the_users_is_rendered_and_judged() -> None:
    engine = {"device": "cuda", "contextLength": 32768, "memFractionStatic": "0.9"}
    one = world(AWQ, engine=engine)
    one.settle()
    assert one.pods == []
    message = states.condition(one, "MemoryFits")["message"]
    assert "engine.memFractionStatic 0.9 leaves 3.1 GiB" in message
    assert message.endswith("lower engine.memFractionStatic to 0.837 or leave it unset")
    edited(one, engine=engine | {"memFractionStatic": "0.82"})
    one.settle()
    assert "--mem-fraction-static=0.82" in arguments(one)


@pytest.mark.parametrize("stop", [{"suspend": True}, {"replicas": 0}, {"activation": "Routed"}])
def test_a_stopped_model_is_judged_and_not_refused(stop: dict[str, Any]) -> None:
    one = world(**stop)
    one.settle()
    deployment = one.child("Deployment")
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 0
    assert states.condition(one, "MemoryFits")["reason"] == "InsufficientGPUMemory"
    assert states.condition(one, "Ready")["reason"] != "InsufficientGPUMemory"


def test_what_runs_stays_when_a_change_does_not_fit() -> None:
    one = world(AWQ)
    one.settle()
    children, pods = copy.deepcopy(one.children), copy.deepcopy(one.pods)
    edited(one, engine={"device": "cuda", "contextLength": 262144})
    one.settle()
    assert (one.children, one.pods) == (children, pods)
    assert states.condition(one, "Ready")["reason"] == "InsufficientGPUMemory"
    assert one.model["status"]["memory"]["source"] == "Estimated"
    edited(one, engine=SPEC["engine"])
    one.settle()
    assert (one.children, one.pods) == (children, pods)
    assert states.condition(one, "Ready")["status"] == "True"


def test_a_model_that_does_not_fit_can_still_be_suspended() -> None:
    one = world(AWQ)
    one.settle()
    edited(one, engine={"device": "cuda", "contextLength": 262144}, suspend=True)
    one.settle()
    assert one.pods == []


def test_a_stricter_policy_does_not_stop_what_was_started() -> None:
    one = world(memoryPolicy={"admission": "Warn"})
    one.settle()
    before = copy.deepcopy(one.children)
    edited(one, memoryPolicy={"admission": "Enforce"})
    del one.model["status"]  # nothing measured is remembered
    one.probes = {}
    one.settle()
    assert one.children == before
    assert states.condition(one, "MemoryFits")["reason"] == "InsufficientGPUMemory"  # 4096 tokens
    assert one.model["status"]["memory"]["source"] == "Measured"


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ({}, "GPULabelsMissing"),
        ({"plain": {"metadata": {"name": "plain", "labels": {}}}}, "GPULabelsMissing"),
        (gpu_node(mib="0"), "GPULabelsMissing"),
        (gpu_node(mib="a lot"), "GPULabelsMissing"),
        (gpu_node() | gpu_node("small", "24564"), "InsufficientGPUMemory"),
        (gpu_node("b200", "183359"), "Fits"),
        (gpu_node("b200", "183359") | gpu_node("small", "24564"), "InsufficientGPUMemory"),
    ],
)
def test_the_smallest_gpu_that_matches_counts(nodes: dict[str, Manifest], reason: str) -> None:
    one = world()
    one.nodes = nodes
    found = memory.estimate(one.snapshot(), ReflexModel.parse(one.model))
    assert found.finding.reason == reason


def test_nodes_that_the_placement_excludes_do_not_count() -> None:
    one = world(placement={"nodeSelector": {"disk": "ssd"}})
    one.nodes = gpu_node("b200", "183359", disk="ssd") | gpu_node("small", "24564", disk="hdd")
    found = memory.estimate(one.snapshot(), ReflexModel.parse(one.model))
    assert found.finding.reason == "Fits"


def test_admission_goes_on_without_labels_and_leaves_the_fraction_to_the_engine() -> None:
    one = world()
    one.nodes = {}
    one.settle()
    assert len(one.pods) == 1
    assert not [one for one in arguments(one) if one.startswith("--mem-fraction-static")]


@pytest.mark.parametrize(
    "pods",
    [
        [],
        [inspected(None)],
        [inspected(FP8, architecture=None)],
        [inspected(FP8, deletionTimestamp="2026-11-21T12:00:00Z")],
        [inspected(FP8, labels={LABEL_WEIGHTS_STEP: "download"})],
        [inspected(FP8, annotations={ANNOTATION_SOURCE: '{"huggingFace":{"repo":"a/b"}}'})],
        [inspected(FP8, annotations={})],
        [{"metadata": {"name": "i", "labels": {LABEL_WEIGHTS_STEP: "inspect"}}}],
    ],
)
def test_an_unknown_architecture_stops_nothing(pods: list[Manifest]) -> None:
    one = world()
    one.weights_pods = pods
    found = memory.estimate(one.snapshot(), ReflexModel.parse(one.model))
    assert found.finding.reason == "ArchitectureUnknown"
    one.settle()
    assert len(one.pods) == 1
    assert FRACTION in arguments(one)  # it depends on the GPU alone


def test_the_newest_inspection_that_succeeded_counts() -> None:
    failed = inspected(1, name="new", creationTimestamp="2026-11-21T12:02:00Z")
    failed["status"]["containerStatuses"][0]["state"]["terminated"]["message"] = WeightsResult(
        failure="SourceNotFound"
    ).model_dump_json()
    newer = inspected(2, name="newer", creationTimestamp="2026-11-21T12:01:00Z")
    older = inspected(3, name="older", creationTimestamp="2026-11-21T12:00:00Z")
    found = inspection_of([newer, failed, older], SOURCE)
    assert found is not None
    assert found.weights_bytes == 2


@pytest.mark.parametrize("text", ["", "Killed", "{", '{"unknown": 1}', "[]"])
def test_words_of_another_program_are_no_inspection(text: str) -> None:
    pod = inspected(1)
    pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"] = text
    assert inspection_of([pod], SOURCE) is None


@pytest.mark.parametrize(
    ("repo", "reason"),
    [
        ("openai/gpt-oss-20b", "Fits"),
        ("QuantTrio/Qwen3-Coder-30B-A3B-Instruct-AWQ", "Fits"),
        ("qwen/qwen3-coder-30b-a3b-instruct-fp8", "InsufficientGPUMemory"),
        ("Qwen/Qwen2.5-Coder-32B-Instruct-AWQ", "Fits"),
        ("RedHatAI/Qwen2.5-Coder-32B-Instruct-FP8-dynamic", "InsufficientGPUMemory"),
        ("somebody/else", "ArchitectureUnknown"),
    ],
)
def test_the_catalogue_knows_a_repository_before_anything_is_asked(repo: str, reason: str) -> None:
    hub = {"huggingFace": {"repo": repo, "revision": "0" * 40}}
    one = world(None, source=hub)
    defaults = replace(states.DEFAULTS, catalogue=load_catalogue())
    snapshot = replace(one.snapshot(), defaults=defaults)
    assert memory.estimate(snapshot, ReflexModel.parse(one.model)).finding.reason == reason


def test_a_claim_named_like_a_known_model_is_no_evidence() -> None:
    claim = {"persistentVolumeClaim": {"claimName": "models", "path": "openai/gpt-oss-20b"}}
    one = world(None, source=claim, servedName="gpt-oss-20b", quantization="mxfp4")
    snapshot = replace(
        one.snapshot(), defaults=replace(states.DEFAULTS, catalogue=load_catalogue())
    )
    found = memory.estimate(snapshot, ReflexModel.parse(one.model))
    assert found.finding.reason == "ArchitectureUnknown"


def test_another_source_is_not_refused_for_what_the_earlier_one_was() -> None:
    one = world()
    one.settle()
    assert states.condition(one, "Ready")["reason"] == "InsufficientGPUMemory"
    edited(one, source={"persistentVolumeClaim": {"claimName": "models", "path": "smaller"}})
    one.settle()
    assert len(one.pods) == 1


def test_the_token_of_a_source_is_no_part_of_it() -> None:
    hub = {"repo": "a/b", "revision": "0" * 40, "exclude": ["*.gguf"]}
    token = {"tokenSecretRef": {"name": "hub", "key": "token"}}
    plain, secret = (
        ReflexModel.parse(states.model(source={"huggingFace": one})).spec.source
        for one in (hub, hub | token)
    )
    assert source_json(plain) == source_json(secret)
    assert "tokenSecretRef" not in source_json(secret)


def test_the_choice_is_recorded_on_the_deployment_and_not_on_its_pods() -> None:
    one = world(AWQ)
    one.settle()
    deployment = one.child("Deployment")
    assert deployment is not None
    record = json.loads(deployment["metadata"]["annotations"][ANNOTATION])
    assert (record["capacityMi"], record["fraction"]) == (32607, "0.837")
    assert "annotations" not in deployment["spec"]["template"]["metadata"]


@pytest.mark.parametrize("text", ['{"fraction":', '{"inputs":"%s","capacityMi":1,"fraction":"x"}'])
def test_a_record_that_cannot_be_read_is_made_again(text: str) -> None:
    one = world(AWQ)
    one.settle()
    before = copy.deepcopy(one.children)
    deployment = one.child("Deployment")
    assert deployment is not None
    inputs = json.loads(deployment["metadata"]["annotations"][ANNOTATION])["inputs"]
    deployment["metadata"]["annotations"][ANNOTATION] = text.replace("%s", inputs)
    one.settle()
    assert one.children == before


def test_a_stopped_model_chooses_when_a_gpu_is_known() -> None:
    one = world(AWQ, suspend=True)
    one.nodes = {}
    one.settle()
    deployment = one.child("Deployment")
    assert deployment is not None
    assert "annotations" not in deployment["metadata"]
    one.nodes = gpu_node()
    edited(one, suspend=False)
    one.settle()
    assert FRACTION in arguments(one)


def test_an_engine_on_cpu_has_no_fit() -> None:
    one = states.World(model=states.model(), nodes=gpu_node())
    found = memory.estimate(one.snapshot(), ReflexModel.parse(one.model))
    assert (found.finding.reason, found.fraction, found.annotations(1)) == ("NotMeasured", "", {})


def test_measured_numbers_add_up_to_the_gpu() -> None:
    reported = EngineMemory(
        kv_tokens=200_000, weights_bytes=16 * GIB, kv_cache_bytes=9 * GIB, free_bytes=3 * GIB
    )
    found = memory.measured_status(reported, capacity=32607 << 20, gpu=True)
    assert found == {
        "capacity": "32607Mi",
        "weights": "16384Mi",
        "kvBytesPerToken": 48318,
        "kvTokens": 200_000,
        "overhead": "3935Mi",
        "headroom": "3072Mi",
        "source": "Measured",
    }
    on_cpu = memory.measured_status(reported, capacity=None, gpu=False)
    assert not {"capacity", "overhead", "headroom"} & on_cpu.keys()


def test_measured_is_better_than_estimated() -> None:
    """Estimated not to fit, measured to fit: after a suspension it is started again."""
    one = world(
        memoryPolicy={"admission": "Warn"}, engine={"device": "cuda", "contextLength": 4096}
    )
    one.settle()  # the engine reports 4096 tokens
    assert states.condition(one, "MemoryFits")["reason"] == "Fits"
    edited(one, memoryPolicy={"admission": "Enforce"}, suspend=True)
    one.settle()
    assert one.pods == []
    edited(one, suspend=False)
    one.settle()
    assert len(one.pods) == 1
