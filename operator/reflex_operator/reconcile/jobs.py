"""Reads the Jobs that prepare weights, and their pods: how far they are, and why they ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from reflex_api.conditions import Reason, parse_time
from reflex_api.names import LABEL_WEIGHTS_STEP
from reflex_api.weights import WeightsProgress, WeightsResult
from reflex_operator.builders.weights import (
    ANNOTATION_ATTEMPT,
    LABEL_CONTENT,
    LABEL_INPUTS,
    Step,
)
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.engine import Finding
from reflex_operator.reconcile.scheduling import classify

LABEL_JOB: Final = "batch.kubernetes.io/job-name"

_PULL_ERRORS: Final = {
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
}
_TRANSIENT: Final = {
    Reason.SOURCE_UNREACHABLE,
    Reason.DOWNLOAD_TRUNCATED,
    Reason.DOWNLOAD_EVICTED,
}
_SIGKILLED: Final = 137
_TAIL: Final = 200


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One Job, reduced to what decisions need."""

    manifest: Manifest
    pods: tuple[Manifest, ...]  # oldest first
    complete: bool
    ended_at: datetime | None  # when it completed or failed
    failure: Finding | None  # why it failed for good
    transient: bool  # whether another attempt may succeed by itself

    @property
    def name(self) -> str:
        """The Job's name."""
        return str(self.manifest["metadata"]["name"])

    @property
    def number(self) -> int:
        """Which attempt it is, from 0."""
        text = (self.manifest["metadata"].get("annotations") or {}).get(ANNOTATION_ATTEMPT, "")
        return int(text) if text.isdigit() else 0

    @property
    def pod(self) -> Manifest | None:
        """The last pod, if one was seen."""
        return self.pods[-1] if self.pods else None

    @property
    def result(self) -> WeightsResult | None:
        """What the last pod that ended said."""
        ended = (_terminated(pod) for pod in reversed(self.pods))
        last = next((one for one in ended if one is not None), None)
        return read_result(last)

    def is_for(self, step: Step, *, inputs: str = "", content: str = "") -> bool:
        """Return whether the Job does this step with these inputs, or makes this content."""
        labels = self.manifest["metadata"].get("labels") or {}
        return labels.get(LABEL_WEIGHTS_STEP) == step.value and (
            (bool(inputs) and labels.get(LABEL_INPUTS) == inputs)
            or (bool(content) and labels.get(LABEL_CONTENT) == content)
        )


def read_job(job: Manifest, pods: Iterable[Manifest]) -> Attempt:
    """Return what a Job and its pods say about one attempt."""
    name = job["metadata"]["name"]
    own = [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(LABEL_JOB) == name]
    own.sort(key=lambda pod: (pod["metadata"].get("creationTimestamp") or "", _name(pod)))
    status: Manifest = job.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or [] if c["status"] == "True"}
    failed: Manifest | None = conditions.get("Failed")
    ended = conditions.get("Complete") or failed or {}
    failure = _job_failure(failed, own) if failed else None
    over = failed is not None and failed.get("reason") != "DeadlineExceeded"
    lost = over and (not own or _was_killed(own[-1]))
    return Attempt(
        manifest=job,
        pods=tuple(own),
        complete="Complete" in conditions,
        ended_at=parse_time(ended.get("lastTransitionTime")),
        failure=failure,
        transient=failure is not None and (failure.reason in _TRANSIENT or lost),
    )


def trouble(attempt: Attempt, progress: WeightsProgress | None) -> Finding | None:
    """Return what holds a running Job up at the moment, or None."""
    pod = attempt.pod
    if pod is None:
        return None
    status: Manifest = pod.get("status") or {}
    if status.get("phase") == "Failed":
        return pod_failure(pod)  # the Job will replace it, or give up
    conditions = {c["type"]: c for c in status.get("conditions") or []}
    scheduled: Manifest = conditions.get("PodScheduled") or {}
    if not pod["spec"].get("nodeName"):
        if scheduled.get("status") != "False":
            return None
        words = scheduled.get("message") or scheduled.get("reason") or ""
        return _failed(classify(words), words)
    container = _container(pod)
    waiting: Manifest = (container.get("state") or {}).get("waiting") or {}
    why, words = waiting.get("reason") or "", waiting.get("message") or ""
    if why in _PULL_ERRORS:
        return _failed(Reason.IMAGE_PULL_ERROR, words or why)
    if why == "CreateContainerConfigError" and "secret" in words:
        return _failed(Reason.SECRET_NOT_FOUND, words)
    if why in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
        return _failed(Reason.CONTAINER_START_ERROR, words or why)
    if progress is not None and progress.failure is not None:
        return _failed(Reason(progress.failure), progress.message)
    return None


