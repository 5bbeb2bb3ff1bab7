"""The stable address of one model, and who may reach it."""

from reflex_api.model import ReflexModel
from reflex_api.names import (
    ENGINE_PORT,
    LABEL_ENGINE_CLIENT,
    LABEL_MODEL,
    LABEL_REVISION,
    child_name,
)
from reflex_operator.builders.metadata import child_metadata
from reflex_operator.manifest import Manifest

OPERATOR_POD_LABELS = {"app.kubernetes.io/name": "reflex-operator"}


def service(model: ReflexModel, *, revision: str) -> Manifest:
    """Return the Service; it selects the pair of model and revision."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(model),
        "spec": {
            "type": "ClusterIP",
            "selector": {LABEL_MODEL: model.name, LABEL_REVISION: revision},
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}],
        },
    }


def endpoint(model: ReflexModel) -> str:
    """Return the base URL of the OpenAI-compatible API inside the cluster."""
    return f"http://{child_name(model.name)}.{model.namespace}.svc/v1"


def network_policy(model: ReflexModel, *, operator_namespace: str) -> Manifest:
    """Return the NetworkPolicy: clients with the label and the operator in, nothing out.

    An engine needs no network of its own: weights are mounted, its processes talk over loopback.
    """
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": child_metadata(model),
        "spec": {
            "podSelector": {"matchLabels": {LABEL_MODEL: model.name}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [
                        {"podSelector": {"matchLabels": {LABEL_ENGINE_CLIENT: "true"}}},
                        {
                            "namespaceSelector": {
                                "matchLabels": {"kubernetes.io/metadata.name": operator_namespace}
                            },
                            "podSelector": {"matchLabels": dict(OPERATOR_POD_LABELS)},
                        },
                    ],
                    "ports": [{"port": ENGINE_PORT, "protocol": "TCP"}],
                }
            ],
        },
    }
