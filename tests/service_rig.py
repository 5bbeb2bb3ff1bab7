"""The service with real HTTP and a real database; models and compiler follow a script."""

import asyncio
import io
import json
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2

from marked_checker import MarkedChecker
from reflex_loop.adapters.sandboxes import LocalSandboxes, SandboxPool
from reflex_loop.events import Listener
from reflex_loop.loop import Repair
from reflex_loop.options import RepairOptions
from reflex_loop.protocols import Memory, Proposer
from reflex_loop.service.parts import Parts
from reflex_loop.service.serve import server
from reflex_loop.service.settings import load_settings
from reflex_loop.service.starting import assemble
from reflex_loop.stopping import Progress
from reflex_routing.config_file import load
from reflex_runner.job import Job, Outcome, Runner
from scripted_model import patch

KEYS = {"alice": "alice-key-0123456789", "bob": "bob-key-0123456789ab"}
SOURCE = """\
fn one() {
    let a = 1; // @E0308
}

fn two() {
    let b = 2; // @E0425
}
"""
MANIFEST = '[package]\nname = "broken"\nversion = "0.1.0"\nedition = "2021"\n'


def edit(search: str, replace: str, path: str = "src/lib.rs") -> dict[str, Any]:
    return {"path": path, "search": [search], "replace": [replace]}


FIX_ONE = edit("    let a = 1; // @E0308", "    let a = 1u8;")
FIX_TWO = edit("    let b = 2; // @E0425", "    let b = 2u8;")
RIGHT = patch(FIX_ONE, FIX_TWO)


def workspace(files: Mapping[str, str | bytes] | None = None, mode: str = "w") -> bytes:
    """Return a tar of a broken crate."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        found = {"Cargo.toml": MANIFEST, "src/lib.rs": SOURCE} if files is None else files
        for name, text in found.items():
            data = text.encode() if isinstance(text, str) else text
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def contents(data: bytes) -> dict[str, bytes]:
    """Return the files of a tar."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {
            member.name: file.read()
            for member in archive
            if (file := archive.extractfile(member)) is not None
        }


class IdleRunner:
    """A sandbox that nobody uses: the scripted repairs have a compiler of their own."""

    async def run(self, job: Job, root: Path) -> Outcome:
        raise AssertionError("the marked checker compiles")

    def close(self) -> None:
        pass


@dataclass
class ScriptedRepairs:
    """A RepairFactory: the library's real loop over a scripted model and compiler."""

    proposer: Callable[[str], Proposer]
    checker: Callable[[], Any] = MarkedChecker
    memory: Callable[[str], Memory | None] = lambda repair: None
    begun: list[str] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)

    def __call__(
        self, root: Path, *, runner: Runner, options: RepairOptions, listener: Listener,
        repair_id: str, progress: Progress,
    ) -> Repair:  # fmt: skip
        self.begun.append(repair_id)
        self.progress.append(progress)
        return Repair(
            root=root,
            checker=self.checker(),
            proposer=self.proposer(repair_id),
            settings=replace(options.settings(reply_seconds=60.0), durable=False),
            listener=listener,
            progress=progress,
            memory=self.memory(repair_id),
        )


def configuration(folder: Path, base_url: str = "http://127.0.0.1:9/v1", more: str = "") -> Path:
    """Write a routing configuration with one local model, which needs no evidence."""
    path = folder / "reflex.yaml"
    path.write_text(
        "version: 1\nreflex:\n  model_primary: tiny\n"
        f"  endpoints: {{local: {{base_url: '{base_url}'}}}}\n"
        "  gate: {mode: disabled}\n"
        "  retry: {attempts: 1}\n" + more
    )
    return path


def keys_file(folder: Path) -> Path:
    path = folder / "keys"
    path.write_text("".join(f"{name}:{key}\n" for name, key in KEYS.items()))
    return path


def make_parts(
    folder: Path, *, url: str = "", factory: Any = None, pool: SandboxPool | None = None,
    config: Path | None = None, poll_models: bool = False, **settings: Any,
) -> Parts:  # fmt: skip
    """Return the parts of a service in this folder."""
    folder.mkdir(parents=True, exist_ok=True)

    async def idle(scratch: Path) -> IdleRunner:
        return IdleRunner()

    given = {
        "listen": "127.0.0.1:0", "data_dir": folder / "data", "keys_file": keys_file(folder),
        "database_url": url, "poll_seconds": 0.1, "lease_seconds": 2.0, "grace_seconds": 0.0,
    } | settings  # fmt: skip
    found = load_settings({}, **given)
    pool = pool or LocalSandboxes(idle, capacity=8, scratch=folder / "sandboxes")
    return assemble(
        found,
        load(config or configuration(folder), environ={}),
        environ={},
        pool=pool,
        factory=factory,
        poll_models=poll_models,
    )


@asynccontextmanager
async def served(parts: Parts) -> AsyncIterator[str]:
    """Serve on a free port; yield the base URL."""
    serving = server(parts)
    task = asyncio.create_task(serving._serve())  # without its signal handlers
    try:
        while not serving.started:
            assert not task.done(), task.exception()
            await asyncio.sleep(0.005)
        port = serving.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        parts.ending.set()
        parts.feed.ring_all()
        serving.should_exit = True
        await task
        parts.scratch.remove()


@asynccontextmanager
async def client(base_url: str, who: str = "alice") -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {KEYS[who]}"} if who else {}
    async with httpx2.AsyncClient(base_url=base_url, headers=headers, timeout=30) as found:
        yield found


TAR = {"Content-Type": "application/x-tar"}


async def post_repair(
    http: httpx2.AsyncClient, data: bytes | None = None, *, key: str = "", **options: Any
) -> httpx2.Response:
    headers = TAR | ({"Idempotency-Key": key} if key else {})
    return await http.post(
        "/v1/repairs",
        params={"options": json.dumps(options)},
        content=workspace() if data is None else data,
        headers=headers,
    )


async def follow(
    http: httpx2.AsyncClient, repair: str, *, after: int | None = None, most: int = 10_000
) -> list[dict[str, Any]]:
    """Return the events of a stream until it ends, each with its `id` checked."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    found: list[dict[str, Any]] = []
    async with http.stream("GET", f"/v1/repairs/{repair}/events", headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        one: dict[str, str] = {}
        async for line in response.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                one[name] = value
                continue
            if "data" in one:
                body = json.loads(one["data"])
                assert one["id"] == str(body["number"])
                assert one["event"] == body["kind"]
                found.append(body)
                if len(found) >= most:
                    return found
            one = {}
    return found


async def ended(http: httpx2.AsyncClient, repair: str) -> dict[str, Any]:
    """Wait for the end of a repair and return it."""
    await follow(http, repair)
    found: dict[str, Any] = (await http.get(f"/v1/repairs/{repair}")).json()
    assert found["status"] not in ("queued", "running"), found
    return found


async def eventually(condition: Callable[[], Any], *, seconds: float = 20.0) -> None:
    """Wait until a condition holds; it may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)
