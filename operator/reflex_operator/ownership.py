"""Whose is it? Asked before the first write to an object that has one of our names."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from reflex_operator.manifest import Manifest, owned_by


class Claim(Enum):
    """What an existing object is to a model."""

    OURS = "ours"
    PREDECESSOR = "predecessor"  # of a deleted model of the same name: the GC is on its way
    FOREIGN = "foreign"


def claim(live: Mapping[str, Any], model: Manifest) -> Claim:
    """Return what `live` is to `model`, by its controlling owner reference."""
    metadata = model["metadata"]
    if owned_by(live, metadata["uid"]):
        return Claim.OURS
    for owner in live["metadata"].get("ownerReferences") or []:
        same = owner.get("kind") == "ReflexModel" and owner.get("name") == metadata["name"]
        if same and owner.get("controller"):
            return Claim.PREDECESSOR
    return Claim.FOREIGN
