import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import Field

from reflex_api import crd
from reflex_api.rules import RULES, ApiModel
from reflex_api.schema import Schema, UnstructuralError, structural

REPOSITORY = Path(__file__).parents[3]


def root(resource: crd.Resource) -> Schema:
    versions = crd.definition(resource)["spec"]["versions"]
    schema: Schema = versions[0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for part, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(child := schema.get(part), dict):
            yield from nodes(child, path + mark)


def described(resource: crd.Resource) -> list[tuple[str, Schema]]:
    return [(path, node) for path, node in nodes(root(resource)) if path != ".metadata"]


NODES = [pair for resource in crd.RESOURCES for pair in described(resource)]


def test_the_files_are_what_the_models_say() -> None:
    folders = [REPOSITORY / "manifests/crds", REPOSITORY / "charts/reflex/files/crds"]

    assert crd.main(["--check", *(f"--into={folder}" for folder in folders)]) == 0


def test_a_stale_file_is_an_error_with_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [f"--into={tmp_path / 'a'}", f"--into={tmp_path / 'b'}"]

    assert crd.main(["--check", *folders]) == 1
    assert capsys.readouterr().err.count("make generate") == 2 * len(crd.RESOURCES)
    assert crd.main(folders) == 0
    assert crd.main(["--check", *folders]) == 0


def test_rendering_is_repeatable() -> None:
    assert crd.render(crd.reflex_model()) == crd.render(crd.reflex_model())


def test_a_file_is_small_enough_for_a_client_side_apply() -> None:
    for text in crd.files().values():
        assert len(text.encode()) < crd.SIZE_LIMIT


def test_it_is_structural() -> None:
    forbidden = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "not", "title", "const"}
    allowed_types = {"object", "array", "string", "integer", "boolean"}

    for path, node in NODES:
        assert not forbidden & node.keys(), path
        assert node["type"] in allowed_types, path
        # Null says something only where it does not mean the default.
        assert not node.get("nullable") or "default" in node, path


def test_every_field_is_described() -> None:
    assert [path for path, node in NODES if len(node.get("description", "")) < 10] == []


def test_descriptions_give_the_default() -> None:
    for path, node in NODES:
        default = node.get("default")
        if default not in (None, {}):
            text = str(default).lower() if isinstance(default, bool) else str(default).strip("[]")
            assert f"Default: {text}" in node["description"], path


def test_everything_is_bounded() -> None:
    for path, node in NODES:
        kind = node["type"]
        if kind == "string":
            fixed = "enum" in node or node.get("format") == "date-time"
            assert fixed or node["maxLength"] > 0, path
        elif kind == "array":
            assert node["maxItems"] > 0, path
            assert "x-kubernetes-list-type" in node or node["items"]["type"] == "string", path
        elif kind == "object":
            assert ("properties" in node) != ("maxProperties" in node), path
        elif kind == "integer" and path.startswith(".spec"):
            assert node["minimum"] <= node["maximum"], path


def test_every_rule_names_the_field_and_ends_without_a_placeholder() -> None:
    for path, node in NODES:
        field = re.sub(r"\[\]|\{\}", "", path).removeprefix(".spec.").removeprefix(".")
        for rule in node.get(RULES, []):
            said = rule["message"]
            assert "{field}" not in json.dumps(rule), path
            named = said.startswith(field) if "properties" not in node else "." in said.split()[0]
            assert named or said.startswith("source must"), (path, said)


@pytest.mark.parametrize("resource", crd.RESOURCES, ids=lambda one: str(one.kind))
def test_conditions_are_bounded_as_metav1_bounds_them(resource: crd.Resource) -> None:
    conditions = dict(described(resource))[".status.conditions"]
    fields = conditions["items"]["properties"]

    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert set(conditions["items"]["required"]) == {
        "type",
        "status",
        "reason",
        "message",
        "lastTransitionTime",
    }
    assert (fields["type"]["maxLength"], fields["reason"]["maxLength"]) == (316, 1024)
    assert fields["message"]["maxLength"] == 32768


def test_only_a_cache_and_a_bakeoff_have_transition_rules() -> None:
    """What else changes of a model makes a new revision; a route may change in any way."""
    found = {
        (resource.kind, path)
        for resource in crd.RESOURCES
        for path, node in described(resource)
        if "oldSelf" in json.dumps(node.get(RULES, []))
    }

    assert found == {("ReflexModel", ".spec.cache"), ("ReflexBakeoff", ".spec")}


def test_kustomize_lists_every_generated_file() -> None:
    listed = yaml.safe_load((REPOSITORY / "manifests/kustomization.yaml").read_text())["resources"]

    assert set(listed) == {f"crds/{name}" for name in crd.files()}


class _Union(ApiModel):
    port: int | str = 0


class _Pair(ApiModel):
    pair: tuple[int, str] = (0, "")


class _Anything(ApiModel):
    value: Any = None


class _Inner(ApiModel):
    text: Annotated[str, Field(max_length=3)] = "a"


class _Outer(ApiModel):
    one: _Inner = Field(default_factory=_Inner)
    two: _Inner | None = None
    three: _Inner


@pytest.mark.parametrize("model", [_Union, _Pair, _Anything])
def test_what_a_crd_cannot_say_is_an_error(model: type[ApiModel]) -> None:
    with pytest.raises(UnstructuralError, match="not structural"):
        structural(model, description="x")


def test_only_a_part_that_always_exists_is_filled_in() -> None:
    parts = structural(_Outer, description="x")["properties"]

    assert parts["one"]["default"] == {}
    assert "default" not in parts["two"]
    assert "default" not in parts["three"]
