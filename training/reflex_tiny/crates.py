"""Programs for stronger models: hand-written crates with tests, one to three mistakes at once.

They lie in `bases/suite_[23]_*.rs` as templates whose files begin with a line `== path`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final

from reflex_bakeoff.harvest.program import Mistake, Program, breakable, mistake
from reflex_tiny.bases import Break, Line, Template, bases

_FILE: Final = re.compile(r"^== (\S+)$")
_MANIFEST: Final = "Cargo.toml"
_ONE_PACKAGE: Final = '[package]\nname = "subject"\nversion = "0.1.0"\nedition = "2021"\n'
_TESTS: Final = re.compile(r"(?:^|/)tests/|(?:^|/)checks\.rs$")
_KNOWN_SHARE: Final = 0.75
_HOW_MANY: Final = (1, 1, 2, 2, 2, 3)
_ALONE_FROM: Final = 30
"""Mistakes of a crate from this number on come alone: errors of types hide the borrow checker's."""
_DRAWS: Final = 12


@dataclass(frozen=True, kw_only=True)
class Crate:
    """A program and the known mistakes for its lines, by file and line."""

    program: Program
    known: Mapping[str, Mapping[int, tuple[Break, ...]]]


@dataclass(frozen=True, kw_only=True)
class _Edit:
    path: str
    start: int
    end: int
    lines: tuple[str, ...]
    kind: str


@cache
def crates(groups: tuple[int, ...]) -> tuple[Crate, ...]:
    """Return the crates of some groups of bases, in the order of their files."""
    return tuple(_crate(template) for template in bases("suite", groups).templates)


def _crate(template: Template) -> Crate:
    files: dict[str, list[Line]] = {}
    path = ""
    for line in template.lines:
        match = _FILE.match(line.text)
        if match:
            path = match[1]
            files[path] = []
        else:
            files[path].append(line)
    texts = {name: _text(lines) for name, lines in files.items()}
    tests = {name: text for name, text in texts.items() if _TESTS.search(name)}
    shown = {name: text for name, text in texts.items() if name not in tests}
    sources = [name for name in shown if name.endswith(".rs")]
    entry = sources[0] if len(sources) == 1 and _MANIFEST not in shown else ""
    if not entry:
        shown.setdefault(_MANIFEST, _ONE_PACKAGE)
    return Crate(
        program=Program(
            family=template.family,
            files=shown,
            tests=tests,
            entry=entry,
            lines={name: breakable(shown[name]) for name in sources},
        ),
        known={
            name: {at: line.breaks for at, line in enumerate(files[name]) if line.breaks}
            for name in sources
        },
    )


def _text(lines: Sequence[Line]) -> str:
    return "\n".join(line.text for line in lines).rstrip("\n") + "\n"


def mistakes(rng: Random, crate: Crate, number: int) -> tuple[int, Mistake] | None:
    """Return how many mistakes were made, and the files with them; None: the dice found none.

    Args:
        rng: of this draw.
        crate: that is broken.
        number: which of its draws this is.
    """
    wanted = rng.choice(_HOW_MANY) if number < _ALONE_FROM else 1
    edits: list[_Edit] = []
    for _ in range(_DRAWS):
        if len(edits) == wanted:
            break
        one = _known(rng, crate) if rng.random() < _KNOWN_SHARE else _generic(rng, crate)
        if one is not None and not any(_touch(one, other) for other in edits):
            edits.append(one)
    if len(edits) < wanted:
        return None
    files: dict[str, str] = {}
    for path in sorted({edit.path for edit in edits}):
        lines = crate.program.files[path].split("\n")
        for edit in sorted(edits, key=lambda each: -each.start):
            if edit.path == path:
                lines[edit.start : edit.end] = edit.lines
        files[path] = "\n".join(lines)
    return wanted, Mistake(kind=", ".join(sorted(edit.kind for edit in edits)), files=files)


def _known(rng: Random, crate: Crate) -> _Edit | None:
    places = [
        (path, at, each)
        for path in sorted(crate.known)
        for at, breaks in sorted(crate.known[path].items())
        for each in breaks
        for _ in range(each.weight)
    ]
    if not places:
        return None
    path, at, chosen = rng.choice(places)
    return _Edit(
        path=path, start=at - chosen.count + 1, end=at + 1, lines=chosen.lines, kind="known"
    )


def _generic(rng: Random, crate: Crate) -> _Edit | None:
    made = mistake(rng, crate.program)
    if made is None:
        return None
    ((path, text),) = made.files.items()
    right, wrong = crate.program.files[path].split("\n"), text.split("\n")
    start = next(at for at, line in enumerate(right) if wrong[at : at + 1] != [line])
    length = 1 + len(wrong) - len(right)
    return _Edit(
        path=path,
        start=start,
        end=start + 1,
        lines=tuple(wrong[start : start + length]),
        kind=made.kind,
    )


def _touch(one: _Edit, other: _Edit) -> bool:
    apart = one.end < other.start or other.end < one.start
    return one.path == other.path and not apart
