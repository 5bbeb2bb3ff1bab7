"""Routes, their members and their bakeoffs in memory, for tests of decisions.

Members are `states.World`s: the operator's real decisions about models, with the rest of a cluster
played just far enough. Engines start and stop in steps, so that passes fall in between. Bakeoffs
end with the verdict that the test sets: every number here is simulated.
"""

import copy
import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import states
from reflex_api.evidence import evidence_key
from reflex_api.gate import GateSpec
from reflex_api.model import ReflexModel
from reflex_api.names import (
    ANNOTATION_EVIDENCE,
    API_VERSION,
    LABEL_BAKEOFF,
    LABEL_EVIDENCE_OF,
    LABEL_REVISION,
    LABEL_STOPPED,
    evidence_name,
)
from reflex_api.route import ReflexRoute
from reflex_api.verdict import Judgement, Metric, Overall, Part, Side, Verdict, Why
from reflex_operator.builders.route import member_gate
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.route import membership
from reflex_operator.reconcile.route.decide import reconcile_route
from reflex_operator.reconcile.route.evidence import (
    INPUTS_KEY,
    VERDICT_KEY,
    EvidenceNote,
    note_of,
    read,
)
from reflex_operator.reconcile.route.facts import Facts, facts_of
from reflex_operator.reconcile.route.record import RouteRecord, Routing, record_of, routing_of
from reflex_operator.reconcile.route.snapshot import (
    MemberObjects,
    PeerRoute,
    RoutePlan,
    RouteSnapshot,
)
from reflex_operator.reconcile.route.subject import inputs_of

NOON = states.NOON
MINUTE = timedelta(minutes=1)
GATE: Manifest = {"suite": "rust-repair-smoke", "throughput": {"minRooflineShare": "none"}}
"""On a CPU there is no roofline to have a share of."""


@dataclass
class Outcome:
    """What a bakeoff of a model will find."""

    passed: Judgement = Judgement.PASS
    better: Judgement | None = None
    pass_at1: float = 0.6

    @property
    def eligibility(self) -> str:
        """What a route makes of it."""
        return {"Pass": "Eligible", "Fail": "Rejected", "Error": "Unqualified"}.get(
            self.passed.value, self.passed.value
        )


@dataclass
class Engine(states.World):
    """A member whose engine takes several rounds to start and to stop."""

    dead: bool = False  # its engine ends as soon as it starts
    looping: bool = False  # it ended three times already
    ended: datetime | None = None  # its last engine's end, as seen when its pod went

    def controllers(self) -> bool:
        """One round of the kubelet: first pods end, then they are gone, then new ones come."""
        if self._run_jobs():
            return True
        for pod in self.pods:
            if pod["metadata"].get("deletionTimestamp"):
                self.pods.remove(pod)
                return True
        deployment = self.child("Deployment")
        if deployment is None:
            return False
        revision = deployment["spec"]["template"]["metadata"]["labels"][LABEL_REVISION]
        wanted = deployment["spec"]["replicas"]
        mine = [p for p in self.pods if p["metadata"]["labels"][LABEL_REVISION] == revision]
        for pod in [p for p in self.pods if p not in mine[:wanted]]:
            pod["metadata"]["deletionTimestamp"] = states.timestamp(self.now)
            return True
        if len(mine) < wanted:
            self.pods_started += 1
            pod = states.engine_pod(
                deployment, uid=f"{self.model['metadata']['name']}-{self.pods_started}"
            )
            pod["metadata"]["creationTimestamp"] = states.timestamp(self.now)
            self._since(pod)
            self.pods.append(pod)
            return True
        rounds = [self._run(pod) for pod in mine[:wanted]]
        return any(rounds)

    def _run(self, pod: Manifest) -> bool:
        containers_ready = next(
            one for one in pod["status"]["conditions"] if one["type"] == "ContainersReady"
        )
        if self.dead:
            if containers_ready["status"] == "True" or not pod["status"].get("crashed"):
                self.fail(pod)
                return True
            return False
        if containers_ready["status"] == "True":
            return False
        pod["status"].pop("crashed", None)
        pod["status"]["containerStatuses"] = [states.running()]
        containers_ready["status"] = "True"
        gate = any(
            one["type"].endswith("/Verified") and one["status"] == "True"
            for one in pod["status"]["conditions"]
        )
        if gate:
            self._since(pod, ready="True")
        return True

    def fail(self, pod: Manifest) -> None:
        """The engine in this pod ends, and does not come back by itself."""
        pod["status"]["crashed"] = True
        for one in pod["status"]["conditions"]:
            if one["type"] == "ContainersReady":
                one["status"] = "False"
        pod["status"]["containerStatuses"] = [
            states.crash_looping(restarts=3 if self.looping else 0)
        ]
        self._since(pod)

    def _since(self, pod: Manifest, *, ready: str = "False") -> None:
        for one in pod["status"]["conditions"]:
            if one["type"] == "Ready" and one["status"] != ready:
                one["lastTransitionTime"] = states.timestamp(self.now)
                one["status"] = ready

    @property
    def occupies(self) -> bool:
        live = self.child("Deployment")
        return bool(self.pods) or bool(live and live["spec"]["replicas"])


