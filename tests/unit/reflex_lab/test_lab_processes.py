import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reflex_lab import processes
from reflex_lab.processes import OWNER_VARIABLE, ProcessId

STAT = "{pid} (a) (b c) {state} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 {start} 0 0"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with one process of ours, one of a lab with a longer name, and one stranger."""
    environs = {
        7: f"HOME=/\0{OWNER_VARIABLE}=/home/lab#node\0",
        8: f"{OWNER_VARIABLE}=/home/lab#node-two\0",
        9: f"NOTE={OWNER_VARIABLE}=/home/lab#node\0",
    }
    for pid, environ in environs.items():
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "environ").write_text(environ)
        (folder / "stat").write_text(STAT.format(pid=pid, state="S", start=pid * 100))
    (tmp_path / "self").mkdir()
    return tmp_path


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"], env={OWNER_VARIABLE: "/tmp/t#x"}) as child:
        yield child
        child.kill()


def test_brackets_in_a_name_do_not_shift_the_start_time(proc: Path) -> None:
    assert processes.identify(7, proc=proc) == ProcessId(pid=7, start_time=700)


def test_a_reused_id_is_not_the_recorded_process(proc: Path) -> None:
    assert processes.alive(ProcessId(pid=7, start_time=700), proc=proc)
    assert not processes.alive(ProcessId(pid=7, start_time=699), proc=proc)


def test_a_zombie_does_not_count_as_alive(proc: Path) -> None:
    (proc / "7" / "stat").write_text(STAT.format(pid=7, state="Z", start=700))
    assert processes.identify(7, proc=proc) is None


def test_only_the_exact_owner_is_found(proc: Path) -> None:
    assert processes.owned_by("/home/lab#node", proc=proc) == (ProcessId(pid=7, start_time=700),)


def test_a_gone_process_has_no_owner(tmp_path: Path) -> None:
    assert processes.owner_of(4, proc=tmp_path) is None
    assert processes.program_of(4, proc=tmp_path) == ""


def test_a_signal_spares_a_process_that_took_over_the_id(
    sleeper: subprocess.Popen[bytes],
) -> None:
    recorded = processes.identify(sleeper.pid)
    assert recorded is not None
    earlier = ProcessId(pid=recorded.pid, start_time=recorded.start_time - 1)
    assert not processes.send(earlier, signal.SIGKILL)
    assert processes.alive(recorded)


def test_ending_by_owner_ends_exactly_those(sleeper: subprocess.Popen[bytes]) -> None:
    assert processes.end_owned("/tmp/t#y") == 0
    assert processes.end_owned("/tmp/t#x") == 1
    assert processes.identify(sleeper.pid) is None


def test_what_the_lab_starts_carries_its_mark_and_little_else() -> None:
    environ = processes.environment("/home/lab#node", {"A": "b"})
    assert environ[OWNER_VARIABLE] == "/home/lab#node"
    assert environ["A"] == "b"
    assert not {"GOFLAGS", "KUBECONFIG", "PYTHONPATH"} & set(environ)
    assert os.environ.get(OWNER_VARIABLE) is None
