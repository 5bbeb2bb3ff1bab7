"""The tree as a plain tar, as the agent takes it: the same tree gives the same bytes."""

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reflex_runner.tree import Limits, Source, scan

Content = Callable[[str, Source], bytes | None]


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
    return _pack(root, lambda _, source: source.file.read_bytes())


def pack_manifests(root: Path) -> Packed:
    """Return what cargo needs to fetch dependencies, and nothing else of the tree.

    Manifests and Cargo.lock as they are; Rust files empty, because a package without a target is no
    package. So whatever has the network never has the source.
    """

    def content(path: str, source: Source) -> bytes | None:
        if path.rpartition("/")[2] in ("Cargo.toml", "Cargo.lock"):
            return source.file.read_bytes()
        return b"" if path.endswith(".rs") else None

    return _pack(root, content)


def _pack(root: Path, content: Content) -> Packed:
    tree = scan(root, Limits())
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted([*tree.folders, *tree.files]):
                info = tarfile.TarInfo(path)
                if path in tree.folders:
                    info.type, info.mode = tarfile.DIRTYPE, 0o755
                    archive.addfile(info)
                    continue
                source = tree.files[path]
                data = content(path, source)
                if data is not None:
                    info.size, info.mode = len(data), 0o755 if source.executable else 0o644
                    archive.addfile(info, io.BytesIO(data))
        size = file.tell()
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return Packed(file=file, digest=digest, size=size)
