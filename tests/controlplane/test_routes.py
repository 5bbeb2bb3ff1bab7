"""Routes and bakeoffs against a real API server, its controllers and fake GPU nodes.

Engines answer by script, bakeoffs end by script: the numbers are SIMULATED and say nothing about
any model. What is real is every write, watch and step of a swap.
"""

import json
import re
import signal
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from reflex_e2e.kubectl import ROOT, Cluster
from reflex_e2e.waiting import wait_for

import scripted_engine
from operator_process import OperatorProcess
from reflex_api.names import ANNOTATION_HOLD, ANNOTATION_MANUAL
from reflex_api.verdict import Judgement
from reflex_lab.controlplane import ControlPlane
from reflex_lab.tools import Tools
from route_states import Outcome
from scripted_bakeoff import ScriptedBakeoffs

pytestmark = pytest.mark.controlplane

WITHIN = 60.0
Object = dict[str, Any]
QUICK = {"unhealthyAfter": "1s", "failbackAfter": "5s", "maxSwapsPerHour": 60}


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> Cluster:
    tools = Tools()
    tools.ensure(("kubernetes", "helm"))
    made = Cluster(
        kubeconfig=control_plane.kubeconfig,
        kubectl_path=tools.path("kubectl"),
        helm_path=tools.path("helm"),
    )
    made.kubectl("apply", "--server-side", "-f", str(ROOT / "manifests/crds"))
    for plural in ("reflexmodels", "reflexroutes", "reflexbakeoffs"):
        crd = f"crd/{plural}.reflexstack.dev"
        made.kubectl("wait", "--for=condition=Established", crd, "--timeout=30s")
    control_plane.add_gpu_nodes(2)
    return made


@pytest.fixture(scope="module")
def engine() -> Iterator[scripted_engine.ScriptedEngine]:
    with scripted_engine.serving({"a", "b", "c"}) as running:
        yield running


@pytest.fixture(scope="module")
def operator(
    cluster: Cluster,
    engine: scripted_engine.ScriptedEngine,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OperatorProcess]:
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    process = OperatorProcess(cluster.kubeconfig, log, engine_resolver=engine.base_url)
    process.start()
    yield process
    process.stop()


