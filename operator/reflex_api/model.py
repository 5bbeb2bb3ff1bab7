"""The typed view of a ReflexModel as the API server returned it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from pydantic import ValidationError

from reflex_api.conditions import parse_time
from reflex_api.engine import Device, EngineSpec
from reflex_api.errors import Problem, SpecError
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
        meta = _meta(manifest)
        spec = parse_spec(manifest.get("spec"))
        if not spec.served_name:
            spec = spec.model_copy(update={"served_name": meta["name"]})
        return cls(**meta, spec=spec)


def parse_spec(spec: object) -> ReflexModelSpec:
    """Return a typed spec; unknown fields are left out: a newer CRD may have them.

    Raises:
        SpecError: it is not one that this version can read.
    """
    try:
        return ReflexModelSpec.model_validate(spec if spec is not None else {}, extra="ignore")
    except ValidationError as error:
        raise SpecError(tuple(_problem(entry) for entry in error.errors())) from None


def _meta(manifest: Mapping[str, Any]) -> dict[str, Any]:
    metadata = manifest.get("metadata") or {}
    return {
        "name": str(metadata.get("name", "")),
        "namespace": str(metadata.get("namespace", "")),
        "uid": str(metadata.get("uid", "")),
        "generation": int(metadata.get("generation", 0)),
        "creation_timestamp": parse_time(metadata.get("creationTimestamp")),
        "deletion_timestamp": parse_time(metadata.get("deletionTimestamp")),
        "annotations": metadata.get("annotations") or {},
        "status": manifest.get("status") or {},
    }


def _problem(entry: Mapping[str, Any]) -> Problem:
    """Return one finding of pydantic in our words: the field first, no Python terms."""
    path = "spec"
    for part in entry["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    cause = (entry.get("ctx") or {}).get("error")
    if isinstance(cause, ValueError):
        text = str(cause)
        text = text.replace("{field}", path) if "{field}" in text else f"spec: {text}"
    else:
        text = f"{path}: {entry['msg']}"
    return Problem(field=path, text=text)
