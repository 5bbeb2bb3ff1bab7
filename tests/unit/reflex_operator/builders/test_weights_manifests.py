"""The manifests of a downloaded model, as a reviewer sees them, and what must never change in them.

`REFLEX_UPDATE_GOLDEN=1 pytest tests/unit/reflex_operator/builders` writes the golden file anew.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

import states
from reflex_api.model import ReflexModel
from reflex_api.source import Source
from reflex_operator.builders import cache
from reflex_operator.builders.engine import engine_deployment, revision_of
from reflex_operator.builders.weights import (
    Step,
    inputs_label,
    job_name,
    source_json,
    weights_job,
    weights_policy,
)
from reflex_operator.manifest import Manifest

GOLDEN = Path(__file__).parent / "golden/weights-hub.yaml"
HUB: dict[str, Any] = {
    "repo": "openai/gpt-oss-20b",
    "revision": "6" * 40,
    "exclude": ["original/*", "metal/*"],
    "tokenSecretRef": {"name": "hub-token", "key": "token"},
}


def hub_model(**spec: Any) -> ReflexModel:
    body: dict[str, Any] = {
        "source": {"huggingFace": HUB},
        "engine": {"device": "cuda", "contextLength": 65536},
        "resources": {"cpu": "8", "memory": "32Gi"},
        "placement": {
            "nodeSelector": {"disk": "nvme"},
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
            "runtimeClassName": "nvidia",
            "priorityClassName": "serving",
        },
        **spec,
    }
    return ReflexModel.parse(states.model("gpt-oss-20b", **body))


def job(model: ReflexModel, step: Step = Step.DOWNLOAD, **changes: Any) -> Manifest:
    given: dict[str, Any] = {
        "image": "example/reflex:1",
        "hub_endpoint": "",
        "claim_uid": "uid-claim",
        "keep": (),
        "attempt": 0,
        **changes,
    }
    return weights_job(model, step, **given)


def inputs(model: ReflexModel, **changes: str) -> str:
    given = {"image": "i", "hub_endpoint": "", "claim_uid": "c", **changes}
    return inputs_label(model, Step.DOWNLOAD, **given)


def test_a_downloaded_models_manifests_are_as_reviewed() -> None:
    model = hub_model()
    rendered = yaml.safe_dump_all(
        [
            cache.cache_claim(model),
            weights_policy(model, operator_namespace="reflex-system"),
            job(model, Step.INSPECT),
            job(model, Step.DOWNLOAD, keep=("1" * 16,), hub_endpoint="https://mirror"),
            engine_deployment(model, image="example/engine:1", replicas=1),
        ],
        sort_keys=False,
    )
    if os.environ.get("REFLEX_UPDATE_GOLDEN"):
        GOLDEN.write_text(rendered)
    assert rendered == GOLDEN.read_text()


@pytest.mark.parametrize("step", list(Step))
def test_these_pods_hold_no_gpu_and_keep_to_the_restricted_standard(step: Step) -> None:
    pod = job(hub_model(), step)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert "runtimeClassName" not in pod
    assert "gpu" not in json.dumps(container["resources"])
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert not pod["automountServiceAccountToken"]
    assert pod["securityContext"]["runAsNonRoot"]


@pytest.mark.parametrize("step", list(Step))
def test_the_tokens_name_is_in_a_volume_and_nowhere_else(step: Step) -> None:
    pod = job(hub_model(), step)["spec"]["template"]["spec"]
    volumes = pod.pop("volumes")
    assert "hub-token" in json.dumps(volumes)
    assert '"hub-token"' not in json.dumps(pod)
    assert "secretKeyRef" not in json.dumps(pod)
    engine = engine_deployment(hub_model(), image="i", replicas=1)
    assert "hub-token" not in json.dumps(engine)


def test_only_the_download_writes_to_the_volume() -> None:
    mounts = job(hub_model(), Step.INSPECT)["spec"]["template"]["spec"]["containers"][0]
    assert "weights" not in [one["name"] for one in mounts["volumeMounts"]]


def test_the_pod_reads_the_source_that_the_model_has() -> None:
    model = hub_model()
    read = Source.model_validate_json(source_json(model.spec.source))
    assert read.hugging_face is not None
    assert (read.hugging_face.repo, read.hugging_face.token_secret_ref) == (HUB["repo"], None)
    files = [{"path": "a", "url": "https://h/a?x=1", "sha256": "3" * 64}]
    http = hub_model(source={"http": {"files": files}})
    assert Source.model_validate_json(source_json(http.spec.source)) == http.spec.source


def test_what_the_engine_compiles_is_kept_on_cuda_only() -> None:
    for device, kept in (("cuda", True), ("cpu", False)):
        model = hub_model(engine={"device": device, "contextLength": 1024})
        pod = engine_deployment(model, image="i", replicas=1)["spec"]["template"]["spec"]
        mounts = {m["mountPath"]: m for m in pod["containers"][0]["volumeMounts"]}
        assert ("/home/reflex/.cache" in mounts) is kept


def test_the_folder_is_named_by_content_alone() -> None:
    one = cache.folder(hub_model())
    token = {k: v for k, v in HUB.items() if k != "tokenSecretRef"}
    swapped = {**HUB, "exclude": ["metal/*", "original/*"]}
    other = {**HUB, "revision": "7" * 40}
    assert cache.folder(hub_model(source={"huggingFace": token})) == one
    assert cache.folder(hub_model(source={"huggingFace": swapped})) == one
    assert cache.folder(hub_model(source={"huggingFace": other})) != one
    assert cache.folder(hub_model(cache={"size": "1Ti"})) == one


def test_a_mirror_of_the_same_files_is_the_same_revision() -> None:
    one, two = (
        hub_model(source={"http": {"files": [{"path": "a", "url": url, "sha256": "3" * 64}]}})
        for url in ("https://one/a", "https://two/a")
    )
    revisions = {revision_of(engine_deployment(m, image="i", replicas=1)) for m in (one, two)}
    assert len(revisions) == 1
    assert inputs(one) != inputs(two), "a failed download is tried from the new place"


def test_the_engines_folders_are_found_in_its_manifest() -> None:
    for own in ({}, {"claimName": "shared"}):
        model = hub_model(cache=own)
        deployment = engine_deployment(model, image="i", replicas=1)
        found = cache.folders_in(deployment)
        assert found == {cache.source_digest(model.spec.source)}
    noted = {"metadata": {"annotations": {"x": json.dumps({"subPath": f"models/{'a' * 16}"})}}}
    assert cache.folders_in(noted) == {"a" * 16}
    assert cache.folders_in({"path": "models/readme"}) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"source": {"huggingFace": {**HUB, "revision": "7" * 40}}},
        {"source": {"huggingFace": {**HUB, "tokenSecretRef": {"name": "other", "key": "token"}}}},
        {"placement": {"nodeSelector": {"disk": "hdd"}}},
        {"rollout": {"downloadTimeout": "9h"}},
        {"cache": {"size": "1Ti"}},
    ],
)
def test_what_may_mend_a_failed_download_makes_a_new_job(change: dict[str, Any]) -> None:
    assert inputs(hub_model(**change)) != inputs(hub_model())


def test_what_has_nothing_to_do_with_the_download_makes_no_new_job() -> None:
    engine = {"device": "cuda", "contextLength": 1024}
    assert inputs(hub_model(engine=engine, replicas=3)) == inputs(hub_model())
    assert inputs(hub_model(), image="j") != inputs(hub_model())


def test_a_jobs_name_fits_its_pods_label() -> None:
    manifest = states.model("a." + "b" * 46 + ".c", source={"huggingFace": HUB})
    model = ReflexModel.parse(manifest)
    names = {job_name(model, step, "x", attempt) for step in Step for attempt in (0, 1)}
    assert len(names) == 4
    assert all(len(name) <= 63 and "." not in name for name in names)
