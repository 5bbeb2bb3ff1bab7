"""Weights against a real API server, Job controller, scheduler and garbage collector.

The download's pods run on fake nodes: a test says how far they are and how they end, so nothing
here says anything about the program in them.
"""

import json
import re
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from reflex_e2e.kubectl import Cluster
from reflex_e2e.waiting import wait_for

import scripted_engine
from audit import AuditLog, Write, summary
from operator_process import OperatorProcess
from planes import with_definitions
from reflex_lab.controlplane import ControlPlane

pytestmark = pytest.mark.controlplane

REASON_WITHIN = 10.0
REVISION = "0" * 40
TOTAL = 4 << 30
GONE = {"failure": None, "bytesTotal": TOTAL, "revision": REVISION}
STEP_WRITES = {"reflexmodels/status"}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    home = tmp_path_factory.mktemp("weights-plane")
    with ControlPlane(name="t-weights", home=home) as running:
        running.add_gpu_nodes(8)
        yield running


@pytest.fixture(scope="module")
def cluster(plane: ControlPlane) -> Cluster:
    return with_definitions(plane)


@pytest.fixture(scope="module")
def engine() -> Iterator[scripted_engine.ScriptedEngine]:
    with scripted_engine.serving({"hub"}) as running:
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
def space(
    cluster: Cluster,
    operator: OperatorProcess,
    engine: scripted_engine.ScriptedEngine,
    request: pytest.FixtureRequest,
) -> Iterator["Space"]:
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())
    name = f"{words[:40]}-{zlib.crc32(request.node.name.encode()):08x}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    engine.progress = {"bytes_done": 0, "bytes_total": TOTAL, "bytes_per_second": 0}
    yield Space(cluster, name)
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def hub(revision: str = REVISION, **more: Any) -> dict[str, Any]:
    return {"huggingFace": {"repo": "a/b", "revision": revision, **more}}


