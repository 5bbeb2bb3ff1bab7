"""The one cgroup below which all pods run, on cgroup v1 (separate hierarchies) and v2."""

import contextlib
import os
from functools import partial
from pathlib import Path

from reflex_lab.processes import ProcessId, end, identify
from reflex_lab.waiting import until

NAME = "reflex-lab"
MOUNT = Path("/sys/fs/cgroup")


def hierarchies(mounts: str) -> tuple[Path, ...]:
    """Return the cgroup mount points in a /proc/mounts text; a machine may have v1 and v2.

    >>> hierarchies("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0")
    (PosixPath('/sys/fs/cgroup'),)
    """
    lines = [line.split() for line in mounts.splitlines()]
    return tuple(Path(words[1]) for words in lines if words[2] in {"cgroup", "cgroup2"})


def mounted() -> tuple[Path, ...]:
    """Return this machine's hierarchies below /sys/fs/cgroup, each path once."""
    found = hierarchies(Path("/proc/mounts").read_text())
    return tuple(dict.fromkeys(path for path in found if path.is_relative_to(MOUNT)))


def version_2(paths: tuple[Path, ...]) -> bool:
    """Say whether the machine uses cgroup v2 alone (else kubelet and runc see v1)."""
    return paths == (MOUNT,)


def up() -> None:
    """Make the group in each hierarchy."""
    for hierarchy in mounted():
        (hierarchy / NAME).mkdir(exist_ok=True)


def down() -> None:
    """End what is left in the group and remove it everywhere."""
    roots = [hierarchy / NAME for hierarchy in mounted() if (hierarchy / NAME).is_dir()]
    while left := _members(roots):
        end(left)
    for root in roots:
        until(partial(_removed, root), what=f"removal of {root}", seconds=10)


def _members(roots: list[Path]) -> tuple[ProcessId, ...]:
    pids: set[int] = set()
    for file in (file for root in roots for file in root.rglob("cgroup.procs")):
        # A group may vanish between the listing and the reading.
        with contextlib.suppress(OSError):
            pids.update(int(pid) for pid in file.read_text().split())
    return tuple(process for pid in pids if (process := identify(pid)))


def _removed(root: Path) -> bool:
    """Remove the group bottom up; the kernel may need a moment after the last process."""
    try:
        for folder, _, _ in os.walk(root, topdown=False):
            os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
