"""What a node says about itself, and what a pod says that a node threw out."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from reflex_api.conditions import Reason, parse_time
from reflex_api.names import LABEL_REVISION
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.engine import EnginePod, Finding

_PRESSURES: Final = {
    "DiskPressure": Reason.NODE_DISK_PRESSURE,
    "MemoryPressure": Reason.NODE_MEMORY_PRESSURE,
}
_DISK_WORDS: Final = ("ephemeral-storage", "inodes", "diskpressure", "nodefs", "imagefs")
_NODE_WORDS: Final = ("the node was low on resource", "the node had condition")
_SHUTDOWN: Final = {"Terminated", "NodeShutdown", "Shutdown", "NodeLost"}
_SUCCESSOR_WITHIN: Final = timedelta(minutes=1)
"""A ReplicaSet replaces a failed pod at once; a later pod has another story."""


def pressure(node: Manifest | None) -> Finding | None:
    """Return the shortage that a node reports."""
    conditions = ((node or {}).get("status") or {}).get("conditions") or []
    for kind, reason in _PRESSURES.items():
        for condition in conditions:
            if condition.get("type") == kind and condition.get("status") == "True":
                name = (node or {})["metadata"]["name"]
                return Finding(status="False", reason=reason, evidence=name)
    return None


def thrown_out(
    pods: Iterable[Manifest], revision: str, successor: EnginePod | None
) -> Finding | None:
    """Return why the newest pod of a revision was evicted or refused by its node.

    Such a pod stays in the API for long. It is the story only while nothing better is there: no
    pod, or a successor that has no node yet.

    Args:
        pods: of the model, whatever their state.
        revision: the wanted one.
        successor: the pod of that revision that is not on its way out.
    """
    if successor is not None and successor.node:
        return None
    mine = [p for p in pods if (p["metadata"].get("labels") or {}).get(LABEL_REVISION) == revision]
    leaving = [pod for pod in mine if pod["metadata"].get("deletionTimestamp")]
    if successor is None and leaving:
        return next((found for found in map(_disrupted, leaving) if found), None)
    failed = [
        pod
        for pod in mine
        if (pod.get("status") or {}).get("phase") == "Failed"
        and pod not in leaving
        and (successor is None or _follows(successor, pod))
    ]
    newest = max(failed, key=_created, default=None)
    return _read(newest["status"]) if newest is not None else None


def _read(status: Manifest) -> Finding:
    kind = str(status.get("reason") or "Failed")
    words = str(status.get("message") or kind)
    low = words.lower()
    if kind in _SHUTDOWN:
        reason = Reason.NODE_NOT_READY
    elif kind != "Evicted":
        reason, words = Reason.POD_CREATE_FAILED, f"{kind}: {words}"  # the kubelet's admission
    elif not low.startswith(_NODE_WORDS):
        reason = Reason.POD_EVICTED  # it went over a limit of its own, or was asked to go
    elif any(word in low for word in _DISK_WORDS):
        reason = Reason.NODE_DISK_PRESSURE
    elif "memory" in low:
        reason = Reason.NODE_MEMORY_PRESSURE
    else:
        reason = Reason.POD_EVICTED
    return Finding(status="False", reason=reason, evidence=words)


def _disrupted(pod: Manifest) -> Finding | None:
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            words = f"{condition.get('reason')}: {condition.get('message') or ''}"
            return Finding(status="False", reason=Reason.POD_EVICTED, evidence=words)
    return None


def _follows(successor: EnginePod, failed: Manifest) -> bool:
    created = parse_time(successor.manifest["metadata"].get("creationTimestamp"))
    ended = _ended(failed)
    return created is not None and ended is not None and created - ended <= _SUCCESSOR_WITHIN


def _ended(pod: Manifest) -> datetime | None:
    conditions = (pod.get("status") or {}).get("conditions") or []
    moments = [parse_time(condition.get("lastTransitionTime")) for condition in conditions]
    return max((one for one in moments if one is not None), default=None)


def _created(pod: Manifest) -> str:
    return str(pod["metadata"].get("creationTimestamp") or "")
