"""Checks the configuration: all faults at once, each with its path and, for a typo, what was meant.

The keys are the specification's. The document may hold other stages' keys too: outside of the two
sections that are ours alone, only a key that is nearly one of ours is refused.
"""

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reflex_reflection.config import Backend, FixtureSettings, ReflectionConfig
from reflex_reflection.errors import ConfigError

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_REFLECTION: Final = ("backend", "summary_tokens", "embed", "log", "topk_snippets")
_BUDGETS: Final = ("time_ms_reflection", "ops_reflection")
_FIXTURES: Final = ("enabled", "path")
_SECTIONS: Final[Mapping[tuple[str, ...], tuple[Sequence[str], bool]]] = {
    # section: its keys, and whether it is ours alone
    (): (("t3", "scheduler"), False),
    ("t3",): (("allow_reflection", "reflection", "llm"), False),
    ("t3", "reflection"): (_REFLECTION, True),
    ("t3", "llm"): (("fixtures",), False),
    ("t3", "llm", "fixtures"): (_FIXTURES, True),
    ("scheduler",): (("budgets",), False),
    ("scheduler", "budgets"): (_BUDGETS, False),
}


@dataclass(frozen=True, kw_only=True)
class Validated:
    """A configuration that is right."""

    config: ReflectionConfig
    document: dict[str, Any]
    """What was given, with defaults in and values in their types; other stages' keys untouched."""
    warnings: tuple[str, ...] = ()
    """Values that are read as something that was not quite written."""


def validate(document: Mapping[str, Any]) -> Validated:
    """Check a configuration document, as YAML or JSON gives it.

    Booleans may be written as 1, "yes", "on" and the like; whole numbers as "5" or 5.0.

    Raises:
        ConfigError: with a line for every fault, always in the same order.
    """
    check = _Check()
    sections = _sections(document, check)
    config = _read(sections, check)
    if check.problems:
        raise ConfigError(check.problems)
    return Validated(
        config=config, document=_normalised(document, config), warnings=tuple(check.warnings)
    )