class Routes:
    """A namespace."""

    def __init__(self, members: str = "abc", **spec: Any) -> None:
        self.now = NOON
        self.models = {name: Engine(model=member(name)) for name in members}
        self.routes: dict[str, Manifest] = {}
        self.services: dict[str, Manifest] = {}
        self.bakeoffs: list[Manifest] = []
        self.evidence: list[Manifest] = []
        self.feedback: Manifest | None = None
        self.idle_since: datetime | None = None
        self.outcomes = {name: Outcome() for name in members}
        self.measuring = True  # whether bakeoffs end
        self.events: list[tuple[str, str]] = []
        self.writes = 0
        self.opened: list[tuple[datetime, str]] = []
        if spec.pop("route", True):
            self.add_route("r", primary=members[0], fallbacks=list(members[1:]), **spec)

    def add_route(self, name: str, **spec: Any) -> None:
        body = {
            "gate": GATE,
            "slot": {"name": "gpu0"},
            "evaluation": {"when": "Manual"},
            **spec,
        }
        self.routes[name] = {
            "apiVersion": API_VERSION,
            "kind": "ReflexRoute",
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": f"uid-route-{name}",
                "generation": 1,
                "creationTimestamp": states.timestamp(NOON + timedelta(seconds=len(self.routes))),
                "annotations": {},
            },
            "spec": body,
        }

    # What is seen

    def snapshot(self, name: str = "r") -> RouteSnapshot:
        objects = {
            key: MemberObjects(
                model=copy.deepcopy(one.model),
                deployment=copy.deepcopy(one.child("Deployment")),
                pods=tuple(copy.deepcopy(one.pods)),
                ended=one.ended,
            )
            for key, one in self.models.items()
        }
        return RouteSnapshot(
            route=copy.deepcopy(self.routes[name]),
            defaults=states.DEFAULTS,
            service=copy.deepcopy(self.services.get(name)),
            members=objects,
            peers=tuple(
                PeerRoute(route=one, service=self.services.get(key))
                for key, one in self.routes.items()
                if key != name
            ),
            bakeoffs=tuple(copy.deepcopy(self.bakeoffs)),
            evidence=tuple(self.evidence),
            feedback=self.feedback,
            idle_since=self.idle_since,
        )

    def facts(self, name: str = "r") -> Facts:
        route = ReflexRoute.parse(self.routes[name])
        return facts_of(self.snapshot(name), route, self.now)

    def plan(self, name: str = "r") -> RoutePlan:
        return reconcile_route(self.snapshot(name), self.now)

    def routing(self, name: str = "r") -> Routing:
        return routing_of(self.services.get(name))

    def record(self, name: str = "r") -> RouteRecord:
        return record_of(self.services.get(name)) or RouteRecord()

    def serving(self, name: str = "r") -> str:
        """Return who gets requests now, or nothing."""
        routing = self.routing(name)
        engine = self.models.get(routing.model)
        if routing.stopped or engine is None:
            return ""
        good = [
            pod
            for pod in engine.pods
            if not pod["metadata"].get("deletionTimestamp")
            and pod["metadata"]["labels"][LABEL_REVISION] == routing.revision
            and any(
                one["type"] == "Ready" and one["status"] == "True"
                for one in pod["status"]["conditions"]
            )
        ]
        return routing.model if good else ""

    def condition(self, kind: str, name: str = "r") -> Manifest:
        status = self.routes[name]["status"]
        found: Manifest = next(one for one in status["conditions"] if one["type"] == kind)
        return found

    def member(self, model: str, name: str = "r") -> Manifest:
        members = self.routes[name]["status"]["members"]
        found: Manifest = next(one for one in members if one["model"] == model)
        return found

    def kinds(self, name: str = "r") -> list[str]:
        return [one.kind.value for one in self.record(name).history if one.ok]

    # What happens

    def route_pass(self, name: str = "r", *, parts: int = 9) -> bool:
        """Carry a plan out, or only its first writes: then the operator was killed."""
        plan = self.plan(name)
        changed = False
        for ref in plan.gone:
            assert ref not in self.models or not self.models[ref].occupies, ref
        for manifest in plan.apply[:parts]:
            changed |= self._apply(name, manifest)
        gone = {ref.name for ref in plan.delete}
        if gone and parts > 2:
            self.bakeoffs = [one for one in self.bakeoffs if one["metadata"]["name"] not in gone]
            changed = True
        if parts > len(plan.apply) and plan.status != self.routes[name].get("status"):
            self.routes[name]["status"] = copy.deepcopy(plan.status)
            self.events += [(one.type, one.reason) for one in plan.events]
            changed = True
        self.writes += changed
        return changed

    def _apply(self, name: str, manifest: Manifest) -> bool:
        if manifest["kind"] == "Service":
            before = self.services.get(name)
            if before == manifest:
                return False
            was = routing_of(before)
            self.services[name] = copy.deepcopy(manifest)
            new = self.routing(name)
            if not new.stopped and (was.stopped or new.model != was.model):
                self.opened.append((self.now, new.model))
                facts = self.facts(name)
                assert facts.may_serve(facts.members[new.model]), new.model
            return True
        known = {one["metadata"]["name"] for one in self.bakeoffs}
        if manifest["metadata"]["name"] in known:
            return False
        made = copy.deepcopy(manifest)
        made["metadata"]["creationTimestamp"] = states.timestamp(self.now)
        self.bakeoffs.append(made)
        return True

    def model_pass(self, model: str) -> bool:
        engine = self.models[model]
        engine.now = self.now
        peers = [PeerRoute(route=r, service=self.services.get(n)) for n, r in self.routes.items()]
        engine.wanted = membership.wanted(model, peers)
        return engine.carry_out(engine.plan())

    def kubelet(self, model: str) -> bool:
        engine = self.models[model]
        engine.now = self.now
        return engine.controllers()

    def measure(self) -> bool:
        """Let one bakeoff whose model is up end."""
        if not self.measuring:
            return False
        over = {one["metadata"]["labels"][LABEL_BAKEOFF] for one in self.evidence}
        for run in self.bakeoffs:
            name, model = run["metadata"]["name"], run["spec"]["modelRef"]["name"]
            engine = self.models[model]
            if name in over or not self._is_up(engine):
                continue
            self.evidence.append(self.evidence_for(model, bakeoff=name, run=run))
            return True
        return False

    def _is_up(self, engine: Engine) -> bool:
        return any(
            one["type"] == "Ready" and one["status"] == "True"
            for pod in engine.pods
            if not pod["metadata"].get("deletionTimestamp")
            for one in pod["status"]["conditions"]
        )

    def evidence_for(
        self, model: str, *, bakeoff: str = "", run: Manifest | None = None, baseline: str = ""
    ) -> Manifest:
        """Return evidence as the operator would write it for the model as it is now."""
        outcome = self.outcomes[model]
        reference = ((run or {}).get("spec") or {}).get("baselineRef", {}).get("name")
        for one in map(read, self.evidence):
            if one is not None and reference and one.bakeoff == reference:
                baseline = one.id
        inputs = inputs_of(
            ReflexModel.parse(self.models[model].model),
            self.models[model].child("Deployment"),
            {},
            suite="rust-repair-smoke",
            harness=states.DEFAULTS.harness,
        )
        assert inputs is not None
        gate = (
            GateSpec.model_validate(run["spec"]["gate"])
            if run is not None
            else member_gate(ReflexRoute.parse(next(iter(self.routes.values()))))
        )
        text = verdict(
            model, outcome, self.now, gate=gate, compared=bool(baseline)
        ).model_dump_json(by_alias=True)
        note = EvidenceNote(
            id=hashlib.sha256(f"{text}{bakeoff}".encode()).hexdigest()[:12],
            key=evidence_key(inputs),
            finished_at=self.now,
            expires_at=self.now + timedelta(days=14),
            baseline=baseline,
        )
        name = bakeoff or f"by-hand-{len(self.evidence)}"
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "immutable": True,
            "metadata": {
                "name": evidence_name(name),
                "namespace": "default",
                "labels": {LABEL_EVIDENCE_OF: model, LABEL_BAKEOFF: name},
                "annotations": {ANNOTATION_EVIDENCE: note_of(note)},
            },
            "data": {VERDICT_KEY: text, INPUTS_KEY: inputs.model_dump_json(by_alias=True)},
        }

    def ask_for(self, model: str, **spec: Any) -> None:
        """Create a bakeoff as a person would."""
        name = f"by-hand-{model}-{len(self.bakeoffs)}"
        self.bakeoffs.append(
            {
                "apiVersion": API_VERSION,
                "kind": "ReflexBakeoff",
                "metadata": {
                    "name": name,
                    "namespace": "default",
                    "creationTimestamp": states.timestamp(self.now),
                },
                "spec": {"modelRef": {"name": model}, "gate": GATE, **spec},
            }
        )

    def qualify(self, *models: str, baseline: str = "") -> None:
        """Give models the evidence that their outcomes say, without a run."""
        for model in models:
            self.evidence.append(self.evidence_for(model, baseline=baseline))

    def evidence_id(self, model: str) -> str:
        found = [one for one in map(read, self.evidence) if one and one.model == model]
        return found[-1].id if found else "none"

    def die(self, model: str) -> None:
        """Kill a model's engine for good."""
        self.models[model].dead = True
        for pod in self.models[model].pods:
            self.models[model].now = self.now
            self.models[model].fail(pod)

    def heal(self, model: str) -> None:
        self.models[model].dead = False

    def annotate(self, key: str, value: object, name: str = "r") -> None:
        annotations = self.routes[name]["metadata"]["annotations"]
        if value is None:
            annotations.pop(key, None)
        else:
            annotations[key] = value if isinstance(value, str) else json.dumps(value)

    def edit(self, name: str = "r", **spec: Any) -> None:
        self.routes[name]["spec"].update(copy.deepcopy(spec))
        self.routes[name]["metadata"]["generation"] += 1

    def check(self) -> None:
        """What must hold at every moment."""
        for name in self.routes:
            slot = membership.slot_of(self.routes[name])
            routes = [one for one in self.routes.values() if membership.slot_of(one) == slot]
            models = {one for route in routes for one in membership.names_in(route)}
            there = [one for one in models if self.models[one].occupies]
            assert len(there) <= membership.room_of(routes), there
            assert LABEL_STOPPED in (self.services.get(name) or {}).get("spec", {}).get(
                "selector", {LABEL_STOPPED: ""}
            ) or self.routing(name).model in membership.names_in(self.routes[name])

    def round(self) -> bool:
        """Let everybody act once."""
        changed = False
        for name in list(self.routes):
            changed |= self.route_pass(name)
            self.check()
        for model in self.models:
            changed |= self.model_pass(model)
            self.check()
            changed |= self.kubelet(model)
            self.check()
        return self.measure() or changed

    def settle(self, rounds: int = 120) -> None:
        """Act until nothing changes any more."""
        for _ in range(rounds):
            if not self.round():
                return
        raise AssertionError(f"no rest after {rounds} rounds: {self.record()}")

    def later(self, *, step: timedelta = MINUTE, steps: int = 1) -> None:
        """Let time pass, and everybody come to rest after each step of it."""
        for _ in range(steps):
            self.now += step
            self.settle()


