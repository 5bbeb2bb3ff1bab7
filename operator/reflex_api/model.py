"""The typed view of a ReflexModel as the API server returned it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from reflex_api.engine import Device, EngineSpec
from reflex_api.resource import metadata_of, parse_as
from reflex_api.spec import Activation, Admission, ReflexModelSpec

__all__ = [
    "KIND",
    "PLURAL",
    "Activation",
    "Admission",
    "Device",
    "EngineSpec",
    "ReflexModel",
    "ReflexModelSpec",
    "parse_spec",
]

KIND: Final = "ReflexModel"
PLURAL: Final = "reflexmodels"


@dataclass(frozen=True, kw_only=True)
class ReflexModel:
    """One ReflexModel. `status` is what was last written, as a plain mapping."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: ReflexModelSpec
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, manifest: Mapping[str, Any]) -> Self:
        """Return the typed view of an object; unknown fields are left out.

        `spec.served_name` is filled with the object's name when it is not set.

        Raises:
            SpecError: its spec is not one that this version can read. `SpecError.problems` names
                the fields.
        """
        meta = metadata_of(manifest)
        spec = parse_spec(manifest.get("spec"))
        if not spec.served_name:
            spec = spec.model_copy(update={"served_name": meta["name"]})
        return cls(**meta, spec=spec)


def parse_spec(spec: object) -> ReflexModelSpec:
    """Return a typed spec; unknown fields are left out: a newer CRD may have them.

    Raises:
        SpecError: it is not one that this version can read.
    """
    return parse_as(ReflexModelSpec, spec)
