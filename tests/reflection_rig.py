"""The reflection service with real HTTP and a real database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from reflex_reflection.service.app import create_app
from reflex_reflection.service.parts import Parts
from reflex_reflection.service.settings import load_settings
from reflex_reflection.service.starting import assemble
from reflex_service.server import server

KEYS = {"alice": "alice-key-0123456789", "bob": "bob-key-0123456789ab"}
ON = "t3:\n  allow_reflection: true\n"
NOW = 1_800_000_000.0
Json = dict[str, Any]


def keys_file(folder: Path) -> Path:
    path = folder / "keys"
    path.write_text("".join(f"{name}:{key}\n" for name, key in KEYS.items()))
    return path


def make_parts(
    folder: Path, url: str = "", *, config: str = ON, now: Callable[[], float] = lambda: NOW,
    **settings: Any,
) -> Parts:  # fmt: skip
    """Return the parts of a service in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reflection.yaml").write_text(config)
    given = {
        "listen": "127.0.0.1:0", "data_dir": folder / "data", "keys_file": keys_file(folder),
        "database_url": url, "config": folder / "reflection.yaml", "grace_seconds": 0.0,
        "rate": "1000000/minute",
    } | settings  # fmt: skip
    return assemble(load_settings({}, **given), now=now)


@asynccontextmanager
async def served(parts: Parts) -> AsyncIterator[str]:
    """Serve; yield the URL."""
    serving = server(
        create_app(parts), address=parts.settings.address, connections=100, drain=parts.drain
    )
    serving.capture_signals = _no_signals  # type: ignore[method-assign]
    task = asyncio.create_task(serving.serve())
    try:
        async with asyncio.timeout(20):
            while not serving.started:
                assert not task.done()
                await asyncio.sleep(0.01)
        host, port = serving.servers[0].sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}"
    finally:
        serving.should_exit = True
        await asyncio.wait_for(task, 30)


def client(url: str, who: str = "alice") -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {KEYS[who]}"} if who else {}
    return httpx2.AsyncClient(base_url=url, headers=headers, timeout=30)


def bundle(
    utter: str, *, turn: int = 1, agent: str = "AgentA", ts: str = "2026-01-02T03:04:05Z",
    **more: Any,
) -> Json:  # fmt: skip
    ctx = {"agent_id": agent, "turn_id": turn, "now_iso": ts}
    return {"bundle": {"ctx": ctx, "plan": {"reflection": True}, "utter": utter} | more}


async def remember(http: httpx2.AsyncClient, utter: str, **more: Any) -> Json:
    """Reflect on a turn and return the answer."""
    made = await http.post("/v1/reflections", json=bundle(utter, **more))
    assert made.status_code == 200, made.text
    found: Json = made.json()
    return found


async def find(http: httpx2.AsyncClient, query: str, **more: Any) -> list[Json]:
    """Search and return what was found."""
    made = await http.post("/v1/memories/search", json={"query": query} | more)
    assert made.status_code == 200, made.text
    found: list[Json] = made.json()["results"]
    return found


class _NoSignals:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def _no_signals() -> Any:
    return _NoSignals()
