"""What the typed views of all kinds share: metadata, and pydantic's findings in our words."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from reflex_api.conditions import parse_time
from reflex_api.errors import Problem, SpecError
from reflex_api.rules import ApiModel

_Spec = TypeVar("_Spec", bound=ApiModel)


def parse_as(kind: type[_Spec], spec: object) -> _Spec:
    """Return a typed spec; unknown fields are left out: a newer CRD may have them.

    Raises:
        SpecError: it is not one that this version can read.
    """
    try:
        return kind.model_validate(spec if spec is not None else {}, extra="ignore")
    except ValidationError as error:
        raise SpecError(tuple(_problem(entry) for entry in error.errors())) from None


def metadata_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a typed view that every kind has."""
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