class Place:
    """A namespace with three routed models and a route, as its user sees them."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        engine: scripted_engine.ScriptedEngine,
        bakeoffs: ScriptedBakeoffs,
    ) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.engine, self.bakeoffs = engine, bakeoffs

    def apply(self, *objects: Object) -> None:
        for one in objects:
            self.cluster.kubectl(
                "apply", "--server-side", "--force-conflicts", "-n", self.namespace, "-f", "-",
                stdin=json.dumps(one),
            )  # fmt: skip

    def models(self, names: str) -> None:
        self.apply(*(self.model(name) for name in names))

    def model(self, name: str, **spec: Any) -> Object:
        return {
            "apiVersion": "reflexstack.dev/v1alpha1",
            "kind": "ReflexModel",
            "metadata": {"name": name},
            "spec": {
                "activation": "Routed",
                "source": {"bundled": {"path": f"/models/{name}"}},
                "engine": {"device": "cuda", "contextLength": 4096},
                "resources": {"cpu": "1", "memory": "4Gi", "sharedMemory": "1Gi"},
                "placement": {"runtimeClassName": ""},
                "rollout": {"drainTimeout": "0s", "startupTimeout": "30s"},
                **spec,
            },
        }

    def route(self, name: str = "r", **spec: Any) -> None:
        body = {
            "primary": "a",
            "fallbacks": ["b", "c"],
            "slot": {"name": "gpu0"},
            "gate": {"suite": "rust-repair-smoke"},
            "evaluation": {"when": "Manual"},
            "failover": QUICK,
            **spec,
        }
        self.apply(
            {
                "apiVersion": "reflexstack.dev/v1alpha1",
                "kind": "ReflexRoute",
                "metadata": {"name": name},
                "spec": body,
            }
        )

    def measure(self, model: str, name: str = "") -> None:
        """Create a bakeoff by hand."""
        self.apply(
            {
                "apiVersion": "reflexstack.dev/v1alpha1",
                "kind": "ReflexBakeoff",
                "metadata": {"name": name or f"by-hand-{model}"},
                "spec": {"modelRef": {"name": model}, "gate": {"suite": "rust-repair-smoke"}},
            }
        )

    def status(self, kind: str = "reflexroute", name: str = "r") -> Object:
        found: Object = self.cluster.get(kind, name, self.namespace).get("status") or {}
        return found

    def condition(self, kind: str, name: str = "r") -> Object:
        conditions = self.status(name=name).get("conditions") or []
        return next((one for one in conditions if one["type"] == kind), {})

    def wait(
        self, reason: str, *, active: str = "", name: str = "r", within: float = WITHIN
    ) -> Object:
        """Wait until Ready has this reason, and this model is active."""
        seen: Object = {}

        def look() -> Object | None:
            seen.clear()
            seen.update(self.status(name=name))
            found = (seen.get("active") or {}).get("model", "")
            conditions = seen.get("conditions") or []
            ready: Object = next((one for one in conditions if one["type"] == "Ready"), {})
            fits = ready.get("reason") == reason and (not active or found == active)
            return dict(seen) if fits else None

        try:
            return wait_for(f"route {name} says {reason} {active}", look, within=within, every=0.3)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {json.dumps(seen)[:3000]}") from None

    def member(self, model: str) -> Object:
        members = self.status().get("members") or []
        return next((one for one in members if one["model"] == model), {})

    def wait_member(self, model: str, eligibility: str) -> Object:
        def look() -> Object | None:
            found = self.member(model)
            return found if found.get("eligibility") == eligibility else None

        try:
            return wait_for(f"{model} is {eligibility}", look, within=WITHIN, every=0.3)
        except AssertionError as error:
            words = json.dumps(self.status())[:3000]
            raise AssertionError(f"{error}; it says {words}") from None

    def engines(self) -> set[str]:
        """The models that have a pod, or a Deployment that wants one."""
        pods = self.cluster.list("pods", self.namespace)
        label = "reflexstack.dev/model"
        there = {one["metadata"]["labels"].get(label) for one in pods}
        for one in self.cluster.list("deployments", self.namespace):
            if one["spec"]["replicas"]:
                there.add(one["metadata"]["name"])
        return {one for one in there if one}

    def selected(self, name: str = "r") -> str:
        """Whom the stable Service selects; nothing while routing is stopped."""
        selector = self.cluster.get("service", name, self.namespace)["spec"]["selector"]
        stopped = "reflexstack.dev/routing-stopped" in selector
        return "" if stopped else selector["reflexstack.dev/model"]

    def kill(self, model: str, *, restarts: int = 3) -> None:
        """Have the model's engine crash, as the kubelet would tell of it."""
        label = f"reflexstack.dev/model={model}"
        pods = [
            one
            for one in self.cluster.list("pods", self.namespace)
            if one["metadata"]["labels"].get("reflexstack.dev/model") == model
        ]
        assert pods, label
        (container,) = pods[0]["status"]["containerStatuses"]
        ended = {"exitCode": 1, "reason": "Error", "message": "boom"}
        status = {
            "conditions": [
                {"type": kind, "status": "False"} for kind in ("ContainersReady", "Ready")
            ],
            "containerStatuses": [
                {
                    **container,
                    "ready": False,
                    "started": False,
                    "restartCount": restarts,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": ended},
                }
            ],
        }
        self.cluster.kubectl(
            "patch", "pod", pods[0]["metadata"]["name"], "-n", self.namespace,
            "--subresource=status", "-p", json.dumps({"status": status}),
        )  # fmt: skip

    def annotate(self, key: str, value: str | None) -> None:
        change = f"{key}={value}" if value is not None else f"{key}-"
        self.cluster.kubectl(
            "annotate", "reflexroute", "r", "-n", self.namespace, "--overwrite", change
        )

    def events(self) -> list[str]:
        found = self.cluster.list("events", self.namespace)
        return [one["reason"] for one in found]


