"""A real control plane (etcd, API server, controller manager, scheduler, kwok) as one object.

The lab's own, and throw-away ones for tests: several at once, each in its own folder, on its own
ports, ended as a whole. State is not kept: `up` after `down` is a new, empty cluster.
"""

import datetime
import json
import shutil
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from reflex_lab import kwok, kwokctl, processes
from reflex_lab.certificates import create_authority
from reflex_lab.console import QUIET, Console
from reflex_lab.errors import ApiError, StartError
from reflex_lab.families import CONTROL_PLANE
from reflex_lab.gpunodes import gpu_node, gpu_node_name
from reflex_lab.kube import Credentials, Kube, node_ready
from reflex_lab.kubeconfig import kubeconfig, write_private
from reflex_lab.locks import exclusive
from reflex_lab.ports import Ports, claimed
from reflex_lab.processes import ProcessId
from reflex_lab.storage import Storage
from reflex_lab.tools import Tools
from reflex_lab.waiting import until

START_SECONDS = 90.0


class ControlPlane:
    """One control plane, identified by home and name; usable as a context manager.

    A crashed one of the same home and name is cleaned up by the next `up` or `down`.
    """

    def __init__(
        self,
        *,
        name: str,
        home: Path,
        tools: Tools | None = None,
        console: Console = QUIET,
        node: kwok.RealNode | None = None,
        stages: list[kwok.Manifest] | None = None,
        storage: bool = True,
        volumes: Path | None = None,
    ) -> None:
        """Describe a control plane; nothing is started.

        Args:
            name: unique below `home`; also the kubeconfig's context.
            home: folder for everything this control plane writes.
            tools: where the programs come from (default: the shared cache, built if missing).
            console: for progress lines.
            node: the real node that will join; None binds everything to loopback.
            stages: kwok stages in place of the default ones (`kwok.default_stages()`).
            storage: run the volume provisioner, so that claims are bound on fake nodes too.
            volumes: folder of the volumes' data on the real node.
        """
        self.name = name
        self.folder = home.absolute() / name
        self._tools = tools or Tools(console=console)
        self._console = console
        self._node = node
        self._stages = stages
        self._storage: Storage | None = None
        if storage:
            self._storage = Storage(
                owner=self.owner, folder=self.folder / "storage", volumes=volumes
            )

    @property
    def owner(self) -> str:
        """Return the mark that every process of this control plane carries."""
        return f"{self.folder.parent}#{self.name}"

    @property
    def kubeconfig(self) -> Path:
        """Return the administrator's kubeconfig (loopback address, certificates inside)."""
        return self.folder / "kubeconfig"

    @property
    def pki(self) -> Path:
        """Return the folder of ca.crt, ca.key, admin.crt, admin.key."""
        return self._cluster / "pki"

    @property
    def logs(self) -> Path:
        """Return the folder of the components' logs."""
        return self._cluster / "logs"

    @property
    def audit_log(self) -> Path:
        """Return the API server's audit log: JSON lines, level Metadata, at most 2 x 200 MiB."""
        return self.logs / "audit.log"

    @property
    def port(self) -> int:
        """Return the API server's port on loopback."""
        return self._ports().api_server

    @property
    def _cluster(self) -> Path:
        return kwokctl.cluster_folder(self._work)

    @property
    def _work(self) -> Path:
        return self.folder / "kwok"

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    def up(self, *, gpu_nodes: int = 0, taint: bool = False) -> None:
        """Start the control plane and wait until it takes pods; then add the fake GPU nodes.

        Returns at once, but for missing nodes, when it is already healthy.

        Raises:
            StartError: a component ended or was not ready in time; everything is stopped again.
        """
        with self._locked():
            if not self.healthy():
                self._stop()
                try:
                    self._start()
                except BaseException:
                    processes.end_owned(self.owner)
                    raise
            self.add_gpu_nodes(gpu_nodes, taint=taint)

    def down(self) -> None:
        """Stop every process and delete the state; logs go too."""
        with self._locked():
            self._stop()

    def client(self) -> Kube:
        """Return a small API client with the administrator's rights."""
        return Kube(
            Credentials(
                host="127.0.0.1",
                port=self.port,
                ca=self.pki / "ca.crt",
                certificate=self.pki / "admin.crt",
                key=self.pki / "admin.key",
            )
        )

    def dead(self) -> tuple[str, ...]:
        """Return the names of the components that no longer run."""
        recorded = self.recorded()
        return tuple(name for name, process in recorded.items() if not processes.alive(process))

    def healthy(self) -> bool:
        """Say whether every component that was started still runs and the API server is ready."""
        if not self.recorded() or self.dead():
            return False
        try:
            return self.client().text("/readyz") == "ok"
        except (ApiError, OSError):
            return False

    def add_gpu_nodes(self, count: int, *, taint: bool = False) -> None:
        """Make sure that fake GPU nodes 0 to count-1 exist and are Ready; fewer removes none."""
        client = self.client()
        for index in range(count):
            try:
                client.create(gpu_node(index, taint=taint))
            except ApiError as error:
                if error.status != 409:
                    raise
        for index in range(count):
            until(
                partial(node_ready, client, gpu_node_name(index)),
                what=f"fake node {gpu_node_name(index)} Ready",
                seconds=30,
                evidence=lambda: kwokctl.tail(self._work, "kwok-controller"),
            )

    def _locked(self) -> AbstractContextManager[None]:
        lock = self.folder.parent / f".{self.name}.lock"
        return exclusive(
            lock, what=f"control plane {self.name}", seconds=300, console=self._console
        )

    def _stop(self) -> None:
        processes.end_owned(self.owner)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        names = (*CONTROL_PLANE, "storage") if self._storage else CONTROL_PLANE
        self._tools.ensure(names)
        self.folder.mkdir(parents=True)
        with claimed() as ports:
            self._create(ports)
            self._save(ports)
        write_private(
            self.kubeconfig,
            kubeconfig(
                server=f"https://127.0.0.1:{ports.api_server}",
                ca=self.pki / "ca.crt",
                certificate=self.pki / "admin.crt",
                key=self.pki / "admin.key",
                name=self.name,
            ),
        )
        client = self.client()
        until(
            lambda: self._takes_pods(client),
            what="API server ready and the default ServiceAccount made",
            seconds=START_SECONDS,
            check=self._all_alive,
            evidence=lambda: kwokctl.tail(self._work, "kube-apiserver", "kube-controller-manager"),
        )
        if self._storage:
            self._storage.start(tools=self._tools, client=client, kubeconfig=self.kubeconfig)
            self._save(ports)

    def _create(self, ports: Ports) -> None:
        config, policy = self.folder / "kwokctl.yaml", self.folder / "audit-policy.yaml"
        policy.write_text(yaml.safe_dump(kwok.audit_policy()))
        documents = kwok.configuration(
            programs=kwok.Programs(
                etcd=self._tools.path("etcd"),
                api_server=self._tools.path("kube-apiserver"),
                controller_manager=self._tools.path("kube-controller-manager"),
                scheduler=self._tools.path("kube-scheduler"),
                kwok=self._tools.path("kwok"),
                kubectl=self._tools.path("kubectl"),
            ),
            ports=ports,
            pki=self.pki,
            audit_policy_file=policy,
            node=self._node,
            stages=self._stages or kwok.default_stages(),
        )
        addresses = [kwok.API_SERVICE_IP, *([self._node.address] if self._node else [])]
        create_authority(pki=self.pki, addresses=addresses, now=datetime.datetime.now(datetime.UTC))
        config.write_text(yaml.safe_dump_all(documents, sort_keys=False))
        kwokctl.create(
            program=self._tools.path("kwokctl"),
            work=self._work,
            config=config,
            owner=self.owner,
            seconds=START_SECONDS,
        )

    def _takes_pods(self, client: Kube) -> bool:
        try:
            client.get("/api/v1/namespaces/default/serviceaccounts/default")
            return client.text("/readyz") == "ok"
        except (ApiError, OSError):
            return False

    def _all_alive(self) -> None:
        if dead := self.dead():
            raise StartError(
                f"ended while starting: {', '.join(dead)}\n{kwokctl.tail(self._work, *dead)}"
            )

    def _save(self, ports: Ports) -> None:
        """Record what runs, by program name, with its identity."""
        found = {}
        for process in processes.owned_by(self.owner):
            found[processes.program_of(process.pid)] = asdict(process)
        write_private(
            self._state, json.dumps({"ports": asdict(ports), "processes": found}, indent=1)
        )

    def recorded(self) -> dict[str, ProcessId]:
        """Return the processes that were started, by program name."""
        try:
            state = json.loads(self._state.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return {name: ProcessId(**identity) for name, identity in state["processes"].items()}

    def _ports(self) -> Ports:
        return Ports(**json.loads(self._state.read_text())["ports"])
