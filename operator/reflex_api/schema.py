"""pydantic's JSON schema as the structural OpenAPI v3 schema that a CRD needs.

No `$ref`, no `anyOf`, no `title`; only defaults that say something; `{field}` in rules filled in.
Source: kubernetes.io, "Specifying a structural schema".
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from reflex_api.duration import format_duration
from reflex_api.rules import RULES

Schema = dict[str, Any]

_KEPT = (
    "type",
    "description",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
)
_TYPES = {"object", "array", "string", "integer", "boolean"}
_INT32_MAX = 2**31 - 1


class _Generator(GenerateJsonSchema):
    """Writes default durations as users do."""

    def encode_default(self, dft: object) -> object:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return super().encode_default(dft)


class UnstructuralError(TypeError):
    """A model uses something that a structural schema cannot say."""


def structural(model: type[BaseModel], *, description: str) -> Schema:
    """Return the structural schema of a model, rules and defaults included.

    Raises:
        UnstructuralError: a field is a union, a tuple of fixed length, or anything goes.
    """
    document = model.model_json_schema(schema_generator=_Generator)
    return {**_convert(document, document.get("$defs", {}), ""), "description": description}


def _convert(node: Mapping[str, Any], defs: Mapping[str, Any], path: str) -> Schema:
    is_optional = any(one.get("type") == "null" for one in node.get("anyOf", []))
    node = _inlined(node, defs)
    kind = node.get("type")
    if kind not in _TYPES or (kind == "array" and "items" not in node):
        raise UnstructuralError(f"{path}: {sorted(node)} is not structural")
    result: Schema = {key: node[key] for key in _KEPT if key in node}
    if kind == "integer":
        small = node.get("maximum", _INT32_MAX + 1) <= _INT32_MAX
        result["format"] = "int32" if small else "int64"
    elif node.get("format") == "date-time":
        result["format"] = "date-time"
    if kind == "array":
        result["items"] = _convert(node["items"], defs, path)
    elif kind == "object" and isinstance(values := node.get("additionalProperties"), Mapping):
        result["additionalProperties"] = _convert(values, defs, path)
    elif kind == "object":
        _add_properties(result, node, defs, path)
    if (default := node.get("default")) not in (None, "", [], {}):
        result["default"] = default
        if is_optional:
            # Else the server takes a null for nothing and fills in the default.
            result["nullable"] = True
    if entries := node.get(RULES):
        result[RULES] = [_named(entry, path) for entry in entries]
    return result


def _add_properties(
    result: Schema, node: Mapping[str, Any], defs: Mapping[str, Any], path: str
) -> None:
    required = node.get("required", [])
    result["properties"] = {}
    for name, child in node["properties"].items():
        converted = _convert(child, defs, f"{path}.{name}" if path else name)
        # A part that always exists gets `{}`: else the server would not fill in what is inside.
        always = name not in required and "default" not in child
        if always and any("default" in inner for inner in _inner(converted)):
            converted["default"] = {}
        result["properties"][name] = converted
    if required:
        result["required"] = sorted(required)


def _inner(schema: Schema) -> list[Schema]:
    return list(schema.get("properties", {}).values())


def _inlined(node: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node with its reference or its optional alternative put in its place."""
    flat = {key: value for key, value in node.items() if key not in {"$ref", "anyOf"}}
    alternatives = [one for one in node.get("anyOf", []) if one.get("type") != "null"]
    inner: Mapping[str, Any] = {}
    if "$ref" in node:
        inner = defs[node["$ref"].removeprefix("#/$defs/")]
    elif len(alternatives) == 1:
        inner = alternatives[0]
    if not inner:
        return flat
    inner = _inlined(inner, defs)
    return {**inner, **flat, RULES: [*inner.get(RULES, []), *flat.get(RULES, [])]}


def _named(entry: Mapping[str, str], path: str) -> dict[str, str]:
    return {key: value.replace("{field}", path) for key, value in entry.items()}
