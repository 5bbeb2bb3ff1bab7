"""Runs Python inside the engine image, without a cluster."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

from reflex_e2e.kubectl import ROOT, run

_END_WITHIN: Final = 90.0


@dataclass(frozen=True, kw_only=True)
class EngineImage:
    """The CPU engine image in buildah's store in the user's cache."""

    reference: str
    store: Path

    @classmethod
    def build(cls) -> Self:
        """Return the image, building it when its inputs changed."""
        builder: list[str | Path] = [
            sys.executable,
            ROOT / "images/build.py",
            "--builder=buildah",
            "--json",
        ]
        built = json.loads(run([*builder, "engine-cpu"], quiet=False, timeout=2400))
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cls(reference=built["image"], store=cache / "reflex/buildah")

    def python(self, program: str, *, stdin: str = "", timeout: float = 300) -> str:
        """Run a program in the image's interpreter and return its stdout."""
        with self._container(timeout) as container:
            return run(self._python(container, program), stdin=stdin, timeout=timeout)

    @contextmanager
    def started(self, program: str, *, stderr: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        """Start a program that ends when its stdin does; it shares this machine's network."""
        with self._container() as container:
            process = subprocess.Popen(
                self._python(container, program),
                stdin=subprocess.PIPE, stdout=stderr, stderr=stderr,
            )  # fmt: skip
            assert process.stdin is not None
            try:
                yield process
            finally:
                process.stdin.close()
                try:
                    process.wait(_END_WITHIN)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    @contextmanager
    def _container(self, timeout: float = 300) -> Iterator[str]:
        name = run([*self._buildah(), "from", self.reference], timeout=timeout).strip()
        try:
            yield name
        finally:
            run([*self._buildah(), "rm", name])

    def _python(self, container: str, program: str) -> list[str]:
        chroot = ["run", "--isolation", "chroot", container]
        return [*self._buildah(), *chroot, "--", "python3", "-c", program]

    def _buildah(self) -> list[str]:
        return [
            "buildah", "--root", str(self.store / "root"), "--runroot", str(self.store / "run"),
            "--storage-driver", "overlay",
        ]  # fmt: skip
