"""The tree as a plain tar, as the agent takes it: files and folders, the same bytes each time."""

import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from reflex_loop.adapters.pods.errors import WorkspaceTooLargeError

MOST_BYTES: Final = 64 << 20
MOST_ENTRIES: Final = 20_000
_KEPT_BACK: Final = frozenset({"target", ".git", ".reflex-journal"})
"""Top-level folders that no compiler reads from here."""


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
    """Return the tree under `root`.

    Raises:
        WorkspaceTooLargeError: the agent would refuse it.
    """
    return _pack(root, lambda path: path.read_bytes())


def pack_manifests(root: Path) -> Packed:
    """Return what cargo needs to fetch dependencies, and nothing else of the tree.

    Manifests and Cargo.lock as they are; Rust files empty, because a package without a target is no
    package. So whatever has the network never has the source.
    """

    def content(path: Path) -> bytes | None:
        if path.name in ("Cargo.toml", "Cargo.lock"):
            return path.read_bytes()
        return b"" if path.suffix == ".rs" else None

    return _pack(root, content)


def _pack(root: Path, content: Callable[[Path], bytes | None]) -> Packed:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        entries = 0
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path in _walk(root):
                name = path.relative_to(root).as_posix()
                info = tarfile.TarInfo(name)
                data: bytes | None = None
                if path.is_dir():
                    info.type, info.mode = tarfile.DIRTYPE, 0o755
                else:
                    data = content(path)
                    if data is None:
                        continue
                    info.size = len(data)
                    info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                entries += 1
                if entries > MOST_ENTRIES:
                    raise WorkspaceTooLargeError(
                        f"the workspace has more than {MOST_ENTRIES} files and folders"
                    )
                _add(archive, info, data)
                if file.tell() > MOST_BYTES:
                    raise WorkspaceTooLargeError(
                        f"the workspace has more than {MOST_BYTES >> 20} MiB"
                    )
        size = file.tell()
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return Packed(file=file, digest=digest, size=size)


def _add(archive: tarfile.TarFile, info: tarfile.TarInfo, data: bytes | None) -> None:
    archive.addfile(info, None if data is None else io.BytesIO(data))


def _walk(root: Path) -> Iterator[Path]:
    """Yield folders and regular files in order; links, sockets and devices are passed over."""
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        for entry in sorted(os.scandir(folder), key=lambda each: each.name):
            path = Path(entry.path)
            if folder == root and entry.name in _KEPT_BACK:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield path
                waiting.append(path)
            elif entry.is_file(follow_symlinks=False):
                yield path
