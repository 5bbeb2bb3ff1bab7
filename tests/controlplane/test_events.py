"""What a user reads of a model's life, and what happens when somebody fights the operator.

The pod's node has no kubelet and no kwok: the test says what the container does.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from reflex_e2e.waiting import wait_for

from bench.rig import Rig, model, rig
from reflex_lab.gpunodes import gpu_node

pytestmark = pytest.mark.controlplane

NODE = "by-hand"
NAMESPACE = "story"
WITHIN = 20.0
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("events")) as running:
        running.namespace(NAMESPACE)
        yield running


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def add_node(made: Rig) -> None:
    """Add a node that nobody looks after, Ready for the node controller's grace period."""
    node: Any = gpu_node(0)
    node["metadata"] |= {"name": NODE, "annotations": {}}
    node["metadata"]["labels"]["kubernetes.io/hostname"] = NODE
    node["status"]["conditions"] = [
        {"type": "Ready", "status": "True", "reason": "ByHand", "message": "",
         "lastHeartbeatTime": now(), "lastTransitionTime": now()}
    ]  # fmt: skip
    made.cluster.kubectl("create", "-f", "-", stdin=json.dumps(node))


def pod(made: Rig) -> Manifest:
    found = wait_for(
        "the pod has a node",
        lambda: [p for p in made.cluster.list("pods", NAMESPACE) if p["spec"].get("nodeName")],
        within=WITHIN,
    )
    one: Manifest = found[0]
    return one


def container_is(
    made: Rig, state: Manifest, *, ready: bool, restarts: int = 0, **more: Any
) -> None:
    """Report the container's state as a kubelet would."""
    live = pod(made)
    gate = any(
        c["type"] == "reflexstack.dev/Verified" and c["status"] == "True"
        for c in live["status"].get("conditions") or []
    )
    conditions = [
        {"type": kind, "status": "True" if yes else "False", "lastTransitionTime": now()}
        for kind, yes in (("ContainersReady", ready), ("Ready", ready and gate))
    ]
    name = live["spec"]["containers"][0]["name"]
    image = live["spec"]["containers"][0]["image"]
    status = {
        "phase": "Running",
        "podIP": "10.244.200.1",
        "podIPs": [{"ip": "10.244.200.1"}],
        "startTime": now(),
        "conditions": conditions,
        "containerStatuses": [
            {"name": name, "image": image, "imageID": image, "ready": ready, "started": ready,
             "restartCount": restarts, "state": state, **more}
        ],
    }  # fmt: skip
    patch = json.dumps({"status": status})
    made.cluster.kubectl(
        "patch", "pod", live["metadata"]["name"], "-n", NAMESPACE, "--subresource=status",
        "--type=strategic", "-p", patch,
    )  # fmt: skip


def reason(made: Rig, name: str) -> str:
    status = made.cluster.get("reflexmodel", name, NAMESPACE).get("status") or {}
    return next((c["reason"] for c in status.get("conditions") or [] if c["type"] == "Ready"), "")


def says(made: Rig, name: str, wanted: str) -> None:
    wait_for(f"{name} says {wanted}", lambda: reason(made, name) == wanted, within=WITHIN)


def gate_is_open(made: Rig) -> bool:
    return any(
        c["type"] == "reflexstack.dev/Verified" and c["status"] == "True"
        for c in pod(made)["status"].get("conditions") or []
    )


def described(made: Rig, name: str) -> list[str]:
    """The reasons of the events as `kubectl describe` lists them."""
    text = made.cluster.kubectl("describe", "reflexmodel", name, "-n", NAMESPACE)
    lines = text.partition("Events:")[2].splitlines()[3:]
    return [line.split()[1] for line in lines if line.strip()]


def listed(made: Rig, name: str) -> list[str]:
    text = made.cluster.kubectl(
        "events", "--for", f"reflexmodel/{name}", "-n", NAMESPACE, "--no-headers"
    )
    return [re.split(r"\s+", line.strip())[2] for line in text.splitlines() if line.strip()]


