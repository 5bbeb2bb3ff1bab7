"""containerd in namespaces of its own, so that ending one process ends all of it.

`unshare` makes a process and a mount namespace; its first process (a shell, which also reaps
orphans) starts containerd. Shims, containers and later the kubelet live in the same two namespaces.
When the first process is killed, the kernel kills every process in there and drops every mount,
network namespace and veth that they held: no list of things to undo, nothing left after a crash.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from reflex_lab import processes
from reflex_lab.archives import archive
from reflex_lab.command import run
from reflex_lab.errors import ImageError, StartError
from reflex_lab.launch import launch
from reflex_lab.nodeconfig import PAUSE_IMAGE, cni, containerd
from reflex_lab.paths import RUN, LabPaths
from reflex_lab.processes import ProcessId
from reflex_lab.storage import HELPER_IMAGE
from reflex_lab.tools import Tools
from reflex_lab.waiting import until

SOCKET = RUN / "containerd.sock"
NAMESPACE = "k8s.io"
MOUNT_POINTS = tuple(
    Path(path) for path in ("/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log")
)
"""Fixed paths of containerd and the kubelet: covered inside the namespace, untouched outside."""
_INIT = """
set -eu
mount --make-rshared /
mount -t tmpfs -o mode=0755 tmpfs /run/containerd
mount -t tmpfs -o mode=0755 tmpfs /var/lib/cni
mount --bind "$1/kubelet" /var/lib/kubelet
mount --bind "$1/log" /var/log
"$2" --config "$3" &
wait
"""


class Containerd:
    """The container runtime of the lab's node."""

    def __init__(self, *, paths: LabPaths, tools: Tools, owner: str) -> None:
        self._paths = paths
        self._tools = tools
        self._owner = owner
        self._log = paths.logs / "containerd.log"
        self._init: ProcessId | None = None

    def start(self) -> ProcessId:
        """Start it and import the two images that the node itself needs.

        Returns the first process of the namespaces.
        """
        node = self._paths.node
        for folder in (node / "kubelet", node / "log", node / "cni", RUN, *MOUNT_POINTS):
            folder.mkdir(parents=True, exist_ok=True)
        (node / "cni" / "10-reflex-lab.conflist").write_text(cni(data=RUN / "cni"))
        config = node / "containerd.toml"
        config.write_text(
            containerd(
                root=self._paths.containerd_root,
                state=RUN / "containerd",
                socket=SOCKET,
                cni_bin=self._tools.folder("cni"),
                cni_conf=node / "cni",
            )
        )
        shim = self._tools.folder("containerd")
        launcher = launch(
            "containerd",
            [
                *("unshare", "--mount", "--propagation", "slave", "--pid", "--fork"),
                *("--kill-child=SIGKILL", "--mount-proc"),
                *("sh", "-c", _INIT, "reflex-lab-node"),
                *(node, shim / "containerd", config),
            ],
            owner=self._owner,
            log=self._log,
            environ={
                "PATH": f"{shim}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            },
        )
        until(
            self._answers,
            what="containerd",
            seconds=30,
            check=lambda: self._check(launcher),
            evidence=self.log_tail,
        )
        self._init = self._first_child(launcher)
        self._import_own()
        return self._init

    def enter(self, command: Sequence[str | Path]) -> list[str]:
        """Return the command line that runs a program inside the node's namespaces."""
        if self._init is None:
            raise StartError("containerd has not been started")
        inside = ["nsenter", "--target", str(self._init.pid), "--mount", "--pid", "--"]
        return [*inside, *(str(word) for word in command)]

    def log_tail(self) -> str:
        """Return the end of the log."""
        return self._log.read_text(errors="replace")[-3000:] if self._log.exists() else ""

    def _ctr(self, *arguments: str | Path) -> list[str]:
        return ctr(self._tools, *arguments)

    def _answers(self) -> bool:
        if not SOCKET.exists():
            return False
        try:
            run(self._ctr("version"), seconds=5)
        except Exception:
            return False
        return True

    def _check(self, launcher: ProcessId) -> None:
        if not processes.alive(launcher):
            raise StartError(f"containerd ended while starting\n{self.log_tail()}")

    @staticmethod
    def _first_child(launcher: ProcessId) -> ProcessId:
        children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
        child = processes.identify(int(children[0])) if children else None
        if child is None:
            raise StartError("the node's first process has ended")
        return child

    def _import_own(self) -> None:
        have = images(self._tools)
        for reference, program in ((PAUSE_IMAGE, "pause"), (HELPER_IMAGE, "volume-helper")):
            if reference in have:
                continue
            content = self._tools.path(program).read_bytes()
            file = self._paths.node / f"{program}.tar"
            file.write_bytes(archive(reference=reference, program=content, name=program))
            run(self._ctr("images", "import", file))
            file.unlink()


def ctr(tools: Tools, *arguments: str | Path) -> list[str]:
    """Return a `ctr` command line for the lab's containerd."""
    fixed = [str(tools.path("ctr")), "--address", str(SOCKET), "--namespace", NAMESPACE]
    return [*fixed, *(str(word) for word in arguments)]


def images(tools: Tools) -> frozenset[str]:
    """Return the references of the images in the lab's containerd.

    Raises:
        ImageError: containerd does not answer.
    """
    if not SOCKET.exists():
        raise ImageError("containerd is not running", hint="start the lab: reflex-lab up")
    return frozenset(run(ctr(tools, "images", "list", "--quiet")).split())


def remove_mount_points() -> None:
    """Remove the sockets' folder and the mount points that are empty, as they were before us."""
    shutil.rmtree(RUN, ignore_errors=True)
    for folder in MOUNT_POINTS:
        try:
            folder.rmdir()
        except OSError:
            continue
