"""The node's programs: containerd, kubelet, kube-proxy and CoreDNS, started and made ready."""

import datetime
from pathlib import Path

from reflex_lab import cgroups, nodeconfig, processes
from reflex_lab.addresses import DNS_SERVICE_IP, NODE, NODE_ADDRESS
from reflex_lab.certificates import KeyPair, sign
from reflex_lab.command import run
from reflex_lab.console import Console
from reflex_lab.containerd import SOCKET, Containerd
from reflex_lab.controlplane import ControlPlane
from reflex_lab.errors import LabError, StartError
from reflex_lab.kube import node_ready
from reflex_lab.kubeconfig import kubeconfig, write_private
from reflex_lab.kwok import API_SERVICE_IP
from reflex_lab.launch import launch
from reflex_lab.paths import LabPaths
from reflex_lab.processes import ProcessId
from reflex_lab.tools import Tools
from reflex_lab.waiting import until

LABELS = {"reflexstack.dev/lab-node": "real"}
READY_SECONDS = 90.0


class Node:
    """The real node of the lab."""

    def __init__(
        self,
        *,
        paths: LabPaths,
        tools: Tools,
        console: Console,
        control_plane: ControlPlane,
        owner: str,
    ) -> None:
        self._paths = paths
        self._tools = tools
        self._console = console
        self._control_plane = control_plane
        self._owner = owner
        self._containerd = Containerd(paths=paths, tools=tools, owner=owner)

    def start_runtime(self) -> ProcessId:
        """Start containerd; needs no API server, so it can run before that is ready."""
        with self._console.step("containerd"):
            cgroups.up()
            return self._containerd.start()

    def start(self) -> dict[str, ProcessId]:
        """Start the rest and wait until the node is Ready and resolves names."""
        client = self._control_plane.client()
        with self._console.step("kubelet, kube-proxy, CoreDNS"):
            for manifest in nodeconfig.dns_manifests():
                client.apply(manifest)
            started = {
                "kubelet": self._kubelet(),
                "kube-proxy": self._kube_proxy(),
                "coredns": self._coredns(),
            }
            until(
                lambda: node_ready(client, NODE),
                what=f"node {NODE} Ready",
                seconds=READY_SECONDS,
                check=lambda: self._check(started),
                evidence=lambda: self._tails(*started),
            )
            until(
                _services_programmed,
                what="kube-proxy's rules",
                seconds=30,
                check=lambda: self._check(started),
                evidence=lambda: self._tails("kube-proxy", "coredns"),
            )
        return started

    def _pair(self, name: str, organization: str = "", names: tuple[str, ...] = ()) -> KeyPair:
        return sign(
            pki=self._control_plane.pki,
            into=self._paths.node / "pki",
            name=name,
            organization=organization,
            names=names,
            now=datetime.datetime.now(datetime.UTC),
        )

    def _credentials(self, user: str, organization: str = "") -> Path:
        pair = self._pair(user, organization)
        file = self._paths.node / f"{user.rpartition(':')[2]}.kubeconfig"
        text = kubeconfig(
            server=f"https://{NODE_ADDRESS}:{self._control_plane.port}",
            ca=self._control_plane.pki / "ca.crt",
            certificate=pair.certificate,
            key=pair.key,
            name="lab",
        )
        write_private(file, text)
        return file

    def _kubelet(self) -> ProcessId:
        serving = self._pair(NODE, names=(NODE, NODE_ADDRESS))
        config = self._paths.node / "kubelet.yaml"
        config.write_text(
            nodeconfig.kubelet(
                socket=SOCKET,
                ca=self._control_plane.pki / "ca.crt",
                certificate=serving.certificate,
                key=serving.key,
                plugins=self._paths.node / "volume-plugins",
            )
        )
        labels = ",".join(f"{key}={value}" for key, value in LABELS.items())
        command: list[str | Path] = [
            self._tools.path("kubelet"),
            f"--config={config}",
            f"--kubeconfig={self._credentials(f'system:node:{NODE}', 'system:nodes')}",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}",
            f"--node-labels={labels}",
            "--root-dir=/var/lib/kubelet",
            "--oom-score-adj=0",
        ]
        return self._launch("kubelet", self._containerd.enter(command))

    def _kube_proxy(self) -> ProcessId:
        config = self._paths.node / "kube-proxy.yaml"
        config.write_text(nodeconfig.kube_proxy(kubeconfig=self._credentials("system:kube-proxy")))
        return self._launch(
            "kube-proxy", [str(self._tools.path("kube-proxy")), f"--config={config}"]
        )

    def _coredns(self) -> ProcessId:
        config = self._paths.node / "Corefile"
        config.write_text(nodeconfig.corefile(kubeconfig=self._credentials("system:coredns")))
        return self._launch("coredns", [str(self._tools.path("coredns")), "-conf", str(config)])

    def _launch(self, name: str, command: list[str]) -> ProcessId:
        return launch(name, command, owner=self._owner, log=self._paths.logs / f"{name}.log")

    def _check(self, started: dict[str, ProcessId]) -> None:
        dead = [name for name, process in started.items() if not processes.alive(process)]
        if dead:
            raise StartError(f"ended while starting: {', '.join(dead)}\n{self._tails(*dead)}")

    def _tails(self, *names: str) -> str:
        parts = []
        for name in names:
            log = self._paths.logs / f"{name}.log"
            if log.exists():
                lines = log.read_text(errors="replace").splitlines()[-12:]
                parts.append("\n".join([f"--- end of {log}", *lines]))
        return "\n".join(parts)


def _services_programmed() -> bool:
    """Say whether kube-proxy knows the DNS Service: the last thing that pods rely on."""
    try:
        listed = run(["nft", "list", "map", "ip", "kube-proxy", "service-ips"])
    except LabError:
        return False
    return f"{API_SERVICE_IP} " in listed and f"{DNS_SERVICE_IP} " in listed
