"""Sandboxes on this machine."""

import os
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Final

from reflex_runner import confined, process
from reflex_runner.cargo_home import Registry
from reflex_runner.commands import Command, commands
from reflex_runner.confinement import CWD, SYSTEM, Bounds, Confinement, Method
from reflex_runner.errors import StartError
from reflex_runner.job import Job, Outcome
from reflex_runner.mirror import Mirror, remove
from reflex_runner.places import Places
from reflex_runner.threads import to_the_end
from reflex_runner.toolchain import Toolchain
from reflex_runner.tree import Limits, scan

LIMITS: Final = Limits(bytes=512 * 1024 * 1024, entries=50_000)
"""A tree on this machine is not sent anywhere, and may be larger than one that is."""


class LocalRunner(ABC):
    """A copy of the tree and the steps of a job; how a step is confined is the subclass's affair.

    Args:
        toolchain: which cargo and rustc.
        scratch: a folder for the copy and the build's output, outside of the repository.
        registry: where cargo finds dependencies; without it only those in the tree.
        limits: how large a tree may be.
    """

    def __init__(
        self,
        toolchain: Toolchain,
        scratch: Path,
        registry: Registry | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self._toolchain = toolchain
        # Resolved: what cargo prints are the real paths, and diagnostics are cut by them.
        self.places = Places(scratch.resolve())
        self._registry = registry or Registry()
        self._limits = limits
        self._mirror = Mirror(self.places.workspace, self.places.aside)

    async def run(self, job: Job, root: Path) -> Outcome:
        """Run a job; see `Runner`."""
        await to_the_end(self.copy, root)
        return await self.run_here(job)

    def copy(self, root: Path) -> int:
        """Make the workspace this tree; return how many files were written.

        Raises:
            TreeError: the tree cannot be read, or is too large.
        """
        self.places.create()
        return self._mirror.update(scan(root, self._limits))

    async def run_here(self, job: Job) -> Outcome:
        """Run a job on the workspace as it is."""
        self.places.create()
        self._registry.install(self.places.cargo_home)
        began = time.monotonic()
        outcome = Outcome(code=0, stdout=b"", stderr=b"", workspace=str(self.places.workspace))
        for command in commands(job, self._toolchain, self.places):
            left = job.seconds - (time.monotonic() - began)
            outcome = await self._step(command, max(0.0, left), job.output_bytes)
            if outcome.code or outcome.timed_out or outcome.overflowed:
                break
        return replace(outcome, seconds=time.monotonic() - began)

    @abstractmethod
    async def _step(self, command: Command, seconds: float, output_bytes: int) -> Outcome:
        """Run one program in the empty folder."""

    def close(self) -> None:
        """Remove all that was made; `shutil.rmtree` fails at what hostile code leaves."""
        for folder in self.places.all:
            if folder.exists():
                remove(folder, self.places.aside)
        if self.places.aside.exists():
            remove(self.places.aside, self.places.base)


class UnconfinedRunner(LocalRunner):
    """NO SANDBOX: cargo and rustc run with all rights of the caller, on a copy of the tree.

    A crate's build script and proc macros are programs. This is for tests, for code that one wrote
    oneself, and for `--unsafe-no-sandbox`.
    """

    async def _step(self, command: Command, seconds: float, output_bytes: int) -> Outcome:
        try:
            done = await process.run(
                command,
                cwd=self.places.empty,
                env=self.places.environment(self._toolchain),
                seconds=seconds,
                output_limit=output_bytes,
            )
        except OSError as error:
            raise StartError(f"{command[0]} cannot be started: {error}") from error
        return Outcome(
            code=done.code,
            stdout=done.stdout,
            stderr=done.stderr,
            workspace=str(self.places.workspace),
            timed_out=done.timed_out,
            overflowed=done.overflowed,
        )


class ConfinedRunner(LocalRunner):
    """Runs cargo and rustc so that what they start can harm nothing but its own copy.

    Args:
        toolchain: which cargo and rustc.
        scratch: a folder for the copy and the build's output, outside of the repository.
        registry: where cargo finds dependencies; without it only those in the tree.
        limits: how large a tree may be.
        method: what confines; `open_local` finds the one that works here.
        bounds: what one job may use.
    """

    def __init__(
        self,
        toolchain: Toolchain,
        scratch: Path,
        registry: Registry | None = None,
        limits: Limits = LIMITS,
        *,
        method: Method = "landlock",
        bounds: Bounds | None = None,
    ) -> None:
        super().__init__(toolchain, scratch, registry, limits)
        self._method = method
        self._bounds = bounds or Bounds()

    def confinement(self, command: Command) -> Confinement:
        """Return what a program of this sandbox may see."""
        places = self.places
        read = (
            *SYSTEM, self._toolchain.root, places.empty, places.cargo_home, *self._registry.folders
        )  # fmt: skip
        return Confinement(
            method=self._method,
            command=command,
            env=places.environment(self._toolchain),
            cwd=CWD,
            read=tuple(map(str, read)),
            write=tuple(map(str, places.writable)),
            protect=(os.getpid(),),
            bounds=self._bounds,
        )

    async def _step(self, command: Command, seconds: float, output_bytes: int) -> Outcome:
        done = await confined.run(
            self.confinement(command), seconds=seconds, output_bytes=output_bytes
        )
        return Outcome(
            code=done.code,
            stdout=done.stdout,
            stderr=done.stderr,
            workspace=str(self.places.workspace),
            timed_out=done.timed_out,
            overflowed=done.overflowed,
            exceeded=done.exceeded,
        )
