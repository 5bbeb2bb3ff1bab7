"""`reflexctl memory` against the real reflection service."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from reflection_rig import KEYS, make_parts, served
from unit.reflexctl.command_line import Done, nobody, run

__all__ = ["nobody"]
pytestmark = [pytest.mark.usefixtures("nobody"), pytest.mark.timeout(300)]
SAID = {
    1: "Repaired E0308 mismatched types",
    2: "Repaired E0425 cannot find value \u009b31m in \u202e scope",
    3: "Deployed on a Friday",
}


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A service in which alice has three memories."""
    async with served(make_parts(tmp_path / "service")) as found:
        headers = {"Authorization": f"Bearer {KEYS['alice']}"}
        async with httpx2.AsyncClient(base_url=found, headers=headers) as http:
            for turn, text in SAID.items():
                time = f"2026-01-0{turn}T00:00:00Z"
                ctx = {"agent_id": "A", "turn_id": turn, "now_iso": time}
                bundle = {"ctx": ctx, "plan": {"reflection": True}, "utter": text}
                answer = await http.post("/v1/reflections", json={"bundle": bundle})
                assert answer.json()["ops_written"] == 1, answer.text
        yield found


async def memory(url: str, *arguments: Any, who: str = "alice", folder: Path) -> Done:
    key = folder / f"{who}.key"
    key.write_text(f"{who}:{KEYS[who]}\n" if who in KEYS else "nobody:0123456789abcdef\n")
    command, *rest = arguments
    words = ("memory", command, *rest, "--server", url, "--key-file", key)
    return await asyncio.to_thread(run, *words)


async def test_search_finds_by_words_and_is_harmless_on_a_terminal(
    url: str, tmp_path: Path
) -> None:
    done = await memory(url, "search", "cannot", "find", "--json", folder=tmp_path)
    results = json.loads(done.out)["results"]
    assert done.code == 0, done.err
    assert results[0]["text"].startswith("repaired e0425 cannot find value")
    done = await memory(url, "search", "E0425", folder=tmp_path)
    assert done.code == 0
    assert "e0425" in done.out
    assert not {"\u009b", "\u202e", "\x1b"} & set(done.out)
    nothing = await memory(url, "search", "zebra", folder=tmp_path)
    assert (nothing.code, nothing.out) == (1, "")


async def test_search_passes_its_options_on(url: str, tmp_path: Path) -> None:
    more = ("--mode", "text", "-k", "1", "--kind", "summary", "--since", "2026-01-02T00:00:00Z")
    done = await memory(url, "search", "repaired", *more, "--json", folder=tmp_path)
    (only,) = json.loads(done.out)["results"]
    assert "e0425" in only["text"], "the older one is not found"
    wrong = await memory(url, "search", "x", "--since", "yesterday", folder=tmp_path)
    assert wrong.code == 1
    assert "since" in wrong.err


async def test_list_get_and_delete(url: str, tmp_path: Path) -> None:
    listed = await memory(url, "list", "--limit", "2", "--json", folder=tmp_path)
    page = json.loads(listed.out)
    assert [one["text"].split()[0] for one in page["data"]] == ["deployed", "repaired"]
    assert page["has_more"]
    rest = await memory(url, "list", "--after", page["last_id"], folder=tmp_path)
    assert "e0308" in rest.out
    assert "deployed" not in rest.out

    name = page["data"][0]["id"]
    got = await memory(url, "get", name, "--json", folder=tmp_path)
    assert len(json.loads(got.out)["vec_full"]) == 32
    shown = await memory(url, "get", name, folder=tmp_path)
    assert shown.out == "deployed on a friday\n"

    assert (await memory(url, "get", name, who="bob", folder=tmp_path)).code == 1
    assert (await memory(url, "delete", name, who="bob", folder=tmp_path)).code == 1
    gone = await memory(url, "delete", name, "none", "--json", folder=tmp_path)
    assert gone.code == 1
    assert f"deleted before it: {name}" in gone.err
    assert (await memory(url, "get", name, folder=tmp_path)).code == 1


async def test_export_comes_back_by_import(url: str, tmp_path: Path) -> None:
    file = tmp_path / "memories.ndjson"
    done = await memory(url, "export", "--out", file, "--json", folder=tmp_path)
    assert json.loads(done.out) == {"exported": 3, "file": str(file)}
    assert file.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    printed = await memory(url, "export", folder=tmp_path)
    assert [json.loads(line) for line in printed.out.splitlines()] == lines
    assert not {"\u009b", "\u202e"} & set(printed.out)

    again = await memory(url, "import", file, "--json", folder=tmp_path)
    assert json.loads(again.out)["written"] == 0, "it is there already"
    brought = await memory(url, "import", file, "--json", who="bob", folder=tmp_path)
    assert json.loads(brought.out)["written"] == 3, brought.err
    stats = await memory(url, "stats", "--json", who="bob", folder=tmp_path)
    assert json.loads(stats.out)["memories"] == 3

    file.write_text(file.read_text() + "{broken\n")
    wrong = await memory(url, "import", file, who="bob", folder=tmp_path)
    assert wrong.code == 1
    assert "4" in wrong.err, "the line is named"


async def test_a_wrong_key_and_a_missing_service_are_told(url: str, tmp_path: Path) -> None:
    done = await memory(url, "stats", who="mallory", folder=tmp_path)
    assert done.code == 1
    assert "REFLEX_API_KEY" in done.err
    done = await memory("http://127.0.0.1:9", "stats", "--json", folder=tmp_path)
    assert done.code == 1
    assert set(json.loads(done.out)) == {"error", "hints"}
    done = await memory("nowhere", "stats", folder=tmp_path)
    assert done.code == 2
    both = await memory(url, "stats", "-n", "x", folder=tmp_path)
    assert both.code == 2


async def test_an_export_that_cannot_be_written_leaves_nothing(url: str, tmp_path: Path) -> None:
    done = await memory(url, "export", "--out", tmp_path / "no/such/x", folder=tmp_path)
    assert done.code == 2
    assert "cannot be written" in done.err
