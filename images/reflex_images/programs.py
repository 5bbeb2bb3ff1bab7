"""Runs programs, and installs the two that come from Debian when it may."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from reflex_images.errors import ImageError
from reflex_images.progress import stage


def run(command: Sequence[str | Path], *, directory: Path | None = None) -> str:
    """Return a program's output; when it fails, its last lines are the error."""
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        lines = [*done.stdout.strip().splitlines()[-30:], *done.stderr.strip().splitlines()[-10:]]
        tail = "\n  ".join(lines)
        shown = Path(str(command[0])).name
        raise ImageError(f"{shown} ended with exit code {done.returncode}\n  {tail}")
    return done.stdout


def require(*programs: str) -> None:
    """Make sure that `programs` (each its own Debian package) are there; install them as root."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ImageError(
            f"{' and '.join(missing)} not found\n\nhint: as root, run `{' '.join(install)}`, "
            "or choose `--builder docker` or `--builder podman`"
        )
    with stage(f"install {' and '.join(missing)}"):
        run(["apt-get", "update", "-qq"])
        run(["env", "DEBIAN_FRONTEND=noninteractive", *install])
