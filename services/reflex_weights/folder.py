"""The model's folder on the volume: targets, partial files, space, pruning, the one writer."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reflex_api.weights import MARKER
from reflex_weights.errors import FinalError, TemporaryError, volume_error
from reflex_weights.words import named

PARTS: Final = ".reflex-weights.parts"
"""Folder of partial files. Hidden names of a source are never written, so nothing can meet it."""


class ModelFolder:
    """`--into`: every path that is written goes through here."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.parts = root / PARTS

    def prepare(self) -> None:
        """Create the folder and the one for partial files.

        Raises:
            FinalError: the volume refuses it.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            if self.parts.is_symlink():
                self.parts.unlink()
            self.parts.mkdir(exist_ok=True)
        except OSError as error:
            raise volume_error(error, "the model's folder") from None

    def target(self, path: str) -> Path:
        """Return where a file of the source is stored, its folder created.

        Raises:
            FinalError: a link on the volume leads out of the model's folder.
        """
        place = self.root / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            home, parent = self.root.resolve(), place.parent.resolve()
        except OSError as error:
            raise volume_error(error, named(path)) from None
        if parent != home and home not in parent.parents:
            raise FinalError(
                "DownloadFailed", f"{named(path)} leads out of the model's folder: refused"
            )
        return place

    def part(self, path: str) -> Path:
        """Return where a file of the source is kept until it is complete."""
        digest = hashlib.sha256(path.encode()).hexdigest()[:12]
        return self.parts / f"{path.rpartition('/')[2][-80:]}.{digest}.part"

    def size_of(self, path: str) -> int | None:
        """Return the size of a stored file; None: it is missing or no plain file."""
        return plain_size(self.root / path)

    def present_bytes(self, path: str, size: int | None) -> int:
        """Return how many bytes of a file need no more space."""
        stored = self.size_of(path)
        if stored is not None and stored == size:
            return stored
        return (plain_size(self.part(path)) or 0) + (stored or 0)

    def free_bytes(self) -> int:
        """Return what an ordinary user may still write on the volume."""
        at = os.statvfs(self.root)
        return at.f_bavail * at.f_frsize

    def finish(self) -> None:
        """Remove what is left of partial files."""
        shutil.rmtree(self.parts, ignore_errors=True)

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        """Hold the folder: a pod that is still being stopped may write to the same claim.

        Raises:
            TemporaryError: another process holds it.
        """
        handle = os.open(self.parts, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TemporaryError(
                    "DownloadFailed", "another download still writes to the model's folder"
                ) from None
            except OSError:
                pass  # a network file system without locks
            yield
        finally:
            os.close(handle)


def prune(folder: ModelFolder, *, keep: frozenset[str], needed: int) -> tuple[str, ...]:
    """Remove other models' folders, unfinished and oldest first, until `needed` bytes are free.

    Only folders that this program made, beside the model's own and not in `keep`.
    Returns their names.
    """
    candidates = []
    for entry in os.scandir(folder.root.parent):
        if entry.name in keep or entry.name == folder.root.name:
            continue
        if not entry.is_dir(follow_symlinks=False):
            continue
        finished = plain_size(Path(entry.path, MARKER)) is not None
        if finished or Path(entry.path, PARTS).is_dir():
            candidates.append((finished, entry.stat(follow_symlinks=False).st_mtime, entry.name))
    removed = []
    for _, _, name in sorted(candidates):
        if folder.free_bytes() >= needed:
            break
        path = folder.root.parent / name
        # Without its marker a half-removed folder is not taken for a complete one.
        with contextlib.suppress(OSError):
            (path / PARTS).mkdir(exist_ok=True)
        with contextlib.suppress(OSError):
            (path / MARKER).unlink(missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)
        removed.append(name)
    return tuple(removed)


def plain_size(path: Path) -> int | None:
    """Return the size of a plain file; None: there is none, or a link or folder."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file so that a crash leaves the old or the new one, never a half."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make renames in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