def is_running(pod: Manifest) -> bool:
    """Return whether the pod's program runs, so that it can be asked."""
    state = _container(pod).get("state") or {}
    return "running" in state and not pod["metadata"].get("deletionTimestamp")


def is_over(pod: Manifest) -> bool:
    """Return whether the pod ended, so that its program's last words are in it."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def pod_failure(pod: Manifest) -> Finding:
    """Return why a pod failed: the node's doing first, then the kernel's, then its own words."""
    status: Manifest = pod.get("status") or {}
    disrupted = next(
        (
            c
            for c in status.get("conditions") or []
            if c["type"] == "DisruptionTarget" and c["status"] == "True"
        ),
        None,
    )
    if status.get("reason") == "Evicted":
        return _failed(Reason.DOWNLOAD_EVICTED, status.get("message") or "")
    if disrupted is not None:
        words = disrupted.get("message") or disrupted.get("reason") or ""
        return _failed(Reason.DOWNLOAD_EVICTED, words)
    ended = _terminated(pod) or {}
    result = read_result(ended)
    if status.get("reason") == "DeadlineExceeded":
        return _failed(Reason.DOWNLOAD_TIMED_OUT, status.get("message") or "")
    if ended.get("reason") == "OOMKilled":
        return _failed(Reason.DOWNLOAD_OOM_KILLED)
    if result is not None and result.failure == "DownloadTimedOut":
        # The program cannot know who stopped it. Its Job's deadline would have said so itself.
        return _failed(Reason.DOWNLOAD_EVICTED, f"its pod was stopped: {result.message}")
    if result is not None and result.failure is not None:
        return _failed(Reason(result.failure), result.message)
    words = " ".join((ended.get("message") or status.get("message") or "").split())[-_TAIL:]
    how = f"{ended.get('reason') or 'Error'} (exit code {ended.get('exitCode', 'unknown')})"
    return _failed(Reason.DOWNLOAD_FAILED, f"{how} {words}".strip())


def read_result(terminated: Manifest | None) -> WeightsResult | None:
    """Return the program's last words, or None when they are not of its form."""
    try:
        return WeightsResult.model_validate_json((terminated or {}).get("message") or "")
    except ValidationError:
        return None


def _was_killed(pod: Manifest) -> bool:
    """Return whether somebody killed the program before it could say a word."""
    ended = _terminated(pod) or {}
    return ended.get("exitCode") == _SIGKILLED and not ended.get("message")


def _job_failure(condition: Manifest, pods: list[Manifest]) -> Finding:
    words = condition.get("message") or condition.get("reason") or ""
    if condition.get("reason") == "DeadlineExceeded":
        result = read_result(_terminated(pods[-1])) if pods else None
        return _failed(Reason.DOWNLOAD_TIMED_OUT, result.message if result else words)
    failed = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Failed"]
    return pod_failure(failed[-1]) if failed else _failed(Reason.DOWNLOAD_FAILED, words)


def _failed(reason: Reason, evidence: str = "") -> Finding:
    return Finding(status="False", reason=reason, evidence=evidence)


def _container(pod: Manifest) -> Manifest:
    containers = (pod.get("status") or {}).get("containerStatuses") or []
    return containers[0] if containers else {}


def _terminated(pod: Manifest) -> Manifest | None:
    ended: Manifest | None = (_container(pod).get("state") or {}).get("terminated")
    return ended


def _name(pod: Manifest) -> str:
    return str(pod["metadata"]["name"])
