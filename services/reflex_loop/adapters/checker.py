"""The loop's compiler: any sandbox, and the reader of what rustc wrote in it."""

import asyncio
from pathlib import Path
from typing import Final

from reflex_loop.errors import CheckError
from reflex_loop.protocols import CheckReport, TestReport
from reflex_loop.rust_source import declares_main
from reflex_loop.rustc_json import read
from reflex_runner.errors import RunnerError
from reflex_runner.job import CrateType, Job, Outcome, Runner, Verb

_TAIL: Final = 4_000


class RunnerChecker:
    """A Checker over a sandbox.

    Args:
        runner: where cargo or rustc run.
        entry: the crate's root file, where there is no manifest; empty for a cargo package.
        edition: of the language, with `entry` only.
        locked: Cargo.lock must be there and is not changed.
    """

    def __init__(
        self, runner: Runner, *, entry: str = "", edition: str = "2021", locked: bool = False
    ) -> None:
        self._runner = runner
        self._entry = entry
        self._edition = edition
        self._locked = locked

    async def check(self, root: Path, *, seconds: float) -> CheckReport:
        """Compile all targets without producing programs."""
        done = await self._run("check", root, seconds)
        stream = read(done.stderr if self._entry else done.stdout, root=done.workspace)
        stopped = _stopped(done, "the compiler was")
        return CheckReport(
            stream=stream,
            ok=done.code == 0 and stream.success is not False,
            complete=not stopped,
            detail=stopped or (_text(done.stderr) if done.code else ""),
            seconds=done.seconds,
        )

    async def test(self, root: Path, *, seconds: float) -> TestReport:
        """Build and run the tests."""
        done = await self._run("test", root, seconds)
        text = _text(done.stdout + b"\n" + done.stderr)
        stopped = _stopped(done, "the tests were")
        if stopped:
            text = f"{text}\n{stopped}"
        return TestReport(
            ok=done.code == 0 and not stopped, detail=text[-_TAIL:], seconds=done.seconds
        )

    async def _run(self, verb: Verb, root: Path, seconds: float) -> Outcome:
        job = Job(
            verb=verb,
            seconds=seconds,
            entry=self._entry,
            edition=self._edition,
            crate_type=await asyncio.to_thread(self._crate_type, root),
            locked=self._locked,
        )
        try:
            return await self._runner.run(job, root)
        except RunnerError as error:
            raise CheckError(str(error)) from error

    def _crate_type(self, root: Path) -> CrateType:
        """Return what the root file is; cargo knows by itself, and a missing file is its affair."""
        path = root / self._entry
        if not self._entry or not path.is_file():
            return "lib"
        return "bin" if declares_main(path.read_text("utf-8", "replace")) else "lib"


def _stopped(done: Outcome, who: str) -> str:
    """Return why a run was cut short, or nothing."""
    if done.timed_out:
        return f"{who} stopped after {done.seconds:.0f} s"
    if done.overflowed:
        return f"{who} stopped: too much output"
    return f"{who} stopped: {done.exceeded}" if done.exceeded else ""


def _text(output: bytes) -> str:
    return output[-_TAIL:].decode("utf-8", "replace")
