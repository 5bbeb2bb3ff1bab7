"""The status of a ReflexModel, rebuilt on every pass from what the cluster shows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from reflex_api.conditions import Condition, ConditionType, Reason, carry_over, parse_time
from reflex_api.model import ReflexModel
from reflex_api.names import LABEL_MODEL
from reflex_operator.builders.engine import revision_of
from reflex_operator.builders.service import endpoint
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.engine import EnginePod, Finding, engine_pods
from reflex_operator.reconcile.failure import last_termination
from reflex_operator.reconcile.plan import EngineMemory, EventRequest, ModelSnapshot
from reflex_operator.reconcile.text import message

_START_TIMES: Final = ("startedAt", "readyAt", "durationSeconds")

_QUIET: Final = {Reason.WAITING_FOR_SCHEDULER}
_NORMAL: Final = {
    Reason.INSPECTING,
    Reason.DOWNLOADING,
    Reason.DOWNLOADED,
    Reason.SERVING,
    Reason.ENGINE_STARTING,
    Reason.IMAGE_PULLING,
    Reason.WAITING_FOR_GPU_RELEASE,
    Reason.ENGINE_STOPPING,
    Reason.DRAINING,
    Reason.SUSPENDED,
    Reason.SCALED_TO_ZERO,
    Reason.STANDBY_STOPPED,
}


def conditions(
    before: Mapping[str, Any],
    generation: int,
    findings: Mapping[ConditionType, Finding],
    now: datetime,
) -> tuple[Condition, ...]:
    """Return the findings as conditions; one keeps its transition time unless it flipped."""
    seen = (
        Condition(
            type=kind,
            status=finding.status,
            reason=finding.reason,
            message=message(finding.reason, finding.evidence, finding.action),
            observed_generation=generation,
            last_transition_time=now.replace(microsecond=0),
        )
        for kind, finding in findings.items()
    )
    return carry_over(before.get("conditions") or [], seen)


def build(
    snapshot: ModelSnapshot,
    model: ReflexModel,
    *,
    args: Sequence[str],
    revision: str,
    pods: Sequence[EnginePod],
    memory: Manifest | None,
    seen: Sequence[Condition],
    source_revision: str = "",
    download: Manifest | None = None,
) -> Manifest:
    """Return the whole status. It holds no clock: times are those of the API's objects."""
    before = model.status
    same_revision = (before.get("resolved") or {}).get("revisionHash") == revision
    pod = pods[0] if pods else None
    ready = [one for one in pods if one.ready]
    status: Manifest = {
        "observedGeneration": model.generation,
        "replicas": len(pods),
        "readyReplicas": len(ready),
        "selector": f"{LABEL_MODEL}={model.name}",
        "endpoint": endpoint(model),
        "resolved": _resolved(snapshot, before if same_revision else {}, args, revision, pod),
        "conditions": [condition.to_manifest() for condition in seen],
    }
    if memory:
        status["memory"] = memory
    if not source_revision and same_revision:
        source_revision = (before.get("resolved") or {}).get("sourceRevision", "")
    if source_revision:
        status["resolved"]["sourceRevision"] = source_revision
    if download:
        status["download"] = download
    started = before.get("startup") if same_revision else None
    told = (started or {}).get("lastTermination")
    ended = last_termination(snapshot, model, pods, revision, told)
    startup = _startup(pod, started, ended)
    if startup:
        status["startup"] = startup
    return status


def refused(
    before: Mapping[str, Any],
    generation: int,
    seen: Sequence[Condition],
    snapshot: ModelSnapshot,
) -> Manifest:
    """Return the status of a model that is not carried out: what ran before stays reported."""
    kept = {key: value for key, value in before.items() if key != "conditions"}
    if snapshot.deployment is not None:
        pods = engine_pods(snapshot.pods, revision_of(snapshot.deployment))
        kept["replicas"] = len(pods)
        kept["readyReplicas"] = len([pod for pod in pods if pod.ready])
    return {
        **kept,
        "observedGeneration": generation,
        "conditions": [condition.to_manifest() for condition in seen],
    }


