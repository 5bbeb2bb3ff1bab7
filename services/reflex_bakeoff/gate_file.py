"""Reads `gate.yaml`: every fault at once, each with what to do."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from reflex_api.gate import GateSpec
from reflex_bakeoff.errors import GateFileError


def load_gate(path: Path) -> GateSpec:
    """Read a gate file.

    Raises:
        GateFileError: it cannot be read, or a field is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise GateFileError(
            str(path), [f"cannot be read: {reason}; name a file that exists"]
        ) from None
    except UnicodeDecodeError:
        raise GateFileError(str(path), ["is not UTF-8 text"]) from None
    return parse_gate(text, str(path))


def parse_gate(text: str, source: str = "gate.yaml") -> GateSpec:
    """Return the gate that a YAML text means.

    Raises:
        GateFileError: it is no YAML, a key is unknown or there twice, or a value is out of range.
    """
    try:
        document = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 - it is a SafeLoader
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise GateFileError(source, [f"is no YAML{where}: {error.problem}"]) from None
    except yaml.YAMLError as error:
        raise GateFileError(source, [f"is no YAML: {error}"]) from None
    if not isinstance(document, dict):
        raise GateFileError(source, ["is empty or a list; wanted at least `suite: NAME`"])
    try:
        return GateSpec.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise GateFileError(
            source, [_line(one["loc"], one["type"], one["msg"]) for one in found]
        ) from None


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that is written twice: YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key} is written twice; keep one", problem_mark=key_node.start_mark
                )
            seen.add(str(key))
        return super().construct_mapping(node, deep=deep)


def _line(location: Sequence[int | str], kind: str, text: str) -> str:
    """Return "path: fault; fix" for one of pydantic's errors."""
    path = ".".join(str(part) for part in location)
    if kind == "extra_forbidden":
        known = _keys(location[:-1])
        close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
        return f"{path}: no such key; {hint}"
    if kind == "missing":
        return f"{path}: is missing; add it"
    fault = text.removeprefix("Value error, ")
    if "{field}" in fault:
        return fault.replace("{field}", path)
    return f"{path}: {fault[:1].lower()}{fault[1:]}"


def _keys(location: Sequence[int | str]) -> list[str]:
    """Return the keys that the part at this path may hold, as they are written."""
    model: type[BaseModel] = GateSpec
    for part in location:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        annotation = fields[str(part)].annotation
        (model,) = [
            one
            for one in (annotation, *get_args(annotation))
            if isinstance(one, type) and issubclass(one, BaseModel)
        ]
    return [field.alias or name for name, field in model.model_fields.items()]
