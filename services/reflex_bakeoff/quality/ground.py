"""The ground an item is tried on: its files in a folder, the compiler, and the judgement."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from reflex_bakeoff.quality.cheats import cheats, tests_ran
from reflex_bakeoff.suite.item import Item
from reflex_loop.adapters.checker import RunnerChecker
from reflex_loop.errors import CheckError
from reflex_loop.protocols import CheckReport, TestReport
from reflex_loop.snapshot import Workspace, digest
from reflex_runner.errors import RunnerError
from reflex_runner.job import Job, Runner

_TEST_SECONDS: Final = 120.0
_SAID: Final = 200


class RememberingChecker:
    """A `Checker` that compiles each state of one item once: the floors begin where the loop did.

    Args:
        runner: where the compiler runs.
        item: whose states they are.
    """

    def __init__(self, runner: Runner, item: Item) -> None:
        self._checker = RunnerChecker(runner, entry=item.entry, edition=item.edition)
        self._known: dict[str, CheckReport] = {}

    async def check(self, root: Path, *, seconds: float) -> CheckReport:
        """Compile the tree, or say what was found when it was like this."""
        state = await asyncio.to_thread(_state, root)
        report = self._known.get(state)
        if report is None:
            report = await self._checker.check(root, seconds=seconds)
            if report.complete:
                self._known[state] = report
        return report

    async def test(self, root: Path, *, seconds: float) -> TestReport:
        """Run the tests that the model can see."""
        return await self._checker.test(root, seconds=seconds)


@contextmanager
def laid_out(item: Item) -> Iterator[Path]:
    """Lend a folder with the item's files as they were given."""
    with TemporaryDirectory(prefix="reflex-item-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve()
        write(root, item.files)
        yield root


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write files below a folder; a link that stands in the way is replaced, never followed."""
    for path, text in files.items():
        target = root / path
        if target.is_symlink():
            target.unlink()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="")


async def verdict(item: Item, root: Path, runner: Runner) -> str:
    """Return why a tree that compiles is no repair of the item, or nothing when it is one.

    Raises:
        CheckError: the tests could not be run: no statement about the repair.
    """
    after = await asyncio.to_thread(_texts, root, item)
    for fault in cheats(item, after):
        return fault
    if not item.tests:
        return ""
    return await tested(root, runner, tests=item.tests, entry=item.entry, edition=item.edition)


async def tested(
    root: Path, runner: Runner, *, tests: Mapping[str, str], entry: str, edition: str
) -> str:
    """Add tests to a tree, and return why they do not pass, or nothing.

    Raises:
        CheckError: they could not be run.
    """
    await asyncio.to_thread(write, root, tests)
    # A single file has no test targets: each test file is a root that pulls the program in.
    entries = sorted(one for one in tests if one.endswith(".rs")) if entry else [""]
    for each in entries:
        job = Job(verb="test", seconds=_TEST_SECONDS, entry=each, edition=edition)
        try:
            done = await runner.run(job, root)
        except RunnerError as error:
            raise CheckError(str(error)) from error
        said = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace")
        if done.timed_out or done.overflowed or done.exceeded:
            return "the tests were stopped: too slow, or too much of something"
        if done.code:
            return f"the tests fail: {_first_failure(said)}"
        if why := tests_ran(done.stdout.decode("utf-8", "replace")):
            return why
    return ""


def _first_failure(said: str) -> str:
    lines = [line.strip() for line in said.splitlines()]
    telling = ("panicked at", "error", "FAILED")
    found = next((line for line in lines if any(word in line for word in telling)), "")
    return found[:_SAID]


def _texts(root: Path, item: Item) -> dict[str, str]:
    files = {path: file.data for path, file in Workspace(root).snapshot().files.items()}
    for path in item.files:
        # Such as a text that the program includes: it is no source, and must not be gone.
        if path not in files and (root / path).is_file() and not (root / path).is_symlink():
            files[path] = (root / path).read_bytes()
    return {path: data.decode("utf-8", "surrogateescape") for path, data in files.items()}


def _state(root: Path) -> str:
    files = Workspace(root).snapshot().files
    return digest("\n".join(f"{path}\0{files[path].sha256}" for path in sorted(files)).encode())
