"""The Go that builds the lab's programs."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reflex_lab.errors import ToolchainError

NEEDED = (1, 26)
CAN_FETCH = (1, 21)
"""From here on Go fetches the toolchain that a go.mod asks for, unless GOTOOLCHAIN forbids it."""
_HINT = (
    "install Go 1.26 or newer, or an older one (1.21+) with GOTOOLCHAIN=auto, "
    "and put `go` on PATH or in /usr/local/go/bin"
)


@dataclass(frozen=True, kw_only=True)
class Go:
    """A usable Go command and the version it builds with."""

    command: Path
    version: str

    def environment(self, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the environment of a build: the user's, less what would change the result."""
        dropped = {"GOFLAGS", "GOOS", "GOARCH", "GOWORK", "GOEXPERIMENT", "GOAMD64"}
        kept = {name: value for name, value in environ.items() if name not in dropped}
        return {**kept, "CGO_ENABLED": "0", "GOWORK": "off"}


def parse_version(text: str) -> tuple[int, int]:
    """Return major and minor of `go version` or `go env GOVERSION`.

    >>> parse_version("go1.26.8")
    (1, 26)
    """
    found = re.search(r"go(\d+)\.(\d+)", text)
    if not found:
        raise ToolchainError(f"`go` reports no version but {text.strip()!r}", hint=_HINT)
    return int(found[1]), int(found[2])


def find_go(environ: Mapping[str, str] = os.environ) -> Go:
    """Return the Go to build with.

    Raises:
        ToolchainError: none, or too old and not allowed to fetch a newer one.
    """
    path = os.pathsep.join((environ.get("PATH", ""), "/usr/local/go/bin"))
    found = shutil.which("go", path=path)
    if found is None:
        raise ToolchainError("Go is not installed", hint=_HINT)
    # With GOTOOLCHAIN=auto the answer would depend on the go.mod of the current folder.
    own = _ask(found, "GOVERSION", {**environ, "GOTOOLCHAIN": "local"})
    version = parse_version(own)
    if version >= NEEDED:
        return Go(command=Path(found), version=own)
    setting = _ask(found, "GOTOOLCHAIN", environ) if version >= CAN_FETCH else "unknown to it"
    if version < CAN_FETCH or setting == "local":
        raise ToolchainError(
            f"{found} is {own} (GOTOOLCHAIN {setting}); the lab needs Go 1.26", hint=_HINT
        )
    return Go(command=Path(found), version=f"{own}+auto")


def _ask(go: str, variable: str, environ: Mapping[str, str]) -> str:
    done = subprocess.run(
        [go, "env", variable],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd="/",
        env=dict(environ),
    )
    if done.returncode:
        raise ToolchainError(f"{go} does not work: {done.stderr.strip()}", hint=_HINT)
    return done.stdout.strip()
