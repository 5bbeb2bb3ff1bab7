"""rustc's word on a file, remembered by content in the user's cache."""

import hashlib
import json
import os
import re
import sqlite3
import subprocess
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_loop.rust_source import declares_main
from reflex_runner.toolchain import Toolchain

_SECONDS: Final = 60
_BATCH: Final = 64
_MODULE: Final = re.compile(r"m(\d+)/")
_NUMBERED: Final = re.compile(rb"\bm\d+(::|/)")


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

    def learn(self, sources: Iterable[Source]) -> None:
        """Ask about some sources ahead, so that later questions are answered at once."""
        for _ in self.check(sources):
            pass

    def check_together(self, sources: list[Source]) -> list[tuple[int, bytes]]:
        """Return rustc's word on each source, asked as modules of one crate.

        A run costs thirty milliseconds however short a source is, so this is several times faster
        than one run each. What rustc says of a module is what it says of the file alone, but for
        errors that hide those of later passes: modules with errors are left out and the others
        asked again until they are quiet. Where a module's number shows in a message, the file is
        asked about alone.
        """
        said: dict[int, tuple[int, bytes]] = {}
        left = list(range(len(sources)))
        while left:
            crate = {number: sources[number] for number in left}
            code, output = self._crate(crate)
            if code == 0:
                said |= dict.fromkeys(left, (0, b""))
                break
            found = _by_module(output, crate)
            if not found:
                break
            said |= {number: (1, text) for number, text in found.items()}
            left = [number for number in left if number not in found]
        alone = [n for n in range(len(sources)) if n not in said or _NUMBERED.search(said[n][1])]
        for number, (_, code, text) in zip(
            alone, self.check([sources[number] for number in alone]), strict=True
        ):
            said[number] = (code, text)
        return [said[number] for number in range(len(sources))]

    def _crate(self, modules: Mapping[int, Source]) -> tuple[int, bytes]:
        root = "".join(
            f'#[path = "m{number}/{one.path}"] mod m{number};\n' for number, one in modules.items()
        )
        key = hashlib.sha256()
        key.update(root.encode())
        for one in modules.values():
            key.update(one.key())
        known = self._known(key.digest())
        if known is None:
            with tempfile.TemporaryDirectory(dir=self._scratch.name) as folder:
                for number, one in modules.items():
                    path = Path(folder, f"m{number}", one.path)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(one.text, "utf-8")
                Path(folder, "lib.rs").write_text(root)
                known = self._rustc(Path(folder), "lib.rs", "lib")
            self._keep(key.digest(), *known)
            self._store.commit()
            self.runs += 1
        return known

    def _known(self, key: bytes) -> tuple[int, bytes] | None:
        with closing(
            self._store.execute("SELECT code, output FROM said WHERE key = ?", (key,))
        ) as rows:
            row = rows.fetchone()
        return (int(row[0]), zlib.decompress(row[1])) if row else None

    def _keep(self, key: bytes, code: int, output: bytes) -> None:
        self._store.execute(
            "INSERT OR REPLACE INTO said VALUES (?, ?, ?)", (key, code, zlib.compress(output))
        )

    def _batch(self, batch: list[Source]) -> Iterator[tuple[Source, int, bytes]]:
        known: dict[bytes, tuple[int, bytes]] = {}
        for source in batch:
            row = self._known(source.key())
            if row:
                known[source.key()] = row
        missing = list({s.key(): s for s in batch if s.key() not in known}.values())
        for source, (code, output) in zip(missing, self._pool.map(self._run, missing), strict=True):
            known[source.key()] = (code, output)
            self._keep(source.key(), code, output)
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
            return self._rustc(Path(root), source.path, kind)

    def _rustc(self, root: Path, path: str, kind: str) -> tuple[int, bytes]:
        done = subprocess.run(
            [
                str(self.toolchain.bin / "rustc"), "--edition=2021", "--error-format=json",
                "--crate-name=checked", "--emit=metadata", f"--crate-type={kind}",
                "-o", str(root / "checked.rmeta"), path,
            ],
            capture_output=True,
            check=False,
            cwd=root,
            env={"PATH": f"{self.toolchain.bin}:/usr/bin:/bin", "TMPDIR": str(root)},
            timeout=_SECONDS,
            # A kernel that shares its time by sessions gives all of one the share of one.
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return done.returncode, done.stderr


def _by_module(output: bytes, modules: Mapping[int, Source]) -> dict[int, bytes]:
    """Return what was said of each module that has errors, with the paths of the files."""
    found: dict[int, list[bytes]] = {}
    wrong: set[int] = set()
    for line in output.splitlines():
        message = json.loads(line)
        spans = [each for each in message.get("spans", ()) if each["is_primary"]]
        match = _MODULE.match(spans[0]["file_name"]) if spans else None
        if match is None:
            continue
        number = int(match[1])
        path = modules[number].path
        found.setdefault(number, []).append(
            line.replace(f"m{number}/{path}".encode(), path.encode())
        )
        if message["level"] == "error":
            wrong.add(number)
    return {number: b"\n".join(found[number]) + b"\n" for number in wrong}
