"""A partial file: its bytes, its running digest, and the note that says what it is part of."""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from reflex_weights.files import Digest
from reflex_weights.folder import plain_size, sync_folder

if TYPE_CHECKING:
    from hashlib import _Hash

BLOCK: Final = 1 << 20
_SYNC_EVERY: Final = 512 << 20
"""Bytes between syncs: bounds dirty pages in the pod's memory, and what a node's crash costs."""


class Part:
    """Opened for appending; whatever was there is hashed first. Written without a buffer, so that
    a killed process loses nothing.
    """

    def __init__(
        self, path: Path, *, size: int | None, digest: Digest, on_bytes: Callable[[int], None]
    ) -> None:
        """`on_bytes` hears of bytes that were there already, and of those dropped (negative).

        Raises:
            OSError: the volume refuses it.
        """
        self._path = path
        self._note = path.with_name(path.name + ".json")
        self._size = size
        self._digest = digest
        self._on_bytes = on_bytes
        self.offset = 0
        self.etag = ""
        self._hasher = self._new_hash()
        self._unsynced = 0
        known = self._read_note()
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(path, flags, 0o644), "r+b", buffering=0)
        if not known or (size is not None and os.fstat(self._file.fileno()).st_size > size):
            self._file.truncate(0)
            self._write_note()
        self._hash_what_is_there()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def correct(self) -> bool:
        """Whether the bytes so far have the wanted digest."""
        return self._hasher.hexdigest() == self._digest.value

    def remember(self, etag: str) -> None:
        """Note the validator under which the server can be asked for the rest."""
        if etag != self.etag:
            self.etag = etag
            self._write_note()

    def write(self, chunk: bytes) -> None:
        """Append."""
        view = memoryview(chunk)
        while view:
            written = self._file.write(view)
            self._hasher.update(view[:written])
            self.offset += written
            view = view[written:]
        self._unsynced += len(chunk)
        if self._unsynced >= _SYNC_EVERY:
            os.fdatasync(self._file.fileno())
            self._unsynced = 0

    def restart(self) -> None:
        """Drop all bytes."""
        self._file.seek(0)
        self._file.truncate(0)
        self._on_bytes(-self.offset)
        self.offset = 0
        self.etag = ""
        self._hasher = self._new_hash()
        self._write_note()

    def move_to(self, target: Path) -> None:
        """Make the bytes durable, then give them their name."""
        os.fsync(self._file.fileno())
        self._path.replace(target)
        sync_folder(target.parent)
        self._note.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove bytes and note."""
        self._on_bytes(-self.offset)
        self.offset = 0
        self._note.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)

    def _new_hash(self) -> "_Hash":
        return self._digest.hasher(self._size or 0)

    def _hash_what_is_there(self) -> None:
        while block := self._file.read(BLOCK):
            self._hasher.update(block)
            self.offset += len(block)
            self._on_bytes(len(block))

    def _read_note(self) -> bool:
        """Return whether the bytes on the volume are of this very file."""
        if (plain_size(self._note) or 0) > 4096:
            return False
        try:
            note = json.loads(self._note.read_bytes())
            same = bool(note["digest"] == str(self._digest))
            self.etag = str(note["etag"]) if same else ""
            return same
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _write_note(self) -> None:
        # Not synced: a lost or torn note costs one download, the digest decides in the end.
        note = {"digest": str(self._digest), "size": self._size, "etag": self.etag}
        fresh = self._note.with_name(self._note.name + ".new")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        fresh.write_text(json.dumps(note))
        fresh.replace(self._note)


def has_digest(path: Path, *, size: int, digest: Digest, on_bytes: Callable[[int], None]) -> bool:
    """Return whether a stored file has a digest; it is read in blocks of 1 MiB.

    Raises:
        OSError: it cannot be read.
    """
    hasher, read = digest.hasher(size), 0
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0) as file:
        while block := file.read(BLOCK):
            hasher.update(block)
            read += len(block)
            on_bytes(len(block))
    if hasher.hexdigest() == digest.value:
        return True
    on_bytes(-read)
    return False
