"""Is what we want already there? Answers before a write, so that an unchanged cluster gets none.

`differs` asks whether the desired fields are a subset of the live object. Fields that the API
server defaulted, and fields and list elements of other managers, are not ours to judge. What a
subset cannot see is a field that we owned and no longer want, so each child carries the hash of
the manifest that was applied last (`reflexstack.dev/applied`): another hash means that we changed
our mind, a failed subset means that somebody changed the object. managedFields would tell the
first as well, but they are half of an object's size and the store drops them.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from reflex_api.names import GROUP
from reflex_api.quantity import parse_quantity
from reflex_operator.manifest import Manifest

Json: TypeAlias = object
"""Any JSON value; narrowed where it is looked at."""

ANNOTATION_APPLIED: Final = f"{GROUP}/applied"

_QUANTITIES: Final = {"limits", "requests", "capacity", "hard"}
"""Mappings whose values are quantities."""
_QUANTITY_FIELDS: Final = {"sizeLimit", "storage", "divisor"}
_MERGE_KEYS: Final = {"volumeMounts": "mountPath", "conditions": "type", "ownerReferences": "uid"}
"""Lists that the API server merges by another key than `name`."""
_WHOLE: Final = {"tolerations", "args", "command"}
"""Lists that belong to one owner as a whole."""


def stamped(manifest: Manifest) -> Manifest:
    """Return the manifest with its own hash as an annotation."""
    metadata = manifest["metadata"]
    annotations = {**(metadata.get("annotations") or {}), ANNOTATION_APPLIED: digest(manifest)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def digest(manifest: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of the manifest, whatever its key order."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differs(desired: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Return whether `live` lacks anything of `desired`.

    >>> differs({"cpu": {"limits": {"cpu": "1000m"}}}, {"cpu": {"limits": {"cpu": "1"}, "x": 1}})
    False
    """
    return not _within(desired, live, field="", quantity=False)


def status_differs(desired: Json, live: Json) -> bool:
    """Return whether two statuses differ; we own all of it, so absence counts too."""
    return bool(_bare(desired) != _bare(live))


def _within(desired: Json, live: Json, *, field: str, quantity: bool) -> bool:
    if isinstance(desired, Mapping):
        if not isinstance(live, Mapping):
            return not desired and live is None
        inner = field in _QUANTITIES
        return all(
            _within(value, live[key], field=key, quantity=inner or key in _QUANTITY_FIELDS)
            if key in live
            else _empty(value)
            for key, value in desired.items()
        )
    if isinstance(desired, list | tuple):
        if not isinstance(live, list):
            return not desired and live is None
        return _list_within(desired, live, field=field)
    if quantity and isinstance(desired, str | int) and isinstance(live, str | int):
        return desired == live or _same_quantity(str(desired), str(live))
    return type(desired) is type(live) and bool(desired == live)


def _list_within(desired: Sequence[Any], live: Sequence[Any], *, field: str) -> bool:
    key = None if field in _WHOLE else _merge_key(desired, field)
    if key is None:
        return len(desired) == len(live) and all(
            _within(one, other, field="", quantity=False)
            for one, other in zip(desired, live, strict=True)
        )
    by_key = {other[key]: other for other in live if _has_name(other, key)}
    return all(
        one[key] in by_key and _within(one, by_key[one[key]], field="", quantity=False)
        for one in desired
    )


def _merge_key(elements: Sequence[Any], field: str) -> str | None:
    """Return the key that names the elements, or None for a list that counts by position."""
    key = _MERGE_KEYS.get(field, "name")
    named = all(_has_name(one, key) for one in elements)
    return key if elements and named else None


def _has_name(element: Json, key: str) -> bool:
    return isinstance(element, Mapping) and isinstance(element.get(key), str)


def _empty(value: Json) -> bool:
    """Return whether the API server leaves the field out (Go's `omitempty`)."""
    return value is None or value is False or value in ("", 0) or value == {} or value == []


def _same_quantity(one: str, other: str) -> bool:
    try:
        return parse_quantity(one) == parse_quantity(other)
    except ValueError:
        return False


def _bare(value: Json) -> Json:
    """Return the value without empty fields, which an API server may drop."""
    if isinstance(value, Mapping):
        bare = {key: _bare(one) for key, one in value.items()}
        return {
            key: one for key, one in bare.items() if one is not None and one != {} and one != []
        }
    if isinstance(value, list | tuple):
        return [_bare(one) for one in value]
    return value