class Space:
    """One namespace with one model named `hub`."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name = cluster, name

    def apply(self, **spec: Any) -> None:
        body = {
            "source": hub(),
            "engine": {"device": "cpu", "contextLength": 4096},
            "resources": {"cpu": "1", "memory": "4Gi", "sharedMemory": "1Gi"},
            **spec,
        }
        manifest = {
            "apiVersion": "reflexstack.dev/v1alpha1",
            "kind": "ReflexModel",
            "metadata": {"name": "hub"},
            "spec": body,
        }
        text = yaml.safe_dump(manifest)
        self.cluster.kubectl(
            "apply", "--server-side", "--force-conflicts", "-n", self.name, "-f", "-", stdin=text
        )

    def model(self) -> dict[str, Any]:
        return self.cluster.get("reflexmodel", "hub", self.name)

    def condition(self, kind: str) -> dict[str, Any]:
        found = self.model()
        for one in (found.get("status") or {}).get("conditions") or []:
            current = one["observedGeneration"] == found["metadata"]["generation"]
            if one["type"] == kind and current:
                seen: dict[str, Any] = one
                return seen
        return {}

    def wait(
        self, reason: str, kind: str = "Ready", *, within: float = REASON_WITHIN
    ) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            seen = self.condition(kind)
            return seen if seen.get("reason") == reason else None

        try:
            return wait_for(f"{kind} says {reason}", look, within=within, every=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {self.condition(kind)}") from None

    def jobs(self) -> list[dict[str, Any]]:
        return self.cluster.list("jobs", self.name)

    def pods(self) -> list[dict[str, Any]]:
        found = self.cluster.list("pods", self.name)
        return [one for one in found if "reflexstack.dev/weights" in one["metadata"]["labels"]]

    def running_pod(self, but: str = "") -> dict[str, Any]:
        """Wait for the pod of a download that runs."""

        def look() -> dict[str, Any] | None:
            for pod in self.pods():
                fits = pod["status"].get("phase") == "Running" and pod["metadata"]["name"] != but
                if fits and not pod["metadata"].get("deletionTimestamp"):
                    return pod
            return None

        return wait_for("a download runs", look, within=20, every=0.2)

    def complete(self, pod: dict[str, Any]) -> None:
        note = f"reflexstack.dev/lab-complete={json.dumps(GONE)}"
        self.cluster.kubectl("annotate", "pod", pod["metadata"]["name"], "-n", self.name, note)

    def patch_status(self, pod: dict[str, Any], status: dict[str, Any]) -> None:
        self.cluster.kubectl(
            "patch", "pod", pod["metadata"]["name"], "-n", self.name, "--subresource=status",
            "--type=strategic", "-p", json.dumps({"status": status}),
        )  # fmt: skip

    def end(self, pod: dict[str, Any], message: str, *, code: int = 1, reason: str = "") -> None:
        terminated = {"exitCode": code, "reason": reason or "Error", "message": message}
        container = {"name": "weights", "state": {"running": None, "terminated": terminated}}
        self.patch_status(pod, {"phase": "Failed", "containerStatuses": [container]})


def failure(name: str) -> str:
    return json.dumps({"failure": name, "message": f"because of {name}"})


def test_from_apply_to_quiet_in_nine_writes_and_the_steps(
    space: Space, plane: ControlPlane, engine: scripted_engine.ScriptedEngine
) -> None:
    audit = AuditLog(path=plane.audit_log)
    audit.mark()
    space.apply()
    pod = space.running_pod()
    space.wait("Downloading")
    assert space.cluster.list("deployments", space.name) == [], "nothing idle holds a GPU"
    wait_for(
        "the first numbers", lambda: space.model()["status"].get("download"), within=REASON_WITHIN
    )
    engine.progress |= {"bytes_done": TOTAL // 2, "bytes_per_second": 1 << 20}
    numbers = wait_for(
        "a step",
        lambda: space.model()["status"]["download"]["bytesDone"] or None,
        within=REASON_WITHIN,
    )
    assert numbers == TOTAL // 2
    space.complete(pod)
    space.wait("Serving", within=30)
    status = space.model()["status"]
    assert status["download"] == {"bytesDone": TOTAL, "bytesTotal": TOTAL}
    assert status["resolved"]["sourceRevision"] == REVISION

    writes: list[Write] = []

    def quiet() -> bool:
        before = len(writes)
        writes[:] = [one for one in audit.operator_writes() if one.namespace == space.name]
        time.sleep(3)  # what is measured: three seconds without a write
        return len(audit.operator_writes()) == len(writes) == before

    wait_for("the operator is quiet", quiet, within=30)
    changes = [one for one in writes if one.resource != "events"]
    steps = 3  # numbers at 0 %, at 50 % and at the end
    assert len(changes) <= 9 + steps, summary(changes)
    assert all(one.code < 400 for one in writes), summary(writes)


@pytest.mark.parametrize(
    ("end", "reason", "again"),
    [
        (lambda s, p: s.end(p, failure("SourceUnauthorized")), "SourceUnauthorized", False),
        (lambda s, p: s.end(p, failure("OutOfSpace")), "OutOfSpace", False),
        (lambda s, p: s.end(p, failure("DigestMismatch")), "DigestMismatch", False),
        (lambda s, p: s.end(p, "", code=137, reason="OOMKilled"), "DownloadOOMKilled", False),
        (lambda s, p: s.end(p, "Traceback: boom"), "DownloadFailed", False),
        (lambda s, p: s.end(p, failure("SourceUnreachable")), "SourceUnreachable", True),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_how_a_download_ended_is_named(
    space: Space, end: Callable[[Space, dict[str, Any]], None], reason: str, again: bool
) -> None:
    space.apply()
    pod = space.running_pod()
    end(space, pod)
    seen = space.wait(reason)
    assert len(seen["message"]) <= 256
    wait_for(
        "the Job is over",
        lambda: any(c["type"] == "Failed" for c in space.jobs()[0]["status"].get("conditions", [])),
        within=REASON_WITHIN,
    )
    if again:
        wait_for("another attempt", lambda: len(space.jobs()) == 1
                 and space.jobs()[0]["metadata"]["annotations"]["reflexstack.dev/attempt"] == "1",
                 within=45)  # fmt: skip
        return
    (first,) = space.jobs()
    space.cluster.kubectl(
        "annotate", "reflexmodel", "hub", "-n", space.name, "reflexstack.dev/retry=1"
    )
    space.complete(space.running_pod(but=pod["metadata"]["name"]))
    space.wait("Serving", within=30)
    (second,) = space.jobs()
    assert second["metadata"]["name"] != first["metadata"]["name"], "the failed one is gone"


def test_an_eviction_is_named_and_survived(space: Space) -> None:
    space.apply()
    pod = space.running_pod()
    words = "The node was low on resource: ephemeral-storage."
    disrupted = {"type": "DisruptionTarget", "status": "True", "message": words}
    space.patch_status(
        pod,
        {"phase": "Failed", "reason": "Evicted", "message": words, "conditions": [disrupted]},
    )
    space.complete(space.running_pod(but=pod["metadata"]["name"]))
    space.wait("Serving", within=30)
    assert len(space.jobs()) == 1


def test_a_deadline_is_named(space: Space) -> None:
    space.apply(rollout={"downloadTimeout": "1m"})
    space.running_pod()
    space.wait("DownloadTimedOut", within=90)


def test_a_trouble_that_lasts_is_named_live(
    space: Space, engine: scripted_engine.ScriptedEngine
) -> None:
    engine.progress |= {"failure": "SourceUnreachable", "message": "no route to the hub"}
    space.apply()
    assert "no route" in space.wait("SourceUnreachable")["message"]


def test_a_missing_token_is_named_and_its_arrival_noticed(space: Space) -> None:
    space.apply(source=hub(tokenSecretRef={"name": "hub-token"}))
    seen = space.wait("SecretNotFound")
    assert f"{space.name}/hub-token" in seen["message"]
    space.cluster.kubectl(
        "create", "secret", "generic", "hub-token", "--from-literal=token=s3cret", "-n", space.name
    )
    space.complete(space.running_pod())
    space.wait("Serving", within=30)
    said = json.dumps([space.model(), space.jobs(), space.pods()])
    assert "s3cret" not in said


def test_a_download_without_a_node_or_claim_is_explained(space: Space) -> None:
    space.apply(placement={"nodeSelector": {"nowhere": "x"}})
    space.wait("NodeNotFound")
    space.apply(placement={"nodeSelector": {"kubernetes.io/os": "linux"}})
    space.running_pod()
    space.wait("Downloading")


def test_a_named_claim_that_does_not_exist_is_explained(space: Space) -> None:
    space.apply(cache={"claimName": "shared"})
    assert "shared" in space.wait("ClaimNotFound")["message"]


def test_an_unknown_model_on_a_gpu_is_inspected_first(space: Space) -> None:
    space.apply(engine={"device": "cuda", "contextLength": 4096})
    pod = space.running_pod()
    assert pod["metadata"]["labels"]["reflexstack.dev/weights-step"] == "inspect"
    space.wait("Inspecting")
    space.complete(pod)
    pod = space.running_pod(but=pod["metadata"]["name"])
    assert pod["metadata"]["labels"]["reflexstack.dev/weights-step"] == "download"
    space.complete(pod)
    space.wait("Serving", within=30)


def test_another_source_is_fetched_while_the_engine_serves(
    space: Space, operator: OperatorProcess
) -> None:
    space.apply()
    first = space.running_pod()
    space.complete(first)
    space.wait("Serving", within=30)
    (old_job,) = space.jobs()
    before = space.cluster.get("deployment", "hub", space.name)
    space.apply(source=hub("1" * 40))
    second = space.running_pod(but=first["metadata"]["name"])
    assert space.wait("Downloading", "ModelCached")["status"] == "False"
    assert space.condition("Ready")["status"] == "True"
    operator.stop()  # nothing of this is in memory
    operator.start()
    assert space.cluster.get("deployment", "hub", space.name)["spec"] == before["spec"]
    names = [one["metadata"]["name"] for one in space.jobs()]
    assert old_job["metadata"]["name"] not in names
    space.complete(second)

    def replaced() -> bool:
        resolved: dict[str, Any] = space.model()["status"]["resolved"]
        return resolved.get("sourceRevision") == "1" * 40

    wait_for("the new weights are served", replaced, within=30)
    space.wait("Serving", within=30)


def test_a_retained_claim_is_used_again_and_grows(space: Space) -> None:
    space.apply(cache={"size": "5Gi"})
    space.complete(space.running_pod())
    space.wait("Serving", within=30)
    claim = space.cluster.get("pvc", "hub-cache", space.name)
    assert not claim["metadata"].get("ownerReferences")
    space.cluster.kubectl("delete", "reflexmodel", "hub", "-n", space.name, "--timeout=20s")
    wait_for("its Jobs are collected", lambda: space.jobs() == [], within=30, every=0.5)
    space.apply(cache={"size": "4Gi", "retain": False})
    space.complete(space.running_pod())
    space.wait("Serving", within=30)
    again = space.cluster.get("pvc", "hub-cache", space.name)
    assert again["metadata"]["uid"] == claim["metadata"]["uid"]
    assert again["spec"]["resources"]["requests"]["storage"] == "5Gi"
    assert again["metadata"]["ownerReferences"][0]["name"] == "hub"
    space.apply(cache={"size": "4Gi", "retain": True})

    def orphaned() -> bool:
        live = space.cluster.get("pvc", "hub-cache", space.name)
        return not live["metadata"].get("ownerReferences")

    wait_for("the owner reference is gone", orphaned, within=REASON_WITHIN)


def test_a_claim_that_is_not_retained_goes_with_its_model(space: Space) -> None:
    space.apply(cache={"retain": False})
    space.running_pod()
    space.cluster.kubectl("delete", "reflexmodel", "hub", "-n", space.name, "--timeout=20s")

    def nothing_left() -> bool:
        kinds = "jobs,pods,persistentvolumeclaims,networkpolicies,secrets"
        return space.cluster.list(kinds, space.name) == []

    wait_for("nothing is left", nothing_left, within=60, every=0.5)


def test_a_claim_of_somebody_else_is_not_taken_over(space: Space) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "hub-cache"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    space.cluster.kubectl("apply", "-n", space.name, "-f", "-", stdin=json.dumps(claim))
    space.apply()
    seen = space.wait("NameConflict")
    assert f"PersistentVolumeClaim {space.name}/hub-cache" in seen["message"]
    assert space.jobs() == []
