"""The journal of a transaction: what was before, what is after, and how far it came.

`journal.json` exists exactly while the transaction may be unfinished. Its appearance is the commit
point, its disappearance the end; both are one rename or unlink. Everything else in the folder is
waste without it.
"""

import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from reflex_loop.errors import PolicyError, RecoveryConflictError, TransactionError
from reflex_loop.fileops import FileOps
from reflex_loop.paths import JOURNAL, check_name, check_on_disk, cleaned
from reflex_loop.snapshot import digest

_RECORD: Final = "journal.json"
_FORMAT: Final = 1


class State(StrEnum):
    """How far a transaction came."""

    APPLYING = "applying"
    APPLIED = "applied"
    ROLLING_BACK = "rolling_back"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file; a hash of None means that the file is not there."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, kw_only=True)
class Journal:
    """The record on disk, and the operations that finish it one way or the other.

    Both ways can be started again after a crash at any point: a file that is already where it
    belongs is left alone.
    """

    root: Path
    entries: tuple[Entry, ...]
    folders: tuple[str, ...]  # that the transaction makes, parents first
    state: State

    @property
    def home(self) -> Path:
        """Return the journal's folder."""
        return self.root / JOURNAL

    def save(self, ops: FileOps, state: State) -> "Journal":
        """Write the record with a state, atomically, and return the journal in that state."""
        record: dict[str, Any] = {
            "version": _FORMAT,
            "state": state.value,
            "folders": list(self.folders),
            "files": [
                {"path": each.path, "before": each.before, "after": each.after}
                for each in self.entries
            ],
        }
        draft = self.home / f"{_RECORD}.new"
        ops.write(draft, json.dumps(record).encode(), 0o600)
        ops.replace(draft, self.home / _RECORD)
        ops.sync_folder(self.home)
        return Journal(root=self.root, entries=self.entries, folders=self.folders, state=state)

    @classmethod
    def load(cls, root: Path) -> "Journal | None":
        """Return the journal of an unfinished transaction, or None.

        Raises:
            TransactionError: the record is not one of ours.
        """
        path = root / JOURNAL / _RECORD
        if not exists(root):
            return None
        try:
            record = json.loads(path.read_bytes())
            if record["version"] != _FORMAT:
                raise ValueError(f"version {record['version']}")
            found = cls(
                root=root,
                state=State(record["state"]),
                folders=tuple(record["folders"]),
                entries=tuple(Entry(**each) for each in record["files"]),
            )
            found.refuse_hostile()
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise TransactionError(f"{path} is not a journal of this version: {error}") from None
        except PolicyError as error:
            raise TransactionError(
                f"{path} is none of ours, it came with the files: {error}; delete that folder"
            ) from None
        return found

    def refuse_hostile(self) -> None:
        """Refuse a journal that an unpacked repository brought along to write elsewhere.

        Raises:
            PolicyError: a path that no transaction of ours has, or content that is a link.
        """
        for entry in self.entries:
            if cleaned(entry.path) != entry.path:
                raise PolicyError("path", f"{entry.path!r} is not as we write it")
            check_name(entry.path, manifests=True, build_scripts=True)
            check_on_disk(self.root, entry.path)
        for folder in self.folders:
            if cleaned(folder) != folder:
                raise PolicyError("path", f"{folder!r} is not as we write it")
            check_on_disk(self.root, f"{folder}/a.rs")
        for file in self.home.iterdir():
            if not stat.S_ISREG(file.lstat().st_mode):
                raise PolicyError("symlink", f"{file.name} is no file")

    def redo(self, ops: FileOps) -> None:
        """Bring every file to its state after the transaction."""
        self.refuse_foreign()
        for folder in self.folders:
            if not (self.root / folder).is_dir():
                ops.mkdir(self.root / folder)
        for index, entry in enumerate(self.entries):
            target = self.root / entry.path
            if hash_on_disk(target) == entry.after:
                continue
            if entry.after is None:
                ops.unlink(target)
            else:
                ops.replace(self.home / f"new-{index}", target)
        self._sync(ops)

    def undo(self, ops: FileOps) -> None:
        """Bring every file to its state before the transaction."""
        self.refuse_foreign()
        for index, entry in reversed(list(enumerate(self.entries))):
            target = self.root / entry.path
            if hash_on_disk(target) == entry.before:
                continue
            if entry.before is None:
                ops.unlink(target)
            else:
                saved = self.home / f"old-{index}"
                # cargo believes times: with its old one the file would look as fresh as when the
                # patched code was checked, and the next check would report the patch's state.
                ops.touch(saved)
                ops.replace(saved, target)
        for folder in reversed(self.folders):
            if (self.root / folder).is_dir() and not any((self.root / folder).iterdir()):
                ops.rmdir(self.root / folder)
        self._sync(ops)

    def refuse_foreign(self) -> None:
        """Refuse to touch anything when a file is neither before nor after.

        Raises:
            RecoveryConflictError: with the files.
        """
        foreign = [
            entry.path
            for entry in self.entries
            if hash_on_disk(self.root / entry.path) not in (entry.before, entry.after)
        ]
        if foreign:
            raise RecoveryConflictError(self.home, foreign)

    def close(self, ops: FileOps) -> None:
        """End the transaction: from here on there is nothing to recover."""
        ops.unlink(self.home / _RECORD)
        ops.sync_folder(self.home)
        clear(self.root, ops)

    def _sync(self, ops: FileOps) -> None:
        parents = {(self.root / entry.path).parent for entry in self.entries}
        for parent in sorted(parents):
            if parent.is_dir():
                ops.sync_folder(parent)


def exists(root: Path) -> bool:
    """Return whether the tree has a journal's folder.

    Raises:
        TransactionError: something else has its name; following a link would delete elsewhere.
    """
    home = root / JOURNAL
    try:
        mode = home.lstat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(mode):
        raise TransactionError(f"{home} is no folder of ours: remove it")
    return True


def clear(root: Path, ops: FileOps) -> None:
    """Delete a journal's folder that holds no record any more."""
    home = root / JOURNAL
    for path in sorted(home.iterdir()):
        ops.unlink(path)
    ops.rmdir(home)


def hash_on_disk(path: Path) -> str | None:
    """Return the hash of a file, or None when there is none."""
    try:
        return digest(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None


def missing_folders(root: Path, paths: Sequence[str]) -> tuple[str, ...]:
    """Return the folders that the paths need and the tree lacks, parents first."""
    found: set[str] = set()
    for path in paths:
        folder = Path(path).parent
        while folder != Path() and not (root / folder).is_dir():
            found.add(folder.as_posix())
            folder = folder.parent
    return tuple(sorted(found, key=lambda each: (each.count("/"), each)))
