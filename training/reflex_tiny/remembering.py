"""Runners for programs of our own: one that remembers, one that is rustc alone."""

import asyncio
import hashlib
import json
import sqlite3
import zlib
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from reflex_runner.errors import JobError
from reflex_runner.job import Job, Outcome, Runner
from reflex_runner.toolchain import Toolchain


class RememberingRunner:
    """A `Runner` that asks another one only about what it does not know.

    Args:
        runner: does the work.
        store: file of what is known; it may be deleted at any time.
    """

    def __init__(self, runner: Runner, store: Path) -> None:
        self._runner = runner
        store.parent.mkdir(parents=True, exist_ok=True)
        self._store = sqlite3.connect(store, timeout=60)
        self._store.execute("PRAGMA journal_mode=WAL")
        self._store.execute("PRAGMA synchronous=OFF")
        self._store.execute("CREATE TABLE IF NOT EXISTS ran (key TEXT PRIMARY KEY, outcome BLOB)")
        self.runs = 0

    def close(self) -> None:
        """Keep what was found and end."""
        self._store.commit()
        self._store.close()

    async def run(self, job: Job, root: Path) -> Outcome:
        """Run a job, or say what came of it the last time."""
        key = await asyncio.to_thread(_key, job, root)
        with closing(self._store.execute("SELECT outcome FROM ran WHERE key = ?", (key,))) as rows:
            row = rows.fetchone()
        if row:
            return _read(row[0])
        done = await self._runner.run(job, root)
        self.runs += 1
        if not done.timed_out and not done.exceeded:
            self._store.execute("INSERT OR REPLACE INTO ran VALUES (?, ?)", (key, _written(done)))
            self._store.commit()
        return done


class PlainRustc:
    """A `Runner` that only compiles, without a sandbox: for hand-written programs.

    It runs nothing of them, and takes a tenth of the time that cargo does.
    """

    def __init__(self, toolchain: Toolchain) -> None:
        self._toolchain = toolchain

    async def run(self, job: Job, root: Path) -> Outcome:
        """Check one crate by its root file."""
        if job.verb != "check" or not job.entry:
            raise JobError("only the check of a root file")
        process = await asyncio.create_subprocess_exec(
            str(self._toolchain.bin / "rustc"), f"--edition={job.edition}", "--error-format=json",
            "--crate-name=checked", "--emit=metadata", f"--crate-type={job.crate_type}",
            "--out-dir", str(root / "target"), job.entry,
            cwd=root,
            env={"PATH": f"{self._toolchain.bin}:/usr/bin:/bin", "TMPDIR": str(root)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), timeout=job.seconds)
        return Outcome(code=process.returncode or 0, stdout=out, stderr=err, workspace=str(root))


def _key(job: Job, root: Path) -> str:
    state = hashlib.sha256(json.dumps(asdict(job), sort_keys=True).encode())
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        state.update(f"\0{path.relative_to(root)}\0".encode() + path.read_bytes())
    return state.hexdigest()


def _written(done: Outcome) -> bytes:
    fields = {
        **asdict(done),
        "stdout": done.stdout.decode("latin-1"),
        "stderr": done.stderr.decode("latin-1"),
    }
    return zlib.compress(json.dumps(fields).encode())


def _read(data: bytes) -> Outcome:
    fields = json.loads(zlib.decompress(data))
    for name in ("stdout", "stderr"):
        fields[name] = fields[name].encode("latin-1")
    return Outcome(**fields)
