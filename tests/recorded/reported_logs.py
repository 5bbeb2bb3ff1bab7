"""Logs of failures that need a GPU: reported, not recorded here.

No GPU stands behind these tests. The deciding lines are those of public reports (named with each)
or of the source of SGLang 0.5.23; the lines around them are laid out as in the recorded logs.
"""

from dataclasses import dataclass

HEAD = """\
[2026-11-21 10:40:49] server_args={'model_path': '/models-volume', 'api_key': '<redacted>'}
[2026-11-21 10:40:54] Load weight begin. avail mem=30.91 GB
"""
KILLED = """
[2026-11-21 10:41:04] Received sigquit from a child process. It usually means the child failed.
[2026-11-21 10:41:04] kill_process_tree called: parent_pid=7, include_parent=True, pid=7
"""
ASKED_FOR_LESS = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 448.00 MiB. GPU 0 has a total "
    "capacity of 31.36 GiB of which 102.88 MiB is free."
)


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A log and what it must be classified as."""

    name: str
    source: str
    text: str
    reason: str
    words: str  # in the evidence
    action: str  # in what the operator advises for this very case; empty: the reason's own


def trace(*functions: str) -> str:
    """Frames of SGLang's scheduler, innermost last."""
    file = "/sgl-workspace/sglang/python/sglang/srt/managers/scheduler.py"
    frames = [f'  File "{file}", line 10, in {one}\n    {one}()\n' for one in functions]
    return "".join(frames)


def scheduler(said: str, *functions: str, tag: str = "") -> str:
    """A scheduler that logs its exception and signals the server."""
    begin = f"[2026-11-21 10:41:00{tag}] Scheduler hit an exception: "
    traceback = "Traceback (most recent call last):\n"
    return HEAD + begin + traceback + trace("run_scheduler_process", *functions) + said + KILLED


def server(said: str, *functions: str) -> str:
    """A main process whose exception nobody caught: first it kills its children."""
    first = "[2026-11-21 10:41:00] kill_process_tree called: parent_pid=7, include_parent=False\n"
    traceback = "Traceback (most recent call last):\n"
    return HEAD + first + traceback + trace("<module>", *functions) + said


CAPTURE_CHAIN = (
    f"{ASKED_FOR_LESS}\n\nDuring handling of the above exception, another exception occurred:\n\n"
    "Traceback (most recent call last):\n"
    + trace("run_scheduler_process", "__init__")
    + "Exception: Capture cuda graph failed: CUDA out of memory. Tried to allocate 448.00 MiB.\n"
    "Possible solutions:\n1. set --mem-fraction-static to a smaller value (e.g., 0.8 or 0.7)\n"
)

