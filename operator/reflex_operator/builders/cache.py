"""The volume that weights are downloaded into: its name, its folders and our own claim."""

import hashlib
import json
import re
from typing import Any, Final

from reflex_api.model import ReflexModel
from reflex_api.names import ANNOTATION_CACHE_OF, cache_name
from reflex_api.quantity import parse_quantity
from reflex_api.source import Source
from reflex_operator.builders.metadata import child_metadata
from reflex_operator.manifest import Manifest, owned_by

VOLUME: Final = "weights"
KERNELS: Final = "kernels"
"""Folder on the volume for what the engine compiles (FlashInfer, Triton, Inductor)."""
_MODELS: Final = "models"
_FOLDER: Final = re.compile(rf"\b{_MODELS}/(?:[^/\"]+/)?([0-9a-f]{{16}})\b")


def is_cached(source: Source) -> bool:
    """Return whether the weights have to be downloaded."""
    return source.hugging_face is not None or source.http is not None


def owns_claim(model: ReflexModel) -> bool:
    """Return whether the weights go to a claim of the model's own."""
    return is_cached(model.spec.source) and not model.spec.cache.claim_name


def claim_name(model: ReflexModel) -> str:
    """Return the claim that the weights are downloaded into."""
    return model.spec.cache.claim_name or cache_name(model.name)


def content(source: Source) -> dict[str, Any]:
    """Return what decides which bytes arrive: neither tokens nor the servers that send them."""
    if source.hugging_face is not None:
        hub = source.hugging_face
        return {"repo": hub.repo, "revision": hub.revision, "exclude": sorted(hub.exclude)}
    files = source.http.files if source.http is not None else ()
    return {"files": sorted((one.path, one.sha256) for one in files)}


def source_digest(source: Source) -> str:
    """Return 16 hexadecimal digits that name the content of a downloaded source."""
    return hexdigest(content(source))[:16]


def source_revision(source: Source) -> str:
    """Return what the weights are: commit, digest of the list of files, or path."""
    if source.hugging_face is not None:
        return source.hugging_face.revision
    if source.http is not None:
        return f"sha256:{hexdigest(content(source))}"
    if source.bundled is not None:
        return source.bundled.path
    claim = source.persistent_volume_claim
    return f"{claim.claim_name}/{claim.path}".rstrip("/") if claim else ""


def folder(model: ReflexModel) -> str:
    """Return the folder of the model's present source on the volume, relative.

    A claim of the user's may serve several models. A download that lacks space removes folders
    beside its own, so there each model has a place of its own.
    """
    place = _MODELS if owns_claim(model) else f"{_MODELS}/{model.name}"
    return f"{place}/{source_digest(model.spec.source)}"


def folders_in(value: object) -> set[str]:
    """Return the digests of all model folders that a manifest names, wherever it names them."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return {digest for one in value for digest in folders_in(one)}
    return set(_FOLDER.findall(value)) if isinstance(value, str) else set()


def cache_claim(model: ReflexModel, live: Manifest | None = None) -> Manifest:
    """Return our own claim: as the spec wants it, and where it cannot change, as it is.

    Args:
        model: whose weights it holds.
        live: the claim that exists; it may be a namesake's, with another class or a larger size.
    """
    cache = model.spec.cache
    metadata = child_metadata(model, claim_name(model))
    metadata["annotations"] = {ANNOTATION_CACHE_OF: f"{model.namespace}/{model.name}"}
    if cache.retain:
        del metadata["ownerReferences"]
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": _size(model, live)}},
    }
    existing = (live or {}).get("spec") or {}
    if live is None and cache.storage_class_name:
        spec["storageClassName"] = cache.storage_class_name
    # A field that was ours once and is left out would be taken away, which the API refuses.
    spec |= {key: existing[key] for key in ("accessModes", "storageClassName") if key in existing}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": spec,
    }


def is_claim_of(model: ReflexModel, live: Manifest) -> bool:
    """Return whether a claim of this name is the model's, or was left to it by a namesake."""
    owners = live["metadata"].get("ownerReferences") or []
    if any(one.get("controller") and one.get("uid") != model.uid for one in owners):
        return False
    annotations = live["metadata"].get("annotations") or {}
    return annotations.get(ANNOTATION_CACHE_OF) == f"{model.namespace}/{model.name}"


def claim_is_right(model: ReflexModel, live: Manifest) -> bool:
    """Return whether nothing about the claim has to change."""
    owner_is_right = owned_by(live, model.uid) is not model.spec.cache.retain
    return owner_is_right and _requested(live) == _size(model, live)


def hexdigest(value: object) -> str:
    """Return the SHA-256 of a JSON value, whatever its key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _size(model: ReflexModel, live: Manifest | None) -> str:
    """Return the larger of what is wanted and what is there: a volume cannot shrink."""
    wanted, requested = model.spec.cache.size, _requested(live)
    if requested and parse_quantity(requested) >= parse_quantity(wanted):
        return requested
    return wanted


def _requested(live: Manifest | None) -> str:
    spec = (live or {}).get("spec") or {}
    return str(((spec.get("resources") or {}).get("requests") or {}).get("storage") or "")
