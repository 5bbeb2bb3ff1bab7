"""Is an engine well, since when is it not, and is it worth waiting for?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from reflex_api.conditions import Reason, parse_time
from reflex_api.model import Admission
from reflex_api.names import LABEL_REVISION
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.engine import is_ending, read_pod

AT_ONCE: Final = {
    Reason.ENGINE_GPU_OUT_OF_MEMORY,
    Reason.UNSUPPORTED_GPU_ARCH,
    Reason.CUDA_DRIVER_INSUFFICIENT,
    Reason.WRONG_MODEL_LOADED,
    Reason.NODE_NOT_READY,
}
"""An engine in such trouble is not waited for."""
HOPELESS: Final = {
    Reason.UNSUPPORTED_GPU_ARCH,
    Reason.CUDA_DRIVER_INSUFFICIENT,
    Reason.UNSUPPORTED_MODEL,
    Reason.MODEL_FILES_INVALID,
    Reason.ENGINE_ARGUMENTS_INVALID,
    Reason.ENGINE_GPU_OUT_OF_MEMORY,
    Reason.INSUFFICIENT_GPU_MEMORY,
    Reason.WRONG_MODEL_LOADED,
    Reason.SPEC_INVALID,
    Reason.NAME_CONFLICT,
    Reason.IMAGE_NOT_CONFIGURED,
}
"""A start that ends so will end so again."""
CRASHES: Final = 3
CRASH_WINDOW: Final = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Health:
    """The state of one model's engine. `well`: at least one verified pod of `revision` serves."""

    well: bool
    revision: str = ""  # of the verified pod, else of the newest one
    image_id: str = ""  # of the verified pod
    pod: str = ""  # uid of the verified pod
    address: str = ""  # its IP
    since: datetime | None = None  # unwell since, as far as the cluster says
    at_once: str = ""  # why nothing is waited for
    hopeless: str = ""  # why a start cannot succeed
    reason: str = ""  # why, in the model's own word
    started_at: datetime | None = None  # present run of the container, else of the pod
    pods: int = 0  # of any revision, those that are ending included


def health_of(
    model: Manifest | None,
    deployment: Manifest | None,
    pods: Sequence[Manifest],
    restarts: Sequence[datetime],
    now: datetime,
) -> Health:
    """Return the state of a model's engine from its pods and what is said of them."""
    current = [pod for pod in pods if not is_ending(pod)]
    good = [pod for pod in current if read_pod(pod).ready]
    reason = _told(model)
    if good:
        pod = read_pod(good[0])
        container = _container(good[0])
        return Health(
            well=True,
            revision=_revision(good[0]),
            image_id=str(container.get("imageID") or ""),
            pod=pod.incarnation.pod_uid,
            address=pod.ip,
            started_at=_started(good[0]),
            pods=len(pods),
        )
    newest = max(current, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), default={})
    crashes = _crashes(newest, restarts, now) if newest else 0
    at_once = reason.value if reason in AT_ONCE else ""
    if crashes >= CRASHES:
        at_once = at_once or f"{crashes} restarts within {int(CRASH_WINDOW.total_seconds()) // 60}m"
    return Health(
        well=False,
        revision=_revision(newest) if newest else "",
        since=_since(model, deployment, current),
        at_once=at_once,
        hopeless=reason.value if reason in HOPELESS else "",
        reason=reason.value if reason else "",
        started_at=_started(newest) if newest else None,
        pods=len(pods),
    )


def start_duration(model: Manifest | None) -> timedelta | None:
    """Return how long the model's engine took to start the last time."""
    startup = ((model or {}).get("status") or {}).get("startup") or {}
    seconds = startup.get("durationSeconds")
    return timedelta(seconds=seconds) if isinstance(seconds, int) else None


def engine_end(pods: Sequence[Manifest]) -> datetime | None:
    """Return when the process of an engine that is being deleted ended, if its pod still says."""
    for pod in pods:
        if not pod["metadata"].get("deletionTimestamp"):
            continue
        for container in (pod.get("status") or {}).get("containerStatuses") or []:
            over = ((container.get("state") or {}).get("terminated") or {}).get("finishedAt")
            if moment := parse_time(over):
                return moment
    return None


def _told(model: Manifest | None) -> Reason | None:
    """Return the reason of what keeps the model from being ready."""
    policy = ((model or {}).get("spec") or {}).get("memoryPolicy") or {}
    enforced = policy.get("admission", Admission.ENFORCE) == Admission.ENFORCE
    kinds = ("Accepted", *(("MemoryFits",) if enforced else ()), "EngineReady", "Ready")
    for kind in kinds:
        for condition in ((model or {}).get("status") or {}).get("conditions") or []:
            if condition.get("type") != kind or condition.get("status") != "False":
                continue
            try:
                return Reason(str(condition.get("reason")))
            except ValueError:
                continue
    return None


def _since(
    model: Manifest | None, deployment: Manifest | None, pods: Sequence[Manifest]
) -> datetime | None:
    """Return since when nothing serves: the earliest moment that pods and Deployment tell of.

    Where both are missing, the model's own condition has to do.
    """
    found = []
    for pod in pods:
        for condition in (pod.get("status") or {}).get("conditions") or []:
            if condition.get("type") == "Ready" and condition.get("status") != "True":
                found.append(parse_time(condition.get("lastTransitionTime")))
    for condition in ((deployment or {}).get("status") or {}).get("conditions") or []:
        if condition.get("type") == "Available" and condition.get("status") == "False":
            found.append(parse_time(condition.get("lastTransitionTime")))
    if not found:
        for condition in ((model or {}).get("status") or {}).get("conditions") or []:
            if condition.get("type") == "Ready" and condition.get("status") == "False":
                found.append(parse_time(condition.get("lastTransitionTime")))
    return min((one for one in found if one), default=None)


def _crashes(pod: Manifest, restarts: Sequence[datetime], now: datetime) -> int:
    """Return how often the container ended within the last ten minutes."""
    watched = sum(1 for one in restarts if now - one <= CRASH_WINDOW)
    created = parse_time(pod["metadata"].get("creationTimestamp"))
    if created is not None and now - created <= CRASH_WINDOW:
        return max(watched, int(_container(pod).get("restartCount", 0)))
    return watched


def _started(pod: Manifest) -> datetime | None:
    running = (_container(pod).get("state") or {}).get("running") or {}
    began = parse_time(running.get("startedAt"))
    return began or parse_time(pod["metadata"].get("creationTimestamp"))


def _revision(pod: Manifest) -> str:
    return str((pod["metadata"].get("labels") or {}).get(LABEL_REVISION) or "")


def _container(pod: Manifest) -> dict[str, Any]:
    containers = (pod.get("status") or {}).get("containerStatuses") or []
    return containers[0] if containers else {}
