"""A program that compiles, and ways to break it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

from reflex_bakeoff.suite.mutators import MUTATORS, Mutation

_TRIED: Final = 6
_UNINTERESTING: Final = re.compile(r"^\s*(?://.*|[{}()\[\];,]*|#!?\[.*\])\s*$")
_DERIVE: Final = re.compile(r"^\s*#\[derive\(")
_TESTS: Final = re.compile(r"^\s*#\[cfg\(test\)\]")


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is broken: a crate, a workspace, or a single file.

    Attributes:
        family: names it, and what is like it.
        files: that a model will see.
        tests: that it will not.
        entry: of a single file; empty for a crate.
        lines: which lines of which files may be broken; 0 is the first.
        weight: how often it is chosen.
    """

    family: str
    files: Mapping[str, str]
    tests: Mapping[str, str] = field(default_factory=dict)
    entry: str = ""
    edition: Literal["2018", "2021", "2024"] = "2021"
    lines: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    weight: int = 1


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A change of one or more files that may break them: the files as they are then."""

    kind: str
    files: Mapping[str, str]


def breakable(text: str) -> tuple[int, ...]:
    """Return the lines of a file that say something, its unit tests apart."""
    found = []
    for number, line in enumerate(text.split("\n")):
        if _TESTS.match(line):
            break
        if _DERIVE.match(line) or not _UNINTERESTING.match(line):
            found.append(number)
    return tuple(found)


def mistake(rng: Random, program: Program) -> Mistake | None:
    """Return one line of a program written wrong, or None when the dice found nothing."""
    places = [(path, at) for path in sorted(program.lines) for at in program.lines[path]]
    if not places:
        return None
    path, at = rng.choice(places)
    lines = program.files[path].split("\n")
    found: list[Mutation] = []
    for mutate in rng.sample(MUTATORS, _TRIED):
        found += mutate(rng, lines[at])
    found = [each for each in found if each[1] != [lines[at]]]
    if not found:
        return None
    kind, new = rng.choice(found)
    text = "\n".join([*lines[:at], *new, *lines[at + 1 :]])
    return Mistake(kind=kind, files={path: text})


def without_mistakes(broken: str, right: str) -> str:
    """Return a broken file without the lines that are not in the right one."""
    wanted = right.split("\n")
    return "\n".join(line for line in broken.split("\n") if line in wanted)
