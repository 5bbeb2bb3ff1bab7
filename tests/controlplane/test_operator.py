"""The operator against a real API server, controllers, scheduler and fake GPU nodes.

Engines are scripted where one has to answer: nothing here says anything about SGLang.
"""

import json
import re
import signal
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from reflex_e2e.kubectl import ROOT, Cluster
from reflex_e2e.waiting import wait_for

import scripted_engine
from operator_process import OperatorProcess
from planes import with_definitions
from reflex_lab.controlplane import ControlPlane

pytestmark = pytest.mark.controlplane

SAMPLES = ROOT / "manifests/samples"
REASON_WITHIN = 10.0


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    home = tmp_path_factory.mktemp("operator-plane")
    with ControlPlane(name="t-operator", home=home) as running:
        yield running


@pytest.fixture(scope="module")
def cluster(plane: ControlPlane) -> Cluster:
    made = with_definitions(plane)
    runtime = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "nvidia"},
        "handler": "nvidia",
    }
    made.kubectl("apply", "-f", "-", stdin=json.dumps(runtime))
    return made


@pytest.fixture(scope="module")
def engine() -> Iterator[scripted_engine.ScriptedEngine]:
    with scripted_engine.serving(set()) as running:
        yield running


@pytest.fixture(scope="module")
def operator(
    cluster: Cluster,
    engine: scripted_engine.ScriptedEngine,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OperatorProcess]:
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    process = OperatorProcess(cluster.kubeconfig, log, engine_resolver=engine.base_url)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())
    name = f"{words[:40]}-{zlib.crc32(request.node.name.encode()):08x}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def model(name: str, **spec: Any) -> dict[str, Any]:
    body = {
        "source": {"bundled": {"path": "/models/reflex-tiny"}},
        "engine": {"device": "cuda", "contextLength": 4096},
        "resources": {"cpu": "1", "memory": "4Gi", "sharedMemory": "1Gi"},
        **spec,
    }
    return {
        "apiVersion": "reflexstack.dev/v1alpha1",
        "kind": "ReflexModel",
        "metadata": {"name": name},
        "spec": body,
    }


def apply(cluster: Cluster, namespace: str, *objects: dict[str, Any]) -> None:
    text = yaml.safe_dump_all(list(objects))
    cluster.kubectl("apply", "--server-side", "-n", namespace, "-f", "-", stdin=text)


def ready(cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
    """The Ready condition of the current generation, or nothing yet."""
    found = cluster.get("reflexmodel", name, namespace)
    for condition in (found.get("status") or {}).get("conditions") or []:
        generation = found["metadata"]["generation"]
        if condition["type"] == "Ready" and condition["observedGeneration"] == generation:
            seen: dict[str, Any] = condition
            return seen
    return {}


def wait_reason(
    cluster: Cluster, namespace: str, name: str, reason: str, *, within: float = REASON_WITHIN
) -> dict[str, Any]:
    """Wait until Ready has this reason and return the condition."""
    seen: dict[str, Any] = {}

    def look() -> dict[str, Any] | None:
        seen.clear()
        seen.update(ready(cluster, namespace, name))
        return dict(seen) if seen.get("reason") == reason else None

    try:
        return wait_for(f"{name} says {reason}", look, within=within, every=0.3)
    except AssertionError as error:
        raise AssertionError(f"{error}; it says {seen}") from None


def fake_gpu_node(cluster: Cluster, name: str, labels: dict[str, str]) -> dict[str, Any]:
    """A node like the plane's GPU nodes, with labels of its own."""
    node = cluster.get("node", cluster.list("nodes", "")[0]["metadata"]["name"])
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {**node["metadata"]["labels"], "kubernetes.io/hostname": name, **labels},
            "annotations": node["metadata"]["annotations"],
        },
        "status": {key: node["status"][key] for key in ("allocatable", "capacity")},
    }


def test_the_samples_for_a_5090_schedule_and_serve(
    cluster: Cluster,
    plane: ControlPlane,
    operator: OperatorProcess,
    engine: scripted_engine.ScriptedEngine,
    namespace: str,
) -> None:
    plane.add_gpu_nodes(3)
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "models"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "200Gi"},
            "hostPath": {"path": "/models"},
            "storageClassName": "manual",
            "claimRef": {"name": "models", "namespace": namespace},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "100Gi"}},
            "storageClassName": "manual",
        },
    }
    apply(cluster, namespace, claim)
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(volume))
    for sample in ("gpt-oss-20b", "qwen3-coder-30b-a3b", "qwen2.5-coder-32b"):
        manifest = yaml.safe_load((SAMPLES / f"{sample}.yaml").read_text())
        manifest["spec"]["suspend"] = False  # as shipped, one of the three runs on one GPU
        engine.names.add(manifest["spec"].get("servedName") or sample)
        apply(cluster, namespace, manifest)
    for sample in ("gpt-oss-20b", "qwen3-coder-30b-a3b", "qwen2.5-coder-32b"):
        wait_reason(cluster, namespace, sample, "Serving", within=60)
    status = cluster.get("reflexmodel", "qwen2.5-coder-32b", namespace)["status"]
    assert status["resolved"]["gpu"] == "NVIDIA-GeForce-RTX-5090"
    assert status["memory"]["source"] == "Measured"