LOGS = (
    Reported(
        name="out-of-memory-in-graph-capture",
        source="sgl-project/sglang#5285; words of 0.5.23's decode_cuda_graph_runner.py",
        text=scheduler(CAPTURE_CHAIN, "init_decode_cuda_graph", "capture"),
        reason="EngineGPUOutOfMemory",
        words="while capturing CUDA graphs: torch.OutOfMemoryError: CUDA out of memory.",
        action="lower engine.memFractionStatic or maxRunningRequests",
    ),
    Reported(
        name="out-of-memory-while-serving",
        source="sgl-project/sglang#4547 and PyTorch 2.14's words",
        text=scheduler(ASKED_FOR_LESS, "event_loop_overlap", "run_batch", tag=" TP0"),
        reason="EngineGPUOutOfMemory",
        words="while serving: torch.OutOfMemoryError",
        action="chunkedPrefillSize",
    ),
    Reported(
        name="out-of-memory-while-loading",
        source="PyTorch 2.14's words",
        text=scheduler(ASKED_FOR_LESS, "load_model", "load_weights"),
        reason="EngineGPUOutOfMemory",
        words="while loading the weights",
        action="use smaller weights",
    ),
    Reported(
        name="out-of-memory-of-the-runtime",
        source="sgl-project/sglang#4547",
        text=scheduler(
            "torch.AcceleratorError: CUDA error: out of memory\nCUDA kernel errors might be late",
            "init_memory_pools",
        ),
        reason="EngineGPUOutOfMemory",
        words="while allocating the KV cache: torch.AcceleratorError: CUDA error: out of memory",
        action="lower engine.memFractionStatic",
    ),
    Reported(
        name="kv-pool-exhausted",
        source="source of 0.5.23, mem_cache/allocation.py",
        text=scheduler(
            "RuntimeError: Decode out of memory. Try to lower your batch size.\nTry to allocate 3",
            "event_loop_normal",
        ),
        reason="EngineGPUOutOfMemory",
        words="Decode out of memory",
        action="lower engine.maxRunningRequests",
    ),
    Reported(
        name="no-tokens-left",
        source="source of 0.5.23, model_executor/pool_configurator.py",
        text=scheduler(
            "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. "
            "Current value: mem_fraction_static=0.3",
            "init_memory_pools",
        ),
        reason="InsufficientGPUMemory",
        words="Not enough memory",
        action="raise engine.memFractionStatic",
    ),
    Reported(
        name="no-kernel-image",
        source="sgl-project/sglang#7249 (RTX 5090)",
        text=scheduler(
            "RuntimeError: RMSNorm failed with error code no kernel image is available for "
            "execution on the device",
            "event_loop_normal",
        ),
        reason="UnsupportedGPUArch",
        words="no kernel image is available",
        action="",
    ),
    Reported(
        name="too-much-shared-memory",
        source="sgl-project/sglang#8513, #5995",
        text=scheduler(
            "triton.runtime.errors.OutOfResources: out of resource: shared memory, Required: "
            "147456, Hardware limit: 101376. Reducing block sizes or `num_stages` may help.",
            "event_loop_normal",
        ),
        reason="UnsupportedGPUArch",
        words="Required: 147456, Hardware limit: 101376",
        action="",
    ),
    Reported(
        name="fp8-kv-with-trtllm-on-sm120",
        source="source of 0.5.23, arg_groups/attention_hook.py",
        text=server(
            "ValueError: TRTLLM FMHAv2 prefill on SM120 does not support fp8_e4m3 KV cache or "
            "skip-softmax."
        ),
        reason="UnsupportedGPUArch",
        words="SM120",
        action="",
    ),
    Reported(
        name="driver-too-old",
        source="PyTorch's words as in lllyasviel/Fooocus#1313",
        text=scheduler(
            "RuntimeError: The NVIDIA driver on your system is too old (found version 12040). "
            "Please update your GPU driver",
            "__init__",
        ),
        reason="CUDADriverInsufficient",
        words="found version 12040",
        action="",
    ),
    Reported(
        name="driver-below-the-runtime",
        source="NVIDIA/nvidia-docker#400; words of libcudart 13",
        text=scheduler(
            "RuntimeError: CUDA error: CUDA driver version is insufficient for CUDA runtime version"
        ),
        reason="CUDADriverInsufficient",
        words="insufficient",
        action="",
    ),
    Reported(
        name="no-driver-in-the-container",
        source="words of PyTorch 2.14",
        text=server(
            "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an "
            "NVIDIA GPU"
        ),
        reason="CUDADriverInsufficient",
        words="Found no NVIDIA driver",
        action="placement.runtimeClassName",
    ),
    Reported(
        name="host-memory",
        source="words of PyTorch's c10",
        text=scheduler(
            "RuntimeError: [enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: can't "
            "allocate memory: you tried to allocate 68719476736 bytes.",
            "load_model",
        ),
        reason="EngineHostOOMKilled",
        words="can't allocate memory",
        action="",
    ),
    Reported(
        name="native-library",
        source="C++'s std::terminate with words of libcudart 13",
        text=HEAD
        + "terminate called after throwing an instance of 'c10::AcceleratorError'\n"
        + "  what():  CUDA error: no kernel image is available for execution on the device\n"
        + KILLED,
        reason="UnsupportedGPUArch",
        words="no kernel image",
        action="",
    ),
    Reported(
        name="architecture",
        source="source of 0.5.23, models/registry.py",
        text=scheduler(
            "ValueError: Model architectures ['NoSuchForCausalLM'] are not supported for now. "
            "Supported architectures: dict_keys(['Qwen3ForCausalLM'])",
            "load_model",
        ),
        reason="UnsupportedModel",
        words="NoSuchForCausalLM",
        action="",
    ),
    Reported(
        name="watchdog",
        source="source of 0.5.23, utils/watchdog.py",
        text=HEAD
        + "[2026-11-21 10:41:00] Scheduler watchdog timeout (self.watchdog_timeout=300, "
        + "self.soft=False)\n"
        + KILLED,
        reason="",
        words="watchdog timeout",
        action="",
    ),
    Reported(
        name="nccl",
        source="words of PyTorch's ProcessGroupNCCL",
        text=scheduler(
            "torch.distributed.DistBackendError: NCCL error in: NCCLUtils.cpp:94, unhandled cuda "
            "error, NCCL version 2.29.3",
            "init_torch_distributed",
        ),
        reason="",
        words="NCCL error in",
        action="",
    ),
    Reported(
        name="illegal-access",
        source="vllm-project/vllm#54225 (the same FlashInfer path); words of libcudart 13",
        text=scheduler(
            "torch.AcceleratorError: CUDA error: an illegal memory access was encountered",
            "event_loop_overlap",
        ),
        reason="",
        words="illegal memory access",
        action="engine.attentionBackend",
    ),
)
