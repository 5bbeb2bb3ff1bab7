"""A ReflexRoute of a demo or a test: its state, its bakeoffs, and how far they are."""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from reflex_e2e.kubectl import ROOT, Cluster, CommandError
from reflex_e2e.waiting import wait_for
from reflex_e2e.watch import Watch

SAMPLE: Final = ROOT / "manifests/samples/routes/demo.yaml"
_DONE: Final = re.compile(r"INFO ((?:repairs|speed|cache) \d+/\d+)(?: \S+ \S+)?(, \d+ passed)?")
Json = dict[str, Any]


def sample() -> list[Json]:
    """Return the objects of the demo's route."""
    return [found for found in yaml.safe_load_all(SAMPLE.read_text()) if found]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One route by its name."""

    cluster: Cluster
    namespace: str
    name: str

    def get(self) -> Json:
        """Return the object."""
        return self.cluster.get("reflexroute", self.name, self.namespace)

    def status(self) -> Json:
        """Return its status; empty while there is none."""
        found: Json = self.get().get("status") or {}
        return found

    def patch(self, spec: Mapping[str, Any]) -> None:
        """Merge into the spec."""
        self.cluster.kubectl(
            "patch", "rr", self.name, "-n", self.namespace, "--type=merge",
            "-p", json.dumps({"spec": spec}),
        )  # fmt: skip

    def condition(self, kind: str) -> Json:
        """Return a condition, or nothing yet."""
        return condition(self.status(), kind)

    def active(self) -> str:
        """Return the model that the stable Service selects; empty: none."""
        return str((self.status().get("active") or {}).get("model") or "")

    def member(self, model: str) -> Json:
        """Return what the status says of a member."""
        found: Json = next(
            (one for one in self.status().get("members") or [] if one["model"] == model), {}
        )
        return found

    def bakeoffs(self) -> list[Json]:
        """Return its bakeoffs, the oldest first."""
        found = self.cluster.list(
            "reflexbakeoffs", self.namespace, f"reflexstack.dev/route={self.name}"
        )
        return sorted(found, key=lambda one: str(one["metadata"]["creationTimestamp"]))

    def addresses(self) -> list[str]:
        """Return the pods that the stable Service sends requests to."""
        slices = self.cluster.list(
            "endpointslices", self.namespace, f"kubernetes.io/service-name={self.name}"
        )
        return [
            str(endpoint["targetRef"]["name"])
            for each in slices
            for endpoint in each.get("endpoints") or []
            if endpoint.get("targetRef") and endpoint["conditions"].get("ready")
        ]

    def url(self) -> str:
        """Return the base URL of the stable Service, as the node itself reaches it."""
        service = self.cluster.get("service", self.name, self.namespace)
        return f"http://{service['spec']['clusterIP']}/v1"

    def watch_selector(self) -> Watch:
        """Collect from now on which models the stable Service selects, "" for none."""
        path = r".spec.selector.reflexstack\.dev/model"
        return Watch(self.cluster, "service", self.name, self.namespace, jsonpath=path)

    def wait_active(self, model: str, *, within: float) -> Json:
        """Wait until a member serves and return the status."""

        def serves() -> Json | None:
            status = self.status()
            ready = condition(status, "Serving").get("status") == "True"
            active = (status.get("active") or {}).get("model")
            return status if ready and active == model else None

        try:
            return wait_for(f"{model} serves {self.name}", serves, within=within, every=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {self.condition('Ready')}") from None


def condition(status: Json, kind: str) -> Json:
    """Return a condition of a status, or nothing."""
    found: Json = next((one for one in status.get("conditions") or [] if one["type"] == kind), {})
    return found


def make_keys(cluster: Cluster, namespace: str, name: str = "tiny-keys") -> None:
    """Make the key that all engines of the route ask for, unless it is there."""
    try:
        cluster.get("secret", name, namespace)
    except CommandError:
        literals = [
            f"--from-literal={one}={secrets.token_hex(32)}" for one in ("api-key", "admin-api-key")
        ]
        cluster.kubectl("create", "secret", "generic", name, "-n", namespace, *literals)


def how_far(cluster: Cluster, bakeoff: str, namespace: str) -> str:
    """Return how far a bakeoff is, by its pod's log; empty: it has not begun."""
    try:
        said = cluster.kubectl(
            "logs", "-n", namespace, "-l", f"reflexstack.dev/bakeoff={bakeoff}",
            "-c", "measure", "--tail=30",
        )  # fmt: skip
    except CommandError:
        return ""
    found = _DONE.findall(said)
    return "".join(found[-1]) if found else ""
