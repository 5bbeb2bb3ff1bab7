"""Kernel settings that a node needs or that the kubelet changes: remembered, put back at `down`."""

from collections.abc import Mapping
from pathlib import Path

_ROOT = Path("/proc/sys")
NEEDED: Mapping[str, str] = {
    "net/ipv4/ip_forward": "1",
    # Else Services do not work between two pods on the one bridge.
    "net/bridge/bridge-nf-call-iptables": "1",
}
CHANGED_BY_KUBELET = (
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "net/ipv4/conf/all/route_localnet",
)


def current(root: Path = _ROOT) -> dict[str, str]:
    """Return the present values of all settings that the lab touches."""
    names = (*NEEDED, *CHANGED_BY_KUBELET)
    return {name: (root / name).read_text().strip() for name in names if (root / name).exists()}


def write(values: Mapping[str, str], root: Path = _ROOT) -> None:
    """Set what differs."""
    for name, value in values.items():
        file = root / name
        if file.exists() and file.read_text().strip() != value:
            file.write_text(value)
