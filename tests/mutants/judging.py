"""Runs the tests of one mutant at a time, in a copy of the tree."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mutants.catalogue import CatalogueError, Mutant

_COPIED: Final = ("services", "operator", "tests", "configs", "pyproject.toml")
_SECONDS: Final = 600
_FAILED: Final = 1
"""What pytest ends with when tests failed; above it, when they could not be run."""


_NOTICED: Final = re.compile("(FAILED|ERROR) tests/")


class Verdict(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"


@dataclass(frozen=True)
class Copy:
    """A copy of the tree; the one that is worked on is never touched."""

    root: Path

    def judge(self, mutant: Mutant) -> tuple[Verdict, str]:
        """Return whether the tests notice, and the first that does, with its words.

        Raises:
            CatalogueError: the list does not fit the code, or the tests could not be run.
        """
        file = self.root / mutant.file
        whole = file.read_text(encoding="utf-8") if file.is_file() else ""
        broken = mutant.mutated(self.root)
        try:
            compile(broken, str(mutant.file), "exec")
        except SyntaxError as error:
            raise CatalogueError(
                f"{mutant.invariant}: the new text is no Python: {error}"
            ) from None
        file.write_text(broken, encoding="utf-8")
        try:
            code, told = self._pytest(mutant.tests)
        finally:
            file.write_text(whole, encoding="utf-8")
        if code > _FAILED:
            raise CatalogueError(f"{mutant.invariant}: its tests cannot be run\n{told[-4000:]}")
        if code != _FAILED:
            return Verdict.SURVIVED, ""
        return Verdict.KILLED, next((one for one in told.split("\n") if _NOTICED.match(one)), "")

    def expect_success(self, mutants: Iterable[Mutant]) -> None:
        """Run all tests of the mutants on the code as it is.

        Raises:
            CatalogueError: one fails, so that its failing would say nothing.
        """
        code, told = self._pytest(sorted({test for one in mutants for test in one.tests}))
        if code:
            raise CatalogueError(f"the tests fail without any mutant\n{told[-4000:]}")

    def _pytest(self, tests: Iterable[str]) -> tuple[int, str]:
        options = ("-q", "-x", "-p", "no:cacheprovider", "--timeout=120")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=self.root, capture_output=True, text=True, check=False, timeout=_SECONDS,
            # The same examples each time, and no bytecode: two texts may have one time and size.
            env={**_environment(), "CI": "true", "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@contextmanager
def copied(root: Path) -> Iterator[Copy]:
    """Copy what the tests need, for the length of a block."""
    with TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        for part in (root / each for each in _COPIED):
            if part.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(part, folder / part.name, ignore=ignored)
            elif part.is_file():
                shutil.copy(part, folder / part.name)
        yield Copy(folder)


def _environment() -> dict[str, str]:
    """Return the environment without a path to the tree that is not to be tested."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
