"""Debian packages the lab needs: installed when we may, else named in one line."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from reflex_lab.console import Console
from reflex_lab.errors import MachineError

NODE: Mapping[str, str] = {"runc": "runc", "nft": "nftables", "ip": "iproute2"}
IMAGES: Mapping[str, str] = {"buildah": "buildah", "mmdebstrap": "mmdebstrap"}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing(needed: Mapping[str, str]) -> tuple[str, ...]:
    """Return the packages whose program is not installed."""
    return tuple(name for program, name in needed.items() if not shutil.which(program, path=_PATH))


def ensure(needed: Mapping[str, str], *, console: Console) -> None:
    """Install what is missing, with one `apt-get update`.

    Raises:
        MachineError: not root, no apt-get, or it failed.
    """
    absent = missing(needed)
    if not absent:
        return
    hint = f"as root: apt-get update && apt-get install --no-install-recommends {' '.join(absent)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise MachineError(f"missing packages: {' '.join(absent)}", hint=hint)
    with console.step(f"installing Debian packages: {' '.join(absent)}"):
        _apt(["update"], hint)
        _apt(["install", "-y", "--no-install-recommends", *absent], hint)


def _apt(arguments: Sequence[str], hint: str) -> None:
    done = subprocess.run(
        ["apt-get", "-q", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise MachineError(f"apt-get {arguments[0]} failed\n{tail}", hint=hint)
