"""A namespace with routed models on fake GPU nodes, as the user of a route sees it.

Engines answer by script, bakeoffs end by script: the numbers are SIMULATED and say nothing about
any model. What is real is every write, watch and step of a swap.
"""

import json
import re
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

from reflex_e2e.kubectl import Cluster, CommandError
from reflex_e2e.waiting import wait_for

from reflex_api.feedback import FEEDBACK_KEY
from reflex_api.names import FIELD_MANAGER, LABEL_FEEDBACK, LABEL_MANAGED_BY
from reflex_operator.reconcile.route.record import RouteRecord, record_of
from route_states import GATE, Outcome
from scripted_bakeoff import ScriptedBakeoffs
from scripted_engine import ScriptedEngine

WITHIN: Final = 60.0
Object = dict[str, Any]
QUICK: Final[Object] = {"unhealthyAfter": "1s", "failbackAfter": "5s", "maxSwapsPerHour": 60}
ONE_WAY: Final[Object] = {**QUICK, "failbackAfter": "1h"}
"""The incumbent is not tried again while the test looks."""


class Place:
    """A namespace with three routed models and a route, as its user sees them."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        engine: ScriptedEngine,
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
            "gate": GATE,
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

    def measure(self, model: str, name: str = "", **spec: Any) -> None:
        """Create a bakeoff by hand."""
        self.apply(
            {
                "apiVersion": "reflexstack.dev/v1alpha1",
                "kind": "ReflexBakeoff",
                "metadata": {"name": name or f"by-hand-{model}"},
                "spec": {"modelRef": {"name": model}, "gate": GATE, **spec},
            }
        )

    def status(self, kind: str = "reflexroute", name: str = "r") -> Object:
        found: Object = self.cluster.get(kind, name, self.namespace).get("status") or {}
        return found

    def condition(self, kind: str, name: str = "r", of: str = "reflexroute") -> Object:
        conditions = self.status(of, name).get("conditions") or []
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

    def running(self) -> set[str]:
        """The models that have an engine's pod, at one moment."""
        pods = self.cluster.list("pods", self.namespace)
        there = {one["metadata"]["labels"].get("reflexstack.dev/model") for one in pods}
        return {one for one in there if one}

    def selected(self, name: str = "r") -> str:
        """Whom the stable Service selects; nothing while routing is stopped."""
        selector = self.cluster.get("service", name, self.namespace)["spec"]["selector"]
        stopped = "reflexstack.dev/routing-stopped" in selector
        return "" if stopped else selector["reflexstack.dev/model"]

    def selected_set(self) -> set[str]:
        """The same as a set, for `watched`."""
        return {one for one in (self.selected(),) if one}

    @contextmanager
    def watched(
        self, look: Callable[[], set[str]] | None = None, *, every: float = 0.1
    ) -> Iterator[list[set[str]]]:
        """Look again and again while the block runs: by default at whose engines have pods.

        One list is one moment; two (pods and Deployments) would tell of none.
        """
        seen: list[set[str]] = []
        over = threading.Event()

        def watch() -> None:
            while not over.wait(every):
                with suppress(CommandError):  # the Service is not there yet
                    seen.append((look or self.running)())

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            thread.join(timeout=30)

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

    def qualify(self, *models: str) -> None:
        """Have members measured by hand, and the incumbent serve again."""
        for model in models:
            self.measure(model)
            self.wait_member(model, self.bakeoffs.outcomes[model].eligibility)
        self.wait("PrimaryServing", active="a")

    def say(self, model: str, **feedback: Any) -> None:
        """Tell of production what reflex-loop would."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        labels = {LABEL_FEEDBACK: "r", LABEL_MANAGED_BY: FIELD_MANAGER}
        text = json.dumps({"model": model, "at": now, **feedback})
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "r.feedback", "labels": labels},
                "data": {FEEDBACK_KEY: text},
            }
        )

    def record(self) -> RouteRecord:
        """What the route remembers on its Service."""
        found = record_of(self.cluster.get("service", "r", self.namespace))
        assert found is not None
        return found

    def annotate(self, key: str, value: str | None) -> None:
        change = f"{key}={value}" if value is not None else f"{key}-"
        self.cluster.kubectl(
            "annotate", "reflexroute", "r", "-n", self.namespace, "--overwrite", change
        )

    def events(self) -> list[str]:
        found = self.cluster.list("events", self.namespace)
        return [one["reason"] for one in found]


@contextmanager
def place_for(test: str, cluster: Cluster, engine: ScriptedEngine) -> Iterator[Place]:
    """Give a test a namespace of its own."""
    words = re.sub(r"[^a-z0-9]+", "-", test.lower())
    namespace = f"{words[:40]}-{zlib.crc32(test.encode()):08x}"
    cluster.kubectl("create", "namespace", namespace)
    outcomes = {name: Outcome() for name in "abc"}
    with ScriptedBakeoffs(cluster, namespace, outcomes) as bakeoffs:
        engine.artefacts = bakeoffs.serve
        yield Place(cluster, namespace, engine, bakeoffs)
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")