def test_start_crash_and_recovery_read_in_order_and_once(made: Rig) -> None:
    add_node(made)
    made.engine.names.add("tale")
    where = {"nodeSelector": {"kubernetes.io/hostname": NODE}}
    made.apply(NAMESPACE, [model("tale", placement=where)])
    says(made, "tale", "EngineStarting")
    running = {"running": {"startedAt": now()}}
    container_is(made, running, ready=True)
    wait_for("the gate is open", lambda: gate_is_open(made), within=WITHIN)
    container_is(made, running, ready=True)
    says(made, "tale", "Serving")
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": "it broke",
                            "startedAt": now(), "finishedAt": now()}}  # fmt: skip
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    container_is(made, waiting, ready=False, restarts=1, lastState=ended)
    wait_for("the crash is told", lambda: reason(made, "tale") != "Serving", within=WITHIN)
    crash = reason(made, "tale")
    container_is(made, {"running": {"startedAt": now()}}, ready=True, restarts=1, lastState=ended)
    says(made, "tale", "Serving")
    made.quiet(seconds=5)
    story = described(made, "tale")
    assert story[0] == "EngineStarting"
    assert story[1] == "Serving"
    assert crash in story[2:-1]
    assert story[-1] == "Serving"
    assert all(one != other for one, other in pairwise(story)), "once each"
    assert listed(made, "tale") == story
    made.audit.mark()
    time.sleep(10)  # what is measured: rest
    assert made.audit.operator_writes() == []


def test_a_refused_child_is_told_once(made: Rig) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"},
             "spec": {"hard": {"count/deployments.apps": "1"}}}  # fmt: skip
    made.cluster.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=json.dumps(quota))
    wait_for(
        "the quota counts",
        lambda: made.cluster.get("resourcequota", "none", NAMESPACE).get("status", {}).get("used"),
        within=WITHIN,
    )
    made.apply(NAMESPACE, [model("refused")])
    says(made, "refused", "ApplyFailed")
    time.sleep(5)  # several passes, with growing delay
    assert described(made, "refused").count("ApplyFailed") == 1
    made.cluster.kubectl("delete", "resourcequota", "none", "-n", NAMESPACE)


def test_a_rival_costs_few_writes_and_is_named(made: Rig) -> None:
    made.engine.names.add("fought")
    made.apply(NAMESPACE, [model("fought", suspend=True)])
    says(made, "fought", "Suspended")
    made.audit.mark()
    change = {"op": "replace", "path": "/spec/selector", "value": {"app": "theirs"}}

    def undone() -> bool:
        live = made.cluster.get("service", "fought", NAMESPACE)
        if live["spec"]["selector"] != change["value"]:
            made.cluster.kubectl(
                "patch", "service", "fought", "-n", NAMESPACE, "--type=json",
                "-p", json.dumps([change]), "--field-manager=rival",
            )  # fmt: skip
        return "ChangesReverted" in described(made, "fought")

    wait_for("the rival is named", undone, within=60, every=0.05)
    fight(undone, seconds=10)
    writes = [one for one in made.audit.operator_writes() if one.resource == "services"]
    assert 10 <= len(writes) <= 12
    assert described(made, "fought").count("ChangesReverted") == 1
    text = made.cluster.kubectl("describe", "reflexmodel", "fought", "-n", NAMESPACE)
    assert 'the field manager "rival"' in text
    assert made.operator.metric("reflex_writes_held_total") >= 1


def fight(step: Callable[[], bool], *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        step()


def test_a_namespace_that_goes_away_is_left_quietly(made: Rig) -> None:
    made.namespace("doomed")
    names = [f"d-{number}" for number in range(20)]
    made.engine.names.update(names)
    with made.watch("reflexmodels", "doomed") as models:
        made.apply("doomed", [model(name) for name in names])
        models.wait(len(names), ready=True, within=60)
    made.quiet(seconds=5)
    made.audit.mark()
    log = len(made.operator.log.read_text())
    made.cluster.kubectl("delete", "namespace", "doomed", "--timeout=60s")
    made.quiet(seconds=5)
    refused = [one for one in made.audit.operator_writes() if one.code == 403]
    assert len(refused) <= 2 * len(names), "no storm: one look each"
    said = made.operator.log.read_text()[log:]
    assert " ERROR " not in said
    assert " WARNING " not in said