def test_a_node_that_does_not_exist_is_explained(
    cluster: Cluster, operator: OperatorProcess, namespace: str
) -> None:
    selector = {"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-B200"}}
    apply(cluster, namespace, model("nowhere", placement=selector))
    seen = wait_reason(cluster, namespace, "nowhere", "NodeNotFound")
    assert "didn't match Pod's node affinity/selector" in seen["message"]


def test_the_model_that_holds_the_gpu_is_named_and_its_end_frees_it(
    cluster: Cluster,
    plane: ControlPlane,
    operator: OperatorProcess,
    engine: scripted_engine.ScriptedEngine,
    namespace: str,
) -> None:
    plane.add_gpu_nodes(1)
    node = fake_gpu_node(cluster, "only-gpu", {"slot": namespace})
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(node))
    only = {"placement": {"nodeSelector": {"slot": namespace}}}
    engine.names.update({"holder", "waiter"})
    apply(cluster, namespace, model("holder", **only))
    wait_reason(cluster, namespace, "holder", "Serving", within=30)
    apply(cluster, namespace, model("waiter", **only))
    seen = wait_reason(cluster, namespace, "waiter", "GPUHeldByPeer")
    assert f"{namespace}/holder on only-gpu" in seen["message"]
    assert "Insufficient nvidia.com/gpu" in seen["message"]
    cluster.kubectl("delete", "reflexmodel", "holder", "-n", namespace)
    wait_reason(cluster, namespace, "waiter", "Serving", within=30)


def test_an_unknown_claim_is_explained(
    cluster: Cluster, operator: OperatorProcess, namespace: str
) -> None:
    source = {"persistentVolumeClaim": {"claimName": "nothing"}}
    apply(cluster, namespace, model("lost", source=source))
    seen = wait_reason(cluster, namespace, "lost", "ClaimNotFound")
    assert '"nothing" not found' in seen["message"]


def test_a_pod_that_is_refused_is_explained(
    cluster: Cluster, operator: OperatorProcess, namespace: str
) -> None:
    placement = {"runtimeClassName": "no-such-runtime"}
    apply(cluster, namespace, model("refused", placement=placement))
    seen = wait_reason(cluster, namespace, "refused", "PodCreateFailed")
    assert "no-such-runtime" in seen["message"]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_engine_pods_keep_to_the_restricted_pod_security_standard(
    cluster: Cluster, operator: OperatorProcess, namespace: str, device: str
) -> None:
    label = "pod-security.kubernetes.io/enforce=restricted"
    cluster.kubectl("label", "namespace", namespace, label)
    engine = {"device": device, "contextLength": 4096}
    apply(cluster, namespace, model("restricted", engine=engine))
    wait_for("the pod exists", lambda: cluster.list("pods", namespace), within=REASON_WITHIN)


def test_an_object_of_somebody_else_is_not_taken_over(
    cluster: Cluster, operator: OperatorProcess, namespace: str
) -> None:
    cluster.kubectl("create", "service", "clusterip", "mine", "--tcp=80:80", "-n", namespace)
    before = cluster.get("service", "mine", namespace)
    apply(cluster, namespace, model("mine"))
    seen = wait_reason(cluster, namespace, "mine", "NameConflict")
    assert f"Service {namespace}/mine" in seen["message"]
    assert cluster.get("service", "mine", namespace) == before


def test_deletion_does_not_wait_for_the_operator(
    cluster: Cluster,
    operator: OperatorProcess,
    engine: scripted_engine.ScriptedEngine,
    namespace: str,
) -> None:
    engine.names.add("short-lived")
    apply(cluster, namespace, model("short-lived"))
    wait_for(
        "the Deployment exists",
        lambda: cluster.list("deployments", namespace),
        within=REASON_WITHIN,
    )
    assert "finalizers" not in cluster.get("reflexmodel", "short-lived", namespace)["metadata"]
    operator.stop()
    try:
        start = time.monotonic()
        cluster.kubectl("delete", "reflexmodel", "short-lived", "-n", namespace, "--timeout=20s")
        assert time.monotonic() - start < 10

        def nothing_left() -> bool:
            kinds = "deployments,replicasets,pods,services,networkpolicies,secrets"
            return cluster.list(kinds, namespace) == []

        wait_for("nothing is left", nothing_left, within=60, every=0.5)
    finally:
        operator.start()


