"""Failed revisions and refused specs against a real API server and its controllers.

Crashes are patched into the status of pods on fake nodes, and a scripted engine answers.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from reflex_e2e.kubectl import Cluster
from reflex_e2e.waiting import wait_for

import scripted_engine
from audit import AuditLog, summary
from operator_process import OperatorProcess
from planes import with_definitions
from reflex_api.names import ANNOTATION_FAILED, ANNOTATION_RETRY
from reflex_lab.controlplane import ControlPlane

pytestmark = pytest.mark.controlplane

WITHIN = 30.0
DENIED = "example/denied:1"


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> Cluster:
    made = with_definitions(control_plane)
    control_plane.add_gpu_nodes(2)
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


class Model:
    """One ReflexModel in a namespace of its own, as its user changes and reads it."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        self.cluster, self.namespace, self.name = cluster, namespace, name

    def apply(self, *, engine: dict[str, Any] | None = None, **spec: Any) -> None:
        manifest = {
            "apiVersion": "reflexstack.dev/v1alpha1",
            "kind": "ReflexModel",
            "metadata": {"name": self.name},
            "spec": {
                "source": {"bundled": {"path": "/models/reflex-tiny"}},
                "engine": {"device": "cuda", "contextLength": 4096, **(engine or {})},
                "resources": {"cpu": "1", "memory": "4Gi", "sharedMemory": "1Gi"},
                **spec,
            },
        }
        args = ("apply", "--server-side", "--force-conflicts", "-n", self.namespace, "-f", "-")
        self.cluster.kubectl(*args, stdin=json.dumps(manifest))

    def wait(self, reason: str) -> dict[str, Any]:
        """Wait until Ready has this reason for the present spec."""

        def look() -> dict[str, Any] | None:
            found = self.cluster.get("reflexmodel", self.name, self.namespace)
            for one in (found.get("status") or {}).get("conditions") or []:
                current = one["observedGeneration"] == found["metadata"]["generation"]
                if one["type"] == "Ready" and current and one["reason"] == reason:
                    seen: dict[str, Any] = one
                    return seen
            return None

        return wait_for(f"{self.name} says {reason}", look, within=WITHIN, every=0.3)

    def deployment(self) -> dict[str, Any]:
        return self.cluster.get("deployment", self.name, self.namespace)

    def revisions(self) -> int:
        """How many different pod templates the Deployment has had."""
        return len(self.cluster.list("replicasets", self.namespace))

    def crash(self, revision_apart_from: str) -> None:
        """Have the pod of another revision than this one crash three times."""

        def pod() -> dict[str, Any] | None:
            for one in self.cluster.list("pods", self.namespace):
                other = one["metadata"]["labels"]["reflexstack.dev/revision"] != revision_apart_from
                if other and (one.get("status") or {}).get("containerStatuses"):
                    return one
            return None

        found = wait_for("the new pod has started", pod, within=WITHIN)
        (container,) = found["status"]["containerStatuses"]
        ended = {"exitCode": 2, "reason": "Error", "message": "unrecognized arguments: --nope"}
        status = {
            "conditions": [
                {"type": kind, "status": "False"} for kind in ("ContainersReady", "Ready")
            ],
            "containerStatuses": [
                {
                    **container,
                    "ready": False,
                    "started": False,
                    "restartCount": 2,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": ended},
                }
            ],
        }
        self.cluster.kubectl(
            "patch", "pod", found["metadata"]["name"], "-n", self.namespace,
            "--subresource=status", "-p", json.dumps({"status": status}),
        )  # fmt: skip


@pytest.fixture
def model(
    cluster: Cluster, engine: scripted_engine.ScriptedEngine, request: pytest.FixtureRequest
) -> Iterator[Model]:
    name = f"m{len(engine.names)}"
    cluster.kubectl("create", "namespace", f"failed-{name}")
    engine.names.add(name)
    yield Model(cluster, f"failed-{name}", name)
    cluster.kubectl("delete", "namespace", f"failed-{name}", "--wait=false")


def quiet(audit: AuditLog, model: Model) -> None:
    """Assert that the operator writes nothing about the model for some seconds."""
    audit.mark()
    time.sleep(8)  # what is measured: time without a write
    writes = [one for one in audit.operator_writes() if one.namespace == model.namespace]
    assert not writes, summary(writes)


