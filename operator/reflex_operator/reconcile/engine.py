"""Reads the state of one engine from its pods: what is running, what it waits for, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reflex_api.conditions import ConditionStatus, Reason, parse_time
from reflex_api.names import LABEL_REVISION, READINESS_GATE
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.plan import Incarnation
from reflex_operator.reconcile.scheduling import classify

_PULL_ERRORS: Final = {
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
}
_START_ERRORS: Final = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "StartError",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One condition's state, before its words."""

    status: ConditionStatus
    reason: Reason
    evidence: str = ""
    action: str = ""  # what helps in this case; empty: what the reason says


@dataclass(frozen=True, kw_only=True)
class EnginePod:
    """A pod of the wanted revision, reduced to what decisions need."""

    manifest: Manifest
    node: str
    ip: str
    incarnation: Incarnation
    containers_ready: bool
    gate: bool
    ready: bool
    scheduled: Finding
    engine: Finding
    last_termination: Manifest | None  # {reason, message}

    @property
    def name(self) -> str:
        """The pod's name."""
        return str(self.manifest["metadata"]["name"])


def engine_pods(
    pods: Iterable[Manifest], revision: str, *, not_before: datetime | None = None
) -> tuple[EnginePod, ...]:
    """Return the pods of a revision that are not on their way out, oldest first.

    Args:
        pods: of the model, whatever their revision.
        revision: the wanted one.
        not_before: when the model was created; older pods are a deleted namesake's.
    """
    current = [
        read_pod(pod)
        for pod in pods
        if not is_ending(pod)
        and _labels(pod).get(LABEL_REVISION) == revision
        and not (not_before and _is_older(pod, not_before))
    ]
    return tuple(sorted(current, key=lambda pod: (_created(pod.manifest), pod.name)))


def is_ending(pod: Manifest) -> bool:
    """Return whether the pod is being deleted or has ended for good."""
    if pod["metadata"].get("deletionTimestamp"):
        return True
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def read_pod(pod: Manifest) -> EnginePod:
    """Return what a pod's status says about the engine in it."""
    status: Manifest = pod.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or []}
    containers = status.get("containerStatuses") or []
    container: Manifest = containers[0] if containers else {}
    node = pod["spec"].get("nodeName") or ""
    return EnginePod(
        manifest=pod,
        node=node,
        ip=status.get("podIP") or "",
        incarnation=Incarnation(
            pod_uid=pod["metadata"]["uid"], restart_count=container.get("restartCount", 0)
        ),
        containers_ready=_is_true(conditions.get("ContainersReady")),
        gate=_is_true(conditions.get(READINESS_GATE)),
        ready=_is_true(conditions.get("Ready")),
        scheduled=_scheduled(node, conditions.get("PodScheduled")),
        engine=_container_finding(container, conditions.get("ContainersReady")),
        last_termination=_last_termination(container),
    )


def _scheduled(node: str, condition: Manifest | None) -> Finding:
    if node:
        return Finding(status="True", reason=Reason.SCHEDULED, evidence=node)
    if condition is None or condition.get("status") != "False":
        return Finding(status="Unknown", reason=Reason.WAITING_FOR_SCHEDULER)
    words = condition.get("message") or condition.get("reason") or ""
    return Finding(status="False", reason=classify(words), evidence=words)


def _container_finding(container: Manifest, readiness: Manifest | None) -> Finding:
    """Return the engine's state as far as the kubelet knows it; readiness is judged elsewhere."""
    state: Manifest = container.get("state") or {}
    waiting: Manifest = state.get("waiting") or {}
    why = waiting.get("reason") or ""
    words = waiting.get("message") or why
    last = _last_termination(container)
    crashed = f"{last['reason']}: {last['message']}" if last else ""
    oom = last is not None and last["reason"].startswith("OOMKilled")
    if why in _PULL_ERRORS:
        return Finding(status="False", reason=Reason.IMAGE_PULL_ERROR, evidence=words)
    if why in _START_ERRORS:
        return Finding(status="False", reason=Reason.CONTAINER_START_ERROR, evidence=words)
    if _fell_silent(container, readiness):
        return Finding(status="False", reason=Reason.ENGINE_NOT_ANSWERING)
    if oom and not container.get("ready"):
        return Finding(status="False", reason=Reason.ENGINE_HOST_OOM_KILLED, evidence=crashed)
    if why == "CrashLoopBackOff":
        return Finding(status="False", reason=Reason.ENGINE_CRASH_LOOP, evidence=crashed)
    if state.get("terminated") or (container.get("restartCount") and not container.get("ready")):
        return Finding(status="False", reason=Reason.ENGINE_RESTARTING, evidence=crashed)
    return Finding(status="Unknown", reason=Reason.ENGINE_STARTING)


def _fell_silent(container: Manifest, readiness: Manifest | None) -> bool:
    """Return whether a running engine was ready and is not now (before: it is still starting)."""
    running: Manifest | None = (container.get("state") or {}).get("running")
    if not running or not container.get("started") or container.get("ready") or not readiness:
        return False
    lost_at = parse_time(readiness.get("lastTransitionTime"))
    started_at = parse_time(running.get("startedAt"))
    return lost_at is not None and started_at is not None and lost_at > started_at


def _last_termination(container: Manifest) -> Manifest | None:
    """Return how the engine last ended: nobody stops it, so exit code 0 is a crash too."""
    for where in ("state", "lastState"):
        ended: Manifest | None = (container.get(where) or {}).get("terminated")
        if ended:
            code = ended.get("exitCode", 0)
            reason = f"{ended.get('reason') or 'Error'} (exit code {code})"
            return {"reason": reason[:64], "message": _tail(ended.get("message") or "")}
    return None


def _tail(message: str) -> str:
    """Return the last 256 characters of a termination message on one line."""
    line = " ".join(message.split())
    return line if len(line) <= 256 else "…" + line[-255:]


def _labels(pod: Manifest) -> dict[str, Any]:
    return pod["metadata"].get("labels") or {}


def _created(pod: Manifest) -> str:
    return str(pod["metadata"].get("creationTimestamp") or "")


def _is_older(pod: Manifest, moment: datetime) -> bool:
    created = parse_time(pod["metadata"].get("creationTimestamp"))
    return created is not None and created < moment


def _is_true(condition: Manifest | None) -> bool:
    return condition is not None and condition.get("status") == "True"
