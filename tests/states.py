"""A cluster in memory for tests of decisions: state in, plan out, plan carried out, state again.

It plays the API server, the Deployment controller, the scheduler and the kubelet just far enough
that a Plan has consequences. It is a simulation and stands in for none of the tests with a real
API server.
"""

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from reflex_api.names import API_VERSION, LABEL_REVISION, READINESS_GATE, cache_name
from reflex_api.weights import WeightsProgress, WeightsResult
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
    WeightsReport,
)

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DEFAULTS = EngineDefaults(
    image_cuda="example/sglang:cuda",
    image_cpu="example/sglang:cpu",
    operator_namespace="system",
    image_weights="example/reflex:1",
    image_bakeoff="example/reflex-bakeoff:1",
)
SUCCESS = WeightsResult(bytes_total=12 << 30)
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


def weights_pod(job: Manifest, **status: Any) -> Manifest:
    """A pod of a Job; by default its program runs. Keywords replace parts of its status."""
    name = job["metadata"]["name"]
    container = {"name": "weights", "state": {"running": {"startedAt": timestamp(NOON)}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{name}-pod",
            "namespace": job["metadata"]["namespace"],
            "uid": f"uid-{name}",
            "labels": {
                **job["spec"]["template"]["metadata"]["labels"],
                "batch.kubernetes.io/job-name": name,
            },
            "annotations": dict(job["spec"]["template"]["metadata"].get("annotations") or {}),
            "creationTimestamp": timestamp(NOON),
        },
        "spec": {"nodeName": "node-1"},
        "status": {
            "phase": "Running",
            "podIP": "10.244.0.9",
            "containerStatuses": [container],
            **status,
        },
    }


def ended(result: WeightsResult | str, *, code: int = 0, reason: str = "") -> Manifest:
    """The status of a download's pod whose program said this last."""
    words = result if isinstance(result, str) else result.model_dump_json(exclude_none=True)
    why = reason or ("Error" if code else "Completed")
    terminated = {"exitCode": code, "reason": why, "message": words}
    return {
        "phase": "Failed" if code else "Succeeded",
        "containerStatuses": [{"name": "weights", "state": {"terminated": terminated}}],
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
    jobs_started: int = 0
    claims_made: int = 0
    defaults: EngineDefaults = DEFAULTS
    token: SecretState = SecretState.PRESENT
    report: WeightsReport | None = None
    asked: int = 0
    result: WeightsResult = SUCCESS  # of every download
    wanted: bool | None = False  # by a route

    def child(self, kind: str) -> Manifest | None:
        return next((one for ref, one in self.children.items() if ref.kind == kind), None)

    @property
    def claim_ref(self) -> ObjectRef:
        name = cache_name(self.model["metadata"]["name"])
        return ObjectRef(kind="PersistentVolumeClaim", namespace="default", name=name)

    def job(self, step: str = "download") -> Manifest | None:
        """The Job of a step; a second one is a mistake."""
        jobs = [one for ref, one in self.children.items() if ref.kind == "Job"]
        found = [one for one in jobs if f"-{step}-" in one["metadata"]["name"]]
        assert len(found) <= 1, found
        return found[0] if found else None

    def end_job(self, job: Manifest, condition: str, **more: str) -> None:
        """What the Job controller says when a Job is over."""
        at = timestamp(self.now)
        entry = {"type": condition, "status": "True", "lastTransitionTime": at, **more}
        job["status"] = {"conditions": [entry]}

    def snapshot(self) -> ModelSnapshot:
        return ModelSnapshot(
            model=copy.deepcopy(self.model),
            defaults=self.defaults,
            token=self.token,
            claim=self.children.get(self.claim_ref),
            jobs=tuple(one for ref, one in sorted(self.children.items()) if ref.kind == "Job"),
            weights_pods=tuple(copy.deepcopy(self.weights_pods)),
            weights_report=self.report,
            deployment=self.child("Deployment"),
            service=self.child("Service"),
            network_policy=self.child("NetworkPolicy"),
            secret=self.secret,
            pods=tuple(copy.deepcopy(self.pods)),
            nodes=self._nodes(),
            probes=tuple(self.probes.values()),
            autopsies=tuple(self.autopsies),
            refusal=self.refusal,
            wanted=self.wanted,
        )

    def _nodes(self) -> dict[str, Manifest]:
        status = {"node-1": {"status": self.node}}
        return {name: copy.deepcopy(one | status.get(name, {})) for name, one in self.nodes.items()}

    def plan(self) -> Plan:
        return reconcile(self.snapshot(), self.now)

    def carry_out(self, plan: Plan) -> bool:
        """Do what the plan asks for; return whether anything changed."""
        before = copy.deepcopy((self.model, self.children, self.pods, self.secret, self.probes))
        for ref in plan.delete:
            gone = self.children.pop(ref)
            name = f"{gone['metadata']['name']}-pod"
            self.weights_pods = [p for p in self.weights_pods if p["metadata"]["name"] != name]
        if plan.weights:
            self.asked += 1
            self.report = WeightsReport(
                pod_uid=plan.weights.pod_uid,
                progress=WeightsProgress(bytes_done=0, bytes_total=12 << 30, bytes_per_second=0),
                at=self.now,
            )
        if plan.secret:
            self.secret = SecretState.PRESENT
        for manifest in plan.apply:
            self._note_template(manifest)
            self._apply(copy.deepcopy(manifest))
        if plan.gate:
            self._set_gate(plan.gate.pod.name, plan.gate.status)
        if plan.probe:
            self._answer(plan.probe.incarnation)
        if plan.status is not None and plan.status != self.model.get("status"):
            self.model["status"] = copy.deepcopy(plan.status)
            self.status_writes += 1
            self.events += [(event.type, event.reason) for event in plan.events]
        return before != (self.model, self.children, self.pods, self.secret, self.probes)

    def _apply(self, manifest: Manifest) -> None:
        ref = ref_of(manifest)
        live = self.children.get(ref)
        if ref.kind == "Job":
            self.jobs_started += live is None
            manifest["status"] = (live or {}).get("status") or {}
        if ref.kind == "PersistentVolumeClaim":
            self.claims_made += live is None
            uid = live["metadata"]["uid"] if live else f"uid-claim-{self.claims_made}"
            manifest["metadata"]["uid"] = uid
            manifest["spec"].setdefault("storageClassName", "standard")
        self.children[ref] = manifest

    def _run_jobs(self) -> bool:
        """Let the Job controller and the kubelet do one round: a pod, then its success."""
        for ref, job in sorted(self.children.items()):
            if ref.kind != "Job" or job["status"]:
                continue
            name = f"{job['metadata']['name']}-pod"
            pod = next((p for p in self.weights_pods if p["metadata"]["name"] == name), None)
            if pod is None:
                self.weights_pods.append(weights_pod(job))
            elif pod["status"]["phase"] == "Running":
                pod["status"] = ended(self.result)
            else:
                self.end_job(job, "Complete")
            return True
        return False

    def controllers(self) -> bool:
        """Let the controllers, the scheduler and the kubelet do one round."""
        if self._run_jobs():
            return True
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
