"""Waits until the GPU's memory is free: the text of an init container on cuda.

Kubernetes hands a GPU on when the container that had it is gone; the driver may need longer, and a
process outside the cluster may hold memory all the time. SGLang would then size its KV cache by
what is left, or fail with an error that does not name the cause.
"""

from collections.abc import Sequence
from typing import Final

TERMINATION_LOG: Final = "/dev/termination-log"
PATIENCE_SECONDS: Final = 300
"""Then the container fails with its last words, and the kubelet starts it again."""
_PAUSE_SECONDS: Final = 1
_SAY_EVERY_SECONDS: Final = 10
_DEFAULT_SHARE: Final = 0.8
_LARGEST_SHARE: Final = 0.9
"""A driver and a desktop hold some memory for good: never wait for more than this to be free."""
_FLAG: Final = "--mem-fraction-static="

TEXT: Final = r"""
import subprocess, sys, time
share, patience, pause, every = map(float, sys.argv[1:5])
words = sys.argv[5]
def by_nvml():
    import pynvml
    pynvml.nvmlInit()
    try:
        gpus = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            gpu = pynvml.nvmlDeviceGetHandleByIndex(index)
            memory = pynvml.nvmlDeviceGetMemoryInfo(gpu)
            try:
                holders = len(pynvml.nvmlDeviceGetComputeRunningProcesses(gpu))
            except pynvml.NVMLError:
                holders = None
            gpus.append((index, memory.free >> 20, memory.total >> 20, holders))
        return gpus
    finally:
        pynvml.nvmlShutdown()
def by_tool():
    query = ["--query-gpu=index,memory.free,memory.total", "--format=csv,noheader,nounits"]
    done = subprocess.run(
        ["nvidia-smi", *query], capture_output=True, text=True, timeout=30, check=True
    )
    rows = [line.split(",") for line in done.stdout.splitlines() if line.strip()]
    return [(*(int(cell) for cell in row), None) for row in rows]
def look():
    problems = []
    for source in (by_nvml, by_tool):
        try:
            gpus = source()
        except Exception as error:
            problems.append(type(error).__name__ + ": " + str(error))
        else:
            if gpus:
                return gpus
            problems.append("no GPU is visible")
    print("the GPU's memory cannot be read, the engine starts without a check:", *problems,
          sep="\n  ", flush=True)
    sys.exit(0)
def leave(text):
    try:
        with open(words, "w") as file:
            file.write(text)
    except OSError:
        pass
started, said = time.monotonic(), None
while True:
    short = []
    for index, free, total, holders in look():
        if free < share * total:
            one = f"GPU {index}: {free} of {total} MiB free, {int(share * total)} needed"
            by = "" if holders is None else f", {holders} processes hold memory"
            short.append(one + by)
    if not short:
        leave("")
        print("the GPU's memory is free", flush=True)
        sys.exit(0)
    text, now = "; ".join(short), time.monotonic()
    leave(text)
    if now - started >= patience:
        print(f"not free after {patience:.0f} s: {text}", flush=True)
        sys.exit(1)
    if said is None or now - said >= every:
        print("waiting for the GPU's memory:", text, flush=True)
        said = now
    time.sleep(pause)
""".lstrip()


def command(engine_args: Sequence[str]) -> list[str]:
    """Return the init container's command for an engine with these arguments."""
    numbers = (share(engine_args), PATIENCE_SECONDS, _PAUSE_SECONDS, _SAY_EVERY_SECONDS)
    return ["python3", "-c", TEXT, *map(str, numbers), TERMINATION_LOG]


def share(engine_args: Sequence[str]) -> float:
    """Return which share of each GPU's memory must be free before the engine starts.

    >>> share(["--device=cuda", "--mem-fraction-static=0.86"])
    0.86
    """
    value = _DEFAULT_SHARE
    for argument in engine_args:
        if argument.startswith(_FLAG):
            try:
                value = float(argument.removeprefix(_FLAG))
            except ValueError:
                continue  # SGLang will refuse it, in its own words
    return min(max(value, 0.0), _LARGEST_SHARE)
