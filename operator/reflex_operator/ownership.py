"""Whose is it? Asked before the first write to an object that has one of our names."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from reflex_api.names import ANNOTATION_CACHE_OF, FIELD_MANAGER, LABEL_MANAGED_BY
from reflex_operator.manifest import Manifest, owned_by


class Claim(Enum):
    """What an existing object is to a custom resource."""

    OURS = "ours"
    PREDECESSOR = "predecessor"  # of a deleted namesake: the GC is on its way
    FOREIGN = "foreign"


def claim(live: Mapping[str, Any], model: Manifest) -> Claim:
    """Return what `live` is to `model`, by its owner; a retained claim has none but a note."""
    metadata = model["metadata"]
    if owned_by(live, metadata["uid"]):
        return Claim.OURS
    for owner in live["metadata"].get("ownerReferences") or []:
        same = owner.get("kind") == model["kind"] and owner.get("name") == metadata["name"]
        if same and owner.get("controller"):
            return Claim.PREDECESSOR
    return Claim.OURS if _is_left_to(live, metadata) else Claim.FOREIGN


def _is_left_to(live: Mapping[str, Any], model: Mapping[str, Any]) -> bool:
    """Return whether a claim was kept for the model of this name: it has no owner by design."""
    metadata = live["metadata"]
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    of = f"{model['namespace']}/{model['name']}"
    return (
        live.get("kind") == "PersistentVolumeClaim"
        and labels.get(LABEL_MANAGED_BY) == FIELD_MANAGER
        and annotations.get(ANNOTATION_CACHE_OF) == of
        and not any(owner.get("controller") for owner in metadata.get("ownerReferences") or [])
    )
