"""Sees what a job uses as a whole; the kernel's own limits are for single processes and files.

Counting exactly costs milliseconds, so it is done once a second, and at once when a figure that
costs nothing (tasks on the machine, free space) says that it may be time.
"""

import errno
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reflex_runner.confinement import Bounds

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_EVERY: Final = 1.0


@dataclass(frozen=True)
class Usage:
    """Of a process and all that descends from it, without itself."""

    pids: tuple[int, ...] = ()
    tasks: int = 0
    resident_bytes: int = 0


def descendants(of: int) -> Usage:
    """Return what descends from a process; zombies count as nothing."""
    children: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        alive = fields[0] not in (b"Z", b"X")
        row = (int(name), int(fields[17]) * alive, int(fields[21]) * alive)
        children[int(fields[1])].append(row)
    found: list[tuple[int, int, int]] = []
    pending = [of]
    while pending:
        rows = children.pop(pending.pop(), [])
        found += rows
        pending += [pid for pid, _, _ in rows]
    return Usage(
        tuple(pid for pid, tasks, _ in found if tasks),
        sum(tasks for _, tasks, _ in found),
        sum(pages for _, _, pages in found) * _PAGE,
    )


@dataclass(frozen=True)
class Disk:
    """What lies in some folders.

    Attributes:
        hidden: there are folders that could not be looked into.
    """

    size: int
    files: int
    hidden: bool


def disk_usage(folders: Sequence[str], *, most_files: int) -> Disk:
    """Count what lies under some folders; counting ends at `most_files` and one."""
    size = files = 0
    hidden = False
    pending = list(folders)
    while pending and files <= most_files:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    files += 1
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        size += entry.stat(follow_symlinks=False).st_blocks * 512
        except FileNotFoundError:
            continue  # the job removed it
        except OSError as error:
            if error.errno == errno.EACCES:
                hidden = True
            elif error.errno != errno.ENOTDIR:  # replaced meanwhile
                return Disk(size, most_files + 1, hidden)  # deeper than a path can say
    return Disk(size, files, hidden)


class Watch:
    """Tells when a job is beyond its bounds.

    Args:
        job: the process whose descendants the job is.
        folders: what it may write.
        bounds: how much.
        now: seconds that only grow.
    """

    def __init__(self, job: int, folders: Sequence[str], bounds: Bounds, now: float) -> None:
        self._job = job
        self._folders = folders
        self._bounds = bounds
        self._tasks_before = _tasks_of_machine()
        self._free_at_first = self._free_before = self._free()
        self._next = now + _EVERY

    def exceeded(self, now: float) -> str:
        """Return which bound is passed, in words, or nothing."""
        bounds, due = self._bounds, now >= self._next
        if due:
            self._next = now + _EVERY
        more = _tasks_of_machine() - self._tasks_before
        short = _available_memory() < bounds.spare_bytes
        if due or short or more > bounds.tasks // 2:
            usage = descendants(self._job)
            if usage.tasks > bounds.tasks:
                return f"more than {bounds.tasks} processes and threads"
            if short and usage.resident_bytes > bounds.spare_bytes:
                return "the machine's memory ran out"
        if due and self._filled():
            disk = disk_usage(self._folders, most_files=bounds.disk_files)
            self._free_before = self._free()
            size, files = disk.size, disk.files
            if disk.hidden:
                # A folder without permissions hides what is in it: what the disk lost counts.
                gone = (a - b for a, b in zip(self._free_at_first, self._free(), strict=True))
                size, files = map(max, (size, files), gone)
            if size > bounds.disk_bytes or files > bounds.disk_files:
                return f"more than {bounds.disk_bytes} bytes or {bounds.disk_files} files written"
        return ""

    def _filled(self) -> bool:
        """Return whether enough space or files went since the last count to count again."""
        free, files = self._free()
        space = self._free_before[0] - free > self._bounds.disk_bytes // 8
        return space or self._free_before[1] - files > self._bounds.disk_files // 8

    def _free(self) -> tuple[int, int]:
        info = os.statvfs(self._folders[0])
        return info.f_bavail * info.f_frsize, info.f_ffree


def _tasks_of_machine() -> int:
    with open("/proc/loadavg", "rb") as file:
        return int(file.read().split()[3].partition(b"/")[2])


def _available_memory() -> int:
    with open("/proc/meminfo", "rb") as file:
        for line in file:
            if line.startswith(b"MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 1 << 62
