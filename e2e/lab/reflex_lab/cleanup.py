"""Undo everything that a lab did to this machine, from whatever point it reached.

No list of done steps is needed: each part is removed if it is there. Only what cannot be seen from
outside is recorded before the first change (state.json): the kernel settings as they were, and
whether the table of host ports was someone else's.
"""

import contextlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from reflex_lab import cgroups, containerd, network, processes, sysctls
from reflex_lab.controlplane import ControlPlane
from reflex_lab.kubeconfig import write_private
from reflex_lab.paths import MARKER, LabPaths
from reflex_lab.processes import ProcessId

CONTROL_PLANE = "control-plane"


@dataclass(frozen=True, kw_only=True)
class State:
    """What is recorded of a lab; written before the first change and again when it is up."""

    sysctls: dict[str, str] = field(default_factory=dict)
    host_port_table_was_there: bool = False
    complete: bool = False
    processes: dict[str, ProcessId] = field(default_factory=dict)


def node_owner(paths: LabPaths) -> str:
    """Return the mark of the node's processes."""
    return f"{paths.home}#node"


def control_plane_owner(paths: LabPaths) -> str:
    """Return the mark of the control plane's processes."""
    return f"{paths.home}#{CONTROL_PLANE}"


def read_state(path: Path) -> State | None:
    """Return the recorded state, None without a (whole) record."""
    try:
        raw = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    running = {name: ProcessId(**identity) for name, identity in raw.pop("processes").items()}
    return State(processes=running, **raw)


def write_state(path: Path, state: State) -> None:
    """Record the state, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    identities = {
        name: {"pid": process.pid, "start_time": process.start_time}
        for name, process in state.processes.items()
    }
    raw = {
        "sysctls": state.sysctls,
        "host_port_table_was_there": state.host_port_table_was_there,
        "complete": state.complete,
        "processes": identities,
    }
    write_private(path, json.dumps(raw, indent=1))


def marked_home() -> Path | None:
    """Return the home of the lab that has (or had, before a crash) this machine."""
    try:
        return Path(json.loads(MARKER.read_text())["home"])
    except (FileNotFoundError, json.JSONDecodeError, KeyError):
        return None


def mark(paths: LabPaths) -> None:
    """Say machine-wide whose lab this is."""
    MARKER.write_text(json.dumps({"home": str(paths.home)}))


def runs(paths: LabPaths) -> bool:
    """Say whether any process of that lab is alive."""
    owners = (node_owner(paths), control_plane_owner(paths))
    return any(processes.owned_by(owner) for owner in owners)


def clean(paths: LabPaths) -> None:
    """Remove all of the lab but its images and the node's logs."""
    state = read_state(paths.state) or State()
    # The node first: it writes to the API server, and all mounts below its folders go with it.
    processes.end_owned(node_owner(paths))
    ControlPlane(name=CONTROL_PLANE, home=paths.home).down()
    cgroups.down()
    if shutil.which("nft"):
        network.down(keep_host_ports=state.host_port_table_was_there)
    sysctls.write(state.sysctls)
    containerd.remove_mount_points()
    for folder in (paths.node, paths.volumes):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (paths.kubeconfig, paths.state, MARKER):
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
