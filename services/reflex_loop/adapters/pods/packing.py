"""The tree as a plain tar, as the agent takes it: the same tree gives the same bytes."""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from reflex_runner import archive
from reflex_runner.tree import Limits, Tree, scan


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A tar in an open, unnamed temporary file; `digest` is over its bytes."""

    file: IO[bytes]
    digest: str
    size: int

    def close(self) -> None:
        """Give the file up."""
        self.file.close()


def pack(root: Path) -> Packed:
    """Return what a sandbox may see of the tree under `root` (`reflex_runner.tree`).

    Raises:
        TreeError: it is larger than the agent takes.
    """
    return _pack(scan(root, Limits()), empty=lambda _: False)


def pack_manifests(root: Path) -> Packed:
    """Return what cargo needs to fetch dependencies, and nothing else of the tree.

    Manifests and Cargo.lock as they are; Rust files empty, because a package without a target is no
    package. So whatever has the network never has the source.

    Raises:
        TreeError: see `pack`.
    """
    tree = scan(root, Limits())
    files = {
        path: source
        for path, source in tree.files.items()
        if path.endswith(".rs") or path.rpartition("/")[2] in ("Cargo.toml", "Cargo.lock")
    }
    return _pack(replace(tree, files=files), empty=lambda path: path.endswith(".rs"))


def _pack(tree: Tree, *, empty: Callable[[str], bool]) -> Packed:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        archive.pack(tree, file, empty=empty)
        size = file.tell()
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return Packed(file=file, digest=digest, size=size)
