"""The loop's checker over the compiler that remembers: the same rustc, each content once."""

import asyncio
from pathlib import Path

from reflex_loop.protocols import CheckReport, TestReport
from reflex_loop.rustc_json import read
from reflex_tiny.compiler import Compiler, Source


class RememberedRustc:
    """A `Checker` for a workspace of one file."""

    def __init__(self, compiler: Compiler, path: str) -> None:
        self._compiler = compiler
        self._path = path

    async def check(self, root: Path, *, seconds: float) -> CheckReport:
        """Compile the file as it is now."""
        del seconds  # the compiler has its own deadline
        text = await asyncio.to_thread((root / self._path).read_text, "utf-8")
        ((_, code, output),) = self._compiler.check([Source(path=self._path, text=text)])
        return CheckReport(stream=read(output), ok=code == 0)

    async def test(self, root: Path, *, seconds: float) -> TestReport:
        """Say that there are no tests: repairs here are judged by the compiler only."""
        del root, seconds
        return TestReport(ok=True)
