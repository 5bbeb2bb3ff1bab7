"""Compare-before-write against what a real API server makes of our manifests."""

import copy
from pathlib import Path

import pytest
import yaml
from reflex_e2e.kubectl import Cluster

import states
from planes import clients
from reflex_api.model import ReflexModel
from reflex_api.names import FIELD_MANAGER
from reflex_lab.controlplane import ControlPlane
from reflex_operator.builders.engine import engine_deployment, revision_of
from reflex_operator.builders.service import network_policy, service
from reflex_operator.compare import differs, stamped
from reflex_operator.manifest import Manifest

pytestmark = pytest.mark.controlplane

SAMPLES = Path(__file__).parents[2] / "manifests/samples"
MODELS = {
    path.stem: yaml.safe_load(path.read_text())
    for path in sorted(SAMPLES.glob("*.yaml"))
    if "kind: ReflexModel" in path.read_text()
} | {
    "odd-quantities": states.model(
        resources={"cpu": "0.5", "memory": "4096Mi", "sharedMemory": "1048576Ki"}
    ),
    "tolerations": states.model(
        placement={
            "tolerations": [
                {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},
                {"key": "slow", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 60},
            ]
        }
    ),
}


@pytest.fixture(scope="module")
def server(control_plane: ControlPlane) -> Cluster:
    return clients(control_plane)


def applied(server: Cluster, manifest: Manifest) -> Manifest:
    """Apply as the operator does, and read the object back."""
    server.kubectl(
        "apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}",
        "-f", "-", stdin=yaml.safe_dump(manifest),
    )  # fmt: skip
    return server.get(manifest["kind"], manifest["metadata"]["name"], "default")


@pytest.mark.parametrize("name", sorted(MODELS))
def test_what_was_applied_is_what_is_there(server: Cluster, name: str) -> None:
    manifest = copy.deepcopy(MODELS[name])
    manifest["metadata"] |= {"name": name.replace(".", "-"), "namespace": "default", "uid": "u"}
    model = ReflexModel.parse(manifest)
    deployment = engine_deployment(model, image="example/engine:1", replicas=0)
    for desired in (
        network_policy(model, operator_namespace="reflex-system"),
        service(model, revision=revision_of(deployment)),
        deployment,
    ):
        # An owner that does not exist would have the garbage collector delete the child at once.
        del desired["metadata"]["ownerReferences"]
        wanted = stamped(desired)
        live = applied(server, wanted)
        assert not differs(wanted, live), desired["kind"]
        assert differs(stamped({**desired, "spec": {**desired["spec"], "x": 1}}), live)


def test_a_field_changed_by_hand_is_noticed(server: Cluster) -> None:
    model = ReflexModel.parse(states.model("by-hand"))
    desired = engine_deployment(model, image="example/engine:1", replicas=0)
    del desired["metadata"]["ownerReferences"]
    wanted = stamped(desired)
    live = applied(server, wanted)
    edited = copy.deepcopy(live)
    edited["spec"]["template"]["spec"]["containers"][0]["args"][0] = "--model-path=/elsewhere"
    assert differs(wanted, edited)
    edited = copy.deepcopy(live)
    edited["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = "1Gi"
    assert differs(wanted, edited)
    edited = copy.deepcopy(live)
    edited["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = "4096Mi"
    assert not differs(wanted, edited)