def member(name: str, **spec: Any) -> Manifest:
    """A ReflexModel that only runs while a route wants it."""
    return states.model(name, activation="Routed", **spec)


def verdict(
    model: str,
    outcome: Outcome,
    now: datetime,
    *,
    gate: GateSpec | None = None,
    compared: bool = True,
    key: str = "",
) -> Verdict:
    """A verdict document with a made-up number."""
    overall = Overall(verdict=outcome.passed, reason=Why.BOUND_MET, message="simulated")
    better = (
        Overall(verdict=outcome.better, reason=Why.BOUND_MET, message="simulated")
        if outcome.better and compared
        else None
    )
    return Verdict(
        harness_version="test",
        gate=gate or GateSpec.model_validate(GATE),
        candidate=Side(model=model, evidence_key=key, measured_at=now, simulated=True),
        verdict=outcome.passed,
        qualification=overall,
        superiority=better,
        metrics=(
            Metric(
                name="pass_at_1",
                part=Part.QUALIFICATION,
                unit="share",
                formula="passed / n",
                n=100,
                point=outcome.pass_at1,
                verdict=outcome.passed,
                reason=Why.BOUND_MET,
                message="simulated",
            ),
        ),
    )


def rerun(world: Routes, seconds: float) -> None:
    """Let time pass without anybody acting."""
    world.now += timedelta(seconds=seconds)


__all__ = ["MINUTE", "NOON", "Engine", "Outcome", "Routes", "member", "replace", "verdict"]
