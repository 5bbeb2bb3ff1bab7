"""Kubernetes objects as mappings, the one place where `Any` is honest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Manifest: TypeAlias = dict[str, Any]
"""A Kubernetes object or part of one, as JSON."""


@dataclass(frozen=True, kw_only=True, order=True)
class ObjectRef:
    """Names one object. `namespace` is "" for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.namespace}/{self.name}"
            if self.namespace
            else (f"{self.kind} {self.name}")
        )


def ref_of(manifest: Mapping[str, Any]) -> ObjectRef:
    """Return the reference of an object that carries kind and metadata."""
    metadata = manifest["metadata"]
    return ObjectRef(
        kind=manifest["kind"], namespace=metadata.get("namespace", ""), name=metadata["name"]
    )


def owned_by(manifest: Mapping[str, Any], uid: str) -> bool:
    """Return whether `uid` is the object's controlling owner."""
    owners = manifest.get("metadata", {}).get("ownerReferences") or []
    return any(owner.get("uid") == uid and owner.get("controller") for owner in owners)
