"""Runs Python inside the engine image, without a cluster."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from reflex_e2e.kubectl import ROOT, run


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
        container = run([*self._buildah(), "from", self.reference], timeout=timeout).strip()
        try:
            return run(
                [
                    *self._buildah(), "run", "--isolation", "chroot", container,
                    "--", "python3", "-c", program,
                ],
                stdin=stdin,
                timeout=timeout,
            )  # fmt: skip
        finally:
            run([*self._buildah(), "rm", container])

    def _buildah(self) -> list[str]:
        return [
            "buildah", "--root", str(self.store / "root"), "--runroot", str(self.store / "run"),
            "--storage-driver", "overlay",
        ]  # fmt: skip
