"""Which files of a folder go into a sandbox."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reflex_runner.errors import TreeError

Key = tuple[int, int, int, int, int]
NEVER: Final = frozenset({".git", ".hg", ".svn", ".jj", ".cargo", ".reflex-journal"})
"""Folders that no compiler needs; `.cargo` may hold credentials, and a configuration to ignore."""

_CACHE_MARKS: Final = ("CACHEDIR.TAG", ".rustc_info.json")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How large a tree may be."""

    bytes: int = 64 * 1024 * 1024
    entries: int = 20_000


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file to copy; while `key` is the same its content is too."""

    file: Path
    key: Key
    executable: bool


@dataclass(frozen=True)
class Tree:
    """Files and folders by their path relative to the root, separated by `/`."""

    files: dict[str, Source] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)


def key_of(info: os.stat_result) -> Key:
    """Return what tells one state of a file from another; ctime cannot be set back."""
    return (info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino, info.st_dev)


def scan(root: Path, limits: Limits, *, everything: bool = False) -> Tree:
    """Return the tree under a folder.

    A link to a file inside of the folder counts as that file; every other link, and what is
    neither file nor folder, is left out. So are build output and what is named in `NEVER`.

    Args:
        root: the folder.
        limits: how much it may hold.
        everything: leave out nothing by its name.

    Raises:
        TreeError: it is no folder, or larger than the limits.
    """
    found, total = Tree(), 0
    real = os.path.realpath(root)
    if not os.path.isdir(real):
        raise TreeError("not_a_folder", f"{root} is not a folder")
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(os.path.join(real, folder)) as entries:
            for entry in entries:
                path = f"{folder}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if everything or not _left_out(entry):
                        found.folders.add(path)
                        pending.append(f"{path}/")
                elif source := _source(entry, real):
                    total += source.key[2]
                    found.files[path] = source
                if len(found.files) + len(found.folders) > limits.entries or total > limits.bytes:
                    raise TreeError(
                        "too_large",
                        f"{root} has more than {limits.entries} entries or {limits.bytes} bytes: "
                        f"name the folder of the crate, or remove what no compiler needs",
                    )
    return found


def _left_out(entry: os.DirEntry[str]) -> bool:
    if entry.name in NEVER or entry.name == "node_modules":
        return True
    # A module may be called `target` too.
    return entry.name == "target" and any(
        os.path.lexists(os.path.join(entry.path, mark)) for mark in _CACHE_MARKS
    )


def _source(entry: os.DirEntry[str], root: str) -> Source | None:
    path = entry.path
    if entry.is_symlink():
        path = os.path.realpath(path)
        inside = os.path.relpath(path, root).split(os.sep)
        if inside[0] == ".." or not NEVER.isdisjoint(inside):
            return None
    try:
        info = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(info.st_mode):
        return None
    return Source(file=Path(path), key=key_of(info), executable=bool(info.st_mode & stat.S_IXUSR))