def transition_events(
    before: Mapping[str, Any],
    seen: Sequence[Condition],
    kind: ConditionType = ConditionType.READY,
) -> tuple[EventRequest, ...]:
    """Return the event for a change of a condition's reason, if it changed."""
    ready = next(one for one in seen if one.type is kind)
    earlier = next(
        (one for one in before.get("conditions") or [] if one.get("type") == ready.type.value), None
    )
    if earlier is not None and earlier.get("reason") == ready.reason.value:
        return ()
    if ready.reason in _QUIET:
        return ()
    level: Literal["Normal", "Warning"] = "Normal" if ready.reason in _NORMAL else "Warning"
    return (EventRequest(type=level, reason=ready.reason.value, message=ready.message),)


def _resolved(
    snapshot: ModelSnapshot,
    before: Mapping[str, Any],
    args: Sequence[str],
    revision: str,
    pod: EnginePod | None,
) -> Manifest:
    resolved: Manifest = {"revisionHash": revision, "args": list(args)}
    if pod is None or not pod.node:
        return resolved
    resolved["node"] = pod.node
    labels = (snapshot.nodes.get(pod.node) or {}).get("metadata", {}).get("labels") or {}
    gpu = labels.get("nvidia.com/gpu.product")
    driver = labels.get("nvidia.com/cuda.driver-version.full")
    if gpu:
        resolved["gpu"] = gpu
    if driver:
        resolved["driver"] = driver
    # Published once ready and kept: each step of a start-up would otherwise be a write.
    image_id = _container(pod).get("imageID") if pod.ready else None
    image_id = image_id or (before.get("resolved") or {}).get("imageID")
    if image_id:
        resolved["imageID"] = image_id
    return resolved


def measured_memory(snapshot: ModelSnapshot, pod: EnginePod | None) -> EngineMemory | None:
    """Return what the engine measured; with a good answer, not before the pod is ready.

    The gate opens within a second of the answer, so one status write says both.
    """
    probe = snapshot.probe_of(pod.incarnation) if pod else None
    if pod is None or probe is None:
        return None
    return probe.memory if pod.ready or probe.failures else None


def _startup(
    pod: EnginePod | None, before: Mapping[str, Any] | None, ended: Manifest | None
) -> Manifest | None:
    """Return times of the API's own objects: container started, pod ready, seconds between."""
    startup: Manifest = {"lastTermination": ended} if ended else {}
    if pod is None:
        startup |= {name: before[name] for name in _START_TIMES if before and name in before}
        return startup or None
    container = _container(pod)
    startup["restarts"] = container.get("restartCount", 0)
    running = (container.get("state") or {}).get("running") or {}
    started_at = parse_time(running.get("startedAt"))
    ready_at = _ready_at(pod)
    known = bool(before and "readyAt" in before)
    if known and before and before.get("startedAt") == running.get("startedAt"):
        # The same run of the engine: a later loss of readiness is no start.
        startup |= {name: before[name] for name in _START_TIMES if name in before}
    elif pod.ready and started_at and ready_at:
        startup["startedAt"] = running["startedAt"]
        startup["readyAt"] = ready_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        startup["durationSeconds"] = max(0, int((ready_at - started_at).total_seconds()))
    else:
        startup |= {name: before[name] for name in _START_TIMES if before and name in before}
    return startup


def _ready_at(pod: EnginePod) -> datetime | None:
    for condition in (pod.manifest.get("status") or {}).get("conditions") or []:
        if condition["type"] == "Ready" and condition["status"] == "True":
            return parse_time(condition.get("lastTransitionTime"))
    return None


def _container(pod: EnginePod) -> Manifest:
    containers = (pod.manifest.get("status") or {}).get("containerStatuses") or []
    return containers[0] if containers else {}
