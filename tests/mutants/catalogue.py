"""The list of mutants: which invariant, how it is broken, and which tests have to notice.

A file of the list:

    code = "services/reflex_reflection"     # what `file` is relative to
    [tests]
    step = "tests/unit/.../test_step.py"    # what a test's first word stands for
    [[mutant]]
    invariant = "the planner must wish it"
    source = "spec 002 §2"
    file = "gate.py"
    old = '''...'''                         # is there exactly once
    new = '''...'''
    tests = ["step::test_the_gate"]
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

ROOT = Path(__file__).parents[2]


class CatalogueError(Exception):
    """The list of mutants does not fit the code; the text says where."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mutant(_Part):
    """One way to break one invariant."""

    invariant: str = Field(min_length=1)
    source: str = Field(min_length=1)
    """Where the invariant is demanded."""
    file: Path
    old: str = Field(min_length=1)
    new: str
    tests: tuple[str, ...] = Field(min_length=1)
    """Node ids of pytest; at least one of them has to fail."""

    def mutated(self, root: Path) -> str:
        """Return the file's text with the invariant broken.

        Raises:
            CatalogueError: the old text is not there exactly once, or nothing would change.
        """
        try:
            text = (root / self.file).read_text(encoding="utf-8")
        except OSError as error:
            raise CatalogueError(f"{self.invariant}: {self.file}: {error.strerror}") from error
        if (count := text.count(self.old)) != 1:
            raise CatalogueError(
                f"{self.invariant}: its old text is {count} times in {self.file}, not once:"
                f" bring the list up to date\n{self.old}"
            )
        if self.old == self.new:
            raise CatalogueError(f"{self.invariant}: old and new text are the same")
        return text.replace(self.old, self.new)


class _List(_Part):
    code: Path
    tests: dict[str, Path]
    mutant: tuple[Mutant, ...]

    def whole(self) -> Iterator[Mutant]:
        for one in self.mutant:
            tests = []
            for test in one.tests:
                first, cut, rest = test.partition("::")
                if first not in self.tests:
                    raise CatalogueError(f"{one.invariant}: [tests] has no {first!r}")
                tests.append(f"{self.tests[first]}{cut}{rest}")
            yield one.model_copy(update={"file": self.code / one.file, "tests": tuple(tests)})


def areas_of(folder: Path) -> tuple[str, ...]:
    """Return the names of the folders with lists in them."""
    return tuple(sorted({file.parent.name for file in folder.glob("*/*.toml")}))


def read(folder: Path) -> list[Mutant]:
    """Return the mutants of every list in a folder and below.

    Raises:
        CatalogueError: a list is wrong, or two mutants have one name.
    """
    found: dict[str, Mutant] = {}
    for file in sorted(folder.rglob("*.toml")):
        try:
            mutants = list(_List.model_validate(tomllib.loads(file.read_text("utf-8"))).whole())
        except (tomllib.TOMLDecodeError, ValidationError, CatalogueError) as error:
            raise CatalogueError(f"{file.name}: {error}") from error
        for one in mutants:
            if one.invariant in found:
                raise CatalogueError(f"{file.name}: {one.invariant}: this invariant is there twice")
            found[one.invariant] = one
    return list(found.values())
