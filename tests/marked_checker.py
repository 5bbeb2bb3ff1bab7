"""A compiler for tests: a line that holds `@E0308` is an error with that code, `@ok` none.

It needs no toolchain, takes no time, and errors appear and go exactly as a patch writes them.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from reflex_loop.diagnostics import Diagnostic, Span, Stream, Suggestion
from reflex_loop.errors import CheckError
from reflex_loop.protocols import CheckReport, TestReport

_MARK = re.compile(r"@(E\d{4}|syntax)")


@dataclass
class MarkedChecker:
    """A Checker over marks in the files.

    Attributes:
        tests: whether the tests of a tree without errors pass.
        suggest: the compiler's suggestions for an error.
        seconds: what a check takes.
        broken: checks that fail to start, counted down.
    """

    tests: Callable[[Path], bool] = lambda root: True
    suggest: Callable[[Diagnostic], tuple[Suggestion, ...]] = lambda error: ()
    seconds: float = 0.0
    fails_at: int = 0
    checks: int = 0
    trees: list[dict[str, bytes]] = field(default_factory=list)

    async def check(self, root: Path, *, seconds: float) -> CheckReport:
        """Return an error for each mark."""
        self.checks += 1
        if self.checks == self.fails_at:
            raise CheckError("the compiler is gone")
        await asyncio.sleep(self.seconds)
        self.trees.append(_sources(root))
        found = [
            self._error(path, number, line, match)
            for path, data in self.trees[-1].items()
            for number, line in enumerate(data.decode().splitlines(), start=1)
            for match in [_MARK.search(line)]
            if match
        ]
        return CheckReport(stream=Stream(diagnostics=tuple(found)), ok=not found)

    async def test(self, root: Path, *, seconds: float) -> TestReport:
        """Return what `tests` says."""
        ok = self.tests(root)
        return TestReport(ok=ok, detail="" if ok else "assertion failed: left == right")

    def _error(self, path: str, number: int, line: str, match: re.Match[str]) -> Diagnostic:
        span = Span(
            path=path,
            byte_start=1000 * number,
            byte_end=1000 * number + 1,
            line_start=number,
            line_end=number,
            column_start=match.start() + 1,
            column_end=match.end() + 1,
            is_primary=True,
            text=(line,),
            highlight=(match.start() + 1, match.end() + 1),
        )
        code = "" if match[1] == "syntax" else match[1]
        error = Diagnostic(
            level="error",
            code=code,
            message=f"wrong: {line.strip()}",
            span=span,
            spans=(span,),
            rendered=f"error[{code}]: wrong\n --> {path}:{number}\n",
        )
        return Diagnostic(**{**error.__dict__, "suggestions": self.suggest(error)})


def _sources(root: Path) -> dict[str, bytes]:
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.rs")}
    return dict(sorted(found.items()))
