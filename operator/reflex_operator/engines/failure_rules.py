"""Which words of SGLang 0.5.23, PyTorch and their neighbours mean which reason.

A rule is a phrase, not a pattern: a contract test looks for each in the installed packages, so a
version that words it differently breaks the test and not the operator's judgement in the night.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reflex_api.conditions import Reason


class Origin(StrEnum):
    """The package whose source or library holds the phrase."""

    SGLANG = "sglang"
    TORCH = "torch"
    TRANSFORMERS = "transformers"
    SAFETENSORS = "safetensors"
    HUB = "huggingface_hub"
    CUDA = "nvidia"  # the CUDA runtime library
    PYTHON = "python"
    LAUNCHER = "launcher"  # ours
    TRITON = "triton"  # the CPU image holds a stub only
    CUBLAS = "cublas"  # the CPU image has no such library
    NVML = "nvml"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A phrase on a deciding line, what it means, and what helps if not what the reason says."""

    phrase: str
    origin: Origin
    reason: Reason | None  # None: no reason of its own; the line is the evidence
    action: str = ""


def _rules(reason: Reason | None, origin: Origin, *phrases: str, action: str = "") -> list[Rule]:
    return [Rule(phrase=one, origin=origin, reason=reason, action=action) for one in phrases]


_NO_DRIVER: Final = "check the node's NVIDIA driver and placement.runtimeClassName"
_CONTEXT: Final = "lower engine.contextLength to what the model supports"
_ROOM: Final = "raise engine.memFractionStatic, or use smaller weights"
_RUNTIME: Final = "lower engine.maxRunningRequests"
_SHM: Final = "raise resources.sharedMemory"
_KERNEL: Final = "try another engine.attentionBackend; see kubectl logs --previous"
_REMOTE: Final = "set engine.trustRemoteCode, if you trust the model's code"