def test_drift_by_hand_is_corrected(
    cluster: Cluster,
    operator: OperatorProcess,
    engine: scripted_engine.ScriptedEngine,
    namespace: str,
) -> None:
    engine.names.add("steady")
    apply(cluster, namespace, model("steady", suspend=True))
    wait_reason(cluster, namespace, "steady", "Suspended")
    cluster.kubectl("scale", "deployment", "steady", "--replicas=3", "-n", namespace)

    def corrected() -> bool:
        replicas: int = cluster.get("deployment", "steady", namespace)["spec"]["replicas"]
        return replicas == 0

    wait_for("the Deployment is back at 0", corrected, within=REASON_WITHIN)
    cluster.kubectl("delete", "service", "steady", "-n", namespace)
    wait_for(
        "the Service is back",
        lambda: cluster.get("service", "steady", namespace),
        within=REASON_WITHIN,
    )


def test_a_standby_answers_its_probes_and_takes_over(
    cluster: Cluster,
    operator: OperatorProcess,
    engine: scripted_engine.ScriptedEngine,
    namespace: str,
    tmp_path: Path,
) -> None:
    standby = OperatorProcess(
        cluster.kubeconfig, tmp_path / "standby.log", identity="two",
        engine_resolver=engine.base_url,
    )  # fmt: skip
    standby.start()
    try:
        assert standby.metric("reflex_leader") == 0
        operator.stop()  # releases the Lease
        wait_for("the standby leads", lambda: standby.metric("reflex_leader") == 1, within=5)
        apply(cluster, namespace, model("after", suspend=True))
        wait_reason(cluster, namespace, "after", "Suspended")
        operator.start()
        standby.stop(signal.SIGKILL)  # releases nothing: the Lease has to run out
        wait_for("the first leads again", lambda: operator.metric("reflex_leader") == 1, within=25)
    finally:
        if standby.process is not None:
            standby.stop(signal.SIGKILL)
        if operator.process is None:
            operator.start()


def hub_model(name: str, repo: str, context: int, **spec: Any) -> dict[str, Any]:
    """A model of a repository that the catalogue knows: nothing is asked."""
    source = {"huggingFace": {"repo": repo, "revision": "0" * 40}}
    engine = {"device": "cuda", "contextLength": context}
    return model(name, source=source, engine=engine, **spec)


def test_a_model_that_does_not_fit_is_refused_before_anything_is_made(
    cluster: Cluster, plane: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    plane.add_gpu_nodes(1)
    fp8 = "Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8"
    apply(cluster, namespace, hub_model("too-large", fp8, 32768))
    seen = wait_reason(cluster, namespace, "too-large", "InsufficientGPUMemory")
    assert "needs 29.3 GiB of weights" in seen["message"]
    assert seen["message"].endswith("the GPU has 31.8 GiB; use a 4-bit checkpoint")
    kinds = "deployments,replicasets,jobs,pods,services,persistentvolumeclaims,secrets"
    assert cluster.list(kinds, namespace) == []
    status = cluster.get("reflexmodel", "too-large", namespace)["status"]
    assert status["memory"]["capacity"] == "32607Mi"
    assert status["memory"]["source"] == "Estimated"


def test_the_chosen_fraction_survives_what_becomes_of_the_nodes(
    cluster: Cluster,
    plane: ControlPlane,
    operator: OperatorProcess,
    engine: scripted_engine.ScriptedEngine,
    namespace: str,
) -> None:
    plane.add_gpu_nodes(1)
    node = fake_gpu_node(cluster, "chosen-gpu", {"slot": namespace})
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(node))
    engine.names.add("chosen")
    apply(cluster, namespace, model("chosen", placement={"nodeSelector": {"slot": namespace}}))
    wait_reason(cluster, namespace, "chosen", "Serving", within=30)
    before = cluster.get("deployment", "chosen", namespace)
    (container,) = before["spec"]["template"]["spec"]["containers"]
    assert "--mem-fraction-static=0.837" in container["args"]
    cluster.kubectl("label", "node", "chosen-gpu", "nvidia.com/gpu.memory=24564", "--overwrite")
    operator.stop()
    operator.start()
    patch = json.dumps({"metadata": {"annotations": {"touched": "yes"}}})
    cluster.kubectl("patch", "reflexmodel", "chosen", "-n", namespace, "--type=merge", "-p", patch)
    apply(cluster, namespace, model("after-it", suspend=True))
    wait_reason(cluster, namespace, "after-it", "Suspended")
    after = cluster.get("deployment", "chosen", namespace)
    for field in ("generation", "annotations"):
        assert after["metadata"][field] == before["metadata"][field]
    cluster.kubectl("delete", "node", "chosen-gpu")
