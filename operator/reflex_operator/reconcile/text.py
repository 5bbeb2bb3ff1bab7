"""One sentence a reason: cause and next action. A test holds that every reason has one."""

from typing import Final

from reflex_api.conditions import Reason, sentence

_TEXT: Final[dict[Reason, tuple[str, str]]] = {
    Reason.ACCEPTED: ("the spec is valid", ""),
    Reason.SPEC_INVALID: ("the spec cannot be read", "correct the field and apply again"),
    Reason.NAME_CONFLICT: (
        "an object with the engine's name belongs to somebody else",
        "rename the ReflexModel or delete that object",
    ),
    Reason.SECRET_NOT_FOUND: (
        "a Secret that the spec names is missing",
        "create it with that key, or clear the reference",
    ),
    Reason.IMAGE_NOT_CONFIGURED: (
        "no engine image",
        "set engine.image, or engine.images in the chart's values",
    ),
    Reason.FITS: ("one full context fits", ""),
    # The numbers decide which setting helps: the evidence ends with it.
    Reason.INSUFFICIENT_GPU_MEMORY: ("does not fit the GPU", ""),
    Reason.NOT_MEASURED: ("the engine has not reported its memory yet", "wait for EngineReady"),
    Reason.NOT_CHECKED: ("memoryPolicy.admission is Off", ""),
    Reason.GPU_LABELS_MISSING: (
        "no matching node says how much GPU memory it has",
        "install GPU feature discovery, or label the node nvidia.com/gpu.memory (MiB)",
    ),
    Reason.ARCHITECTURE_UNKNOWN: (
        "the model's architecture is not known before its start",
        "it is measured after the start",
    ),
    Reason.BUNDLED: ("the weights are in the engine image", ""),
    Reason.CLAIM_BOUND: ("the weights are on an existing claim", ""),
    Reason.CLAIM_NOT_FOUND: (
        "the weights' claim does not exist",
        "create the claim or correct claimName",
    ),
    Reason.CLAIM_PENDING: ("the weights' claim is not bound", "look at kubectl describe pvc"),
    Reason.INSPECTING: ("the source's configuration is read, before its weights", "wait"),
    Reason.DOWNLOADING: ("the weights are on their way", "wait; see status.download"),
    Reason.DOWNLOADED: ("the weights are complete and verified", ""),
    Reason.SOURCE_UNAUTHORIZED: (
        "the source refused the token or wants one",
        "correct tokenSecretRef and accept the model's terms on the hub",
    ),
    Reason.SOURCE_NOT_FOUND: (
        "the source does not exist",
        "correct the repository, revision or URL",
    ),
    Reason.SOURCE_UNREACHABLE: (
        "the source does not answer",
        "check the cluster's way out; it is tried again",
    ),
    Reason.OUT_OF_SPACE: ("the volume is full", "raise cache.size"),
    Reason.DOWNLOAD_TRUNCATED: (
        "the source ended a file too early",
        "it is continued where it stopped",
    ),
    Reason.DIGEST_MISMATCH: (
        "a file is not what its digest says",
        "correct sha256 or ask who serves the file; it was removed",
    ),
    Reason.DOWNLOAD_EVICTED: (
        "the node threw the download out",
        "free the node's resource; it is tried again",
    ),
    Reason.DOWNLOAD_OOM_KILLED: (
        "the download went over its memory limit",
        "report it: its memory is bounded by design",
    ),
    Reason.DOWNLOAD_TIMED_OUT: (
        "the download took longer than rollout.downloadTimeout",
        "raise it; what has arrived is kept",
    ),
    Reason.DOWNLOAD_FAILED: ("the download failed", "see kubectl logs of the download's pod"),
    Reason.SCHEDULED: ("a node was found", ""),
    Reason.WAITING_FOR_WEIGHTS: ("the engine waits for its weights", "see ModelCached"),
    Reason.WAITING_FOR_SCHEDULER: ("the pod waits for the scheduler", "wait"),
    Reason.GPU_HELD_BY_PEER: (
        "another model holds the GPU",
        "suspend or delete that model, or wait",
    ),
    Reason.INSUFFICIENT_GPU: (
        "no node has a free GPU",
        "free one, add a node, or check that the NVIDIA device plugin runs",
    ),
    Reason.NODE_NOT_FOUND: (
        "no node matches the placement",
        "correct placement.nodeSelector or label the node",
    ),
    Reason.VOLUME_NODE_AFFINITY_CONFLICT: (
        "the claim's volume is on another node than the placement allows",
        "move the weights or change placement",
    ),
    Reason.UNSCHEDULABLE: ("no node can take the pod", "see what the scheduler says"),
    Reason.APPLY_FAILED: (
        "the API server refused an object of this model",
        "correct what it names (a field, a quota, a policy)",
    ),
    Reason.NODE_NOT_READY: ("the engine's node does not answer", "see kubectl describe node"),
    Reason.NODE_DISK_PRESSURE: ("the engine's node runs out of disk", "free disk on the node"),
    Reason.NODE_MEMORY_PRESSURE: (
        "the engine's node runs out of memory",
        "free memory on the node",
    ),
    Reason.POD_EVICTED: ("the engine's pod was evicted", "free what the kubelet names"),
    Reason.POD_CREATE_FAILED: ("the pod was refused", "correct what the API server names"),
    Reason.IMAGE_PULLING: ("the engine image is pulled", "wait; see kubectl describe pod"),
    Reason.IMAGE_PULL_ERROR: (
        "the engine image cannot be pulled",
        "check engine.image and the node's access to the registry",
    ),
    Reason.CONTAINER_START_ERROR: ("the container cannot start", "see kubectl describe pod"),
    Reason.WAITING_FOR_GPU_RELEASE: (
        "the GPU's memory is not free yet",
        "wait; another process holds it",
    ),
    Reason.ENGINE_GPU_OUT_OF_MEMORY: (
        "the GPU ran out of memory",
        "lower engine.memFractionStatic, chunkedPrefillSize or maxRunningRequests",
    ),
    Reason.UNSUPPORTED_GPU_ARCH: (
        "a kernel of the engine does not run on this GPU",
        "try another engine.attentionBackend or image",
    ),
    Reason.CUDA_DRIVER_INSUFFICIENT: (
        "the node's GPU driver is too old for the engine",
        "upgrade the driver (CUDA 13 needs 580), or use an older image",
    ),
    Reason.UNSUPPORTED_MODEL: (
        "the engine does not know this model's architecture",
        "use another model, or a newer engine.image",
    ),
    Reason.MODEL_FILES_INVALID: (
        "the engine cannot read the model's files",
        "check source; see kubectl logs --previous",
    ),
    Reason.ENGINE_ARGUMENTS_INVALID: (
        "the engine refused its arguments",
        "correct engine or engine.extraArgs",
    ),
    Reason.ENGINE_HOST_OOM_KILLED: (
        "the engine went over its memory limit",
        "raise resources.memory (sharedMemory counts against it)",
    ),
    Reason.PROBE_TIMEOUT: (
        "the engine did not answer its probe in time and was restarted",
        "raise rollout.startupTimeout, or see kubectl logs --previous",
    ),
    Reason.ENGINE_CRASH_LOOP: ("the engine keeps crashing", "see kubectl logs --previous"),
    Reason.ENGINE_RESTARTING: ("the engine crashed and starts again in place", "wait"),
    Reason.ENGINE_STARTING: (
        "the image is pulled and the weights are loaded",
        "wait at most rollout.startupTimeout",
    ),
    Reason.ENGINE_STOPPING: ("the previous engine is stopping", "wait for it to end"),
    Reason.WRONG_MODEL_LOADED: (
        "the engine serves another model",
        "check source and servedName",
    ),
    Reason.VERIFICATION_FAILED: (
        "the engine's trial generation was wrong",
        "try engine.attentionBackend or kvCacheDtype, see kubectl logs",
    ),
    Reason.ENGINE_NOT_ANSWERING: (
        "the engine does not answer",
        "see kubectl logs; the kubelet restarts it when it stays silent",
    ),
    Reason.ENGINE_READY: ("a trial generation was verified", ""),
    Reason.SUSPENDED: ("suspended", "set spec.suspend to false"),
    Reason.SCALED_TO_ZERO: ("spec.replicas is 0", "scale it up"),
    Reason.STANDBY_STOPPED: (
        "no route wants this model now",
        "see its ReflexRoute, or set activation to Always",
    ),
    Reason.DRAINING: ("running requests end", "wait at most rollout.drainTimeout"),
    Reason.REVISION_RESTORED: (
        "the last good revision serves, the new one failed",
        "correct the spec, or set the annotation reflexstack.dev/retry",
    ),
    Reason.RESIDENT: ("the engine is in memory", ""),
    Reason.SERVING: ("the engine serves", ""),
}


def message(reason: Reason, evidence: str = "", action: str = "") -> str:
    """Return "cause: evidence; action" for a reason, at most 256 characters.

    `action` replaces what usually helps.
    """
    cause, usual = _TEXT[reason]
    return sentence(cause, evidence, action or usual)
