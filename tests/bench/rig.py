"""A throw-away control plane with fake GPU nodes, and the operator as a process on it."""

import copy
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reflex_e2e.kubectl import ROOT, Cluster
from reflex_e2e.waiting import wait_for

import scripted_engine
from audit import AuditLog, Write
from bench.watching import Watch
from operator_process import OperatorProcess
from reflex_lab.controlplane import ControlPlane
from reflex_lab.gpunodes import gpu_node
from reflex_lab.tools import Tools

BIG_NODES, GPUS_EACH = 70, 8
"""As in the comparison with other operators: 70 nodes with 8 GPUs and one with 1."""
QUIET_SECONDS = 15.0
CLOCK_TICKS = 100.0


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What the operator's process used so far."""

    cpu_seconds: float
    rss_mib: float
    peak_mib: float


class Rig:
    """What the scenarios work with."""

    def __init__(
        self,
        *,
        plane: ControlPlane,
        cluster: Cluster,
        engine: scripted_engine.ScriptedEngine,
        operator: OperatorProcess,
    ) -> None:
        self.plane = plane
        self.cluster = cluster
        self.engine = engine
        self.operator = operator
        self.audit = AuditLog(path=plane.audit_log)

    def namespace(self, name: str) -> str:
        """Create a namespace."""
        self.cluster.kubectl("create", "namespace", name)
        return name

    def apply(self, namespace: str, models: list[dict[str, Any]]) -> None:
        """Apply the models in one go, as `kubectl apply --server-side` of one file does."""
        text = "\n---\n".join(json.dumps(model) for model in models)
        self.cluster.kubectl(
            "apply", "--server-side", "-n", namespace, "-f", "-", stdin=text, timeout=900
        )

    def patch(self, namespace: str, name: str, patch: dict[str, Any]) -> None:
        """Merge-patch one model, by a connection that is open already."""
        path = f"/apis/reflexstack.dev/v1alpha1/namespaces/{namespace}/reflexmodels/{name}"
        self.plane.client().merge(path, patch)

    def watch(self, kind: str, namespace: str) -> Watch:
        """Begin to watch a collection, with the time of arrival of each event."""
        return Watch(self.plane, kind, namespace)

    def usage(self) -> Usage:
        """Return what the operator used since its start."""
        process = self.operator.process
        assert process is not None
        return usage_of(process.pid)

    def model_writes(self, namespace: str) -> tuple[list[Write], list[Write]]:
        """Return the operator's writes since the mark: those to objects, and events."""
        writes = [one for one in self.audit.operator_writes() if one.namespace == namespace]
        events = [one for one in writes if one.resource == "events"]
        return [one for one in writes if one.resource != "events"], events

    def quiet(self, *, seconds: float = QUIET_SECONDS, within: float = 300) -> float:
        """Wait until the operator wrote nothing for so long; return when it last wrote."""
        began = last = time.monotonic()
        seen = len(self.audit.operator_writes())
        while time.monotonic() - last < seconds:
            if time.monotonic() - began > within:
                raise AssertionError(f"the operator still writes after {within:.0f} s")
            time.sleep(0.5)  # the grain of the answer, not a wait for luck
            now = len(self.audit.operator_writes())
            if now != seen:
                seen, last = now, time.monotonic()
        return last


def usage_of(pid: int) -> Usage:
    """Return CPU seconds and memory of a process, from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return Usage(
        cpu_seconds=(int(fields[11]) + int(fields[12])) / CLOCK_TICKS,
        rss_mib=int(status["VmRSS"].split()[0]) / 1024,
        peak_mib=int(status["VmHWM"].split()[0]) / 1024,
    )


def model(name: str, **spec: Any) -> dict[str, Any]:
    """Return a ReflexModel that takes one fake GPU."""
    return {
        "apiVersion": "reflexstack.dev/v1alpha1",
        "kind": "ReflexModel",
        "metadata": {"name": name},
        "spec": {
            "source": {"bundled": {"path": "/models/reflex-tiny"}},
            "engine": {"device": "cuda", "contextLength": 4096},
            "resources": {"cpu": "1", "memory": "4Gi", "sharedMemory": "1Gi"},
            **spec,
        },
    }


def nodes() -> list[dict[str, Any]]:
    """Return the fake nodes."""
    made = []
    for index in range(BIG_NODES + 1):
        node: Any = copy.deepcopy(gpu_node(index))
        if index < BIG_NODES:
            node["metadata"]["labels"]["nvidia.com/gpu.count"] = str(GPUS_EACH)
            for where in ("capacity", "allocatable"):
                node["status"][where] |= {
                    "nvidia.com/gpu": str(GPUS_EACH),
                    "cpu": "128",
                    "memory": "1Ti",
                }
        made.append(node)
    return made


@contextmanager
def rig(home: Path) -> Iterator[Rig]:
    """Start everything, and end it."""
    tools = Tools()
    tools.ensure(("kubernetes", "helm"))
    with ControlPlane(name="bench", home=home) as plane, scripted_engine.serving(set()) as engine:
        cluster = Cluster(
            kubeconfig=plane.kubeconfig,
            kubectl_path=tools.path("kubectl"),
            helm_path=tools.path("helm"),
        )
        cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "manifests/crds"))
        established = "--for=condition=Established"
        cluster.kubectl("wait", established, "crd/reflexmodels.reflexstack.dev", "--timeout=30s")
        runtime = {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": {"name": "nvidia"},
            "handler": "nvidia",
        }
        objects = "\n---\n".join(json.dumps(one) for one in [runtime, *nodes()])
        cluster.kubectl("create", "-f", "-", stdin=objects)
        wait_for("the nodes are Ready", lambda: _all_ready(cluster), within=60, every=1)
        operator = OperatorProcess(
            cluster.kubeconfig, home / "operator.log", engine_resolver=engine.base_url
        )
        operator.start()
        try:
            yield Rig(plane=plane, cluster=cluster, engine=engine, operator=operator)
        finally:
            operator.stop()


def _all_ready(cluster: Cluster) -> bool:
    found = cluster.list("nodes", "default")
    ready = [
        condition
        for node in found
        for condition in node.get("status", {}).get("conditions") or []
        if condition["type"] == "Ready" and condition["status"] == "True"
    ]
    return len(ready) == BIG_NODES + 1
