"""A real agent in a process of its own, and a client for it."""

import asyncio
import contextlib
import io
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from reflex_runner import wire
from reflex_runner.archive import pack
from reflex_runner.job import Job, Outcome
from reflex_runner.tree import Limits, scan

SERVICES = Path(__file__).parent.parent / "services"
TOKEN = "t" * 40
_LISTENING = re.compile(rb"listening on port (\d+)")


class AgentProcess:
    """An agent that runs, with its HTTP calls."""

    def __init__(
        self, process: asyncio.subprocess.Process, session: aiohttp.ClientSession, work: Path
    ) -> None:
        self.process = process
        self.session = session
        self.work = work

    @property
    def pid(self) -> int:
        """Return its process."""
        return self.process.pid

    async def call(
        self, method: str, path: str, *, token: str | None = TOKEN, **options: Any
    ) -> tuple[int, bytes]:
        """Return status and body of an answer."""
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        async with self.session.request(method, path, headers=headers, **options) as answer:
            return answer.status, await answer.read()

    async def ready(self) -> dict[str, Any]:
        """Wait until the confinement is proved and return what it says of itself."""
        while True:
            async with self.session.get("/healthz") as answer:
                if answer.status == 200:
                    found: dict[str, Any] = await answer.json()
                    return found
                assert "is being tested" in await answer.text()
            await asyncio.sleep(0.02)

    async def claim(self, seconds: float = 300) -> None:
        """Claim it."""
        body = {"repair": "r", "seconds": seconds}
        assert (await self.call("PUT", "/v1/claim", json=body))[0] == 200

    async def upload(self, root: Path) -> int:
        """Send a tree and return how many files were written."""
        status, body = await self.call("PUT", "/v1/workspace", data=packed(root))
        assert status == 200, body
        return int(re.findall(rb"\d+", body)[0])

    async def run(self, job: Job) -> Outcome:
        """Run a job."""
        status, body = await self.call("POST", "/v1/jobs", data=wire.dump_job(job))
        assert status == 200, body
        return wire.load_outcome(body)


def packed(root: Path) -> bytes:
    """Return a tree as tar."""
    out = io.BytesIO()
    pack(scan(root, Limits()), out)
    return out.getvalue()


@contextlib.asynccontextmanager
async def agent(work: Path, *arguments: str) -> AsyncIterator[AgentProcess]:
    """Start an agent and end it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "reflex_runner", "--listen", "127.0.0.1:0", "--work", str(work),
        "--shared-machine", *arguments,
        cwd=SERVICES, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    reading = process.stderr
    try:
        seen = b""
        while not (found := _LISTENING.search(seen)):
            line = await reading.readline()
            assert line, seen
            seen += line
        draining = asyncio.create_task(reading.read())
        address = f"http://127.0.0.1:{int(found[1])}"
        async with aiohttp.ClientSession(address) as session:
            yield AgentProcess(process, session, work)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)
        await draining
