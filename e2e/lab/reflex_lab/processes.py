"""Which processes are ours, and how to end exactly those.

Every program that the lab starts inherits OWNER_VARIABLE from it. A process is ours if its
environment says so; a recorded process id counts only with the same start time. Signals go through
a pidfd that is opened before the check, so an id that the kernel reused is never hit.
"""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reflex_lab.errors import LabError

OWNER_VARIABLE = "REFLEX_LAB_OWNER"
"""Set only in the environment of programs that the lab starts; never by users."""
PROC = Path("/proc")


@dataclass(frozen=True, kw_only=True)
class ProcessId:
    """A process for as long as the machine runs: the kernel reuses ids, not start times."""

    pid: int
    start_time: int


def start_time_from_stat(stat: str) -> int:
    """Return field 22 of /proc/PID/stat (clock ticks since boot).

    The command's name, in brackets, may itself hold spaces and brackets.

    >>> start_time_from_stat("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 99 0")
    99
    """
    return int(stat.rpartition(")")[2].split()[19])


def identify(pid: int, *, proc: Path = PROC) -> ProcessId | None:
    """Return the identity of a live process; None for a gone one or a zombie."""
    try:
        stat = (proc / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if stat.rpartition(")")[2].split()[0] in {"Z", "X"}:
        return None
    return ProcessId(pid=pid, start_time=start_time_from_stat(stat))


def alive(process: ProcessId, *, proc: Path = PROC) -> bool:
    """Say whether this very process still runs."""
    return identify(process.pid, proc=proc) == process


def owner_of(pid: int, *, proc: Path = PROC) -> str | None:
    """Return the lab or control plane that started the process, None if not ours or unreadable."""
    try:
        environ = (proc / str(pid) / "environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    prefix = f"{OWNER_VARIABLE}=".encode()
    for entry in environ.split(b"\0"):
        if entry.startswith(prefix):
            return entry[len(prefix) :].decode()
    return None


def owned_by(owner: str, *, proc: Path = PROC) -> tuple[ProcessId, ...]:
    """Return the live processes that carry exactly this owner."""
    return tuple(
        process
        for pid in _pids(proc)
        if owner_of(pid, proc=proc) == owner and (process := identify(pid, proc=proc))
    )


def _pids(proc: Path) -> Iterator[int]:
    for entry in os.listdir(proc):
        if entry.isdigit():
            yield int(entry)


def environment(owner: str, extra: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a program of the lab: small, and marked."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"HOME": "/root", **kept, "PATH": path, **(extra or {}), OWNER_VARIABLE: owner}


def send(process: ProcessId, number: signal.Signals) -> bool:
    """Signal this very process; False when it is already gone."""
    try:
        fd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        if not alive(process):
            return False
        signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)
    return True


def end(processes: Iterable[ProcessId], *, seconds: float = 10.0) -> None:
    """Kill the processes and wait until they are gone.

    SIGKILL at once: the lab keeps no state that a process would have to save.

    Raises:
        LabError: one of them outlived the deadline (stuck in the kernel).
    """
    left = [process for process in processes if send(process, signal.SIGKILL)]
    deadline = time.monotonic() + seconds
    while left := [process for process in left if alive(process) and not _reaped(process)]:
        if time.monotonic() >= deadline:
            raise LabError(f"processes {[p.pid for p in left]} do not end after SIGKILL")
        time.sleep(0.01)


def end_owned(owner: str) -> int:
    """Kill all that `owner` started, including what is forked meanwhile; return how many."""
    count = 0
    while found := owned_by(owner):
        count += len(found)
        end(found)
    return count


def _reaped(process: ProcessId) -> bool:
    """Collect the process if it is our own child; else its parent does."""
    try:
        pid, _ = os.waitpid(process.pid, os.WNOHANG)
    except ChildProcessError:
        return False
    return pid == process.pid


def program_of(pid: int, *, proc: Path = PROC) -> str:
    """Return the file name of the program that the process runs; "" when it is gone."""
    try:
        command = (proc / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return command.split(b"\0")[0].decode().rpartition("/")[2]
