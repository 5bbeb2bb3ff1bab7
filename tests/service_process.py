"""The service as a process of its own, which tests start, kill and start again."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from service_rig import eventually, keys_file

MARKED = (str(Path(__file__).parent / "service_program.py"),)
REAL = ("-m", "reflex_loop.service", "--config", "reflex.yaml")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class Program:
    """A real server process, by default over a compiler that reads marks."""

    def __init__(
        self, folder: Path, url: str, engine: str, *,
        command: Sequence[str] = MARKED, **settings: Any,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.command = command
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        given = {
            "LISTEN": f"127.0.0.1:{self.port}", "DATA_DIR": folder / "data", "DATABASE_URL": url,
            "KEYS_FILE": keys_file(folder), "POLL_SECONDS": 0.1, "LEASE_SECONDS": 1.5,
            "GRACE_SECONDS": 0,
        } | {name.upper(): value for name, value in settings.items()}  # fmt: skip
        self.env = {f"REFLEX_LOOP__{name}": str(value) for name, value in given.items()}
        self.env |= {"ENGINE": engine, "PATH": os.environ["PATH"]}
        self.env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        self.process: asyncio.subprocess.Process | None = None
        self.log = folder / "log"

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *self.command, env=self.env, cwd=self.folder, stdout=log, stderr=log
            )
        async with httpx2.AsyncClient() as http:
            await eventually(lambda: self.ready(http), seconds=60)

    async def ready(self, http: httpx2.AsyncClient) -> bool:
        assert self.process is not None
        assert self.process.returncode is None, self.log.read_text()
        try:
            return (await http.get(f"{self.base}/readyz")).status_code == 200
        except httpx2.TransportError:
            return False

    async def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), 30)


@asynccontextmanager
async def program(*arguments: Any, **settings: Any) -> AsyncIterator[Program]:
    found = Program(*arguments, **settings)
    try:
        await found.start()
        yield found
    finally:
        await found.end(signal.SIGKILL)
