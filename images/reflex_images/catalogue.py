"""The images, and how the base below them is made."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BASE_REPOSITORY: Final = "localhost/reflex-base"

# Debian 12 with Python 3.11 and its venv module: 125 MB without documentation and translations.
# The merged-usr hook keeps usrmerge, and with it 55 MB of Perl, out.
BASE_RECIPE: Final = (
    "--variant=minbase",
    "--include=usr-is-merged,python3,python3-venv,ca-certificates",
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/lintian/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    # mmdebstrap copies these from the machine that builds.
    '--customize-hook=rm -f "$1/etc/hostname" "$1/etc/resolv.conf"',
    "bookworm",
)


@dataclass(frozen=True, kw_only=True)
class Image:
    """One image: its name in the store and its Containerfile, relative to the repository."""

    repository: str
    containerfile: Path
    keep_layers: bool
    """Cache each step: worth it where only the last steps change often."""


IMAGES: Final[Mapping[str, Image]] = {
    "engine-cpu": Image(
        repository="localhost/reflex-engine-cpu",
        containerfile=Path("images/engine-cpu/Containerfile"),
        keep_layers=False,
    ),
    "bakeoff": Image(
        repository="localhost/reflex-bakeoff",
        containerfile=Path("images/bakeoff/Containerfile"),
        keep_layers=True,
    ),
    "reflex": Image(
        repository="localhost/reflex",
        containerfile=Path("images/reflex/Containerfile"),
        keep_layers=True,
    ),
    # For tests in the lab only.
    "postgres": Image(
        repository="localhost/reflex-test-postgres",
        containerfile=Path("images/postgres/Containerfile"),
        keep_layers=True,
    ),
    "runner": Image(
        repository="localhost/reflex-runner",
        containerfile=Path("images/runner/Containerfile"),
        keep_layers=True,
    ),
}


def base_hash() -> str:
    """Return the name of the base: twelve hex digits over its recipe."""
    return hashlib.sha256("\n".join(BASE_RECIPE).encode()).hexdigest()[:12]
