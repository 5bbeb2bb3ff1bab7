"""Evidence stops counting when any part of what was measured changes, and counts again with it.

Engines and bakeoffs are scripted: every number is SIMULATED.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reflex_e2e.kubectl import Cluster
from reflex_e2e.waiting import wait_for

from operator_process import OperatorProcess
from reflex_api.evidence import EvidenceInputs
from route_place import WITHIN, Object, Place
from scripted_engine import ScriptedEngine

pytestmark = pytest.mark.controlplane

HARNESS: Object = {
    "suites": {"rust-repair-smoke": "sha256:one"},
    "promptDigest": "sha256:one",
    "schemaDigest": "sha256:one",
    "rustc": "1.85.0",
    "harnessVersion": "1",
    "sampling": {"maxTokens": 1024},
}
OTHER_HARNESS: dict[str, Object] = {
    "suiteDigest": {"suites": {"rust-repair-smoke": "sha256:two"}},
    "promptDigest": {"promptDigest": "sha256:two"},
    "schemaDigest": {"schemaDigest": "sha256:two"},
    "rustc": {"rustc": "1.86.0"},
    "harnessVersion": {"harnessVersion": "2"},
    "sampling": {"sampling": {"maxTokens": 2048}},
}
OTHER_MODEL: dict[str, dict[str, Any]] = {
    # Tokenizer and template come with the weights.
    "sourceRevision tokenizerDigest chatTemplateDigest": {
        "source": {"bundled": {"path": "/models/another"}}
    },
    "quantization": {"quantization": "awq"},
    "engineImage": {
        "engine": {"device": "cuda", "contextLength": 4096, "image": "example/sglang:other"}
    },
    "arguments": {"engine": {"device": "cuda", "contextLength": 4096, "maxRunningRequests": 2}},
}
OTHER_NODE = {
    "gpuProduct": "nvidia.com/gpu.product",
    "gpuMemory": "nvidia.com/gpu.memory",
    "gpuDriver": "nvidia.com/cuda.driver-version.full",
}


def test_every_part_of_the_key_is_tried() -> None:
    tried = {name for one in (OTHER_HARNESS, OTHER_MODEL, OTHER_NODE) for name in one}
    names = {part for name in tried for part in name.split()}
    assert names == {field.alias or name for name, field in EvidenceInputs.model_fields.items()}


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("harness") / "harness.json"
    path.write_text(json.dumps(HARNESS))
    return path


@pytest.fixture(scope="module")
def operator(
    cluster: Cluster,
    engine: ScriptedEngine,
    harness: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OperatorProcess]:
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    process = OperatorProcess(cluster.kubeconfig, log, engine_resolver=engine.base_url)
    process.env["REFLEX_HARNESS"] = str(harness)
    process.start()
    yield process
    process.stop()


def test_evidence_is_stale_by_each_part_of_its_key(
    place: Place, operator: OperatorProcess, harness: Path
) -> None:
    place.models("ab")
    place.route(fallbacks=["b"])
    place.wait("PrimaryServing", active="a")
    place.qualify("b")
    key = place.member("b")["evidence"]["key"]

    def stale(names: str) -> None:
        def told() -> bool:
            found = place.member("b")
            words = found.get("message", "").partition(": ")[2].split(", ")
            return found.get("eligibility") == "Stale" and set(names.split()) <= set(words)

        wait_for(f"b is stale by {names}", told, within=WITHIN, every=0.2)

    for names, change in OTHER_MODEL.items():
        place.apply(place.model("b", **change))
        stale(names)
        place.apply(place.model("b"))
        place.wait_member("b", "Eligible")
    node = place.cluster.list("nodes", "default")[0]["metadata"]
    for name, label in OTHER_NODE.items():
        before = node["labels"].get(label)
        place.cluster.kubectl("label", "node", node["name"], "--overwrite", f"{label}=1234")
        stale(name)
        back = f"{label}-" if before is None else f"{label}={before}"
        place.cluster.kubectl("label", "node", node["name"], "--overwrite", back)
        place.wait_member("b", "Eligible")
    assert place.member("b")["evidence"]["key"] == key
    for name, change in OTHER_HARNESS.items():
        harness.write_text(json.dumps({**HARNESS, **change}))
        operator.stop()
        operator.start()
        stale(name)
    harness.write_text(json.dumps(HARNESS))
    operator.stop()
    operator.start()
    place.wait_member("b", "Eligible")
    assert place.engines() == {"a"}, "nothing was started to find this out"
