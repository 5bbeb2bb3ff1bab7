"""What is wrong with a suite on disk, and whether a model has seen it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from pydantic import BaseModel, Field, ValidationError

from reflex_bakeoff.errors import SuiteError
from reflex_bakeoff.suite import lint as linting
from reflex_bakeoff.suite.suite import load_suite
from reflexctl.errors import NOT_DONE, OK, ConfigurationError
from reflexctl.progress import counted
from reflexctl.screen import Screen

PRIVATE: Final = "LicenseRef-Private"


class _Split(BaseModel):
    families: list[str] = Field(default_factory=list)
    programs: list[str] = Field(default_factory=list)


class _Index(_Split):
    """`training_index.json`; what else it says does not matter here."""

    families: list[str]
    programs: list[str]
    held_out: _Split = Field(default_factory=_Split)


def lint(
    folder: Path, against: Path | None, screen: Screen, *, least: int, licences: tuple[str, ...]
) -> int:
    """Show the findings; return 1 if one is an error.

    Raises:
        ConfigurationError: there is no suite, or no index, that can be read.
    """
    try:
        suite = load_suite(folder)
    except SuiteError as error:
        raise ConfigurationError(str(error).removeprefix("error: ")) from error
    index = _index(against) if against is not None else _Split()
    found = linting.lint(
        suite,
        least=least,
        licences={*linting.LICENCES, PRIVATE, *licences},
        known_families=index.families,
        known_programs=index.programs,
    )
    errors = sum(one.severity == "error" for one in found)
    if screen.as_json:
        screen.json(
            {
                "suite": suite.name,
                "digest": suite.digest,
                "items": len(suite.items),
                "strata": suite.strata(),
                "findings": [asdict(one) for one in found],
            }
        )
    else:
        for one in found:
            screen.note(one.severity, f"{one.item or suite.name}: {one.text}")
        warnings = counted(len(found) - errors, "warning")
        codes = counted(len(suite.strata()), "error code")
        screen.say(
            f"{suite.name} {suite.digest}: {counted(len(suite.items), 'item')}, {codes};"
            f" {counted(errors, 'error')}, {warnings}"
        )
    return NOT_DONE if errors else OK


def _index(path: Path) -> _Split:
    try:
        index = _Index.model_validate(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ConfigurationError(f"--against {path}: {error.strerror}") from error
    except (ValueError, ValidationError) as error:
        raise ConfigurationError(
            f"--against {path} is no index of a training set",
            hints=("wanted: an object with `families` and `programs`, lists of text",),
        ) from error
    return _Split(
        families=[*index.families, *index.held_out.families],
        programs=[*index.programs, *index.held_out.programs],
    )