RULES: Final[tuple[Rule, ...]] = (
    # No room for the KV cache: the opposite knob of an allocation that failed.
    *_rules(
        Reason.INSUFFICIENT_GPU_MEMORY,
        Origin.SGLANG,
        "Loaded weights leave no GPU memory for the KV cache",
        "Not enough memory. Please try to increase --mem-fraction-static",
        action=_ROOM,
    ),
    # The driver, before what fails because of it.
    *_rules(
        Reason.CUDA_DRIVER_INSUFFICIENT,
        Origin.CUDA,
        "CUDA driver version is insufficient for CUDA runtime version",
        "the provided PTX was compiled with an unsupported toolchain",
        "forward compatibility was attempted on non supported HW",
    ),
    *_rules(Reason.CUDA_DRIVER_INSUFFICIENT, Origin.TORCH, "driver on your system is too old"),
    *_rules(
        Reason.CUDA_DRIVER_INSUFFICIENT,
        Origin.TORCH,
        "Found no NVIDIA driver on your system",
        "No CUDA GPUs are available",
        action=_NO_DRIVER,
    ),
    *_rules(
        Reason.CUDA_DRIVER_INSUFFICIENT,
        Origin.SGLANG,
        "No accelerator (CUDA, XPU, HPU, NPU, MUSA, MPS)",
        action=_NO_DRIVER,
    ),
    *_rules(Reason.CUDA_DRIVER_INSUFFICIENT, Origin.NVML, "Driver/library version mismatch"),
    # Kernels that this GPU cannot run.
    *_rules(
        Reason.UNSUPPORTED_GPU_ARCH,
        Origin.CUDA,
        "no kernel image is available for execution on the device",
    ),
    *_rules(Reason.UNSUPPORTED_GPU_ARCH, Origin.TRITON, "out of resource: shared memory"),
    *_rules(
        Reason.UNSUPPORTED_GPU_ARCH,
        Origin.SGLANG,
        "TRTLLM FMHAv2 prefill on SM120 does not support",
        "TRTLLM MHA backend for prefill requires Hopper",
        "Unsupported compute capability",
        "requires compute capability >=",
    ),
    # Host memory: before the GPU's, whose phrase "out of memory" is general.
    *_rules(
        Reason.ENGINE_HOST_OOM_KILLED, Origin.TORCH, "DefaultCPUAllocator: can't allocate memory"
    ),
    *_rules(Reason.ENGINE_HOST_OOM_KILLED, Origin.PYTHON, "Cannot allocate memory"),
    # The KV pool's own bookkeeping; more requests than it can hold.
    *_rules(
        Reason.ENGINE_GPU_OUT_OF_MEMORY,
        Origin.SGLANG,
        "Prefill out of memory. Try to lower your batch size.",
        "Decode out of memory. Try to lower your batch size.",
        "alloc_req_slots runs out of memory",
        action=_RUNTIME,
    ),
    *_rules(Reason.ENGINE_GPU_OUT_OF_MEMORY, Origin.TORCH, "CUDA out of memory"),
    *_rules(Reason.ENGINE_GPU_OUT_OF_MEMORY, Origin.CUDA, "out of memory"),
    *_rules(Reason.ENGINE_GPU_OUT_OF_MEMORY, Origin.CUBLAS, "CUBLAS_STATUS_ALLOC_FAILED"),
    # The model.
    *_rules(
        Reason.UNSUPPORTED_MODEL,
        Origin.SGLANG,
        "are not supported for now",
        "Cannot find model module. ",
        "Unknown quantization method",
    ),
    *_rules(Reason.UNSUPPORTED_MODEL, Origin.TRANSFORMERS, "does not recognize this architecture"),
    *_rules(
        Reason.ENGINE_ARGUMENTS_INVALID,
        Origin.TRANSFORMERS,
        "requires you to execute custom code",
        action=_REMOTE,
    ),
    *_rules(
        Reason.MODEL_FILES_INVALID,
        Origin.SGLANG,
        "Cannot find any model weights with",
        "Attempted to load weight (",
    ),
    *_rules(Reason.MODEL_FILES_INVALID, Origin.SAFETENSORS, "Error while deserializing header"),
    *_rules(
        Reason.MODEL_FILES_INVALID,
        Origin.TORCH,
        "PytorchStreamReader failed",
        "size mismatch for ",
    ),
    *_rules(
        Reason.MODEL_FILES_INVALID,
        Origin.TRANSFORMERS,
        "is not a valid JSON file",
        "Should have a `model_type` key in its ",
        "Couldn't instantiate the backend tokenizer",
        "Can't load tokenizer for",
        "does not appear to have a file named",
        "to load the files, and couldn't find them in the",
    ),
    # The path is no folder, so that Transformers takes it for a name on the hub.
    *_rules(Reason.MODEL_FILES_INVALID, Origin.HUB, "Repo id must be in the form"),
    # Arguments.
    *_rules(
        Reason.ENGINE_ARGUMENTS_INVALID,
        Origin.SGLANG,
        "is greater than the derived context_length",
        action=_CONTEXT,
    ),
    *_rules(Reason.ENGINE_ARGUMENTS_INVALID, Origin.PYTHON, ": error: "),
    *_rules(Reason.SECRET_NOT_FOUND, Origin.LAUNCHER, "error: no api-key in "),
    # Without a reason of their own, with an action of their own.
    *_rules(None, Origin.TORCH, "unable to open shared memory object", action=_SHM),
    *_rules(None, Origin.PYTHON, "No space left on device: '/dev/shm", action=_SHM),
    *_rules(
        None,
        Origin.CUDA,
        "an illegal memory access was encountered",
        "unspecified launch failure",
        "device-side assert triggered",
        action=_KERNEL,
    ),
)

CONSEQUENCES: Final = (
    "Initialization failed. Please see the error messages above.",
    "scheduler died during initialization",
)
"""Lines of SGLang about the end of another process: that one's own words are better evidence."""


class Phase(StrEnum):
    """When the GPU's memory ran out: each has its own knob."""

    LOADING = "loading the weights"
    POOL = "allocating the KV cache"
    CAPTURE = "capturing CUDA graphs"
    SERVING = "serving"


PHASE_MARKS: Final = (
    (Phase.CAPTURE, "capture"),
    (Phase.CAPTURE, "capture_one_shape"),
    (Phase.SERVING, "event_loop_normal"),
    (Phase.SERVING, "event_loop_overlap"),
    (Phase.POOL, "init_memory_pools"),
    (Phase.POOL, "alloc_memory_pool"),
    (Phase.LOADING, "load_model"),
)
"""Functions in the traceback that tell the phase, most specific first."""

_PHASE_ACTIONS: Final = {
    Phase.LOADING: "use smaller weights, or see what else uses the GPU (nvidia-smi)",
    Phase.POOL: "lower engine.memFractionStatic, or see what else uses the GPU",
    Phase.CAPTURE: "lower engine.memFractionStatic or maxRunningRequests",
    Phase.SERVING: "lower engine.memFractionStatic, chunkedPrefillSize or maxRunningRequests",
}


def advice(text: str) -> str:
    """Return what helps against the failure whose evidence `text` is, or nothing in particular.

    It depends on the evidence alone, which the status keeps: a restarted operator says the same.
    """
    for phase, action in _PHASE_ACTIONS.items():
        if text.startswith(f"while {phase}: "):
            return action
    return next((rule.action for rule in RULES if rule.phrase in text and rule.action), "")
