"""The reflection service as strangers find it: owners, limits, odd and hostile requests."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response as Answered

from reflection_rig import KEYS, bundle, client, find, make_parts, remember, served
from reflex_reflection.service.app import create_app


async def test_the_document_tells_the_truth(tmp_path: Path) -> None:
    async with served(make_parts(tmp_path)) as url, client(url, "") as nobody:
        document = (await nobody.get("/openapi.json")).json()
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                assert "422" not in operation["responses"]
                asked = await nobody.request(method, path.replace("{id}", "refl-1"))
                wants_key = operation.get("security") == [{"bearer": []}]
                assert wants_key == path.startswith("/v1/"), path
                assert (asked.status_code == 401) == wants_key, path


@schemathesis.serializer("application/x-ndjson")
def _as_lines(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


async def test_schemathesis_finds_nothing(tmp_path: Path, database_url: str) -> None:
    """Every operation of the OpenAPI document, with generated requests, right and wrong."""
    async with served(make_parts(tmp_path, database_url)) as url:
        async with client(url) as http:
            await remember(http, "something to find")
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

        @settings(
            max_examples=15, deadline=None, derandomize=True, database=None,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def check(case: Any) -> None:
            nonlocal tried
            tried += 1
            answer: Answered = case.call(headers=headers, timeout=60)
            where = f"{case.method} {case.path} {answer.status_code} {answer.text[:300]}"
            assert answer.status_code < 500, where
            if answer.status_code >= 400:
                assert set(answer.json()["error"]) == {"message", "type", "code", "param"}, where
            case.validate_response(
                answer,
                checks=[
                    schemathesis.checks.status_code_conformance,
                    schemathesis.checks.content_type_conformance,
                    schemathesis.checks.response_schema_conformance,
                ],
            )

        given(case=found.ok().as_strategy())(check)()
    return tried


async def test_owners_cannot_see_each_other(tmp_path: Path, database_url: str) -> None:
    parts = make_parts(tmp_path, database_url)
    async with served(parts) as url, client(url) as alice, client(url, "bob") as bob:
        (name,) = (await remember(alice, "secret plans of alice"))["ids"]
        assert (await bob.get(f"/v1/memories/{name}")).status_code == 404
        assert (await bob.delete(f"/v1/memories/{name}")).status_code == 404
        assert (await bob.get("/v1/memories")).json()["data"] == []
        assert (await bob.get("/v1/memories", params={"after": name})).status_code == 400
        assert (await bob.get("/v1/memories/export")).content == b""
        assert (await bob.get("/v1/stats")).json()["memories"] == 0
        for mode in ("text", "vector", "hybrid"):
            assert await find(bob, "secret plans of alice", mode=mode) == []
        # The same turn is everybody's own, and an agent's name opens nothing.
        same = await remember(bob, "secret plans of alice")
        assert (same["ids"], same["ops_written"]) == ([name], 1)
        await remember(bob, "about the other", agent="alice")
        assert (await bob.delete(f"/v1/memories/{name}")).status_code == 204
        assert [one["id"] for one in await find(alice, "secret")] == [name]
        assert len((await alice.get("/v1/memories")).json()["data"]) == 1


NASTY = [
    "a\0b", "' OR 1=1; --", '"; DROP TABLE reflex_memory; --', "a\r\nX-Evil: 1\n{}", "\u202e",
    "💥" * 99, "%00%s:x :match0", "../../etc", "\ud800", '" OR words : "', "NEAR(a b) & | ! <-> *",
]  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
async def test_no_text_is_more_than_text(
    tmp_path: Path, database_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="reflex")
    parts = make_parts(tmp_path, database_url)
    async with served(parts) as url, client(url) as http:
        asked = bundle(f"word {name}", agent=name, snippets=[name], snippet_ids=[name])
        asked["bundle"]["state_view"] = {name: name}
        asked["bundle"]["plan"][name] = name
        # json.dumps writes a lone surrogate as \\ud800, as a client in JavaScript would.
        answer = await http.post("/v1/reflections", content=json.dumps(asked), headers=JSON)
        if answer.status_code == 200:
            (made,) = answer.json()["ids"]
            found = await http.get(f"/v1/memories/{quote(made, safe='')}")
            assert found.json()["id"] == made
            lines = (await http.get("/v1/memories/export")).content
            assert lines.count(b"\n") == 1
            assert (await http.post("/v1/memories/import", content=lines)).json()["written"] == 0
        else:
            assert "\ud800" in name
            assert answer.status_code == 400
        for wish in (
            {"query": name},
            {"query": "word", "kind": name},
            {"query": "", "since": name},
        ):
            for mode in ("text", "vector", "hybrid"):
                sent = json.dumps(wish | {"mode": mode})
                told = await http.post("/v1/memories/search", content=sent, headers=JSON)
                assert told.status_code in (200, 400), told.text
        encoded = quote(name.encode("utf-8", "replace"), safe="")
        assert (await http.get(f"/v1/memories/{encoded}")).status_code == 404
        assert (await http.delete(f"/v1/memories/{encoded}")).status_code == 404
        assert (await http.get(f"/v1/memories?after={encoded}")).status_code == 400
        line = json.dumps({"id": name, name: name})
        refused = await http.post("/v1/memories/import", content=line)
        assert refused.status_code == 400
        assert "line 1" in refused.json()["error"]["message"]
    for record in caplog.records:
        assert not {"\r", "\n", "\0"} & set(record.getMessage())
    log = tmp_path / "data/t3_reflection.jsonl"
    for logged in log.read_bytes().splitlines() if log.exists() else []:
        json.loads(logged)


JSON = {"Content-Type": "application/json"}


async def test_bodies_rates_and_memories_are_bounded(tmp_path: Path, database_url: str) -> None:
    parts = make_parts(
        tmp_path, database_url, body_bytes=4096, import_bytes=4096, memories=3, rate="30/minute"
    )
    async with served(parts) as url, client(url) as http, client(url, "bob") as bob:
        huge = await http.post("/v1/reflections", json=bundle("x" * 5000))
        assert (huge.status_code, huge.json()["error"]["code"]) == (413, "too_large")
        huge = await http.post("/v1/memories/import", content=b"\n" * 5000)
        assert (huge.status_code, huge.json()["error"]["code"]) == (413, "too_large")
        deep = await http.post("/v1/reflections", content=b"[" * 4000, headers=JSON)
        assert deep.status_code == 400
        for turn in range(5):
            await remember(http, f"note {turn}", turn=turn, ts=f"2026-01-0{turn + 1}T00:00:00Z")
        kept = (await http.get("/v1/memories")).json()["data"]
        assert [one["text"] for one in kept] == ["note 4", "note 3", "note 2"]
        parts.life.imports = parts.settings.imports
        busy = await http.post("/v1/memories/import", content=b"")
        assert (busy.status_code, busy.json()["error"]["code"]) == (429, "overloaded")
        answers = [(await http.get("/v1/stats")).status_code for _ in range(40)]
        assert answers[-1] == 429
        assert (await bob.get("/v1/stats")).status_code == 200
        counted = (await bob.get("/metrics")).text
        assert 'reflex_reflection_rejected_total{code="rate_limit_exceeded"}' in counted
        assert "reflex_reflection_memories 3.0" in counted


async def test_no_memory_is_too_long_to_hold_many_of(tmp_path: Path, database_url: str) -> None:
    """Else a few imports, then one search, took more memory than the process may have."""
    parts = make_parts(tmp_path, database_url, memory_characters=100)
    async with served(parts) as url, client(url) as http:
        long = await remember(http, "x" * 101)
        assert (long["ids"], long["errors"]) == ([], ["add_error[0]:TooLongError"])
        line = {"id": "refl-1-A-0-x", "owner": "A", "ts": "2026-01-01T00:00:00Z", "tags": []}
        good, long_text = (json.dumps(line | {"text": "x" * size}) for size in (100, 101))
        for wrong in (long_text, "[" + "[]," * 400_000 + "[]]"):
            refused = await http.post("/v1/memories/import", content=f"{good}\n{wrong}\n")
            message = refused.json()["error"]["message"]
            assert (refused.status_code, "line 2" in message) == (400, True), message
            assert "more than" in message
        assert (await http.get("/v1/stats")).json()["memories"] == 0
        taken = await http.post("/v1/memories/import", content=good)
        assert taken.json()["written"] == 1


async def test_pages_go_through_all_in_one_order(tmp_path: Path, database_url: str) -> None:
    async with served(make_parts(tmp_path, database_url)) as url, client(url) as http:
        for turn in range(7):
            await remember(http, f"note {turn}", turn=turn, ts=f"2026-01-0{1 + turn % 3}T00:00:00Z")
        whole = (await http.get("/v1/memories")).json()["data"]
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = (await http.get("/v1/memories", params={"limit": "2"} | after)).json()
            seen += [one["id"] for one in page["data"]]
            if not page["has_more"]:
                break
            after = {"after": page["last_id"]}
        assert seen == [one["id"] for one in whole]
        days = [one["ts"] for one in whole]
        assert days == sorted(days, reverse=True)
        # A cursor that is deleted still leads on.
        await http.delete(f"/v1/memories/{seen[2]}")
        rest = (await http.get("/v1/memories", params={"after": seen[2]})).json()["data"]
        assert [one["id"] for one in rest] == seen[3:]


async def test_a_bad_line_is_named_and_nothing_is_taken(tmp_path: Path, database_url: str) -> None:
    async with served(make_parts(tmp_path, database_url)) as url, client(url) as http:
        await remember(http, "one")
        await remember(http, "two", turn=2)
        good = (await http.get("/v1/memories/export")).content.splitlines()
        for one in (await http.get("/v1/memories")).json()["data"]:
            await http.delete(f"/v1/memories/{one['id']}")
        first = json.loads(good[0])
        wrong: list[tuple[bytes, str]] = [
            (b"{", "no JSON"),
            (b"\xff\xfe", "no JSON"),
            (b"[]", "no JSON: wanted an object"),
            (json.dumps(first | {"more": 1}).encode(), "more"),
            (json.dumps(first | {"ts": "yesterday"}).encode(), "no ISO 8601 time"),
            (json.dumps(first | {"text": "other"}).encode(), "not the shake256-32 vector"),
            (json.dumps(first | {"vec_model": "mine"}).encode(), "not the shake256-32 vector"),
            (json.dumps(first | {"id": "x" * 9}).encode(), "id"),
            (json.dumps(first | {"seen": True}).encode(), "seen"),
            (json.dumps(first | {"evidence": [{}]}).encode(), "evidence.0"),
        ]
        for line, what in wrong:
            sent = b"\n".join([*good, b"", line])
            refused = await http.post("/v1/memories/import", content=sent)
            message = refused.json()["error"]["message"]
            assert (refused.status_code, "line 4" in message) == (400, True), message
            assert what in message
        assert (await http.get("/v1/stats")).json()["memories"] == 0


async def test_nothing_is_taken_of_a_long_file_that_ends_badly(
    tmp_path: Path, database_url: str
) -> None:
    """Memories are written so many at a time; all lines are read before the first of them."""
    line = {"owner": "A", "ts": "2026-01-01T00:00:00Z", "tags": []}
    good = [json.dumps(line | {"id": f"refl-{n}", "text": f"note {n}"}) for n in range(250)]
    async with served(make_parts(tmp_path, database_url)) as url, client(url) as http:
        refused = await http.post("/v1/memories/import", content="\n".join([*good, "{"]))
        assert (refused.status_code, "line 251" in refused.text) == (400, True)
        assert (await http.get("/v1/stats")).json()["memories"] == 0
        taken = await http.post("/v1/memories/import", content="\n".join(good))
        assert taken.json()["written"] == 250


async def test_a_database_that_goes_away(tmp_path: Path, postgres_socket: str) -> None:
    name = f"gone_{tmp_path.name.replace('-', '_')}"
    with psycopg.connect(host=postgres_socket, user="postgres", autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"')
        parts = make_parts(
            tmp_path, f"postgresql+psycopg://postgres@/{name}?host={postgres_socket}"
        )
        async with served(parts) as url, client(url) as http:
            await remember(http, "one")
            db.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            db.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )
            ready = await http.get("/readyz")
            assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "unreachable")
            assert (await http.get("/healthz")).status_code == 200
            asked = await http.get("/v1/memories")
            assert (asked.status_code, asked.json()["error"]["code"]) == (503, "database")
            # The turn is told the truth: nothing was written.
            lost = await remember(http, "two", turn=2)
            assert (lost["ops_written"], lost["reason"]) == (0, "partial_failure")
            assert (await http.get("/metrics")).status_code == 200
            db.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            assert (await remember(http, "two", turn=2))["ops_written"] == 1
        db.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_the_application_can_be_made_twice(tmp_path: Path) -> None:
    """No globals: two services in one process do not know each other."""
    first, second = make_parts(tmp_path / "a"), make_parts(tmp_path / "b")
    assert create_app(first).state.parts is not create_app(second).state.parts
    first.database.close()
    second.database.close()
