"""Runs one program under a keeper."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_runner import process
from reflex_runner.confinement import Confinement, Report
from reflex_runner.errors import ConfinementError, LeftoverError, StartError

_PACKAGES: Final = str(Path(__file__).resolve().parent.parent)
_BOOT: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop()); "
    "from reflex_runner.keeper import main; sys.exit(main())"
)
_REPORT_BYTES: Final = 65_536


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A program's end; see `Outcome`."""

    code: int
    stdout: bytes
    stderr: bytes
    timed_out: bool
    overflowed: bool
    exceeded: str


async def run(job: Confinement, *, seconds: float, output_bytes: int) -> Ended:
    """Run a program, confined, and leave nothing of it.

    Raises:
        ConfinementError: a layer does not take hold; nothing was run.
        StartError: the program does not exist, or cannot be executed.
        LeftoverError: something of it may go on.
    """
    reading, writing = os.pipe()
    try:
        try:
            done = await process.run(
                # -I and -S: neither the environment nor site packages add code to the keeper.
                [sys.executable, "-I", "-S", "-c", _BOOT, str(writing), _PACKAGES],
                cwd=Path("/"),
                env={},
                seconds=seconds,
                output_limit=output_bytes,
                lifeline=job.to_json(),
                pass_fds=(writing,),
            )
        finally:
            os.close(writing)
        said = os.read(reading, _REPORT_BYTES)
    except OSError as error:
        raise StartError(f"{sys.executable} cannot be started: {error}") from error
    finally:
        os.close(reading)
    if not said:
        words = done.stderr[-1000:].decode("utf-8", "replace")
        raise ConfinementError(f"the supervisor failed with {done.code}: {words}")
    report = Report.from_json(said)
    if report.failed:
        kind = StartError if report.failed == "start" else ConfinementError
        raise kind(report.failure)
    if report.leftover:
        raise LeftoverError(f"{report.leftover} processes of the job could not be ended")
    return Ended(
        code=report.code,
        stdout=done.stdout,
        stderr=done.stderr,
        timed_out=done.timed_out,
        overflowed=done.overflowed,
        exceeded=report.exceeded,
    )
