"""Has the first start of a revision failed for good?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reflex_api.conditions import Reason, parse_time
from reflex_api.duration import format_duration
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.engine import EnginePod, Finding
from reflex_operator.reconcile.plan import ModelSnapshot

_PERMANENT: Final = {
    Reason.UNSUPPORTED_GPU_ARCH,
    Reason.CUDA_DRIVER_INSUFFICIENT,
    Reason.UNSUPPORTED_MODEL,
    Reason.MODEL_FILES_INVALID,
    Reason.ENGINE_ARGUMENTS_INVALID,
    Reason.ENGINE_GPU_OUT_OF_MEMORY,
    Reason.INSUFFICIENT_GPU_MEMORY,
}
"""Another start of the same pod ends the same way."""
_NOT_ITS_FAULT: Final = {
    Reason.NODE_NOT_READY,
    Reason.NODE_DISK_PRESSURE,
    Reason.NODE_MEMORY_PRESSURE,
    Reason.POD_EVICTED,
    Reason.WAITING_FOR_GPU_RELEASE,
}
"""Another revision on this node would fare no better."""
_BEFORE_THE_START: Final = {
    Reason.IMAGE_PULL_ERROR,
    Reason.CONTAINER_START_ERROR,
    Reason.SECRET_NOT_FOUND,
}
_VAGUE: Final = {Reason.ENGINE_RESTARTING, Reason.ENGINE_NOT_ANSWERING}
_CRASHES: Final = 3
_WRONG_ANSWERS: Final = 3


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Why the start failed, or until when it may still succeed (None: no clock runs)."""

    failure: Finding | None = None
    deadline: datetime | None = None


def judge(
    snapshot: ModelSnapshot,
    pods: Sequence[EnginePod],
    engine: Finding,
    *,
    timeout: timedelta,
    now: datetime,
) -> Verdict:
    """Return the verdict on a revision that was never verified.

    Args:
        snapshot: for the engines' last answers.
        pods: of that revision.
        engine: the finding of EngineReady about them.
        timeout: rollout.startupTimeout.
        now: the time.
    """
    if not pods or engine.status == "True":
        return Verdict()
    if engine.status == "False" and engine.reason in _PERMANENT:
        return Verdict(failure=engine)
    if max(crashes(pod) for pod in pods) >= _CRASHES:
        return Verdict(failure=_named(engine, Reason.ENGINE_CRASH_LOOP, ""))
    if engine.reason in _NOT_ITS_FAULT:
        return Verdict()
    wrong = [one for pod in pods if (one := snapshot.probe_of(pod.incarnation)) and one.failures]
    if engine.reason is Reason.WRONG_MODEL_LOADED and any(
        one.failures >= _WRONG_ANSWERS for one in wrong
    ):
        return Verdict(failure=engine)
    if not wrong and all(pod.containers_ready for pod in pods):
        return Verdict()  # it answers and was not asked yet: the operator may have been away
    starts = [start for pod in pods if (start := _first_start(pod, engine.reason))]
    if not starts:
        return Verdict()
    deadline = min(starts) + timeout
    if now < deadline:
        return Verdict(deadline=deadline)
    late = f"no verified answer within {format_duration(timeout)}"
    return Verdict(failure=_named(engine, Reason.PROBE_TIMEOUT, late))


def crashes(pod: EnginePod) -> int:
    """Return how often the engine's container has ended."""
    container = _container(pod)
    stands_still = "running" not in (container.get("state") or {})
    return int(container.get("restartCount", 0)) + (stands_still and bool(_ended(container)))


def _named(engine: Finding, reason: Reason, evidence: str) -> Finding:
    """Return the engine's finding if it names a cause, else this reason."""
    if engine.status == "False" and engine.reason not in _VAGUE:
        return engine
    return Finding(status="False", reason=reason, evidence=evidence or engine.evidence)


def _first_start(pod: EnginePod, reason: Reason) -> datetime | None:
    """Return when the engine's container first started, as far as the pod still says.

    An image that cannot be pulled never starts: then the pod's own start counts.
    """
    container = _container(pod)
    runs = [*_ended(container), (container.get("state") or {}).get("running") or {}]
    starts = [start for run in runs if (start := parse_time(run.get("startedAt")))]
    if not starts and reason in _BEFORE_THE_START:
        return parse_time((pod.manifest.get("status") or {}).get("startTime"))
    return min(starts, default=None)


def _ended(container: Manifest) -> list[Manifest]:
    """Return the runs that ended and are still told of."""
    places = (container.get(where) or {} for where in ("state", "lastState"))
    return [place["terminated"] for place in places if place.get("terminated")]


def _container(pod: EnginePod) -> Manifest:
    containers = (pod.manifest.get("status") or {}).get("containerStatuses") or []
    return containers[0] if containers else {}
