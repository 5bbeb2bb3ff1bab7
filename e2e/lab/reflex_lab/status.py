"""What `reflex-lab status` tells."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from reflex_lab.addresses import NODE, NODE_ADDRESS
from reflex_lab.cleanup import State
from reflex_lab.containerd import SOCKET
from reflex_lab.controlplane import ControlPlane
from reflex_lab.families import KUBERNETES
from reflex_lab.paths import LabPaths
from reflex_lab.processes import alive


@dataclass(frozen=True, kw_only=True)
class Status:
    """One answer; paths are text so that it is one JSON document too."""

    running: bool
    home: str
    another_lab: str
    kubernetes: str
    server: str
    kubeconfig: str
    audit_log: str
    node: str
    containerd_socket: str
    logs: str
    processes: dict[str, str]

    @classmethod
    def collect(
        cls,
        *,
        paths: LabPaths,
        control_plane: ControlPlane,
        state: State | None,
        healthy: bool,
        another: Path | None,
    ) -> "Status":
        """Read the records and look which processes live."""
        recorded = {**control_plane.recorded(), **(state.processes if state else {})}
        up = state is not None and state.complete
        return cls(
            running=healthy,
            home=str(paths.home),
            another_lab=str(another or ""),
            kubernetes=KUBERNETES,
            server=f"https://127.0.0.1:{control_plane.port}" if recorded else "",
            kubeconfig=str(paths.kubeconfig) if up else "",
            audit_log=str(control_plane.audit_log) if up else "",
            node=f"{NODE} ({NODE_ADDRESS})",
            containerd_socket=str(SOCKET),
            logs=str(paths.logs),
            processes={
                name: f"pid {process.pid}" if alive(process) else "ended"
                for name, process in recorded.items()
            },
        )

    def as_json(self) -> str:
        """Return the status as one JSON document."""
        return json.dumps(asdict(self), indent=2)

    def as_text(self) -> str:
        """Return the status for a terminal."""
        lines = [f"lab: {'running' if self.running else 'not running'}"]
        for name in ("home", "server", "kubeconfig", "audit_log", "logs", "another_lab"):
            if value := getattr(self, name):
                lines.append(f"{name.replace('_', ' ')}: {value}")
        if self.processes:
            lines.append(f"node: {self.node}, Kubernetes {self.kubernetes}")
            lines += [f"  {name}: {state}" for name, state in self.processes.items()]
        return "\n".join(lines)
