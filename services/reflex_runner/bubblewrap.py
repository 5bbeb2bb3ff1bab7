"""Bubblewrap: mounts, processes and network of the job's own, where Landlock is not to be had."""

import os
import shutil
from pathlib import Path

from reflex_runner import seccomp
from reflex_runner.confinement import Confinement, machine
from reflex_runner.errors import ConfinementError

PROGRAM = "bwrap"


def command(job: Confinement) -> tuple[str, ...]:
    """Return the command line that runs a job under bubblewrap, and pass the filter to it.

    Raises:
        ConfinementError: it is not installed.
    """
    program = find()
    if program is None:
        raise ConfinementError("bubblewrap (`bwrap`) is not installed")
    handle = os.memfd_create("filter", 0)
    os.write(handle, seccomp.build(machine(), network=job.network))
    os.lseek(handle, 0, os.SEEK_SET)
    out = [
        program, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
        "--proc", "/proc", "--dev", "/dev", "--chdir", job.cwd, "--seccomp", str(handle),
    ]  # fmt: skip
    if job.network:
        out.append("--share-net")
    mounts = dict.fromkeys((*job.read, job.cwd), "--ro-bind")
    mounts |= dict.fromkeys(job.write, "--bind")
    for path, option in sorted(mounts.items(), key=lambda mount: len(Path(mount[0]).parts)):
        if Path(path).is_symlink() and Path(path).parent == Path("/"):
            out += ["--symlink", os.readlink(path), path]  # /bin, /lib, ...
        elif Path(path).exists():
            out += [option, path, path]
    # What lies between the mounts is memory: it must not be filled.
    out += ["--remount-ro", "/dev", "--remount-ro", "/"]
    return (*out, "--", *job.command)


def find() -> str | None:
    """Return where bubblewrap is, from the system's own folders only."""
    return shutil.which(PROGRAM, path="/usr/local/bin:/usr/bin:/bin")
