"""The init container's text runs here for real, with a pynvml or an nvidia-smi that plays a GPU."""

import subprocess
import sys
from pathlib import Path

import pytest

from reflex_operator.engines import gpu_release

PYNVML = """
from pathlib import Path
from types import SimpleNamespace
class NVMLError(Exception):
    pass
FREE = Path({free!r})
def nvmlInit():
    {init}
def nvmlShutdown():
    pass
def nvmlDeviceGetCount():
    return {count}
def nvmlDeviceGetHandleByIndex(index):
    return index
def nvmlDeviceGetMemoryInfo(gpu):
    values = FREE.read_text().split()
    now = int(values[0])
    if len(values) > 1:
        FREE.write_text(" ".join(values[1:]))
    return SimpleNamespace(free=now << 20, total=32607 << 20)
def nvmlDeviceGetComputeRunningProcesses(gpu):
    {processes}
"""
SMI = """#!/bin/sh
test "$1" = "--query-gpu=index,memory.free,memory.total" || exit 9
echo "{row}"
"""


class Machine:
    """What the init container finds: a PATH, Python modules, and a place for its last words."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.words = home / "termination-log"
        (home / "bin").mkdir()
        (home / "modules").mkdir()

    def pynvml(
        self, free: str, *, count: int = 1, init: str = "pass", processes: str = "return [1, 2]"
    ) -> None:
        """MiB that are free, look by look; the last one stays."""
        (self.home / "free").write_text(free)
        text = PYNVML.format(
            free=str(self.home / "free"), count=count, init=init, processes=processes
        )
        (self.home / "modules/pynvml.py").write_text(text)

    def nvidia_smi(self, row: str) -> None:
        tool = self.home / "bin/nvidia-smi"
        tool.write_text(SMI.format(row=row))
        tool.chmod(0o755)

    def run(
        self, *, share: str = "0.8", patience: str = "60", every: str = "60"
    ) -> subprocess.CompletedProcess[str]:
        text = gpu_release.command(())[2]
        return subprocess.run(
            [sys.executable, "-c", text, share, patience, "0.01", every, str(self.words)],
            env={"PATH": str(self.home / "bin"), "PYTHONPATH": str(self.home / "modules")},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_free_memory_lets_the_engine_start(machine: Machine) -> None:
    machine.pynvml("31900")
    done = machine.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "the GPU's memory is free\n", "")


def test_it_waits_until_the_share_is_free_and_says_what_it_waits_for_once(machine: Machine) -> None:
    machine.pynvml("900 900 20000 26085 26086")  # 0.8 of 32607 MiB is 26085.6
    done = machine.run()
    assert done.returncode == 0
    first, last = done.stdout.splitlines()
    assert first == (
        "waiting for the GPU's memory:"
        " GPU 0: 900 of 32607 MiB free, 26085 needed, 2 processes hold memory"
    )
    assert last == "the GPU's memory is free"
    assert machine.words.read_text() == ""  # no last words of a wait that is over


def test_it_says_so_again_after_a_while(machine: Machine) -> None:
    machine.pynvml("900 900 900 31000")
    assert machine.run(every="0").stdout.count("waiting for") == 3


def test_a_gpu_that_stays_taken_is_a_failure_with_last_words(machine: Machine) -> None:
    machine.pynvml("900")
    done = machine.run(patience="0.1")
    assert done.returncode == 1
    assert "not free after 0 s: GPU 0: 900 of 32607 MiB free" in done.stdout
    assert machine.words.read_text().startswith("GPU 0: 900 of 32607 MiB free, 26085 needed")


def test_every_visible_gpu_must_be_free(machine: Machine) -> None:
    machine.pynvml("31000 900 31000 31000", count=2)
    assert "GPU 1: 900 of 32607" in machine.run().stdout


def test_processes_that_cannot_be_counted_are_left_out(machine: Machine) -> None:
    machine.pynvml("900 31000", processes='raise NVMLError("Not Supported")')
    done = machine.run()
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].endswith("26085 needed")


@pytest.mark.parametrize("broken", [True, False])
def test_nvidia_smi_tells_where_pynvml_cannot(machine: Machine, broken: bool) -> None:
    if broken:
        machine.pynvml("31000", init='raise NVMLError("Driver/library version mismatch")')
    machine.nvidia_smi("0, 900, 32607")
    done = machine.run(patience="0")
    assert done.returncode == 1
    assert "GPU 0: 900 of 32607 MiB free, 26085 needed\n" in done.stdout


@pytest.mark.parametrize("row", [None, "", "0, [N/A], [N/A]"])
def test_where_nothing_can_be_read_the_engine_starts_and_the_log_says_why(
    machine: Machine, row: str | None
) -> None:
    if row is not None:
        machine.nvidia_smi(row)
    done = machine.run()
    assert done.returncode == 0
    assert "cannot be read, the engine starts without a check" in done.stdout
    assert "No module named 'pynvml'" in done.stdout
    assert len(done.stdout.splitlines()) == 3


def test_last_words_that_cannot_be_written_do_not_matter(machine: Machine) -> None:
    machine.pynvml("900 31000")
    machine.words.mkdir()
    assert machine.run().returncode == 0


@pytest.mark.parametrize(
    ("args", "share"),
    [
        ([], 0.8),
        (["--mem-fraction-static=0.86"], 0.86),
        (["--mem-fraction-static=0.97"], 0.9),  # a desktop's share never becomes free
        (["--mem-fraction-static=much"], 0.8),
    ],
)
def test_as_much_must_be_free_as_the_engine_takes(args: list[str], share: float) -> None:
    assert gpu_release.share(args) == share
    assert gpu_release.command(args)[3:] == [str(share), "300", "1", "10", "/dev/termination-log"]
