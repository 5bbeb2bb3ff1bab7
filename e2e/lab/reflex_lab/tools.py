"""Binaries: built once for each content hash, found in the cache from then on."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from reflex_lab.console import QUIET, Console
from reflex_lab.errors import LabError, ToolchainError
from reflex_lab.families import FAMILIES, Family, content_hash, family, family_of
from reflex_lab.locks import exclusive
from reflex_lab.paths import cache_home
from reflex_lab.toolchain import Go, find_go

BUILD_SECONDS = 3600.0


class Tools:
    """The programs of the lab, by name."""

    def __init__(self, *, console: Console = QUIET, cache: Path | None = None) -> None:
        self._console = console
        self._cache = (cache or cache_home()) / "tools"
        self._go: Go | None = None

    def path(self, program: str) -> Path:
        """Return the program's path, building its family if the cache lacks it.

        Raises:
            LabError: the lab has no such program.
        """
        try:
            wanted = family_of(program)
        except KeyError:
            known = ", ".join(sorted(name for each in FAMILIES for name in each.programs))
            raise LabError(f"no tool is called {program!r}", hint=f"tools: {known}") from None
        return self._ready(wanted) / program

    def folder(self, name: str) -> Path:
        """Return the folder of a family's programs, building it if the cache lacks it."""
        return self._ready(family(name))

    def ensure(self, names: Iterable[str]) -> None:
        """Build what the cache lacks, one family after another."""
        for name in names:
            self._ready(family(name))

    def cached(self, wanted: Family) -> bool:
        """Say whether nothing has to be built for this family."""
        return self._complete(self._target(wanted), wanted)

    def _target(self, wanted: Family) -> Path:
        self._go = self._go or find_go()
        return self._cache / f"{wanted.name}-{content_hash(wanted, go_version=self._go.version)}"

    @staticmethod
    def _complete(folder: Path, wanted: Family) -> bool:
        return all(os.access(folder / program, os.X_OK) for program in wanted.programs)

    def _ready(self, wanted: Family) -> Path:
        target = self._target(wanted)
        if self._complete(target, wanted):
            return target
        lock = self._cache / f"{wanted.name}.lock"
        what = f"build of {wanted.name}"
        with exclusive(lock, what=what, seconds=BUILD_SECONDS, console=self._console):
            if not self._complete(target, wanted):
                self._build(wanted, target)
        return target

    def _build(self, wanted: Family, target: Path) -> None:
        """Build into a folder of its own, then rename: a crash leaves no half-filled target."""
        began = time.monotonic()
        programs = ", ".join(wanted.programs)
        self._console.say(f"building {wanted.name} {wanted.version} ({programs}) ...")
        for left in self._cache.glob(f".{wanted.name}-*"):
            shutil.rmtree(left)
        scratch = Path(tempfile.mkdtemp(prefix=f".{wanted.name}-", dir=self._cache))
        try:
            self._compile(wanted, scratch)
            shutil.rmtree(target, ignore_errors=True)
            scratch.chmod(0o755)
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        seconds = time.monotonic() - began
        self._console.say(f"building {wanted.name}: done in {seconds:.0f} s; cached in {target}")

    def _compile(self, wanted: Family, scratch: Path) -> None:
        go = self._go or find_go()
        single = len(wanted.programs) == 1
        output = str(scratch / wanted.programs[0]) if single else f"{scratch}/"
        done = subprocess.run(
            [str(go.command), *wanted.arguments(), "-o", output, *wanted.packages],
            cwd=wanted.sources,
            env=go.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_SECONDS,
        )
        if done.returncode or not self._complete(scratch, wanted):
            tail = "\n".join(done.stderr.strip().splitlines()[-15:])
            raise ToolchainError(
                f"{wanted.name} {wanted.version} did not build\n{tail}",
                hint="is the Go module proxy reachable (`go env GOPROXY`)? then run it again",
            )