@pytest.fixture
def place(
    cluster: Cluster,
    operator: OperatorProcess,
    engine: scripted_engine.ScriptedEngine,
    request: pytest.FixtureRequest,
) -> Iterator[Place]:
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())
    namespace = f"{words[:40]}-{zlib.crc32(request.node.name.encode()):08x}"
    cluster.kubectl("create", "namespace", namespace)
    outcomes = {name: Outcome() for name in "abc"}
    with ExitStack() as stack:
        bakeoffs = stack.enter_context(ScriptedBakeoffs(cluster, namespace, outcomes))
        engine.artefacts = bakeoffs.serve
        yield Place(cluster, namespace, engine, bakeoffs)
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def test_the_primary_serves_and_an_unqualified_fallback_never_does(place: Place) -> None:
    place.models("abc")
    place.route()
    status = place.wait("PrimaryServing", active="a")
    assert place.selected() == "a"
    assert status["incumbent"] == "a"
    assert place.condition("Qualified")["status"] == "False"
    assert place.engines() == {"a"}
    place.kill("a")
    place.wait("NoEligibleFallback")
    assert place.engines() == {"a"}


def test_a_route_at_rest_costs_no_write(place: Place, operator: OperatorProcess) -> None:
    place.models("ab")
    place.route(fallbacks=["b"])
    place.wait("PrimaryServing", active="a")
    place.measure("b")
    place.wait_member("b", "Eligible")
    place.wait("PrimaryServing", active="a")

    def written() -> dict[str, str]:
        kinds = ("reflexmodels", "reflexbakeoffs", "services", "deployments", "configmaps", "jobs")
        return {
            f"{kind}/{one['metadata']['name']}": one["metadata"]["resourceVersion"]
            for kind in kinds
            for one in place.cluster.list(kind, place.namespace)
        }

    def nudge(word: str) -> None:
        passes = operator.metric("reflex_reconcile_total")
        place.annotate("example.com/nudge", word)
        wait_for(
            "a pass", lambda: operator.metric("reflex_reconcile_total") > passes, within=WITHIN
        )

    def resting() -> dict[str, str] | None:
        before = written()
        nudge(str(operator.metric("reflex_reconcile_total")))
        return before if before == written() else None

    wait_for("nothing changes any more", resting, within=WITHIN)
    status = place.status()
    writes = operator.metric("reflex_api_requests_total")
    for number in range(3):
        nudge(f"again {number}")
    assert operator.metric("reflex_api_requests_total") - writes <= 4, "only the Lease is renewed"
    assert place.status() == status


def test_a_qualified_fallback_takes_over_and_the_incumbent_comes_back(place: Place) -> None:
    place.models("abc")
    place.bakeoffs.outcomes["b"] = Outcome(passed=Judgement.FAIL)
    place.route()
    place.wait("PrimaryServing", active="a")
    place.measure("b")
    place.wait_member("b", "Rejected")
    place.measure("c")
    place.wait_member("c", "Eligible")
    place.wait("PrimaryServing", active="a")
    place.kill("a")
    status = place.wait("FallbackServing", active="c")
    assert place.condition("Degraded")["status"] == "True"
    assert status["lastTransition"]["reason"] == "Failover"
    # Its pod is a new one, which is well: the trial succeeds.
    status = place.wait("PrimaryServing", active="a")
    assert status["lastTransition"]["reason"] == "Failback"
    assert {"downtimeSeconds", "startSeconds", "stopSeconds"} <= status["lastTransition"].keys()
    assert "Failover" in place.events()
    assert "b" not in {
        one["model"] for one in status["members"] if one["eligibility"] == "Eligible"
    }


def test_the_better_member_is_promoted_on_evidence(place: Place) -> None:
    place.bakeoffs.outcomes.update(
        a=Outcome(pass_at1=0.5),
        b=Outcome(passed=Judgement.FAIL, better=Judgement.FAIL, pass_at1=0.3),
        c=Outcome(better=Judgement.PASS, pass_at1=0.8),
    )
    place.models("abc")
    place.route(evaluation={"when": "Immediately"})
    status = place.wait("FallbackServing", active="c", within=120)
    assert status["incumbent"] == "c"
    assert status["lastTransition"]["reason"] == "Promotion"
    assert place.member("b")["eligibility"] == "Rejected"
    evidence = place.member("c")["evidence"]
    assert evidence["simulated"] is True
    run = place.status("reflexbakeoff", evidence["bakeoff"])
    assert (run["verdict"], run["superiority"], run["evidenceId"]) == (
        "Pass",
        "Pass",
        evidence["id"],
    )
    assert run["metrics"][0]["n"] == 100
    baselines = {one.model: one.baseline for one in place.bakeoffs.requests}
    assert baselines["a"] == ""
    assert baselines["b"] == baselines["c"] == place.member("a")["evidence"]["id"]
    maps = [
        one
        for one in place.cluster.list("configmaps", place.namespace)
        if one["metadata"]["name"].endswith(".evidence")
    ]
    assert len(maps) == 3
    assert all(one["immutable"] for one in maps)


