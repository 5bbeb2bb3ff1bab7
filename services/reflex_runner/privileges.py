"""Gives up what a build needs none of: capabilities, new privileges, resources without a bound."""

import contextlib
import ctypes
import os
import resource
import struct
from typing import Final

from reflex_runner.errors import ConfinementError

_SET_NO_NEW_PRIVS: Final = 38
_SET_CHILD_SUBREAPER: Final = 36
_SET_DUMPABLE: Final = 4
_CAPBSET_READ, _CAPBSET_DROP = 23, 24
_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPSET: Final = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3: Final = 0x20080522
_NOBODY_CARES: Final = "1000"


def drop() -> None:
    """Drop all capabilities for good, root's too, so that only file owner and group count.

    Raises:
        ConfinementError: the kernel refuses.
    """
    libc = _libc()
    if libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise _failed("no_new_privs")
    libc.prctl(_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    number = 0
    while libc.prctl(_CAPBSET_READ, number, 0, 0, 0) >= 0:
        # Without CAP_SETPCAP it fails, and without it there is little to drop: no_new_privs
        # already keeps programs from bringing any.
        libc.prctl(_CAPBSET_DROP, number, 0, 0, 0)
        number += 1
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    if libc.syscall(_CAPSET[os.uname().machine], header, bytes(24)):
        raise _failed("capset")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends: a daemon cannot get away."""
    if _libc().prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise _failed("PR_SET_CHILD_SUBREAPER")


def hide() -> None:
    """Let no process of the same user look into this one's memory, environment or open files."""
    if _libc().prctl(_SET_DUMPABLE, 0, 0, 0, 0):
        raise _failed("PR_SET_DUMPABLE")


def limit(*, file_bytes: int, memory_bytes: int, cpu_seconds: int, processes: int) -> None:
    """Bound what each process may use; `processes` counts all of this user on the machine.

    Root's processes are not counted by the kernel: they are watched instead.
    """
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_DATA: memory_bytes,
        resource.RLIMIT_NOFILE: 4096,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))
    with contextlib.suppress(OSError):
        os.nice(5)  # the supervisor must get its turn
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(_NOBODY_CARES)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _failed(what: str) -> ConfinementError:
    return ConfinementError(f"{what} does not take hold: {os.strerror(ctypes.get_errno())}")
