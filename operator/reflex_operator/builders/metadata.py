"""Names, labels and owners of a ReflexModel's children."""

from reflex_api.model import ReflexModel
from reflex_api.names import (
    API_VERSION,
    FIELD_MANAGER,
    LABEL_MANAGED_BY,
    LABEL_MODEL,
    child_name,
)
from reflex_operator.manifest import Manifest


def model_labels(model: ReflexModel) -> dict[str, str]:
    """Return the labels that every child carries; the Deployment selects on the model's."""
    return {
        LABEL_MODEL: model.name,
        LABEL_MANAGED_BY: FIELD_MANAGER,
        "app.kubernetes.io/name": "reflex-engine",
        "app.kubernetes.io/part-of": "reflex",
    }


def child_metadata(model: ReflexModel, name: str = "") -> Manifest:
    """Return metadata with the owner reference that lets the garbage collector clean up.

    `blockOwnerDeletion` stays unset: it would need rights on the owner's finalizers and make a
    foreground deletion wait.
    """
    return {
        "name": name or child_name(model.name),
        "namespace": model.namespace,
        "labels": model_labels(model),
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": "ReflexModel",
                "name": model.name,
                "uid": model.uid,
                "controller": True,
            }
        ],
    }
