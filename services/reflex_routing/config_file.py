"""Reads the configuration: file, then environment; all faults at once, each with its fix."""

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from reflex_routing.config import ReflexSection
from reflex_routing.errors import ConfigError
from reflex_routing.prices import PriceTable

DELIMITER: Final = "__"


class ReflexFile(BaseSettings):
    """The sections of the file that this package reads."""

    model_config = SettingsConfigDict(
        env_nested_delimiter=DELIMITER, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    version: Literal[1] = 1
    reflex: ReflexSection


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A configuration that is right, and the price table it names."""

    reflex: ReflexSection
    prices: PriceTable
    source: str


def load(
    path: Path, *, environ: Mapping[str, str] | None = None, siblings: Sequence[str] = ()
) -> Loaded:
    """Read a file and the environment over it.

    Args:
        path: the YAML file.
        environ: instead of the process's own environment.
        siblings: top-level sections that other packages read from the same file.

    Raises:
        ConfigError: with a line for every fault, in the order of the file.
    """
    environ = os.environ if environ is None else environ
    document, problems = _read_yaml(path)
    if problems:
        raise ConfigError(str(path), problems)
    mine = {key: value for key, value in document.items() if key not in siblings}
    problems += _unprefixed(environ)
    try:
        file = _validated(mine, environ)
    except ValidationError as error:
        problems += [
            _line(one, environ, siblings)
            for one in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigError(str(path), problems) from None
    problems += list(_references(file.reflex, environ))
    prices, faults = _prices(file.reflex, path)
    problems += faults
    if problems:
        raise ConfigError(str(path), problems)
    return Loaded(reflex=file.reflex, prices=prices, source=str(path))


def _validated(document: dict[str, Any], environ: Mapping[str, str]) -> ReflexFile:
    """Validate the file under the environment; a class of its own keeps `environ` an argument."""

    class _Bound(ReflexFile):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings],
            *_others: PydanticBaseSettingsSource, **_more: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
            env = EnvSettingsSource(settings_cls, env_nested_delimiter=DELIMITER)
            names = {name.lower(): value for name, value in environ.items()}
            env.env_vars = {name: value for name, value in names.items() if _is_ours(name)}
            return (env, InitSettingsSource(settings_cls, init_kwargs=document))

    return _Bound()


def _is_ours(name: str) -> bool:
    return name.lower().startswith(f"reflex{DELIMITER}")


def _unprefixed(environ: Mapping[str, str]) -> list[str]:
    return [
        f"{name}: set the parts of the section one by one, such as REFLEX__MODEL_PRIMARY"
        for name in environ
        if name.upper() == "REFLEX"
    ]


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that is written twice: YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                line = key_node.start_mark.line + 1
                raise yaml.constructor.ConstructorError(
                    problem=f"{key} is written twice (line {line}); keep one"
                )
            if isinstance(key, str):
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _read_yaml(path: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # noqa: S506 - it is a SafeLoader
    except OSError as error:
        return {}, [f"cannot be read: {error.strerror or error}; name a file that exists"]
    except UnicodeDecodeError:
        return {}, ["is not UTF-8 text"]
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        return {}, [f"is no YAML{where}: {error.problem}"]
    except yaml.YAMLError as error:
        return {}, [f"is no YAML: {error}"]
    if not isinstance(document, dict):
        return {}, ["is empty or a list; wanted the keys `version` and `reflex`"]
    return document, []


def _line(error: Any, environ: Mapping[str, str], siblings: Sequence[str]) -> str:  # noqa: ANN401
    """Return "path: fault; fix" for one of pydantic's errors."""
    location = [str(part) for part in error["loc"]]
    path = ".".join(location)
    variable = DELIMITER.join(location).upper()
    by_variable = [name for name in environ if name.upper() == variable]
    where = f"{path} (from {by_variable[0]})" if by_variable else path
    kind, text = error["type"], error["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        if location[-1].lower() == "api_key":
            return f"{where}: keys do not belong here; use api_key_env or api_key_file"
        known = _fields_at(location[:-1]) or []
        if len(location) == 1:
            known = [*known, *siblings]
        close = difflib.get_close_matches(location[-1].lower(), known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known))}"
        return f"{where}: no such key; {hint}"
    if kind == "missing":
        return f"{where}: is missing; add it"
    return f"{where}: {text[0].lower()}{text[1:]}" if text else where


def _fields_at(location: Sequence[str]) -> list[str] | None:
    """Return the keys that the section at this path may hold."""
    model: type[BaseModel] | None = ReflexFile
    for part in location:
        if model is None:
            return None
        field = model.model_fields.get(part)
        if field is None:
            continue  # the name of an entry in a mapping, such as an endpoint's
        candidates = [field.annotation, *get_args(field.annotation)]
        models = [one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)]
        model = models[0] if models else None
    return list(model.model_fields) if model is not None else None


def _references(reflex: ReflexSection, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each name that points nowhere and each key that is not there."""
    named = {"reflex.endpoint": reflex.endpoint}
    for model, endpoint in reflex.model_endpoints.items():
        named[f"reflex.model_endpoints.{model}"] = endpoint
        if model not in reflex.local_models:
            yield (
                f"reflex.model_endpoints.{model}: no such local model;"
                f" {_closest(model, reflex.local_models)}"
            )
    if reflex.cloud.enabled:
        named["reflex.cloud.endpoint"] = reflex.cloud.endpoint
        if not reflex.cloud.implementer:
            yield "reflex.cloud.implementer: is empty; name a model, or set cloud.enabled: false"
    for path, endpoint in named.items():
        if endpoint not in reflex.endpoints:
            yield f"{path}: no endpoint {endpoint!r}; {_closest(endpoint, list(reflex.endpoints))}"
    double = {model for model in reflex.local_models if reflex.local_models.count(model) > 1}
    for model in sorted(double):
        yield f"reflex.model_fallbacks: {model} is listed twice; keep one"
    for name in {reflex.endpoint, *reflex.model_endpoints.values(), *_cloud_endpoints(reflex)}:
        section = reflex.endpoints.get(name)
        if section is not None and section.api_key_env and section.api_key_env not in environ:
            yield (
                f"reflex.endpoints.{name}.api_key_env: {section.api_key_env} is not set;"
                " export it, or use api_key_file"
            )


def _cloud_endpoints(reflex: ReflexSection) -> list[str]:
    return [reflex.cloud.endpoint] if reflex.cloud.enabled else []


def _closest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def _prices(reflex: ReflexSection, config: Path) -> tuple[PriceTable, list[str]]:
    """Return the price table; without a cloud none is needed."""
    empty = PriceTable(version="none")
    if not reflex.cloud.enabled:
        return empty, []
    path = config.parent / (reflex.budgets.prices or Path("prices.yaml"))
    document, problems = _read_yaml(path)
    if problems:
        return empty, [f"reflex.budgets.prices: {path} {problem}" for problem in problems]
    try:
        table = PriceTable.parse(document)
    except ValidationError as error:
        return empty, [
            f"{path}: {'.'.join(map(str, one['loc']))}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False)
        ]
    unknown = [
        model
        for model in dict.fromkeys((*reflex.cloud.implementer, *reflex.cloud.judge))
        if model not in table.models
    ]
    return table, [
        f"reflex.cloud: {model} has no price in {path}; add it, or its calls are refused"
        for model in unknown
    ]
