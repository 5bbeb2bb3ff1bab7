"""The reflection service over HTTP, on both databases."""

import json
from pathlib import Path

from reflection_rig import bundle, client, find, make_parts, remember, served
from reflex_reflection.embedding import embed


async def test_a_turn_is_remembered_and_found_again(tmp_path: Path, database_url: str) -> None:
    parts = make_parts(tmp_path, database_url)
    async with served(parts) as url, client(url) as http:
        made = await remember(http, "Fixed E0382: borrow of moved value!", turn=7)
        (name,) = made["ids"]
        assert made["reflected"]
        assert (made["ops_written"], made["duplicates"], made["reason"]) == (1, 0, None)
        assert made["result"]["summary"] == "fixed e0382 borrow of moved value"
        (entry,) = made["result"]["memory_entries"]
        assert tuple(entry["vec_full"]) == embed(made["result"]["summary"])
        for mode in ("text", "hybrid", "vector"):
            (found,) = await find(http, "Fixed e0382, borrow of moved value", mode=mode)
            assert found["id"] == name
            assert [one["turn"] for one in found["evidence"]] == [7]
        again = await remember(http, "Fixed E0382: borrow of moved value!", turn=8)
        assert (again["ids"], again["ops_written"], again["duplicates"]) == ([], 0, 1)
        one = (await http.get(f"/v1/memories/{name}")).json()
        assert (one["seen"], one["created_at"]) == (2, 1_800_000_000)
        assert tuple(one["vec_full"]) == embed(one["text"])
        assert (await http.get("/v1/stats")).json()["memories"] == 1
        assert (await http.delete(f"/v1/memories/{name}")).status_code == 204
        assert (await http.delete(f"/v1/memories/{name}")).status_code == 404
        assert (await http.get(f"/v1/memories/{name}")).status_code == 404
        assert await find(http, "borrow") == []
    log = (tmp_path / "data/t3_reflection.jsonl").read_text().splitlines()
    assert [json.loads(line)["ops_written"] for line in log] == [1, 0]


async def test_a_closed_gate_has_no_effect(tmp_path: Path, database_url: str) -> None:
    parts = make_parts(tmp_path, database_url, config="")
    before = {path.name for path in (tmp_path / "data").iterdir()}
    async with served(parts) as url, client(url) as http:
        made = await remember(http, "hello")
        assert (made["reflected"], made["result"], made["reason"]) == (False, None, "gate_closed")
        assert (await http.get("/v1/memories")).json()["data"] == []
        assert {path.name for path in (tmp_path / "data").iterdir()} == before


async def test_a_turn_whose_plan_does_not_ask_for_it_has_no_effect(
    tmp_path: Path, database_url: str
) -> None:
    parts = make_parts(tmp_path, database_url)
    before = {path.name for path in (tmp_path / "data").iterdir()}
    async with served(parts) as url, client(url) as http:
        for plan in ({}, {"reflection": False}, {"reflection": "no"}):
            made = await remember(http, "hello", plan=plan)
            assert (made["reflected"], made["reason"]) == (False, "gate_closed")
        dry = bundle("hello")
        dry["bundle"]["ctx"]["dry_run"] = True
        made = (await http.post("/v1/reflections", json=dry)).json()
        assert (made["reflected"], made["ids"]) == (False, [])
        assert (await http.get("/v1/memories")).json()["data"] == []
        assert {path.name for path in (tmp_path / "data").iterdir()} == before


async def test_secrets_are_neither_stored_nor_answered(tmp_path: Path, database_url: str) -> None:
    parts = make_parts(tmp_path, database_url)
    async with served(parts) as url, client(url) as http:
        secret = "abcdefghijklmnop1234"
        made = await remember(http, f"use sk-{secret} now", snippets=[f"API_KEY={secret}"])
        assert made["result"]["summary"] == "use key now api_key value"
        assert secret not in (await http.get("/v1/memories/export")).text
    for file in (tmp_path / "data").iterdir():
        assert secret.encode() not in file.read_bytes(), file.name


async def test_export_and_import(tmp_path: Path, database_url: str) -> None:
    parts = make_parts(tmp_path, database_url)
    async with served(parts) as url, client(url) as alice, client(url, "bob") as bob:
        for turn in range(5):
            await remember(alice, f"note {turn}", turn=turn)
        await remember(alice, "note 1", turn=9)
        lines = (await alice.get("/v1/memories/export")).content
        assert len(lines.splitlines()) == 5
        taken = await bob.post("/v1/memories/import", content=lines)
        assert taken.json() == {"object": "import", "read": 5, "written": 5}
        assert (await bob.get("/v1/memories/export")).content == lines
        taken = await bob.post("/v1/memories/import", content=lines)
        assert taken.json()["written"] == 0
        assert (await bob.get("/v1/memories/export")).content == lines
        assert (await alice.get("/v1/memories/export")).content == lines