def test_a_hold_and_a_choice_by_hand(place: Place) -> None:
    place.models("ab")
    place.route(fallbacks=["b"], promotion={"mode": "Manual"})
    place.wait("PrimaryServing", active="a")
    place.annotate(ANNOTATION_HOLD, json.dumps({"actor": "ada", "reason": "demo"}))
    place.wait("Hold", active="a")
    assert "ada: demo" in place.condition("Ready")["message"]
    place.annotate(ANNOTATION_HOLD, None)
    place.measure("b")
    place.wait_member("b", "Eligible")
    place.wait("PrimaryServing", active="a")
    place.annotate(ANNOTATION_MANUAL, "b@0123456789ab")
    wait_for("it is refused", lambda: "ManualRefused" in place.events(), within=WITHIN)
    assert place.selected() == "a"
    found = place.member("b")["evidence"]["id"]
    assert found in place.status()["manual"]
    place.annotate(ANNOTATION_MANUAL, f"b@{found}")
    status = place.wait("Hold", active="b")
    assert status["incumbent"] == "b"
    assert status["lastTransition"]["reason"] == "Manual"


def test_a_model_belongs_to_the_older_route(place: Place) -> None:
    place.models("ab")
    place.route(fallbacks=["b"])
    place.wait("PrimaryServing", active="a")
    place.route("later", primary="b", fallbacks=[], slot={"name": "gpu1"})
    status = place.wait("MemberConflict", name="later")
    assert "active" not in status
    assert place.engines() == {"a"}


def test_every_status_deleted_gives_the_same_state(place: Place) -> None:
    place.models("ab")
    place.route(fallbacks=["b"])
    place.wait("PrimaryServing", active="a")
    place.measure("a")
    place.measure("b")
    place.wait_member("a", "Eligible")
    place.wait_member("b", "Eligible")
    before = place.wait("PrimaryServing", active="a")
    pods = {one["metadata"]["uid"] for one in place.cluster.list("pods", place.namespace)}
    for kind, names in (("reflexmodels", "ab"), ("reflexroutes", "r")):
        for name in names:
            place.cluster.kubectl(
                "patch", kind, name, "-n", place.namespace, "--subresource=status",
                "--type=json", "-p", '[{"op": "remove", "path": "/status"}]',
            )  # fmt: skip

    def same() -> bool:
        after = place.status()
        return {key: value for key, value in after.items() if key != "conditions"} == {
            key: value for key, value in before.items() if key != "conditions"
        }

    wait_for("the status is there again", same, within=WITHIN)
    assert {one["metadata"]["uid"] for one in place.cluster.list("pods", place.namespace)} >= {
        one for one in pods if one
    } - {None}
    assert place.selected() == "a"


def test_a_tampered_artefact_is_measured_once_more(place: Place) -> None:
    place.bakeoffs.tampered.add("a")
    place.models("a")
    place.route(fallbacks=[])
    place.wait("PrimaryServing", active="a")
    place.measure("a")
    place.wait_member("a", "Eligible")
    assert [one.attempt for one in place.bakeoffs.requests] == [0, 1]


@pytest.mark.parametrize("step", ["routing stopped", "the next engine comes"])
def test_an_operator_that_is_killed_in_a_swap_ends_it(
    place: Place, operator: OperatorProcess, step: str
) -> None:
    place.models("ab")
    place.route(fallbacks=["b"])
    place.wait("PrimaryServing", active="a")
    place.measure("b")
    place.wait_member("b", "Eligible")
    place.wait("PrimaryServing", active="a")
    place.kill("a")
    reached = {
        "routing stopped": lambda: place.selected() == "",
        "the next engine comes": lambda: "b" in place.engines(),
    }[step]
    wait_for(step, reached, within=WITHIN, every=0.05)
    operator.stop(signal.SIGKILL)
    seen: list[set[str]] = []
    operator.start(within=60)

    def over() -> bool:
        seen.append(place.engines())
        active = place.status().get("active") or {}
        return bool(active.get("model") == "b" or place.selected() == "b")

    wait_for("b serves", over, within=WITHIN, every=0.2)
    assert all(len(one) <= 1 for one in seen), seen
