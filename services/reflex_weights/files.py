"""The files that a source names. Their names come from strangers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from reflex_weights.errors import FinalError
from reflex_weights.words import named

if TYPE_CHECKING:
    from hashlib import _Hash

MAX_FILES: Final = 2000
_MAX_PATH: Final = 512
_MAX_SEGMENT: Final = 200  # a file system takes 255 bytes; ours end in .part.json

DigestKind = Literal["sha256", "git-sha1"]


@dataclass(frozen=True)
class Digest:
    """What a file's content must hash to: SHA-256, or git's SHA-1 of a blob (small hub files)."""

    kind: DigestKind
    value: str

    def hasher(self, size: int) -> "_Hash":
        """Return a new hash for content of `size` bytes."""
        if self.kind == "sha256":
            return hashlib.sha256()
        return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file of the source. `size` and `digest` are None until a server has told them."""

    path: str
    url: str
    size: int | None = None
    digest: Digest | None = None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """All files to download, and the headers that go to the source's own host only."""

    revision: str
    files: tuple[RemoteFile, ...]
    headers: tuple[tuple[str, str], ...] = ()
    left_out: int = 0

    @property
    def known_bytes(self) -> int:
        """Bytes of the files whose size is known."""
        return sum(file.size or 0 for file in self.files)

    @property
    def total_bytes(self) -> int | None:
        """Bytes of all files, or None while a size is missing."""
        return None if any(file.size is None for file in self.files) else self.known_bytes


def is_hidden(path: str) -> bool:
    """Return whether a part of the path starts with a dot; `.` and `..` do not count."""
    return any(part.startswith(".") and part not in (".", "..") for part in path.split("/"))


def checked(files: Sequence[RemoteFile]) -> tuple[RemoteFile, ...]:
    """Return the files when every path stays inside the model's folder and none meet.

    Raises:
        FinalError: DownloadFailed, naming the path.
    """
    if not files:
        raise FinalError("SourceNotFound", "the source has no file to download")
    if len(files) > MAX_FILES:
        raise FinalError(
            "DownloadFailed",
            f"the source has {len(files)} files, more than {MAX_FILES}: exclude some",
        )
    paths: set[str] = set()
    for file in files:
        problem = _problem(file.path)
        if file.path in paths:
            problem = "is there twice"
        if problem:
            raise _refused(file.path, problem)
        paths.add(file.path)
    for path in paths:
        parts = path.split("/")
        for length in range(1, len(parts)):
            if "/".join(parts[:length]) in paths:
                raise _refused(path, "lies below another file")
    return tuple(files)


def _problem(path: str) -> str:
    """Return what is wrong with a path; empty: nothing."""
    parts = path.split("/")
    if not path or path.startswith("/") or "" in parts:
        return "is not relative"
    if "." in parts or ".." in parts:
        return "leaves the model's folder"
    if "\\" in path or not path.isprintable():
        return "has letters that no file of a model has"
    if is_hidden(path):
        return "is hidden"
    if len(path.encode()) > _MAX_PATH or any(len(part.encode()) > _MAX_SEGMENT for part in parts):
        return "is too long"
    return ""


def _refused(path: str, problem: str) -> FinalError:
    return FinalError("DownloadFailed", f"the source's path {named(path)!r} {problem}: refused")
