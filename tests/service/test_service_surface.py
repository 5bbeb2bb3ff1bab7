"""The surface as strangers find it: the OpenAPI document, odd requests, and slow or huge ones."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response as Answered

from reflex_loop.service.app import create_app
from reflex_service import server
from scripted_model import Scripted, always
from service_rig import (
    KEYS,
    RIGHT,
    TAR,
    ScriptedRepairs,
    client,
    ended,
    eventually,
    make_parts,
    post_repair,
    served,
    workspace,
)


def parts_of(folder: Path, url: str = "", **more: Any) -> Any:
    factory = ScriptedRepairs(lambda repair: Scripted(always(RIGHT)))
    return make_parts(folder, url=url, factory=factory, **more)


async def test_the_document_tells_the_truth(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    async with served(parts) as url, client(url, "") as nobody:
        document = (await nobody.get("/openapi.json")).json()
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                assert "422" not in operation["responses"]
                asked = await nobody.request(method, path.replace("{id}", "0" * 32))
                wants_key = operation.get("security") == [{"bearer": []}]
                assert (asked.status_code == 401) == wants_key, path


async def test_schemathesis_finds_nothing(tmp_path: Path, database_url: str) -> None:
    """Every operation of the OpenAPI document, with generated requests, right and wrong."""
    parts = parts_of(
        tmp_path, database_url, rate="100000/minute", repair_rate="100000/minute",
        repairs_queued=10_000, upload_seconds=2, ping_seconds=0.2,
    )  # fmt: skip
    async with served(parts) as url:
        async with client(url) as http:
            made = await post_repair(http)
            await ended(http, made.json()["id"])
            document = (await http.get("/openapi.json")).json()
        tried = await asyncio.to_thread(_generated, document, url)
    assert tried >= len(document["paths"]) * 5


def _generated(document: dict[str, Any], url: str) -> int:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    tried = 0
    headers = {"Authorization": f"Bearer {KEYS['alice']}"}
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @settings(
            max_examples=15, deadline=None, derandomize=True, database=None,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def check(case: Any) -> None:
            nonlocal tried
            tried += 1
            answer: Answered = case.call(headers=headers, timeout=20)
            where = f"{case.method} {case.path} {answer.status_code} {answer.text[:300]}"
            assert answer.status_code < 500 or _nobody_answers(case, answer), where
            if answer.status_code >= 400:
                error = answer.json()["error"]
                assert set(error) == {"message", "type", "code", "param"}, where
            case.validate_response(
                answer,
                checks=[
                    schemathesis.checks.status_code_conformance,
                    schemathesis.checks.content_type_conformance,
                    schemathesis.checks.response_schema_conformance,
                ],
            )

        given(case=operation.as_strategy())(check)()
    return tried


def _nobody_answers(case: Any, answer: Answered) -> bool:
    """A chat that was asked rightly: there is no engine behind it here."""
    return case.path == "/v1/chat/completions" and answer.status_code in (502, 503, 504)


NAMES = [
    "a\0b",
    "' OR 1=1; --",
    '"; DROP TABLE reflex_repair; --',
    "a\r\nX-Evil: 1",
    "\u202e",
    "💥" * 99,
]


@pytest.mark.parametrize("name", NAMES)
async def test_names_are_only_names(
    tmp_path: Path, database_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="reflex")
    parts = parts_of(tmp_path, database_url)
    async with served(parts) as url, client(url) as http:
        answers = [
            await http.get("/v1/repairs", params={"after": name}),
            await http.get("/v1/decisions", params={"repair": name, "request": name}),
            await http.get(f"/v1/repairs/{quote(name, safe='')}"),
            await http.post(
                "/v1/repairs", content=workspace(), headers=TAR,
                params={"options": json.dumps({"entry": name})},
            ),
            await http.post(
                "/v1/repairs", content=workspace(), headers=TAR,
                params={"options": json.dumps({name: 1})},
            ),
            await http.post("/v1/chat/completions", json={"model": name, "messages": [{}]}),
        ]  # fmt: skip
        for answer in answers:
            assert answer.status_code in (400, 404), answer.text
            assert "x-evil" not in answer.headers
        for key in ("'; DROP TABLE reflex_repair; --", "a b", "ü"):
            headers = {b"Content-Type": b"application/x-tar"}
            headers[b"Idempotency-Key"] = key.encode("latin-1")
            made = await http.post("/v1/repairs", content=workspace(), headers=headers)
            assert made.status_code == 400
    assert all(
        "\r" not in each.getMessage() and "\0" not in each.getMessage() for each in caplog.records
    )


async def test_hostile_paths_in_an_archive_are_data(tmp_path: Path, database_url: str) -> None:
    files = {"Cargo.toml": "[package]", "src/$(touch x);'.rs": "fn a() {} // @E0308\n"}
    parts = parts_of(tmp_path, database_url)
    async with served(parts) as url, client(url) as http:
        found = await ended(http, (await post_repair(http, workspace(files))).json()["id"])
        assert found["status"] == "failed"


async def raw(url: str, data: bytes, *, seconds: float = 20) -> bytes:
    """Send bytes and return what comes until the server closes, or it says nothing more."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        await writer.drain()
        return await asyncio.wait_for(reader.read(), seconds)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_huge_heads_and_bodies(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, upload_bytes=10_000_000)
    async with served(parts) as url, client(url) as http:
        head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 100_000
        assert (await raw(url, head)).startswith(b"HTTP/1.1 400")
        told = await http.post("/v1/repairs", content=b"x" * 10_000_001, headers=TAR)
        assert (told.status_code, told.json()["error"]["code"]) == (413, "too_large")

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 4096

        try:
            untold = await http.post("/v1/repairs", content=endless(), headers=TAR)
            assert untold.status_code == 413
        except httpx2.TransportError:
            pass  # the server closed while we were still sending
        # A client that sends all before it listens hears why it was for nothing.
        parts.workers.draining = True
        refused = await http.post("/v1/repairs", content=b"x" * 9_000_000, headers=TAR)
        assert refused.json()["error"]["code"] == "draining"
        parts.workers.draining = False
        lying = await http.post("/v1/repairs", content=b"x", headers={"Content-Type": "text/plain"})
        assert lying.status_code == 415
        assert not list(parts.scratch.path.glob("upload-*"))


async def test_slow_senders_are_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_HEADER_SECONDS", 0.3)
    parts = parts_of(tmp_path, upload_seconds=3)
    async with served(parts) as url:
        # A head that never ends; and one after a good request on the same connection.
        assert await raw(url, b"GET /healthz HTTP/1.1\r\nHost:") == b""
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"{}}")
        writer.write(b"GET /hea")
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
        head = (
            b"POST /v1/repairs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
            b"Authorization: Bearer "
            + KEYS["alice"].encode()
            + b"\r\nContent-Length: 5000\r\n\r\nab"
        )
        assert b"408" in await raw(url, head)
        await eventually(lambda: parts.uploads.taken == 0)


async def test_a_database_that_goes_away(tmp_path: Path, postgres_socket: str) -> None:
    import psycopg

    name = f"away_{tmp_path.name.replace('-', '_')}"
    with psycopg.connect(host=postgres_socket, user="postgres", autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"')
        url = f"postgresql+psycopg://postgres@/{name}?host={postgres_socket}"
        parts = parts_of(tmp_path, url)
        async with served(parts) as base, client(base) as http:
            assert (await http.get("/readyz")).status_code == 200
            db.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            db.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )
            ready = await http.get("/readyz")
            assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "unreachable")
            assert (await http.get("/healthz")).status_code == 200
            asked = await http.get("/v1/repairs")
            assert (asked.status_code, asked.json()["error"]["code"]) == (503, "database")
            assert (await http.get("/metrics")).status_code == 200
            db.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            made = await post_repair(http)
            assert (await ended(http, made.json()["id"]))["status"] == "succeeded"
        db.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_the_application_can_be_made_twice(tmp_path: Path) -> None:
    """No globals: two services in one process do not know each other."""
    first, second = parts_of(tmp_path / "a"), parts_of(tmp_path / "b")
    assert create_app(first).state.parts is not create_app(second).state.parts
    for parts in (first, second):
        parts.budgets.dispose()
        parts.database.close()
        parts.scratch.remove()
