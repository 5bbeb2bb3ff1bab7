import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from reflex_api.errors import SpecError
from reflex_api.model import Activation, Admission, Device, ReflexModel
from reflex_api.spec import ReflexModelSpec

SAMPLES = {
    path.stem: yaml.safe_load(path.read_text())
    for path in (Path(__file__).parents[3] / "manifests/samples").glob("*.yaml")
}
MODELS = {name: body for name, body in SAMPLES.items() if body["kind"] == "ReflexModel"}


def minimal(**spec: Any) -> dict[str, Any]:
    base = {
        "source": {"bundled": {"path": "/models/a"}},
        "engine": {"device": "cpu", "contextLength": 1024},
    }
    return {"metadata": {"name": "a", "namespace": "default"}, "spec": {**base, **spec}}


def problem(manifest: dict[str, Any]) -> str:
    with pytest.raises(SpecError) as caught:
        ReflexModel.parse(manifest)
    return str(caught.value)


def test_the_samples_are_the_three_models_the_demo_and_the_bundled_two() -> None:
    assert MODELS.keys() == {
        "demo",
        "reflex-tiny-a",
        "reflex-tiny-b",
        "gpt-oss-20b",
        "qwen3-coder-30b-a3b",
        "qwen2.5-coder-32b",
    }


@pytest.mark.parametrize("name", MODELS)
def test_a_sample_survives_a_round_trip(name: str) -> None:
    spec = ReflexModelSpec.model_validate(MODELS[name]["spec"])  # unknown fields are refused here
    written = spec.model_dump(mode="json", by_alias=True, exclude_none=True)

    assert ReflexModelSpec.model_validate(written) == spec
    assert ReflexModel.parse(MODELS[name]).spec.model_dump(exclude={"served_name"}) == (
        spec.model_dump(exclude={"served_name"})
    )


@pytest.mark.parametrize("name", ["gpt-oss-20b", "qwen3-coder-30b-a3b", "qwen2.5-coder-32b"])
def test_the_three_models_serve_with_an_fp8_cache_on_a_5090(name: str) -> None:
    spec = ReflexModel.parse(MODELS[name]).spec

    assert spec.engine.device is Device.CUDA
    assert spec.engine.effective_kv_cache_dtype == "fp8_e4m3"
    assert spec.effective_gpus == 1
    assert spec.placement.node_selector["nvidia.com/gpu.product"] == "NVIDIA-GeForce-RTX-5090"
    assert spec.placement.runtime_class_name == "nvidia"
    assert spec.served_name == name


def test_what_is_not_set_has_a_typed_default() -> None:
    spec = ReflexModel.parse(minimal()).spec

    assert (spec.replicas, spec.activation, spec.suspend) == (1, Activation.ALWAYS, False)
    assert spec.memory_policy.admission is Admission.ENFORCE
    assert spec.rollout.drain_timeout == timedelta(minutes=5)
    assert spec.rollout.startup_timeout == timedelta(minutes=15)
    assert spec.engine.extra_args == ()
    assert spec.resources.cpu_cores == 4


def test_the_device_decides_gpus_and_cache_type() -> None:
    on_cpu = ReflexModel.parse(minimal()).spec
    on_cuda = ReflexModel.parse(minimal(engine={"contextLength": 1024})).spec

    assert (on_cpu.effective_gpus, on_cpu.engine.effective_kv_cache_dtype) == (0, "auto")
    assert (on_cuda.effective_gpus, on_cuda.engine.effective_kv_cache_dtype) == (1, "fp8_e4m3")


def test_the_served_name_is_the_name_when_not_set() -> None:
    assert ReflexModel.parse(minimal()).spec.served_name == "a"
    assert ReflexModel.parse(minimal(servedName="b/c")).spec.served_name == "b/c"


def test_metadata_and_status_are_read() -> None:
    manifest = minimal()
    manifest["metadata"] |= {
        "uid": "u",
        "generation": 3,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "deletionTimestamp": "2026-01-02T00:00:00Z",
        "annotations": {"a": "b"},
    }
    manifest["status"] = {"replicas": 1}
    model = ReflexModel.parse(manifest)

    assert (model.name, model.namespace, model.uid, model.generation) == ("a", "default", "u", 3)
    assert model.creation_timestamp == datetime(2026, 1, 1, tzinfo=UTC)
    assert model.deletion_timestamp == datetime(2026, 1, 2, tzinfo=UTC)
    assert model.annotations == {"a": "b"}
    assert model.status == {"replicas": 1}


def test_fields_of_a_newer_crd_are_left_out() -> None:
    manifest = minimal(fromTheFuture=1)
    manifest["spec"]["engine"]["alsoNew"] = {"a": [1]}

    assert ReflexModel.parse(manifest).spec == ReflexModel.parse(minimal()).spec


def test_parsing_leaves_the_manifest_alone() -> None:
    manifest = minimal()
    before = copy.deepcopy(manifest)
    ReflexModel.parse(manifest)

    assert manifest == before


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"source": {}}, ["source must have exactly one", "set one"]),
        ({"engine": {}}, ["spec.engine.contextLength: Field required"]),
        ({"engine": {"device": "tpu", "contextLength": 1024}}, ["spec.engine.device", "'cuda'"]),
        (
            {"engine": {"device": "cpu", "contextLength": 1024, "kvCacheDtype": "fp8_e4m3"}},
            ["engine.kvCacheDtype: FP8 and FP4 need engine.device cuda"],
        ),
        ({"resources": {"gpus": 1}}, ["resources.gpus must be at least 1", "or leave gpus out"]),
        ({"resources": {"memory": "48GB"}}, ["spec.resources.memory must be a quantity above 0"]),
        ({"rollout": {"drainTimeout": "2h"}}, ["spec.rollout.drainTimeout must be from 0s to 1h"]),
        (
            {"engine": {"device": "cpu", "contextLength": 1024, "extraArgs": ["--api-key=x"]}},
            ["spec.engine.extraArgs[0]", "--api-key", "set spec.apiKeySecretRef"],
        ),
    ],
)
def test_a_spec_that_cannot_be_read_says_where_and_what_to_do(
    spec: dict[str, Any], words: list[str]
) -> None:
    text = problem(minimal(**spec))

    assert [word for word in words if word not in text] == [], text
    assert text.endswith("correct the field, or install the CRD that belongs to this operator")


def test_no_spec_at_all_is_a_spec_error() -> None:
    assert "spec.source: Field required" in problem({"metadata": {"name": "a"}})
    assert "spec:" in problem({"metadata": {"name": "a"}, "spec": "text"})


def test_many_problems_are_counted_not_listed() -> None:
    wrong = {"replicas": -1, "activation": "x", "suspend": "x", "servedName": ":", "cache": 1}

    assert "(and 2 more)" in problem(minimal(**wrong))
