"""Conditions and the closed vocabulary of reasons.

A message says cause, evidence and next action in at most 256 characters.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from reflex_api.reasons import BakeoffCondition, BakeoffReason, RouteCondition, RouteReason

MESSAGE_LIMIT = 256

ConditionStatus = Literal["True", "False", "Unknown"]


class ConditionType(StrEnum):
    """States of a ReflexModel, true when well, in the order in which they come true."""

    ACCEPTED = "Accepted"
    MEMORY_FITS = "MemoryFits"
    MODEL_CACHED = "ModelCached"
    SCHEDULED = "Scheduled"
    ENGINE_READY = "EngineReady"
    RESIDENT = "Resident"
    READY = "Ready"


class Reason(StrEnum):
    """Why a condition is what it is. Names are stable: alerts rest on them."""

    # Accepted
    ACCEPTED = "Accepted"
    SPEC_INVALID = "SpecInvalid"
    NAME_CONFLICT = "NameConflict"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105
    IMAGE_NOT_CONFIGURED = "ImageNotConfigured"
    # MemoryFits
    FITS = "Fits"
    INSUFFICIENT_GPU_MEMORY = "InsufficientGPUMemory"
    NOT_MEASURED = "NotMeasured"
    NOT_CHECKED = "NotChecked"
    GPU_LABELS_MISSING = "GPULabelsMissing"
    ARCHITECTURE_UNKNOWN = "ArchitectureUnknown"
    # ModelCached
    BUNDLED = "Bundled"
    CLAIM_BOUND = "ClaimBound"
    CLAIM_NOT_FOUND = "ClaimNotFound"
    CLAIM_PENDING = "ClaimPending"
    INSPECTING = "Inspecting"
    DOWNLOADING = "Downloading"
    DOWNLOADED = "Downloaded"
    SOURCE_UNAUTHORIZED = "SourceUnauthorized"
    SOURCE_NOT_FOUND = "SourceNotFound"
    SOURCE_UNREACHABLE = "SourceUnreachable"
    OUT_OF_SPACE = "OutOfSpace"
    DOWNLOAD_TRUNCATED = "DownloadTruncated"
    DIGEST_MISMATCH = "DigestMismatch"
    DOWNLOAD_EVICTED = "DownloadEvicted"
    DOWNLOAD_OOM_KILLED = "DownloadOOMKilled"
    DOWNLOAD_TIMED_OUT = "DownloadTimedOut"
    DOWNLOAD_FAILED = "DownloadFailed"
    # Scheduled
    SCHEDULED = "Scheduled"
    WAITING_FOR_WEIGHTS = "WaitingForWeights"
    WAITING_FOR_SCHEDULER = "WaitingForScheduler"
    GPU_HELD_BY_PEER = "GPUHeldByPeer"
    INSUFFICIENT_GPU = "InsufficientGPU"
    NODE_NOT_FOUND = "NodeNotFound"
    VOLUME_NODE_AFFINITY_CONFLICT = "VolumeNodeAffinityConflict"
    UNSCHEDULABLE = "Unschedulable"
    # EngineReady
    APPLY_FAILED = "ApplyFailed"
    NODE_NOT_READY = "NodeNotReady"
    NODE_DISK_PRESSURE = "NodeDiskPressure"
    NODE_MEMORY_PRESSURE = "NodeMemoryPressure"
    POD_EVICTED = "PodEvicted"
    POD_CREATE_FAILED = "PodCreateFailed"
    IMAGE_PULLING = "ImagePulling"
    IMAGE_PULL_ERROR = "ImagePullError"
    CONTAINER_START_ERROR = "ContainerStartError"
    WAITING_FOR_GPU_RELEASE = "WaitingForGPURelease"
    ENGINE_GPU_OUT_OF_MEMORY = "EngineGPUOutOfMemory"
    UNSUPPORTED_GPU_ARCH = "UnsupportedGPUArch"
    CUDA_DRIVER_INSUFFICIENT = "CUDADriverInsufficient"
    UNSUPPORTED_MODEL = "UnsupportedModel"
    MODEL_FILES_INVALID = "ModelFilesInvalid"
    ENGINE_ARGUMENTS_INVALID = "EngineArgumentsInvalid"
    ENGINE_HOST_OOM_KILLED = "EngineHostOOMKilled"
    PROBE_TIMEOUT = "ProbeTimeout"
    ENGINE_CRASH_LOOP = "EngineCrashLoop"
    ENGINE_RESTARTING = "EngineRestarting"
    ENGINE_STARTING = "EngineStarting"
    ENGINE_STOPPING = "EngineStopping"
    WRONG_MODEL_LOADED = "WrongModelLoaded"
    VERIFICATION_FAILED = "VerificationFailed"
    ENGINE_NOT_ANSWERING = "EngineNotAnswering"
    ENGINE_READY = "EngineReady"
    # Resident, Ready
    DRAINING = "Draining"
    REVISION_RESTORED = "RevisionRestored"
    SUSPENDED = "Suspended"
    SCALED_TO_ZERO = "ScaledToZero"
    STANDBY_STOPPED = "StandbyStopped"
    RESIDENT = "Resident"
    SERVING = "Serving"


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One metav1 condition; its time is UTC, whole seconds as in the API."""

    type: ConditionType | RouteCondition | BakeoffCondition
    status: ConditionStatus
    reason: Reason | RouteReason | BakeoffReason
    message: str
    observed_generation: int
    last_transition_time: datetime

    def to_manifest(self) -> dict[str, Any]:
        """Return the condition as the API server stores it."""
        return {
            "type": self.type.value,
            "status": self.status,
            "reason": self.reason.value,
            "message": self.message,
            "observedGeneration": self.observed_generation,
            "lastTransitionTime": self.last_transition_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def sentence(cause: str, evidence: str, action: str) -> str:
    """Return "cause: evidence; action" in at most 256 characters; only the evidence is cut."""
    tail = f"; {action}" if action else ""
    evidence = " ".join(evidence.split())
    if not evidence:
        return f"{cause}{tail}"[:MESSAGE_LIMIT]
    room = MESSAGE_LIMIT - len(cause) - len(tail) - 2
    kept = evidence if len(evidence) <= room else evidence[: max(room - 1, 0)] + "…"
    return f"{cause}: {kept}{tail}"[:MESSAGE_LIMIT]


def carry_over(
    before: Sequence[Mapping[str, Any]], seen: Iterable[Condition]
) -> tuple[Condition, ...]:
    """Return `seen`, each with its earlier transition time unless its status flipped.

    Args:
        before: conditions as the API server returned them.
        seen: conditions of this pass.
    """
    earlier = {str(condition.get("type")): condition for condition in before}
    kept = []
    for new in seen:
        old = earlier.get(new.type.value)
        if old is not None and old.get("status") == new.status:
            since = parse_time(old.get("lastTransitionTime"))
            new = replace(new, last_transition_time=since or new.last_transition_time)
        kept.append(new)
    return tuple(kept)


def parse_time(text: object) -> datetime | None:
    """Return an API time as an aware datetime, or None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None
