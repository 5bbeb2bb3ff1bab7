"""Applies a change set to several files at once: all of it, or nothing, whatever happens.

The files are staged beside the tree on the same file system, their hashes are verified, the
journal is committed, and only then is each file renamed into place. Until the patch is accepted,
the journal keeps what was before. A process that is killed leaves a tree that `recover` makes
exactly what it was before, or exactly what it is after.
"""

import errno
import fcntl
import os
from enum import StrEnum
from pathlib import Path
from typing import Self

from reflex_loop.changes import ChangeSet
from reflex_loop.errors import JournalBusyError, PolicyError, StaleFileError, TransactionError
from reflex_loop.fileops import DiskOps, FileOps
from reflex_loop.journal import (
    Entry,
    Journal,
    State,
    clear,
    exists,
    hash_on_disk,
    missing_folders,
)
from reflex_loop.paths import JOURNAL, check_on_disk
from reflex_loop.snapshot import digest


class Recovery(StrEnum):
    """What `recover` found and did."""

    NOTHING = "nothing"
    CLEARED = "cleared"  # a crash before the commit point or after the end: the files were whole
    ROLLED_BACK = "rolled_back"
    KEPT = "kept"


class Unaccepted(StrEnum):
    """What becomes of a patch that was applied and never judged."""

    ROLL_BACK = "roll_back"
    KEEP = "keep"


class _Lock:
    """One process at a time; a killed one lets go by dying. No file is left behind for it."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._root, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._root)
            raise JournalBusyError(f"another repair is changing {root} now") from None

    def release(self) -> None:
        """Let others in."""
        os.close(self._root)


class Transaction:
    """An applied change set that waits for its verdict: `accept` or `roll_back`."""

    def __init__(self, journal: Journal, ops: FileOps, lock: _Lock) -> None:
        self._journal = journal
        self._ops = ops
        self._lock = lock

    @classmethod
    def apply(cls, root: Path, changes: ChangeSet, ops: FileOps | None = None) -> Self:
        """Change the files and return the open transaction.

        Raises:
            StaleFileError: a file is not what the change set was made from; nothing was changed.
            JournalBusyError: another transaction is open, or a crashed one waits for `recover`.
            TransactionError: the disk refused; nothing was changed.
        """
        ops = ops or DiskOps()
        root = root.resolve()
        lock = _Lock(root)
        try:
            journal = _staged(root, changes, ops)
            try:
                journal.redo(ops)
                journal = journal.save(ops, State.APPLIED)
            except (OSError, TransactionError) as error:
                journal.save(ops, State.ROLLING_BACK).undo(ops)
                journal.close(ops)
                raise TransactionError(f"nothing was changed: {error}") from error
        except BaseException:
            lock.release()
            raise
        return cls(journal, ops, lock)

    def accept(self) -> None:
        """Keep the changes."""
        try:
            self._journal.close(self._ops)
        finally:
            self._lock.release()

    def roll_back(self) -> None:
        """Restore every byte that was before.

        Raises:
            RecoveryConflictError: someone else has changed a file since; nothing is overwritten.
        """
        try:
            self._journal.refuse_foreign()
            journal = self._journal.save(self._ops, State.ROLLING_BACK)
            journal.undo(self._ops)
            journal.close(self._ops)
        finally:
            self._lock.release()


def recover(
    root: Path, *, unaccepted: Unaccepted = Unaccepted.ROLL_BACK, ops: FileOps | None = None
) -> Recovery:
    """Finish what a killed process left; does nothing to a tree without a journal.

    Args:
        root: the workspace.
        unaccepted: what to do with a patch that nobody judged; rolling back is the safe answer.
        ops: the disk.

    Raises:
        JournalBusyError: the process is not dead: its transaction is still open.
        RecoveryConflictError: someone else has changed a file since.
    """
    ops = ops or DiskOps()
    root = root.resolve()
    lock = _Lock(root)
    try:
        if not exists(root):
            return Recovery.NOTHING
        journal = Journal.load(root)
        if journal is None:
            clear(root, ops)
            return Recovery.CLEARED
        if journal.state is not State.ROLLING_BACK and unaccepted is Unaccepted.KEEP:
            journal.redo(ops)
            journal.close(ops)
            return Recovery.KEPT
        journal.refuse_foreign()
        # Said first: a second crash must not find half a way back and go forward again.
        journal = journal.save(ops, State.ROLLING_BACK)
        journal.undo(ops)
        journal.close(ops)
        return Recovery.ROLLED_BACK
    finally:
        lock.release()


def _staged(root: Path, changes: ChangeSet, ops: FileOps) -> Journal:
    """Write what is before and after into the journal, verify, and commit it."""
    home = root / JOURNAL
    try:
        ops.mkdir(home)
    except FileExistsError:
        raise JournalBusyError(
            f"{home} is left of a crashed repair: call recover on this tree first"
        ) from None
    except OSError as error:
        raise TransactionError(_disk(error, root)) from error
    try:
        for change in changes.changes:
            _verify(root, change.path, change.base_sha256 or None)
        for index, change in enumerate(changes.changes):
            if change.before is not None:
                mode = (root / change.path).stat().st_mode
                ops.write(home / f"old-{index}", change.before, mode)
            if change.after is not None:
                ops.write(home / f"new-{index}", change.after, change.mode)
        journal = Journal(
            root=root,
            entries=tuple(
                Entry(
                    path=each.path,
                    before=each.base_sha256 or None,
                    after=None if each.after is None else digest(each.after),
                )
                for each in changes.changes
            ),
            folders=missing_folders(
                root, [each.path for each in changes.changes if each.after is not None]
            ),
            state=State.APPLYING,
        )
        return journal.save(ops, State.APPLYING)
    except (OSError, TransactionError, PolicyError) as error:
        clear(root, ops)
        if isinstance(error, OSError):
            raise TransactionError(_disk(error, root)) from error
        if isinstance(error, PolicyError):
            raise TransactionError(f"nothing was changed: {error}") from error
        raise


def _verify(root: Path, path: str, expected: str | None) -> None:
    """Refuse a file that is not what the change was made from, or one across a mount."""
    check_on_disk(root, path)
    target = root / path
    found = hash_on_disk(target)
    if found != expected:
        was = "is not there any more" if found is None else "has changed"
        raise StaleFileError(f"{path} {was} since it was read: read it again")
    near = target.parent
    while not near.exists():
        near = near.parent
    if near.stat().st_dev != root.stat().st_dev:
        raise TransactionError(f"{path} is on another file system than {root}")


def _disk(error: OSError, root: Path) -> str:
    hint = {
        errno.ENOSPC: "the disk is full",
        errno.EACCES: "the files belong to someone else",
        errno.EROFS: "the file system is read-only",
    }
    return f"nothing was changed in {root}: {hint.get(error.errno or 0, str(error))}"
