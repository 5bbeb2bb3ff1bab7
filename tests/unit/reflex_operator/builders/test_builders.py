"""The manifests of every sample, as a reviewer sees them.

A changed golden file means that an upgrade of the operator restarts every engine.
`REFLEX_UPDATE_GOLDEN=1 pytest tests/unit/reflex_operator/builders` writes them anew.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

import states
from reflex_api.model import ReflexModel
from reflex_operator.builders.engine import engine_deployment, revision_of
from reflex_operator.builders.service import network_policy, service
from reflex_operator.manifest import Manifest

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = Path(__file__).parents[4] / "manifests/samples"
NAMES = ("demo", "gpt-oss-20b")


def parse(manifest: Manifest) -> ReflexModel:
    return ReflexModel.parse(manifest)


def sample(name: str) -> ReflexModel:
    manifest = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())
    manifest["metadata"] |= {"namespace": "default", "uid": "uid-1", "generation": 1}
    return parse(manifest)


def revision(model: ReflexModel, image: str = "example/engine:1", replicas: int = 1) -> str:
    return revision_of(engine_deployment(model, image=image, replicas=replicas))


@pytest.mark.parametrize("name", NAMES)
def test_a_samples_manifests_are_as_reviewed(name: str) -> None:
    model = sample(name)
    deployment = engine_deployment(model, image="example/engine:1", replicas=1)
    rendered = yaml.safe_dump_all(
        [
            network_policy(model, operator_namespace="reflex-system"),
            service(model, revision=revision_of(deployment)),
            deployment,
        ],
        sort_keys=False,
    )
    golden = GOLDEN / f"{name}.yaml"
    if os.environ.get("REFLEX_UPDATE_GOLDEN"):
        golden.write_text(rendered)
    assert rendered == golden.read_text()


def test_scale_and_suspend_make_no_revision() -> None:
    assert revision(parse(states.model())) == revision(parse(states.model(replicas=3)), replicas=3)
    assert revision(parse(states.model())) == revision(parse(states.model(suspend=True)))


@pytest.mark.parametrize(
    "change",
    [
        {"servedName": "other"},
        {"engine": {"device": "cpu", "contextLength": 2048}},
        {"engine": {"device": "cpu", "contextLength": 1024, "extraArgs": ["--page-size=1"]}},
        {"resources": {"cpu": "2", "memory": "4Gi", "sharedMemory": "1Gi"}},
        {"apiKeySecretRef": {"name": "mine"}},
        {"source": {"persistentVolumeClaim": {"claimName": "models"}}},
    ],
)
def test_what_changes_the_engine_is_a_new_revision(change: Manifest) -> None:
    assert revision(parse(states.model(**change))) != revision(parse(states.model()))


def test_another_image_is_a_new_revision() -> None:
    model = parse(states.model())
    assert revision(model, image="example/engine:2") != revision(model)


def test_a_users_flag_replaces_our_default_and_is_rendered_once() -> None:
    engine = {"device": "cpu", "contextLength": 1024, "extraArgs": ["--schedule-policy=fcfs"]}
    deployment = engine_deployment(parse(states.model(engine=engine)), image="i", replicas=1)
    args = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [arg for arg in args if arg.startswith("--schedule-policy")] == [
        "--schedule-policy=fcfs"
    ]


def test_only_weights_on_a_claim_are_mounted_and_read_only() -> None:
    source = {"persistentVolumeClaim": {"claimName": "models", "path": "qwen/awq"}}
    deployment = engine_deployment(parse(states.model(source=source)), image="i", replicas=1)
    pod = deployment["spec"]["template"]["spec"]
    (mount,) = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "weights"]
    assert mount == {
        "name": "weights",
        "mountPath": "/models-volume",
        "readOnly": True,
        "subPath": "qwen/awq",
    }


def pod_of(**spec: Any) -> Manifest:
    deployment = engine_deployment(parse(states.model(**spec)), image="i", replicas=1)
    pod: Manifest = deployment["spec"]["template"]["spec"]
    return pod


def test_the_pods_grace_period_is_longer_than_its_drain_hook() -> None:
    pod = pod_of(rollout={"drainTimeout": "90s"})
    hook = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert hook[-2] == "90"
    assert pod["terminationGracePeriodSeconds"] == 120


def test_engines_on_cuda_wait_for_the_gpus_that_they_get_and_no_others_do() -> None:
    assert "initContainers" not in pod_of()
    engine = {"device": "cuda", "contextLength": 4096, "memFractionStatic": "0.7"}
    pod = pod_of(engine=engine, resources={"gpus": 2})
    (waits,) = pod["initContainers"]
    (engine_container,) = pod["containers"]
    assert waits["name"] == "gpu-release"
    assert waits["image"] == engine_container["image"]
    assert waits["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert waits["securityContext"] == engine_container["securityContext"]
    assert "0.7" in waits["command"]