def validate_config(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with defaults and types put right.

    Raises:
        ConfigError: with a line for every fault.
    """
    return validate(document).document


@dataclass
class _Check:
    """Collects what is wrong."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def wrong(self, path: str, fault: str) -> None:
        self.problems.append(f"{path} {fault}")


class _Section:
    """Reads the values of one section; what is wrong becomes a problem and the default."""

    def __init__(self, path: str, values: Mapping[str, Any], check: _Check) -> None:
        self._path = path
        self._values = values
        self._check = check

    def boolean(self, key: str, default: bool) -> bool:
        value = self._values.get(key, default)
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if isinstance(value, str | int) and word in _TRUE | _FALSE:
            return word in _TRUE
        self._check.wrong(f"{self._path}.{key}", f"must be a boolean, not {_shown(value)}")
        return default

    def whole(self, key: str, default: int, *, least: int) -> int:
        number = self._number(key, default)
        if number is not None and number < least:
            self._check.wrong(f"{self._path}.{key}", f"must be >= {least}")
        elif number is not None:
            return number
        return default

    def whole_or_null(self, key: str, default: int, *, least: int) -> int | None:
        if key in self._values and self._values[key] is None:
            return None
        number = self._number(key, default)
        if number is not None and number < least:
            self._check.wrong(f"{self._path}.{key}", f"must be >= {least} (or null)")
        return number

    def _number(self, key: str, default: int) -> int | None:
        """Return the value as a whole number, None when it is none."""
        value = self._values.get(key, default)
        path = f"{self._path}.{key}"
        try:
            if isinstance(value, str):
                return int(value)
            if isinstance(value, int | float) and not isinstance(value, bool):
                number = math.trunc(value)
                if number != value:
                    self._check.warnings.append(f"{path} {value} is read as {number}")
                return number
        except (ValueError, OverflowError):
            pass
        self._check.wrong(path, f"must be an integer, not {_shown(value)}")
        return None

    def backend(self) -> Backend:
        value = self._values.get("backend", Backend.RULEBASED.value)
        word = value.strip().lower() if isinstance(value, str) else ""
        if word in set(Backend):
            return Backend(word)
        self._check.wrong(f"{self._path}.backend", "must be one of {rulebased,llm}")
        return Backend.RULEBASED

    def fixtures(self) -> FixtureSettings:
        enabled = self.boolean("enabled", False)
        path = self._values.get("path")
        empty = not isinstance(path, str) or not path.strip()
        if empty and (enabled or path is not None):
            # An empty text is a mistake also where fixtures are off: it would wait there for them.
            where = " when fixtures.enabled=true" if enabled else ""
            self._check.wrong(f"{self._path}.path", f"must be a non-empty string{where}")
        return FixtureSettings(enabled=enabled, path=None if empty else path)


def _read(sections: Mapping[tuple[str, ...], Mapping[str, Any]], check: _Check) -> ReflectionConfig:
    def section(*path: str) -> _Section:
        return _Section(".".join(path), sections[path], check)

    reflection, budgets = section("t3", "reflection"), section("scheduler", "budgets")
    allow = section("t3").boolean("allow_reflection", False)
    config = ReflectionConfig(
        allow_reflection=allow,
        backend=reflection.backend(),
        summary_tokens=reflection.whole("summary_tokens", 128, least=0),
        embed=reflection.boolean("embed", True),
        log=reflection.boolean("log", True),
        topk_snippets=reflection.whole("topk_snippets", 3, least=0),
        fixtures=section("t3", "llm", "fixtures").fixtures(),
        time_ms_reflection=budgets.whole_or_null("time_ms_reflection", 6000, least=1),
        ops_reflection=budgets.whole_or_null("ops_reflection", 5, least=0),
    )
    if allow and config.backend is Backend.LLM and not config.fixtures.enabled:
        check.wrong(
            "t3.llm.fixtures.enabled",
            "must be true when t3.reflection.backend=llm and allow_reflection=true",
        )
    return config


def _sections(
    document: Mapping[str, Any], check: _Check
) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """Return the sections that are read, empty where there is none; checks their keys."""
    found: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for path, (keys, alone) in _SECTIONS.items():
        value = found[path[:-1]].get(path[-1]) if path else document
        if value is not None and not isinstance(value, Mapping):
            check.wrong(".".join(path) or "the configuration", "must be a mapping")
        found[path] = value if isinstance(value, Mapping) else {}
        for key in found[path]:
            # The short names of other stages (t1, t2) are no typos of ours.
            near = _near(key, keys if alone else [one for one in keys if len(one) > 4])
            if key in keys or not (alone or near):
                continue
            hint = f" (did you mean '{near}')" if near else ""
            check.wrong(".".join((*path, str(key))), f"unknown key{hint}")
    return found


def _near(key: object, known: Iterable[str]) -> str | None:
    """Return the known key that is at most two changes away, the nearest, else the first."""
    if not isinstance(key, str):
        return None
    near = [(distance, one) for one in known if (distance := _distance(key, one)) <= 2]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def _distance(left: str, right: str) -> int:
    """Return the Levenshtein distance; any number above 2 where the lengths are far apart."""
    if abs(len(left) - len(right)) > 2:
        return 3
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def _normalised(document: Mapping[str, Any], config: ReflectionConfig) -> dict[str, Any]:
    whole: dict[str, Any] = copy.deepcopy(dict(document))
    _section_of(whole, "t3")["allow_reflection"] = config.allow_reflection
    _section_of(whole, "t3", "reflection").update(
        {key: getattr(config, key) for key in _REFLECTION}
    )
    _section_of(whole, "t3", "reflection")["backend"] = config.backend.value
    _section_of(whole, "t3", "llm", "fixtures").update(
        enabled=config.fixtures.enabled, path=config.fixtures.path
    )
    _section_of(whole, "scheduler", "budgets").update(
        {key: getattr(config, key) for key in _BUDGETS}
    )
    return whole


def _section_of(whole: dict[str, Any], *path: str) -> dict[str, Any]:
    for key in path:
        if not isinstance(whole.get(key), dict):
            whole[key] = dict(whole.get(key) or {})
        whole = whole[key]
    return whole


def _shown(value: object) -> str:
    """Return a value short enough for one line of a message."""
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
