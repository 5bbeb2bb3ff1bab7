"""Who may ask: bearer keys with an owner's name, kept in memory as hashes only."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from reflex_service.errors import AuthenticationError, StartError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")
_SHORTEST: Final = 16
_LONGEST: Final = 512


class KeyRing:
    """Knows the owner of each key.

    Args:
        path: a file with one `name:key` a line (`#` begins a comment line), or a folder of files:
            then each is such a list, or holds one bare key and its own name is the owner's.

    Raises:
        StartError: the keys cannot be read, or one of them is no key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._owners = _read(path)

    def refresh(self) -> bool:
        """Read the keys again if their files have changed; return whether they had.

        Raises:
            StartError: they are wrong now; the old ones stay.
        """
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return False
        owners = _read(self._path)
        self._owners, self._stamp = owners, stamp
        return True

    def owner(self, header: str | None) -> str:
        """Return whose key an `Authorization` header holds.

        Every key is compared, in constant time, so that an answer's time tells nothing.

        Raises:
            AuthenticationError: nobody's.
        """
        scheme, _, key = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise AuthenticationError("send a key: `Authorization: Bearer KEY`")
        asked = _hash(key.strip())
        found = ""
        for digest, name in self._owners:
            if hmac.compare_digest(digest, asked):
                found = name
        if not found:
            raise AuthenticationError("this key is not known here: check it, or ask for one")
        return found


class KeyBook:
    """Knows the key of each owner: for asking another service in the owner's name.

    Args:
        path: as of `KeyRing`; of several keys of one name the first is used.

    Raises:
        StartError: the keys cannot be read, or one of them is no key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._keys = _named(path)

    def refresh(self) -> bool:
        """Read the keys again if their files have changed; see `KeyRing.refresh`."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return False
        self._keys = _named(self._path)
        self._stamp = stamp
        return True

    def key(self, owner: str) -> str:
        """Return an owner's key, or nothing."""
        return self._keys.get(owner, "")


def _hash(key: str) -> bytes:
    # A key is random and long: a plain hash keeps it out of memory dumps, no need to be slow.
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    # A mounted Secret has its real files behind `..data`; the names in front are links to them.
    return sorted(one for one in path.iterdir() if not one.name.startswith(".") and one.is_file())


def _stamp(path: Path) -> tuple[tuple[str, int, int], ...]:
    try:
        return tuple(
            (one.name, found.st_mtime_ns, found.st_ino)
            for one in _files(path)
            for found in [one.stat()]
        )
    except OSError as error:
        raise StartError(f"error: keys_file {path} cannot be read: {error.strerror}") from error


def _read(path: Path) -> tuple[tuple[bytes, str], ...]:
    return tuple((_hash(key), name) for name, key in _pairs(path))


def _named(path: Path) -> dict[str, str]:
    # The first of a name stays.
    return dict(reversed(list(_pairs(path))))


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    try:
        found = list(_entries(path))
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"error: keys_file {path} cannot be read: {error}") from error
    if not found:
        raise StartError(f"error: keys_file {path} holds no key: write `name:key` lines")
    return _checked(path, found)


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    for file in _files(path):
        text = file.read_text("utf-8")
        lines = [each.strip() for each in text.splitlines()]
        lines = [each for each in lines if each and not each.startswith("#")]
        for line in lines:
            name, colon, key = line.partition(":")
            if colon:
                yield name.strip(), key.strip()
            elif path.is_dir() and len(lines) == 1:
                yield file.name, line
            else:
                yield "", ""


def _checked(path: Path, entries: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield them, or refuse; what is refused is named by its place, never by its text."""
    keys: set[str] = set()
    for number, (name, key) in enumerate(entries, start=1):
        where = f"error: keys_file {path}, key {number}"
        if not _NAME.fullmatch(name):
            raise StartError(f"{where}: write `name:key`; a name has letters, digits and . _ @ -")
        if not _SHORTEST <= len(key) <= _LONGEST or not key.isascii() or not key.isprintable():
            raise StartError(f"{where} ({name}): {_SHORTEST} to {_LONGEST} printable ASCII letters")
        if key in keys:
            raise StartError(f"{where} ({name}): the same key is there twice")
        keys.add(key)
        yield name, key
