"""Where the lab keeps things: one answer, used everywhere."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LAB_SOURCES = Path(__file__).resolve().parent.parent
TOOL_SOURCES = LAB_SOURCES / "tools"
RUN = Path("/run/reflex-lab")
"""Sockets and mounts of the node: a short path, since a socket's is at most 108 bytes."""
MARKER = Path("/run/reflex-lab.json")
MACHINE_LOCK = Path("/run/reflex-lab.lock")


def cache_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the project's cache folder (`$XDG_CACHE_HOME/reflex`)."""
    base = environ.get("XDG_CACHE_HOME") or f"{environ.get('HOME') or '/root'}/.cache"
    return Path(base) / "reflex"


def lab_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the lab's state folder (`$REFLEX_LAB_HOME`)."""
    chosen = environ.get("REFLEX_LAB_HOME")
    return Path(chosen).absolute() if chosen else cache_home(environ) / "lab"


@dataclass(frozen=True, kw_only=True)
class LabPaths:
    """Files and folders below one lab's home."""

    home: Path

    @property
    def state(self) -> Path:
        """Return the record of what this lab changed on the machine."""
        return self.home / "state.json"

    @property
    def kubeconfig(self) -> Path:
        """Return the administrator's kubeconfig, with its certificates inside."""
        return self.home / "kubeconfig"

    @property
    def node(self) -> Path:
        """Return the folder of the node's configuration and of the kubelet."""
        return self.home / "node"

    @property
    def containerd_root(self) -> Path:
        """Return containerd's persistent folder: images survive `down`."""
        return self.home / "containerd"

    @property
    def logs(self) -> Path:
        """Return the folder of the node components' logs."""
        return self.home / "logs"

    @property
    def volumes(self) -> Path:
        """Return the folder of the dynamic volumes' data."""
        return self.home / "volumes"
