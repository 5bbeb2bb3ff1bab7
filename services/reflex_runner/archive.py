"""Trees as tar: packed without what no compiler needs, unpacked without trust."""

import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from reflex_runner.errors import TreeError
from reflex_runner.tree import Limits, Tree

_CHUNK: Final = 1024 * 1024
_LONGEST_PATH: Final = 4_000
_LONGEST_PART: Final = 255
_PLAIN: Final = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)


def pack(tree: Tree, into: IO[bytes], *, empty: Callable[[str], bool] = lambda _: False) -> None:
    """Write a tree as tar; two trees with the same content are the same bytes.

    Args:
        tree: as `scan` found it.
        into: an open file.
        empty: the paths of files that are written without their content.

    Raises:
        TreeError: a file cannot be read, or changed while it was.
    """
    try:
        with tarfile.open(fileobj=into, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted(tree.folders | set(tree.files)):
                member = tarfile.TarInfo(path)
                source = tree.files.get(path)
                if source is None:
                    member.type, member.mode = tarfile.DIRTYPE, 0o755
                    archive.addfile(member)
                    continue
                member.mode = 0o755 if source.executable else 0o644
                if empty(path):
                    archive.addfile(member)
                    continue
                handle = os.open(source.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                with os.fdopen(handle, "rb") as file:
                    member.size = os.fstat(handle).st_size
                    archive.addfile(member, file)
    except OSError as error:
        raise TreeError("unreadable", f"the tree cannot be packed: {error}") from error


def unpack(archive: Path, folder: Path, limits: Limits) -> None:
    """Unpack a tar into an empty folder that nobody else writes.

    Raises:
        TreeError: it is no tar, holds something else than files and folders, names a path twice or
            outwards, or is too large.
    """
    try:
        with tarfile.open(archive, mode="r:", errors="strict") as members:
            _unpack(members, folder, limits)
    except (tarfile.TarError, EOFError, UnicodeError, ValueError) as error:
        raise TreeError("not_a_tar", f"the body is no plain tar: {error}") from error
    except OSError as error:
        raise TreeError("unwritable", f"the tar cannot be unpacked: {error.strerror}") from error


def _unpack(members: tarfile.TarFile, folder: Path, limits: Limits) -> None:
    seen: set[str] = set()
    files: set[str] = set()
    left = limits.bytes
    for count, member in enumerate(members, start=1):
        if count > limits.entries:
            raise TreeError("too_large", f"more than {limits.entries} entries")
        if member.type not in _PLAIN or member.issparse():
            raise TreeError("not_a_file", f"{member.name!r} is neither a file nor a folder")
        path = _checked(member.name)
        if not path:
            continue  # the root itself
        parents = path.split("/")[:-1]
        if path in seen or any("/".join(parents[:end]) in files for end in range(len(parents) + 1)):
            raise TreeError("duplicate", f"{path!r} is there twice, or below a file")
        seen.add(path)
        target = folder / path
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        files.add(path)
        left -= member.size
        if left < 0:
            raise TreeError("too_large", f"more than {limits.bytes} bytes of files")
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(members, member, target)


def _checked(name: str) -> str:
    """Return a member's name in its one spelling; empty for the root."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise TreeError("outside", f"{name!r} leads out of the workspace")
    if len(name) > _LONGEST_PATH or any(len(os.fsencode(p)) > _LONGEST_PART for p in parts):
        raise TreeError("name", f"{name[:80]!r}… is too long")
    if "\0" in name:
        raise TreeError("name", f"{name!r} has a zero byte")
    return "/".join(parts)


def _write(members: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = members.extractfile(member)
    assert content is not None
    with content, target.open("xb") as file:
        left = member.size
        while left:
            chunk = content.read(min(_CHUNK, left))
            if not chunk:
                raise TreeError("not_a_tar", f"{member.name!r} is cut short")
            left -= len(chunk)
            file.write(chunk)
        os.fchmod(file.fileno(), 0o755 if member.mode & 0o100 else 0o644)
