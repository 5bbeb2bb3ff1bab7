"""A cluster in memory for tests of decisions: state in, plan out, plan carried out, state again.

It plays the API server, the Deployment controller, the scheduler and the kubelet just far enough
that a Plan has consequences. It is a simulation and stands in for none of the tests with a real
API server.
"""

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from reflex_api.names import API_VERSION, LABEL_REVISION, READINESS_GATE
from reflex_operator.engines.report import EngineMemory, ProbeOutcome
from reflex_operator.manifest import Manifest, ObjectRef, ref_of
from reflex_operator.reconcile.model import reconcile
from reflex_operator.reconcile.plan import (
    Autopsy,
    EngineDefaults,
    Incarnation,
    ModelSnapshot,
    Plan,
    ProbeResult,
    SecretState,
)

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DEFAULTS = EngineDefaults(
    image_cuda="example/sglang:cuda", image_cpu="example/sglang:cpu", operator_namespace="system"
)
MEMORY = EngineMemory(kv_tokens=4096, weights_bytes=2 << 20, kv_cache_bytes=8 << 20)


def timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def model(name: str = "tiny", *, generation: int = 1, **spec: Any) -> Manifest:
    """A ReflexModel as the API server would return it; keywords replace parts of the spec."""
    body: Manifest = {
        "source": {"bundled": {"path": "/models/reflex-tiny"}},
        "engine": {"device": "cpu", "contextLength": 1024},
        "resources": {"cpu": "1", "memory": "4Gi", "sharedMemory": "1Gi"},
    }
    body.update(spec)
    return {
        "apiVersion": API_VERSION,
        "kind": "ReflexModel",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "generation": generation,
            "creationTimestamp": timestamp(NOON - timedelta(minutes=1)),
        },
        "spec": body,
    }


def engine_pod(
    deployment: Manifest,
    *,
    uid: str = "pod-1",
    node: str = "node-1",
    scheduled: Manifest | None = None,
    container: Manifest | None = None,
    containers_ready: bool = False,
    gate: bool = False,
    ready_since: datetime = NOON,
) -> Manifest:
    """A pod of a Deployment in a given state."""
    template = deployment["spec"]["template"]
    conditions = [
        {
            "type": "ContainersReady",
            "status": "True" if containers_ready else "False",
            "lastTransitionTime": timestamp(ready_since),
        },
        {
            "type": "Ready",
            "status": "True" if containers_ready and gate else "False",
            "lastTransitionTime": timestamp(ready_since),
        },
    ]
    if scheduled:
        conditions.append({"type": "PodScheduled", **scheduled})
    if gate:
        conditions.append({"type": READINESS_GATE, "status": "True"})
    status: Manifest = {"phase": "Running" if node else "Pending", "conditions": conditions}
    if node:
        status["podIP"] = "10.244.0.7"
        status["containerStatuses"] = [container or {"restartCount": 0, "state": {}}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{deployment['metadata']['name']}-{uid}",
            "namespace": deployment["metadata"]["namespace"],
            "uid": uid,
            "labels": dict(template["metadata"]["labels"]),
            "creationTimestamp": timestamp(NOON - timedelta(seconds=50)),
        },
        "spec": {**copy.deepcopy(template["spec"]), **({"nodeName": node} if node else {})},
        "status": status,
    }


def running(*, restarts: int = 0, ready: bool = True, image_id: str = "sha256:1") -> Manifest:
    """A container status of an engine that runs."""
    return {
        "name": "engine",
        "restartCount": restarts,
        "ready": ready,
        "started": True,
        "imageID": image_id,
        "state": {"running": {"startedAt": timestamp(NOON - timedelta(seconds=40))}},
    }


def crash_looping(*, restarts: int = 3, code: int = 1) -> Manifest:
    """A container status of an engine that ended once more than it was restarted."""
    ended = {
        "exitCode": code,
        "reason": "Error",
        "message": "error: unrecognized arguments",
        "startedAt": timestamp(NOON - timedelta(seconds=40)),
        "finishedAt": timestamp(NOON - timedelta(seconds=30)),
    }
    return {
        "name": "engine",
        "restartCount": restarts,
        "ready": False,
        "started": False,
        "imageID": "sha256:1",
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": ended},
    }


