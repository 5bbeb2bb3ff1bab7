"""Two real engines on one slot behind a route: for tests and measurements of swaps.

The gate lets any model pass that repairs something: what follows of a verdict is looked at here.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from reflex_e2e import routes
from reflex_e2e.kubectl import Cluster
from reflex_e2e.models import Model, small
from reflex_e2e.routes import Route
from reflex_e2e.waiting import wait_for

FIRST: Final = "first"
SECOND: Final = "second"
NAME: Final = "pair"
KEYS: Final = "two-keys"
WITHIN: Final = 600.0
MEASURED_WITHIN: Final = 2400.0
MOST_SWAPS: Final = 60
"""An hour: more than whoever counts them needs."""
_WEIGHTS: Final = {FIRST: "reflex-tiny-b", SECOND: "reflex-tiny-a"}
_LOAD: Final = {"requests": 59, "answerTokens": 8}
_GATE: Final[Mapping[str, Any]] = {
    "suite": "rust-repair-smoke",
    "label": "lab",
    "quality": {"passAt1Floor": "0.01", "looks": [20], "tries": 1},
    "answers": {"schemaFloor": "0.3", "truncationCeiling": "none"},
    "latency": {
        "ttftColdP95Milliseconds": 60000,
        "ttftWarmP95Milliseconds": 60000,
        "itlP95Milliseconds": 10000,
        "maxBlockRatio": "none",
    },
    "throughput": {"minRooflineShare": "none"},
    "errors": {"ceiling": "0.1"},
    "cache": {"mode": "ReportOnly"},
}


def model(cluster: Cluster, namespace: str, name: str) -> Model:
    """Return one of the two."""
    return Model(cluster=cluster, namespace=namespace, name=name)


def apply(cluster: Cluster, namespace: str) -> Route:
    """Apply both models and the route; return it when the first serves.

    Nobody is measured yet, so nobody but the first may serve.
    """
    routes.make_keys(cluster, namespace, KEYS)
    for name, weights in _WEIGHTS.items():
        manifest = small(name, memory="4Gi")
        manifest["spec"] |= {
            "activation": "Routed",
            "source": {"bundled": {"path": f"/models/{weights}"}},
            "apiKeySecretRef": {"name": KEYS},
        }
        model(cluster, namespace, name).apply(manifest)
    spec = {
        "primary": FIRST,
        "fallbacks": [SECOND],
        "slot": {"maxResident": 1},
        "gate": _GATE,
        "promotion": {"mode": "Disabled"},
        "failover": {
            "unhealthyAfter": "5s",
            "failbackAfter": "20s",
            "maxSwapsPerHour": MOST_SWAPS,
        },
        "evaluation": {"when": "Manual", "maxOutage": "2h", "load": _LOAD},
    }
    _apply(cluster, namespace, "ReflexRoute", NAME, spec)
    made = Route(cluster=cluster, namespace=namespace, name=NAME)
    made.wait_active(FIRST, within=WITHIN)
    return made


def measure(route: Route, name: str, bakeoff: str) -> str:
    """Run a bakeoff of one of the two and return its verdict, when the first serves again."""
    spec = {"modelRef": {"name": name}, "gate": _GATE, "load": _LOAD}
    _apply(route.cluster, route.namespace, "ReflexBakeoff", bakeoff, spec)

    def verdict() -> str:
        found = route.cluster.get("reflexbakeoff", bakeoff, route.namespace)
        return str((found.get("status") or {}).get("verdict") or "")

    said = wait_for(f"{bakeoff} has a verdict", verdict, within=MEASURED_WITHIN, every=2)
    route.wait_active(FIRST, within=WITHIN)
    return said


def _apply(cluster: Cluster, namespace: str, kind: str, name: str, spec: Mapping[str, Any]) -> None:
    body = {
        "apiVersion": "reflexstack.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(body))