def test_a_crashing_revision_gives_way_to_the_last_good_one_until_a_retry(
    control_plane: ControlPlane,
    operator: OperatorProcess,
    engine: scripted_engine.ScriptedEngine,
    model: Model,
) -> None:
    model.apply()
    model.wait("Serving")
    before = model.deployment()["spec"]["template"]
    good = before["metadata"]["labels"]["reflexstack.dev/revision"]
    model.apply(servedName=f"{model.name}-new")  # which no engine answers to
    model.crash(good)
    seen = model.wait("RevisionRestored")
    assert seen["status"] == "True"
    assert "unrecognized arguments: --nope" in seen["message"]
    # The template went through an annotation and came back as the very same one.
    assert model.deployment()["spec"]["template"] == before
    assert model.revisions() == 2

    audit = AuditLog(path=control_plane.audit_log)
    quiet(audit, model)
    operator.stop()
    operator.start()
    quiet(audit, model)

    version = model.deployment()["metadata"]["resourceVersion"]
    model.cluster.kubectl(
        "patch", "reflexmodel", model.name, "-n", model.namespace, "--subresource=status",
        "--type=merge", "-p", '{"status": null}',
    )  # fmt: skip
    model.wait("RevisionRestored")
    assert model.deployment()["metadata"]["resourceVersion"] == version

    engine.names.add(f"{model.name}-new")
    model.cluster.kubectl(
        "annotate", "reflexmodel", model.name, "-n", model.namespace, f"{ANNOTATION_RETRY}=1"
    )
    model.wait("Serving")
    live = model.deployment()
    assert live["spec"]["template"]["metadata"]["labels"]["reflexstack.dev/revision"] != good
    assert ANNOTATION_FAILED not in live["metadata"]["annotations"]
    assert model.revisions() == 2


def test_an_engine_with_the_wrong_name_gives_way_and_the_old_spec_takes_over_again(
    operator: OperatorProcess, model: Model
) -> None:
    model.apply()
    model.wait("Serving")
    model.apply(servedName="nobody")
    assert "WrongModelLoaded" in model.wait("RevisionRestored")["message"]
    (pod,) = model.cluster.list("pods", model.namespace)
    model.apply()
    model.wait("Serving")
    (same,) = model.cluster.list("pods", model.namespace)
    assert same["metadata"]["uid"] == pod["metadata"]["uid"]
    assert ANNOTATION_FAILED not in model.deployment()["metadata"]["annotations"]
    assert model.revisions() == 2


@pytest.fixture
def policy(cluster: Cluster) -> Iterator[None]:
    """A cluster whose admission refuses one engine image."""
    name = "no-denied-images"
    rule = f"object.spec.template.spec.containers.all(one, one.image != '{DENIED}')"
    objects: list[dict[str, Any]] = [
        {
            "kind": "ValidatingAdmissionPolicy",
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "resourceRules": [
                        {
                            "apiGroups": ["apps"],
                            "apiVersions": ["v1"],
                            "operations": ["CREATE", "UPDATE"],
                            "resources": ["deployments"],
                        }
                    ]
                },
                "validations": [{"expression": rule, "message": "this image is denied"}],
            },
        },
        {
            "kind": "ValidatingAdmissionPolicyBinding",
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]
    for one in objects:
        manifest = {
            **one,
            "apiVersion": "admissionregistration.k8s.io/v1",
            "metadata": {"name": name},
        }
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))

    def denies() -> bool:
        try:
            cluster.kubectl("create", "deployment", "x", f"--image={DENIED}", "--dry-run=server")
        except Exception as error:
            return "this image is denied" in str(error)
        return False

    wait_for("the policy is in force", denies, within=WITHIN)
    yield
    for one in objects:
        cluster.kubectl("delete", one["kind"], name)


def test_a_refused_change_leaves_what_runs_and_suspend_still_stops_it(
    operator: OperatorProcess, policy: None, model: Model
) -> None:
    model.apply()
    model.wait("Serving")
    before = model.deployment()["spec"]["template"]
    model.apply(engine={"image": DENIED})
    assert "denied request" in model.wait("ApplyFailed")["message"]
    assert model.deployment()["status"]["readyReplicas"] == 1

    model.apply(engine={"image": DENIED}, suspend=True)

    def stopped() -> bool:
        live = model.deployment()
        return live["spec"]["replicas"] == 0 and not model.cluster.list("pods", model.namespace)

    wait_for("the engine is stopped", stopped, within=WITHIN)
    assert model.deployment()["spec"]["template"] == before

    model.apply()
    model.wait("Serving")
    assert model.deployment()["spec"]["template"] == before
    assert model.revisions() == 1
