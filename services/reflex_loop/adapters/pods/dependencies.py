"""Crates from registries: fetched once for each Cargo.lock, kept on the service's disk as tars.

The tars are opaque here: they come from a pod that only fetches and go to pods that only compile.
"""

import asyncio
import hashlib
import os
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final

from reflex_loop.adapters.pods.errors import DependenciesError

Fetch = Callable[[IO[bytes]], Awaitable[int]]
"""Writes the registry's tar and returns its size in bytes."""

_SUFFIX: Final = ".tar"
_LONGEST_LOCK: Final = 8 << 20


def lock_of(root: Path) -> bytes | None:
    """Return the workspace's Cargo.lock when it names crates that are not in the workspace.

    Raises:
        DependenciesError: it is no lock file.
    """
    path = root / "Cargo.lock"
    if path.is_symlink() or not path.is_file():
        return None
    if path.stat().st_size > _LONGEST_LOCK:
        raise DependenciesError(f"Cargo.lock has more than {_LONGEST_LOCK >> 20} MiB")
    raw = path.read_bytes()
    try:
        packages = tomllib.loads(raw.decode()).get("package") or []
        outside = any("source" in each for each in packages)
    except (ValueError, TypeError, AttributeError) as error:
        raise DependenciesError(f"Cargo.lock cannot be read: {error}") from error
    return raw if outside else None


class DependencyStore:
    """The tars by the hash of their Cargo.lock; the least recently used go first.

    Args:
        folder: the service's own; created when it is missing.
        most_bytes: of all tars together. One tar larger than this is used and not kept.
    """

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self._folder = folder
        self._most = most_bytes
        self._filling: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def tar(self, lock: bytes, cargo: str, fetch: Fetch) -> AsyncIterator[IO[bytes]]:
        """Open the tar for a Cargo.lock; several who want the same one fetch it once.

        Args:
            lock: its content.
            cargo: which cargo, configured how; another one's tar is of no use to it.
            fetch: makes the tar.
        """
        key = hashlib.sha256(f"{cargo}\n".encode() + lock).hexdigest()
        async with self._filling[key]:
            file = await asyncio.to_thread(self._find, key)
            if file is None:
                file = await self._fill(key, fetch)
        self._filling.pop(key, None)
        try:
            yield file
        finally:
            file.close()

    def _find(self, key: str) -> IO[bytes] | None:
        path = self._folder / f"{key}{_SUFFIX}"
        try:
            os.utime(path)
            return path.open("rb")
        except FileNotFoundError:
            return None

    async def _fill(self, key: str, fetch: Fetch) -> IO[bytes]:
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        partial = tempfile.NamedTemporaryFile(  # noqa: SIM115 - the reader closes it
            dir=self._folder, prefix="partial-", delete=False
        )
        path = Path(partial.name)
        try:
            size = await fetch(partial)
            await asyncio.to_thread(partial.flush)
            partial.close()
            return await asyncio.to_thread(self._keep, path, key, size)
        finally:
            partial.close()
            await asyncio.to_thread(path.unlink, missing_ok=True)

    def _keep(self, path: Path, key: str, size: int) -> IO[bytes]:
        """Open it, rename it into place and make room; who has a tar open keeps reading it."""
        file = path.open("rb")
        if size > self._most:
            return file
        path.rename(self._folder / f"{key}{_SUFFIX}")
        kept = sorted(
            ((each.stat(), each) for each in self._folder.glob(f"*{_SUFFIX}")),
            key=lambda one: one[0].st_mtime_ns,
            reverse=True,
        )
        total = 0
        for stat, each in kept:
            total += stat.st_size
            if total > self._most:
                each.unlink(missing_ok=True)
        return file

    def clear_partial(self) -> None:
        """Delete what an earlier process did not finish."""
        for each in self._folder.glob("partial-*"):
            each.unlink(missing_ok=True)
