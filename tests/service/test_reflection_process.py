"""The service as a process: killed in the middle of writing, told to end, started wrongly."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from reflection_rig import ON, bundle, client, keys_file
from service_process import free_port
from service_rig import eventually


def environment(folder: Path, **settings: object) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    (folder / "reflection.yaml").write_text(ON)
    given = {"CONFIG": folder / "reflection.yaml", "KEYS_FILE": keys_file(folder)} | settings
    paths = os.pathsep.join(path for path in sys.path if path)
    return {"PATH": os.environ["PATH"], "PYTHONPATH": paths} | {
        f"REFLEX_REFLECTION__{name}": str(value) for name, value in given.items()
    }


@asynccontextmanager
async def program(folder: Path, **settings: object) -> AsyncIterator[tuple[str, int]]:
    """Run the service; yield its URL and its process's number."""
    port = free_port()
    env = environment(folder, LISTEN=f"127.0.0.1:{port}", DATA_DIR=folder / "data", **settings)
    url = f"http://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "reflex_reflection.service", env=env
    )

    async def ready() -> bool:
        assert process.returncode is None
        try:
            async with httpx2.AsyncClient() as http:
                return (await http.get(f"{url}/readyz")).status_code == 200
        except httpx2.TransportError:
            return False

    try:
        await eventually(ready, seconds=120)
        yield url, process.pid
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(process.wait(), 60)
        assert code in (0, -signal.SIGKILL)


async def test_killed_while_it_writes_it_keeps_what_it_said_it_kept(
    tmp_path: Path, database_url: str
) -> None:
    kept: set[str] = set()
    sent = 0

    async def write(http: httpx2.AsyncClient, agent: str) -> None:
        nonlocal sent
        for turn in range(10_000):
            sent += 1
            try:
                made = await http.post(
                    "/v1/reflections",
                    json=bundle(f"turn {turn} of {agent}", turn=turn, agent=agent),
                )
            except httpx2.TransportError:
                return
            kept.update(made.json()["ids"])

    async with program(tmp_path, DATABASE_URL=database_url) as (url, pid), client(url) as http:
        writers = [asyncio.create_task(write(http, f"A{number}")) for number in range(4)]
        await eventually(lambda: len(kept) >= 12, seconds=120)
        os.kill(pid, signal.SIGKILL)
        await asyncio.gather(*writers)
    async with program(tmp_path, DATABASE_URL=database_url) as (url, _), client(url) as http:
        exported = (await http.get("/v1/memories/export")).text.splitlines()
        ids = [line.split('"')[3] for line in exported]
        assert len(ids) == len(set(ids)) <= sent
        assert kept <= set(ids)
        assert len(ids) <= len(kept) + 4  # those whose answers were on their way
        stats = (await http.get("/v1/stats")).json()
        assert stats["memories"] == len(ids)
        assert f"reflex_reflection_memories {float(len(ids))}" in (await http.get("/metrics")).text


async def test_told_to_end_it_says_so_first(tmp_path: Path) -> None:
    async with program(tmp_path, GRACE_SECONDS=3) as (url, pid), client(url) as http:
        os.kill(pid, signal.SIGTERM)

        async def draining() -> bool:
            return (await http.get("/readyz")).status_code == 503

        await eventually(draining)
        refused = await http.post("/v1/reflections", json=bundle("late"))
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
        assert (await http.get("/v1/memories")).status_code == 200


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"RATE": "often", "NONSENSE": 1}, ["RATE", "NONSENSE: no such setting"]),
        ({"CONFIG": "/no/such/file"}, ["/no/such/file cannot be read"]),
        ({"KEYS_FILE": "/no/keys"}, ["keys_file /no/keys cannot be read"]),
        ({"DATABASE_URL": "nonsense"}, ["URL is none"]),
        ({"DATABASE_URL": "postgresql+psycopg://u:hunter2@127.0.0.1:1/x"}, ["cannot be used"]),
        ({"EMBEDDING_MODEL": "/no/model"}, ["/no/model has no model.onnx"]),
    ],
)
def test_started_wrongly_it_says_what_is_wrong(
    tmp_path: Path, settings: dict[str, object], named: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reflex_reflection.service"],
        env=environment(tmp_path, DATA_DIR=tmp_path / "data", **settings),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    for part in named:
        assert part in done.stderr
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr
