"""What a pod that has a node waits for before its engine runs, as far as its status tells."""

from datetime import datetime, timedelta
from typing import Any, Final

from reflex_api.conditions import Reason, parse_time
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.engine import EnginePod, Finding

GPU_RELEASE: Final = "gpu-release"
"""Name of the init container that waits until the GPU's memory is free."""
_PATIENCE: Final = timedelta(seconds=5)
"""What is over sooner is not worth a write of the status."""
_NOT_CREATED: Final = {"ContainerCreating", "PodInitializing"}


def gpu_release(pod: EnginePod, now: datetime) -> Finding | None:
    """Return that the pod waits for the GPU's memory, once that takes a while, or failed."""
    container = next((one for one in _init(pod) if one.get("name") == GPU_RELEASE), None)
    if container is None:
        return None
    state: Manifest = container.get("state") or {}
    failed = _failed(state) or _failed(container.get("lastState") or {})
    if failed and not _done(state):
        words = f"{failed.get('message') or failed.get('reason')} (exit code {failed['exitCode']})"
        return Finding(status="False", reason=Reason.WAITING_FOR_GPU_RELEASE, evidence=words)
    since = _release_since(pod)
    if since is not None and since + _PATIENCE <= now:
        return Finding(status="Unknown", reason=Reason.WAITING_FOR_GPU_RELEASE)
    return None


def image_pull(pod: EnginePod, now: datetime) -> Finding | None:
    """Return that the image is pulled, once that takes a while.

    The kubelet mounts volumes, makes the sandbox (PodReadyToStartContainers), pulls and creates,
    and calls all of it ContainerCreating. After the sandbox only the pull takes seconds.
    """
    since = _pull_since(pod)
    if since is None or since + _PATIENCE > now:
        return None
    return Finding(status="Unknown", reason=Reason.IMAGE_PULLING)


def look_again(pod: EnginePod, now: datetime) -> timedelta | None:
    """Return when one of these becomes worth saying."""
    for since in (_release_since(pod), _pull_since(pod)):
        if since is not None and since + _PATIENCE > now:
            return since + _PATIENCE - now
    return None


def _release_since(pod: EnginePod) -> datetime | None:
    for container in _init(pod):
        if container.get("name") == GPU_RELEASE:
            running: Manifest = (container.get("state") or {}).get("running") or {}
            return parse_time(running.get("startedAt"))
    return None


def _pull_since(pod: EnginePod) -> datetime | None:
    status: Manifest = pod.manifest.get("status") or {}
    container: Manifest = next(iter(status.get("containerStatuses") or []), {})
    state: Manifest = container.get("state") or {}
    if (state.get("waiting") or {}).get("reason") not in _NOT_CREATED or container.get("lastState"):
        return None
    ready: Manifest = next(
        (c for c in status.get("conditions") or [] if c["type"] == "PodReadyToStartContainers"), {}
    )
    if ready.get("status") != "True":
        return None
    times = [parse_time(ready.get("lastTransitionTime"))]
    for init in _init(pod):
        ended: Manifest | None = (init.get("state") or {}).get("terminated")
        if ended is None:
            return None  # the engine's image has its turn after this container
        times.append(parse_time(ended.get("finishedAt")))
    return max((one for one in times if one is not None), default=None)


def _init(pod: EnginePod) -> list[Manifest]:
    found: list[Manifest] = (pod.manifest.get("status") or {}).get("initContainerStatuses") or []
    return found


def _failed(state: Manifest) -> dict[str, Any] | None:
    ended: Manifest | None = state.get("terminated")
    return ended if ended and ended.get("exitCode") else None


def _done(state: Manifest) -> bool:
    ended: Manifest | None = state.get("terminated")
    return ended is not None and ended.get("exitCode") == 0
