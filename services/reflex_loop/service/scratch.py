"""This process's own folder for uploads and workspaces; what killed processes left is removed."""

import fcntl
import os
import shutil
from pathlib import Path
from typing import Final

_LOCK: Final = "lock"


class Scratch:
    """A folder beside those of other processes that may share the disk (an update that rolls).

    Nothing in it has to survive: what counts is in the database.
    """

    def __init__(self, parent: Path, name: str) -> None:
        """Make the folder, and remove those whose process is gone."""
        parent.mkdir(parents=True, exist_ok=True)
        self.path = parent / name
        self.path.mkdir()
        self._handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        for other in parent.iterdir():
            if other != self.path and _left(other / _LOCK):
                shutil.rmtree(other, ignore_errors=True)

    def remove(self) -> None:
        """Remove it with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._handle)


def _left(lock: Path) -> bool:
    """Return whether nobody holds this lock; the kernel takes it from whoever dies."""
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
