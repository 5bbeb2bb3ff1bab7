"""The few file operations of a transaction, each one a point where a process may be killed."""

import os
from pathlib import Path
from typing import Protocol


class FileOps(Protocol):
    """What the applier does to a disk. Tests count these calls and die at the n-th."""

    def mkdir(self, path: Path) -> None:
        """Make a folder; FileExistsError when it is there."""

    def write(self, path: Path, data: bytes, mode: int) -> None:
        """Write a file of the journal, whole, with its permission bits."""

    def replace(self, source: Path, target: Path) -> None:
        """Move a file over another, atomically."""

    def unlink(self, path: Path) -> None:
        """Delete a file."""

    def rmdir(self, path: Path) -> None:
        """Delete an empty folder."""

    def touch(self, path: Path) -> None:
        """Set a file's time to now."""

    def sync_folder(self, path: Path) -> None:
        """Make the folder's entries survive a power cut."""


class DiskOps:
    """FileOps on the real disk.

    Args:
        durable: also wait for the disk, so that a power cut loses nothing. Without it a killed
            process is still harmless, and a workspace that is thrown away needs no more.
    """

    def __init__(self, *, durable: bool = True) -> None:
        self._durable = durable

    def mkdir(self, path: Path) -> None:
        """Make a folder; FileExistsError when it is there."""
        path.mkdir()

    def write(self, path: Path, data: bytes, mode: int) -> None:
        """Write a file of the journal, whole, with its permission bits."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(path, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode & 0o777)
            if self._durable:
                os.fsync(file.fileno())

    def replace(self, source: Path, target: Path) -> None:
        """Move a file over another, atomically."""
        os.replace(source, target)

    def unlink(self, path: Path) -> None:
        """Delete a file."""
        path.unlink()

    def rmdir(self, path: Path) -> None:
        """Delete an empty folder."""
        path.rmdir()

    def touch(self, path: Path) -> None:
        """Set a file's time to now."""
        os.utime(path, follow_symlinks=False)

    def sync_folder(self, path: Path) -> None:
        """Make the folder's entries survive a power cut."""
        if not self._durable:
            return
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
