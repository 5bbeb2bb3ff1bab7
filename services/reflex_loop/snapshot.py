"""Reads the workspace: what there is to repair, with the hash of every file."""

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from reflex_loop.errors import EditTargetError, WorkspaceError
from reflex_loop.source_text import SourceText

SKIPPED_FOLDERS: Final = frozenset({"target", "node_modules"})
_MANIFESTS: Final = frozenset({"Cargo.toml"})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How large a workspace may be."""

    files: int = 5_000
    file_bytes: int = 4 * 1024 * 1024
    total_bytes: int = 128 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class File:
    """One file as it was read; `sha256` is of its bytes, `mode` its permission bits."""

    path: str
    data: bytes
    sha256: str
    mode: int = 0o644

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Return the lines, or nothing when it is no text."""
        try:
            return SourceText.parse(self.data, self.path).lines
        except EditTargetError:
            return ()


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The Rust sources and manifests of a workspace by their relative path."""

    files: Mapping[str, File]

    def lines(self, path: str) -> Sequence[str]:
        """Return a file's lines, or nothing for what is not in the snapshot or no text."""
        file = self.files.get(path)
        return file.lines if file else ()

    def sources(self) -> list[str]:
        """Return the paths of the Rust sources, sorted."""
        return sorted(path for path in self.files if path.endswith(".rs"))


def digest(data: bytes) -> str:
    """Return the SHA-256 of a file's bytes in hex."""
    return hashlib.sha256(data).hexdigest()


class Workspace:
    """A folder that is read again and again; unchanged files are not read twice."""

    def __init__(self, root: Path, limits: Limits | None = None) -> None:
        self.root = root.resolve()
        self._limits = limits or Limits()
        self._known: dict[str, tuple[tuple[int, int, int, int], File]] = {}
        if not self.root.is_dir():
            raise WorkspaceError(f"{root} is not a folder")

    def snapshot(self) -> Snapshot:
        """Return the files as they are now.

        Links are left out: a link may lead out of the folder, and a patch never follows one.

        Raises:
            WorkspaceError: more files or bytes than the limits allow.
        """
        found: dict[str, File] = {}
        total = 0
        pending = [""]
        while pending:
            folder = pending.pop()
            with os.scandir(self.root / folder) as entries:
                for entry in sorted(entries, key=lambda each: each.name):
                    path = f"{folder}{entry.name}"
                    if entry.is_symlink() or entry.name.startswith("."):
                        continue
                    if entry.is_dir():
                        if entry.name not in SKIPPED_FOLDERS:
                            pending.append(f"{path}/")
                    elif entry.name.endswith(".rs") or entry.name in _MANIFESTS:
                        file = self._read(entry, path)
                        total += len(file.data)
                        found[path] = file
                        self._check(len(found), total)
        self._known = {path: self._known[path] for path in found}
        return Snapshot(files=found)

    def _read(self, entry: os.DirEntry[str], path: str) -> File:
        info = entry.stat(follow_symlinks=False)
        # ctime too: it also moves when a tool sets the mtime back.
        key = (info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino)
        known = self._known.get(path)
        if known and known[0] == key:
            return known[1]
        if info.st_size > self._limits.file_bytes:
            raise WorkspaceError(
                f"{path} has {info.st_size} bytes, more than {self._limits.file_bytes}"
            )
        data = (self.root / path).read_bytes()
        file = File(path=path, data=data, sha256=digest(data), mode=stat.S_IMODE(info.st_mode))
        self._known[path] = (key, file)
        return file

    def _check(self, files: int, total: int) -> None:
        if files > self._limits.files or total > self._limits.total_bytes:
            raise WorkspaceError(
                f"the workspace has more than {self._limits.files} files or "
                f"{self._limits.total_bytes} bytes of Rust: name the crate to repair"
            )
