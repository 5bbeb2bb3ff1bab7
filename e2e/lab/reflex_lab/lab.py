"""The lab: one control plane and one real node on this machine, up and down as a whole."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from reflex_lab import cleanup, containerd, network, packages, processes, sysctls
from reflex_lab.addresses import NODE_ADDRESS
from reflex_lab.cleanup import CONTROL_PLANE, State
from reflex_lab.console import QUIET, Console
from reflex_lab.controlplane import ControlPlane
from reflex_lab.errors import AnotherLabError, MachineError, NotRunningError
from reflex_lab.families import FAMILIES
from reflex_lab.kubeconfig import write_private
from reflex_lab.kwok import RealNode
from reflex_lab.loading import Loaded, load
from reflex_lab.locks import exclusive
from reflex_lab.node import Node
from reflex_lab.paths import MACHINE_LOCK, MARKER, LabPaths, lab_home
from reflex_lab.status import Status
from reflex_lab.tools import Tools

_FAMILIES = tuple(family.name for family in FAMILIES if family.name != "helm")
"""helm is not part of the cluster; `tool-path helm` builds it."""
_LOCK_SECONDS = 3600.0


class Lab:
    """The one lab of a home folder."""

    def __init__(self, *, home: Path | None = None, console: Console = QUIET) -> None:
        self.paths = LabPaths(home=(home or lab_home()).absolute())
        self.tools = Tools(console=console)
        self._console = console
        self.control_plane = ControlPlane(
            name=CONTROL_PLANE,
            home=self.paths.home,
            tools=self.tools,
            console=console,
            node=RealNode(address=NODE_ADDRESS),
            volumes=self.paths.volumes,
        )

    @property
    def audit_log(self) -> Path:
        """Return the API server's audit log."""
        return self.control_plane.audit_log

    def up(self, *, gpu_nodes: int = 0, taint: bool = False) -> None:
        """Start what is not running; clean up first what a crash left behind.

        Raises:
            AnotherLabError: a lab of another home runs on this machine.
            MachineError: not root, or this machine lacks something.
            StartError: a component did not start; everything is removed again.
        """
        _require_root()
        with self._machine():
            self._refuse_others()
            dead = self._dead()
            if dead is None and self.control_plane.healthy():
                self._console.say("the lab is running")
            else:
                self._restart(dead)
            self.control_plane.add_gpu_nodes(gpu_nodes, taint=taint)

    def down(self) -> None:
        """Stop everything and undo every change to the machine; images stay on disk."""
        _require_root()
        with self._machine():
            home = cleanup.marked_home()
            if home is not None and home != self.paths.home:
                self._refuse_others()
                cleanup.clean(LabPaths(home=home))
            with self._console.step("stopping the lab"):
                cleanup.clean(self.paths)

    def reset(self) -> None:
        """Do as `down`, and delete the images and logs too; the built tools stay."""
        self.down()
        with self._machine():
            for folder in (self.paths.containerd_root, self.paths.logs):
                shutil.rmtree(folder, ignore_errors=True)

    def status(self) -> Status:
        """Return what runs and where its files are."""
        state = cleanup.read_state(self.paths.state)
        healthy = self._dead() is None and self.control_plane.healthy()
        return Status.collect(
            paths=self.paths,
            control_plane=self.control_plane,
            state=state,
            healthy=healthy,
            another=self._another(),
        )

    def kubeconfig(self) -> Path:
        """Return the administrator's kubeconfig.

        Raises:
            NotRunningError: there is no running lab.
        """
        if not self.paths.kubeconfig.exists():
            raise NotRunningError
        return self.paths.kubeconfig

    def load_image(self, source: str) -> Loaded:
        """Copy an image into the node, unless it is there; see `reflex_lab.loading`."""
        return load(
            source,
            tools=self.tools,
            containerd_root=self.paths.containerd_root,
            console=self._console,
        )

    def _machine(self) -> AbstractContextManager[None]:
        return exclusive(
            MACHINE_LOCK, what="reflex-lab", seconds=_LOCK_SECONDS, console=self._console
        )

    def _another(self) -> Path | None:
        home = cleanup.marked_home()
        if home is None or home == self.paths.home or not cleanup.runs(LabPaths(home=home)):
            return None
        return home

    def _refuse_others(self) -> None:
        if home := self._another():
            raise AnotherLabError(home=home)
        if not MARKER.exists() and shutil.which("nft"):
            theirs = set(network.KUBE_PROXY_TABLES) & network.tables()
            if theirs:
                raise MachineError(
                    "this machine already is a Kubernetes node: another kube-proxy's table exists",
                    hint="use that cluster: REFLEX_EXISTING_CLUSTER=1 with KUBECONFIG set",
                )

    def _dead(self) -> tuple[str, ...] | None:
        """Return None for a whole lab, else the parts that have ended (() if never up)."""
        state = cleanup.read_state(self.paths.state)
        if state is None or not state.complete:
            return ()
        dead = [name for name, process in state.processes.items() if not processes.alive(process)]
        return (*dead, *self.control_plane.dead()) or None

    def _restart(self, dead: tuple[str, ...] | None) -> None:
        if dead:
            self._console.say(f"no longer running: {', '.join(dead)}; starting afresh")
        home = cleanup.marked_home()
        if home is not None:
            with self._console.step("cleaning up what an earlier lab left"):
                cleanup.clean(LabPaths(home=home))
        cleanup.clean(self.paths)
        packages.ensure({**packages.NODE, **packages.IMAGES}, console=self._console)
        self._refuse_others()
        self.tools.ensure(_FAMILIES)
        try:
            self._start()
        except BaseException:
            self._console.say("start failed: removing what was started")
            cleanup.clean(self.paths)
            raise

    def _start(self) -> None:
        state = State(
            sysctls=sysctls.current(),
            host_port_table_was_there=bool(set(network.HOST_PORT_TABLES) & network.tables()),
        )
        cleanup.write_state(self.paths.state, state)
        cleanup.mark(self.paths)
        shutil.rmtree(self.paths.logs, ignore_errors=True)
        network.up()
        sysctls.write(sysctls.NEEDED)
        self.paths.volumes.mkdir(parents=True, exist_ok=True)
        node = Node(
            paths=self.paths,
            tools=self.tools,
            console=self._console,
            control_plane=self.control_plane,
            owner=cleanup.node_owner(self.paths),
        )
        with ThreadPoolExecutor(max_workers=1) as background:
            runtime = background.submit(node.start_runtime)
            with self._console.step("control plane"):
                self.control_plane.up()
            first = runtime.result()
        network.close_to_outside(self.control_plane.port)
        started = node.start()
        write_private(self.paths.kubeconfig, self.control_plane.kubeconfig.read_text())
        running = {"containerd": first, **started}
        cleanup.write_state(self.paths.state, replace(state, complete=True, processes=running))
        self._console.say("the lab is up")

    def images(self) -> frozenset[str]:
        """Return the references of the images in the node."""
        return containerd.images(self.tools)


def _require_root() -> None:
    if os.geteuid() != 0:
        raise MachineError(
            "the lab needs root: it makes namespaces, a bridge and cgroups",
            hint="run it as root; throw-away control planes (reflex_lab.controlplane) need no root",
        )
