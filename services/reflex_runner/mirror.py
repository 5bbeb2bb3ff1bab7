"""Makes a folder equal to a tree, and touches only what differs.

cargo compiles again what has a newer time than its last output. A file whose content is the same
keeps its time; one that changed, or changed back, gets a new one.

The folder was in the hands of hostile code. None of it runs any more, so nothing changes under way,
but links, folders without permissions and paths that are too long may lie there.
"""

import hashlib
import itertools
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_runner.errors import TreeError
from reflex_runner.tree import Key, Source, Tree, key_of

_CHUNK: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class _Copied:
    source: Key
    copy: Key
    sha256: str


class Mirror:
    """A copy of a tree that is brought up to date again and again.

    Args:
        folder: the copy.
        aside: a folder on the same file system that hostile code cannot write.
    """

    def __init__(self, folder: Path, aside: Path) -> None:
        self._folder = folder
        self._aside = aside
        self._known: dict[str, _Copied] = {}

    def update(self, tree: Tree) -> int:
        """Make the folder exactly this tree; return how many files were written.

        Raises:
            TreeError: a file cannot be read or written.
        """
        try:
            self._aside.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._prune(tree)
            for folder in sorted(tree.folders | _parents(tree.files)):
                (self._folder / folder).mkdir(exist_ok=True)
            return sum(self._bring(path, source) for path, source in tree.files.items())
        except OSError as error:
            raise TreeError("unreadable", f"the tree cannot be copied: {error}") from error

    def _prune(self, tree: Tree) -> None:
        """Remove what does not belong here, before anything is written through it."""
        folders = tree.folders | _parents(tree.files)
        pending = [""]
        while pending:
            at = pending.pop()
            os.chmod(self._folder / at, 0o755 if at else 0o700)
            with os.scandir(self._folder / at) as entries:
                for entry in list(entries):
                    path = f"{at}{entry.name}"
                    if entry.is_dir(follow_symlinks=False) and path in folders:
                        pending.append(f"{path}/")
                    elif not (entry.is_file(follow_symlinks=False) and path in tree.files):
                        remove(Path(entry.path), self._aside)
        self._known = {path: known for path, known in self._known.items() if path in tree.files}

    def _bring(self, path: str, source: Source) -> bool:
        """Copy a file unless the copy is the same; return whether it was written."""
        copy, known = self._folder / path, self._known.get(path)
        as_left = known is not None and known.copy == _key(copy)
        if known and as_left and known.source == source.key:
            return False
        fresh = self._aside / "incoming"
        sha256 = _copy(source.file, fresh, executable=source.executable)
        written = not (known and as_left and known.sha256 == sha256)
        if written:
            # Renamed into place: what was there is not written through, whatever it is.
            os.replace(fresh, copy)
        self._known[path] = _Copied(source=source.key, copy=key_of(os.lstat(copy)), sha256=sha256)
        return written


def _parents(paths: dict[str, Source]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        parts = path.split("/")[:-1]
        found.update(itertools.accumulate(parts, "{}/{}".format))
    return found


def _key(path: Path) -> Key | None:
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return None
    return key_of(info) if stat.S_ISREG(info.st_mode) else None


def _copy(source: Path, target: Path, *, executable: bool) -> str:
    """Copy a regular file and return its SHA-256; links and fifos are not opened."""
    digest = hashlib.sha256()
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as read, target.open("wb") as write:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise TreeError("not_a_file", f"{source} is no regular file any more")
        while chunk := read.read(_CHUNK):
            digest.update(chunk)
            write.write(chunk)
        os.fchmod(write.fileno(), 0o755 if executable else 0o644)
    return digest.hexdigest()


def remove(path: Path, aside: Path) -> None:
    """Remove whatever is there, however deep, long or forbidding it was made.

    Folders are moved flat into `aside` first: neither recursion nor a path's length can fail.
    """
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    names = (aside / f"trash-{number}" for number in itertools.count())
    pending = [path]
    while pending:
        folder = pending.pop()
        os.chmod(folder, 0o700)
        with os.scandir(folder) as entries:
            for entry in list(entries):
                if entry.is_dir(follow_symlinks=False):
                    os.chmod(entry.path, 0o700)
                    flat = next(name for name in names if not name.exists())
                    os.rename(entry.path, flat)
                    pending.append(flat)
                else:
                    os.unlink(entry.path)
        folder.rmdir()
