"""Workspaces as tar: read from people that nobody trusts, written for them.

Only files and folders come in; names stay inside; nothing is larger than said before. What is
refused is refused as a whole: the archive is looked through before anything is unpacked.
"""

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self, cast

from reflex_loop.paths import JOURNAL
from reflex_loop.service.errors import ArchiveError, TooLargeError

_GZIP: Final = b"\x1f\x8b"
_HEADER_BYTES: Final = 64 * 1024
_NAME_BYTES: Final = 1024
_PART_BYTES: Final = 255
_PIECE: Final = 256 * 1024
_LONG_HEADERS: Final = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)


@dataclass(frozen=True, kw_only=True)
class ArchiveLimits:
    """What is taken: entries, and bytes after unpacking, headers included."""

    entries: int
    bytes: int


class _Info(tarfile.TarInfo):
    """Refuses headers whose text alone would fill the memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        found = super().frombuf(buf, encoding, errors)
        if found.type in _LONG_HEADERS and found.size > _HEADER_BYTES:
            raise ArchiveError(f"an extended header has {found.size} bytes: names are too long")
        return found


class _Bounded(io.RawIOBase):
    """Reads no more than allowed, whatever a compressed archive grows to."""

    def __init__(self, inner: IO[bytes], limit: int) -> None:
        self._inner = inner
        self._limit = limit
        self._left = limit

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._inner.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise TooLargeError(f"the workspace unpacks to more than {self._limit} bytes")
        return data


def look(archive: Path, limits: ArchiveLimits) -> frozenset[str]:
    """Return the paths of the files in an archive that may be unpacked.

    Raises:
        ArchiveError: it is none, or holds what is not taken.
        TooLargeError: more entries or bytes than the limits.
    """
    names: set[str] = set()

    def keep(_member: tarfile.TarInfo, name: str, data: IO[bytes] | None) -> None:
        if data is not None:
            names.add(name)

    _walk(archive, limits, keep)
    return frozenset(names)


def unpack(archive: Path, into: Path, limits: ArchiveLimits) -> None:
    """Unpack into a folder that does not exist yet.

    Raises:
        ArchiveError: see `look`.
        TooLargeError: see `look`.
        OSError: the disk refuses.
    """
    into.mkdir(parents=True)

    def keep(member: tarfile.TarInfo, name: str, data: IO[bytes] | None) -> None:
        target = into / name
        if data is None:
            target.mkdir(parents=True, exist_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o755 if member.mode & 0o100 else 0o644
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "wb") as file:
            while piece := data.read(_PIECE):
                file.write(piece)

    try:
        _walk(archive, limits, keep)
    except (FileExistsError, NotADirectoryError) as error:
        raise ArchiveError("a path is there twice, or is a file and a folder") from error


def pack(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """Return a plain tar of files by path, each with its bytes and permission bits."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, (data, mode) in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), mode
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


_Keep = Callable[[tarfile.TarInfo, str, IO[bytes] | None], None]


def _walk(archive: Path, limits: ArchiveLimits, keep: _Keep) -> None:
    seen: set[str] = set()
    try:
        with archive.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            inner = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if packed else raw
            bounded = _Bounded(inner, limits.bytes)
            with tarfile.open(fileobj=bounded, mode="r|", tarinfo=_Info) as tar:
                for number, member in enumerate(tar, start=1):
                    if number > limits.entries:
                        raise TooLargeError(f"the workspace has more than {limits.entries} entries")
                    name = _name(member)
                    if not name or name.split("/", 1)[0] == JOURNAL:
                        continue  # a journal would be taken for one of ours, and undone
                    if name in seen and not member.isdir():
                        raise ArchiveError(f"{name!r} is in the archive twice")
                    seen.add(name)
                    keep(member, name, tar.extractfile(member) if member.isreg() else None)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise ArchiveError(
            f"the body is no tar archive that can be read ({error}): send a plain or gzipped tar"
        ) from error
    if not seen:
        raise ArchiveError("the archive is empty: send the workspace as a tar")


def _name(member: tarfile.TarInfo) -> str:
    """Return the path of a member, relative and plain; empty for the top folder itself."""
    name = member.name
    shown = ascii(name[:200])
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise ArchiveError(f"{shown} is a link, device or the like: only files and folders")
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        raise ArchiveError(f"{shown} is no UTF-8") from None
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise ArchiveError(f"{shown} leads out of the workspace: use relative paths without ..")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise ArchiveError(f"{shown} has a control character")
    if size > _NAME_BYTES or any(len(part.encode()) > _PART_BYTES for part in parts):
        raise ArchiveError(f"{shown} … is too long a name")
    return "/".join(parts)