@dataclass
class World:
    """Everything a model's decisions touch."""

    model: Manifest
    now: datetime = NOON
    children: dict[ObjectRef, Manifest] = field(default_factory=dict)
    pods: list[Manifest] = field(default_factory=list)
    secret: SecretState = SecretState.MISSING
    probes: dict[Incarnation, ProbeResult] = field(default_factory=dict)
    autopsies: list[Autopsy] = field(default_factory=list)
    node: Manifest = field(default_factory=dict)  # status of node-1
    refusal: str = ""
    events: list[tuple[str, str]] = field(default_factory=list)
    nodes: dict[str, Manifest] = field(
        default_factory=lambda: {"node-1": {"metadata": {"name": "node-1", "labels": {}}}}
    )
    weights_pods: list[Manifest] = field(default_factory=list)
    status_writes: int = 0
    pods_started: int = 0
    broken: frozenset[str] = frozenset()
    """Arguments with which an engine only crashes."""
    templates: list[str] = field(default_factory=list)
    """The revision of each template that the Deployment got, in order."""

    def child(self, kind: str) -> Manifest | None:
        return next((one for ref, one in self.children.items() if ref.kind == kind), None)

    def snapshot(self) -> ModelSnapshot:
        return ModelSnapshot(
            model=copy.deepcopy(self.model),
            defaults=DEFAULTS,
            deployment=self.child("Deployment"),
            service=self.child("Service"),
            network_policy=self.child("NetworkPolicy"),
            secret=self.secret,
            pods=tuple(copy.deepcopy(self.pods)),
            nodes=self._nodes(),
            weights_pods=tuple(self.weights_pods),
            probes=tuple(self.probes.values()),
            autopsies=tuple(self.autopsies),
            refusal=self.refusal,
        )

    def _nodes(self) -> dict[str, Manifest]:
        status = {"node-1": {"status": self.node}}
        return {name: copy.deepcopy(one | status.get(name, {})) for name, one in self.nodes.items()}

    def plan(self) -> Plan:
        return reconcile(self.snapshot(), self.now)

    def carry_out(self, plan: Plan) -> bool:
        """Do what the plan asks for; return whether anything changed."""
        before = copy.deepcopy((self.model, self.children, self.pods, self.secret, self.probes))
        if plan.secret:
            self.secret = SecretState.PRESENT
        for manifest in plan.apply:
            self._note_template(manifest)
            self.children[ref_of(manifest)] = copy.deepcopy(manifest)
        if plan.gate:
            self._set_gate(plan.gate.pod.name, plan.gate.status)
        if plan.probe:
            self._answer(plan.probe.incarnation)
        if plan.status is not None and plan.status != self.model.get("status"):
            self.model["status"] = copy.deepcopy(plan.status)
            self.status_writes += 1
            self.events += [(event.type, event.reason) for event in plan.events]
        return before != (self.model, self.children, self.pods, self.secret, self.probes)

    def controllers(self) -> bool:
        """Let the Deployment controller, scheduler and kubelet do one round."""
        deployment = self.child("Deployment")
        if deployment is None:
            return False
        revision = deployment["spec"]["template"]["metadata"]["labels"][LABEL_REVISION]
        wanted = deployment["spec"]["replicas"]
        kept = [pod for pod in self.pods if pod["metadata"]["labels"][LABEL_REVISION] == revision][
            :wanted
        ]
        if len(kept) != len(self.pods):
            self.pods = kept
            return True
        if len(kept) < wanted:
            self.pods_started += 1
            args = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
            works = self.broken.isdisjoint(args)
            self.pods.append(
                engine_pod(
                    deployment,
                    uid=f"pod-{self.pods_started}",
                    container=running() if works else crash_looping(),
                    containers_ready=works,
                )
            )
            return True
        return False

    def settle(self, rounds: int = 50) -> None:
        """Run operator and cluster until nothing changes."""
        for _ in range(rounds):
            changed = self.carry_out(self.plan())
            if not self.controllers() and not changed:
                return
        raise AssertionError(f"no rest after {rounds} rounds")

    def _note_template(self, manifest: Manifest) -> None:
        if manifest["kind"] != "Deployment":
            return
        revision = manifest["spec"]["template"]["metadata"]["labels"][LABEL_REVISION]
        if self.templates[-1:] != [revision]:
            self.templates.append(revision)

    def edit(self, **spec: Any) -> None:
        """Replace parts of the spec as a user would."""
        self.model["spec"].update(copy.deepcopy(spec))
        self.model["metadata"]["generation"] += 1

    def _set_gate(self, name: str, status: str) -> None:
        for pod in self.pods:
            if pod["metadata"]["name"] != name:
                continue
            conditions = [
                c for c in pod["status"]["conditions"] if c["type"] not in (READINESS_GATE, "Ready")
            ]
            containers = any(
                c["type"] == "ContainersReady" and c["status"] == "True" for c in conditions
            )
            both = "True" if status == "True" and containers else "False"
            conditions.append({"type": READINESS_GATE, "status": status})
            conditions.append(
                {"type": "Ready", "status": both, "lastTransitionTime": timestamp(self.now)}
            )
            pod["status"]["conditions"] = conditions

    def _answer(self, incarnation: Incarnation) -> None:
        self.probes[incarnation] = ProbeResult(
            incarnation=incarnation, outcome=ProbeOutcome.VERIFIED, at=self.now, memory=MEMORY
        )


def condition(world: World, kind: str) -> Manifest:
    """The condition of a type in the world's status."""
    found: Manifest = next(c for c in world.model["status"]["conditions"] if c["type"] == kind)
    return found
