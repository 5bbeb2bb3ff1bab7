"""The compiler's word on a broken program, in the sandbox: an item, or why it is none."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from pydantic import ValidationError

from reflex_bakeoff.harvest.program import Mistake, Program, without_mistakes
from reflex_bakeoff.quality.cheats import cheats
from reflex_bakeoff.quality.ground import tested, write
from reflex_bakeoff.suite.item import CODE, Item, Origin
from reflex_loop.adapters.checker import RunnerChecker
from reflex_loop.assessment import Assessment, assess
from reflex_loop.protocols import Checker
from reflex_loop.rust_source import code_only
from reflex_loop.snapshot import Workspace
from reflex_runner.job import Runner

CHECK_SECONDS: Final = 120.0
_MOST_CODES: Final = 8
_DECLARED: Final = re.compile(r"\b(?:fn|struct|enum|trait|mod|const|static|type)\s+([A-Za-z_]\w*)")
_MOST_RETAINED: Final = 64


@dataclass(frozen=True, kw_only=True)
class Label:
    """What items of a suite have in common."""

    licence: str
    kind: Literal["generated", "harvested"]
    source: str
    least_errors: int = 1
    """Mistakes that are made at once must show as so many errors."""


class Verifier:
    """Judges mistakes in one program.

    Args:
        program: that compiles.
        runner: the sandbox.
        label: for the items.
        checker: judges mistakes instead of the sandbox's compiler.
    """

    def __init__(
        self, program: Program, runner: Runner, label: Label, *, checker: Checker | None = None
    ) -> None:
        self.program = program
        self._runner = runner
        self._label = label
        self._checker = RunnerChecker(runner, entry=program.entry, edition=program.edition)
        self._judging = checker or self._checker

    async def fault(self) -> str:
        """Return why the program itself is of no use, or nothing: it compiles, its tests pass.

        Raises:
            CheckError: the compiler cannot be run at all.
        """
        state = await self._state({}, self._checker)
        if not state.ok:
            first = state.causes[0].diagnostic if state.causes else None
            told = f"{first.path}:{first.line}: {first.message}" if first else state.detail.strip()
            return f"it does not compile: {told}"
        if not self.program.tests:
            return ""
        with _laid_out(self.program.files) as root:
            return await tested(
                root,
                self._runner,
                tests=self.program.tests,
                entry=self.program.entry,
                edition=self.program.edition,
            )

    async def item(self, name: str, mistake: Mistake) -> Item | str:
        """Return the item of a mistake, or why it makes none.

        Raises:
            CheckError: the compiler cannot be run.
        """
        state = await self._state(mistake.files, self._judging)
        if state.ok:
            return "compiles"
        if not state.conclusive or not state.causes:
            return "unclear"
        codes = list(dict.fromkeys(cause.diagnostic.code for cause in state.causes))
        if not all(re.fullmatch(CODE, code) for code in codes) or len(codes) > _MOST_CODES:
            return "no error code"
        if len(state.causes) < self._label.least_errors:
            return "fewer errors than mistakes"
        try:
            item = self._item_of(
                {**self.program.files, **mistake.files}, name, mistake.kind, tuple(codes)
            )
        except ValidationError as error:
            return f"no item: {error.errors(include_url=False)[0]['msg']}"
        if any(cheats(item, self.program.files)):
            return "its repair would be no repair"
        return "deletion repairs it" if await self._deletable(item) else item

    async def _deletable(self, item: Item) -> bool:
        right = self.program.files
        less = {path: without_mistakes(item.files[path], right[path]) for path in item.solution}
        state = await self._state(less, self._judging)
        # Tests might see it; it is left out anyway: compiling says enough, and costs less.
        return state.ok and not any(cheats(item, {**item.files, **less}))

    async def _state(self, files: Mapping[str, str], checker: Checker) -> Assessment:
        with _laid_out({**self.program.files, **files}) as root:
            report = await checker.check(root, seconds=CHECK_SECONDS)
            return assess(report, Workspace(root).snapshot().lines)

    def _item_of(
        self,
        files: Mapping[str, str],
        name: str,
        kind: str,
        codes: tuple[str, ...],
    ) -> Item:
        program = self.program
        solution = {
            path: program.files[path] for path in files if files[path] != program.files[path]
        }
        return Item(
            id=f"{codes[0].lower()}-{name}",
            stratum=codes[0],
            codes=codes,
            files=dict(files),
            entry=program.entry,
            edition=program.edition,
            tests=dict(program.tests),
            solution=solution,
            retained=retained(files, program.files),
            licence=self._label.licence,
            origin=Origin(
                kind=self._label.kind,
                family=program.family,
                source=f"{self._label.source}: {kind}"[:300],
            ),
        )


@contextmanager
def _laid_out(files: Mapping[str, str]) -> Iterator[Path]:
    with TemporaryDirectory(prefix="reflex-harvest-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve()
        write(root, files)
        yield root


def retained(broken: Mapping[str, str], right: Mapping[str, str]) -> tuple[str, ...]:
    """Return what both declare, the changed files' first: nothing of it may go."""
    changed = sorted(right, key=lambda path: (broken.get(path) == right[path], path))
    both = _declared(broken.values()) & _declared(right.values())
    names = dict.fromkeys(
        name for path in changed for name in _DECLARED.findall(code_only(right[path]))
    )
    return tuple([name for name in names if name in both][:_MOST_RETAINED])


def _declared(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(name for text in texts for name in _DECLARED.findall(code_only(text)))
