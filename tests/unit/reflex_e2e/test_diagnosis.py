"""What an installation that did not become ready says about its pods."""

import json
from pathlib import Path
from typing import Any

from reflex_e2e.diagnosis import diagnosis
from reflex_e2e.kubectl import Cluster

READY = [{"type": "Ready", "status": "True"}]
MISSING = 'MountVolume.SetUp failed for volume "bearer": secret "keys" not found'


def pod(name: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "here"}, "status": status}


WAITING = pod(
    "reflex-reflection-1",
    phase="Pending",
    conditions=[
        {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "unready"}
    ],
    containerStatuses=[
        {"name": "reflection", "state": {"waiting": {"reason": "ContainerCreating"}}}
    ],
)
EVENT = {
    "reason": "FailedMount",
    "message": MISSING,
    "involvedObject": {"name": "reflex-reflection-1"},
}


def cluster(tmp_path: Path, pods: list[dict[str, Any]], *, logs: bool = True) -> Cluster:
    """Return a cluster whose kubectl is a script with recorded answers."""
    lists = {"namespaces": [{"metadata": {"name": "here"}}], "pods": pods, "events": [EVENT]}
    for kind, items in lists.items():
        (tmp_path / kind).write_text(json.dumps({"items": items}))
    script = tmp_path / "kubectl"
    log = "echo listening" if logs else "echo BadRequest: not started >&2; exit 1"
    script.write_text(
        f'#!/bin/sh\ncase "$3" in\nget) cat "{tmp_path}/$4" ;;\nlogs) {log} ;;\nesac\n'
    )
    script.chmod(0o755)
    return Cluster(kubeconfig=tmp_path, kubectl_path=script, helm_path=script)


def test_an_unready_pod_is_told_with_its_state_events_and_log(tmp_path: Path) -> None:
    said = diagnosis(cluster(tmp_path, [WAITING, pod("fine", conditions=READY)]))
    assert "pod here/reflex-reflection-1: Pending" in said
    assert "Ready: ContainersNotReady unready" in said
    assert "container reflection (state): waiting reason ContainerCreating" in said
    assert f"event: FailedMount: {MISSING}" in said
    assert "log: listening" in said
    assert "fine" not in said


def test_a_pod_without_a_log_says_so(tmp_path: Path) -> None:
    said = diagnosis(cluster(tmp_path, [WAITING], logs=False))
    assert "log: BadRequest: not started" in said


def test_pods_that_became_ready_or_are_over_are_no_reason(tmp_path: Path) -> None:
    said = diagnosis(
        cluster(tmp_path, [pod("fine", conditions=READY), pod("x", phase="Succeeded")])
    )
    assert said == "all pods of the release are ready by now"


def test_a_cluster_that_does_not_answer_is_said(tmp_path: Path) -> None:
    gone = Cluster(kubeconfig=tmp_path, kubectl_path=Path("/bin/false"), helm_path=tmp_path)
    assert "and the pods cannot be read" in diagnosis(gone)
