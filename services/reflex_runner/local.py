"""Sandboxes on this machine."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

from reflex_runner.commands import Command, commands
from reflex_runner.errors import StartError
from reflex_runner.job import Job, Outcome
from reflex_runner.mirror import Mirror
from reflex_runner.places import Places
from reflex_runner.process import run
from reflex_runner.toolchain import Toolchain
from reflex_runner.tree import Limits, scan

LOCAL_LIMITS = Limits(bytes=512 * 1024 * 1024, entries=50_000)


class UnconfinedRunner:
    """NO SANDBOX: cargo and rustc run with all rights of the caller, on a copy of the tree.

    A crate's build script and proc macros are programs. This is for tests, for code that one wrote
    oneself, and for `--unsafe-no-sandbox`.

    Args:
        toolchain: which cargo and rustc.
        scratch: a folder for the copy and the build's output, outside of the repository.
    """

    def __init__(self, toolchain: Toolchain, scratch: Path) -> None:
        self._toolchain = toolchain
        self._places = Places(scratch)
        self._mirror = Mirror(self._places.workspace, scratch / "aside")

    async def run(self, job: Job, root: Path) -> Outcome:
        """Run a job; see `Runner`."""
        await asyncio.to_thread(self._prepare, root)
        began = time.monotonic()
        outcome = Outcome(code=0, stdout=b"", stderr=b"", workspace=str(self._places.workspace))
        for command in commands(job, self._toolchain, self._places):
            left = job.seconds - (time.monotonic() - began)
            outcome = await self._step(command, job, left)
            if outcome.code or outcome.timed_out or outcome.overflowed:
                break
        return replace(outcome, seconds=time.monotonic() - began)

    def _prepare(self, root: Path) -> None:
        self._places.create()
        self._mirror.update(scan(root, LOCAL_LIMITS))

    async def _step(self, command: Command, job: Job, seconds: float) -> Outcome:
        try:
            done = await run(
                command,
                cwd=self._places.empty,
                env=self._places.environment(self._toolchain),
                seconds=seconds,
                output_limit=job.output_bytes,
            )
        except OSError as error:
            raise StartError(f"{command[0]} cannot be started: {error}") from error
        return Outcome(
            code=done.code,
            stdout=done.stdout,
            stderr=done.stderr,
            workspace=str(self._places.workspace),
            timed_out=done.timed_out,
            overflowed=done.overflowed,
        )
