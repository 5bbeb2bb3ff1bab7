"""rustc's word on a file, remembered by content in the user's cache."""

import hashlib
import os
import sqlite3
import subprocess
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_loop.rust_source import declares_main
from reflex_runner.toolchain import Toolchain

_SECONDS: Final = 60
_BATCH: Final = 64


def cache_folder() -> Path:
    """Return where verified items lie; it may be deleted at any time."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "reflex", "tiny")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file to compile, at its path in the workspace."""

    path: str
    text: str

    def key(self) -> bytes:
        """Return what identifies the compiler's answer."""
        return hashlib.sha256(f"{self.path}\0{self.text}".encode()).digest()


class Compiler:
    """Compiles single files as the loop's checker does; each content once per toolchain.

    Args:
        workers: compilers at once.
        folder: of the cache.
    """

    def __init__(self, *, workers: int = 2, folder: Path | None = None) -> None:
        self.toolchain = Toolchain.find()
        self.runs = 0
        place = folder or cache_folder()
        place.mkdir(parents=True, exist_ok=True)
        version = hashlib.sha256(self.toolchain.version.encode()).hexdigest()[:12]
        self._store = sqlite3.connect(place / f"rustc-{version}.sqlite", timeout=60)
        self._store.execute("PRAGMA journal_mode=WAL")
        self._store.execute("PRAGMA synchronous=OFF")
        self._store.execute(
            "CREATE TABLE IF NOT EXISTS said (key BLOB PRIMARY KEY, code INTEGER, output BLOB)"
        )
        self._pool = ThreadPoolExecutor(workers)
        self._scratch = tempfile.TemporaryDirectory(prefix="reflex-tiny-")

    def close(self) -> None:
        """Keep what was found and end."""
        self._pool.shutdown(cancel_futures=True)
        self._store.commit()
        self._store.close()
        self._scratch.cleanup()

    def check(self, sources: Iterable[Source]) -> Iterator[tuple[Source, int, bytes]]:
        """Yield each source with rustc's exit code and JSON, in the order given."""
        batch: list[Source] = []
        for source in sources:
            batch.append(source)
            if len(batch) == _BATCH:
                yield from self._batch(batch)
                batch = []
        yield from self._batch(batch)

    def _batch(self, batch: list[Source]) -> Iterator[tuple[Source, int, bytes]]:
        known: dict[bytes, tuple[int, bytes]] = {}
        for source in batch:
            with closing(
                self._store.execute("SELECT code, output FROM said WHERE key = ?", (source.key(),))
            ) as rows:
                row = rows.fetchone()
            if row:
                known[source.key()] = (int(row[0]), zlib.decompress(row[1]))
        missing = list({s.key(): s for s in batch if s.key() not in known}.values())
        for source, (code, output) in zip(missing, self._pool.map(self._run, missing), strict=True):
            known[source.key()] = (code, output)
            self._store.execute(
                "INSERT OR REPLACE INTO said VALUES (?, ?, ?)",
                (source.key(), code, zlib.compress(output)),
            )
        if missing:
            self._store.commit()
            self.runs += len(missing)
        for source in batch:
            code, output = known[source.key()]
            yield source, code, output

    def _run(self, source: Source) -> tuple[int, bytes]:
        """Run rustc as the sandbox does, with paths relative to the workspace."""
        with tempfile.TemporaryDirectory(dir=self._scratch.name) as root:
            path = Path(root, source.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source.text, "utf-8")
            kind = "bin" if declares_main(source.text) else "lib"
            done = subprocess.run(
                [
                    str(self.toolchain.bin / "rustc"), "--edition=2021", "--error-format=json",
                    "--crate-name=checked", "--emit=metadata", f"--crate-type={kind}",
                    "-o", str(Path(root, "checked.rmeta")), source.path,
                ],
                capture_output=True,
                check=False,
                cwd=root,
                env={"PATH": f"{self.toolchain.bin}:/usr/bin:/bin", "TMPDIR": root},
                timeout=_SECONDS,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            return done.returncode, done.stderr
