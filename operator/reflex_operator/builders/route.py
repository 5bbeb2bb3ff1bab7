"""The stable Service of a route, and the bakeoffs that it asks for."""

from decimal import Decimal

from reflex_api import bakeoff as bakeoff_api
from reflex_api import route as route_api
from reflex_api.duration import format_duration
from reflex_api.gate import GateSpec
from reflex_api.names import (
    ANNOTATION_RECORD,
    API_VERSION,
    FIELD_MANAGER,
    LABEL_MANAGED_BY,
    LABEL_ROUTE,
    route_service_name,
)
from reflex_api.route import ReflexRoute
from reflex_operator.manifest import Manifest


def stable_service(route: ReflexRoute, *, selector: dict[str, str], record: str) -> Manifest:
    """Return the Service whose selector is who is active.

    Args:
        route: that it belongs to.
        selector: of the active model and revision, or of nothing.
        record: what the route remembers.
    """
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            **_metadata(route, route_service_name(route.name)),
            "annotations": {ANNOTATION_RECORD: record},
        },
        "spec": {
            "type": "ClusterIP",
            "selector": selector,
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}],
        },
    }


def member_gate(route: ReflexRoute) -> GateSpec:
    """Return the gate of a route's own bakeoffs: how much a promotion needs is said elsewhere."""
    gate, least = route.spec.gate, max(route.spec.promotion.min_benefit, Decimal(0))
    superiority = gate.superiority.model_copy(update={"min_benefit": least})
    return gate.model_copy(update={"superiority": superiority})


def member_bakeoff(route: ReflexRoute, *, name: str, model: str, baseline: str) -> Manifest:
    """Return a ReflexBakeoff of a member, under the route's gate.

    Args:
        route: that asks for it.
        name: of the bakeoff.
        model: the member.
        baseline: the incumbent's finished bakeoff, or "".
    """
    spec = route.spec
    body: Manifest = {
        "modelRef": {"name": model},
        "gate": member_gate(route).to_resource(),
        "load": spec.evaluation.load.model_dump(mode="json", by_alias=True),
        "validFor": format_duration(spec.evaluation.valid_for),
    }
    if baseline:
        body["baselineRef"] = {"name": baseline}
    return {
        "apiVersion": API_VERSION,
        "kind": bakeoff_api.KIND,
        "metadata": _metadata(route, name),
        "spec": body,
    }


def _metadata(route: ReflexRoute, name: str) -> Manifest:
    return {
        "name": name,
        "namespace": route.namespace,
        "labels": {
            LABEL_ROUTE: route.name,
            LABEL_MANAGED_BY: FIELD_MANAGER,
            "app.kubernetes.io/name": "reflex-route",
            "app.kubernetes.io/part-of": "reflex",
        },
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": route_api.KIND,
                "name": route.name,
                "uid": route.uid,
                "controller": True,
            }
        ],
    }
