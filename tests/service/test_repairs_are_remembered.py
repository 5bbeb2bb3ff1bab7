"""Both services together: repairs are remembered under their owners, found, and not told again."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

import reflection_rig
import service_rig
from reflex_loop.service.decisions import OWNER
from scripted_model import Scripted, always
from service_rig import RIGHT, ScriptedRepairs, client, ended, eventually, make_parts, post_repair

pytestmark = pytest.mark.timeout(300)


async def found(url: str, who: str, query: str) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {reflection_rig.KEYS[who]}"}
    async with httpx2.AsyncClient(base_url=url, headers=headers) as http:
        answer = await http.post("/v1/memories/search", json={"query": query})
        results: list[dict[str, Any]] = answer.json()["results"]
        return results


async def test_a_repair_leaves_a_memory_that_only_its_owner_finds(tmp_path: Path) -> None:
    model = Scripted(always(RIGHT))
    factory = ScriptedRepairs(lambda repair: model)
    async with reflection_rig.served(reflection_rig.make_parts(tmp_path / "memory")) as memory_url:
        parts = make_parts(
            tmp_path / "loop", factory=factory, memory_url=memory_url,
            memory_keys_file=reflection_rig.keys_file(tmp_path), memory_recall=True,
        )  # fmt: skip
        assert parts.memory is not None
        factory.memory = lambda repair: parts.memory.of(OWNER.get(), repair)  # type: ignore[union-attr]
        async with service_rig.served(parts) as url, client(url) as http:
            first = await ended(http, (await post_repair(http)).json()["id"])
            assert first["status"] == "succeeded"

            async def remembered() -> bool:
                return bool(await found(memory_url, "alice", "E0308"))

            await eventually(remembered)
            events = await service_rig.follow(http, first["id"])
            assert "recalled" not in [each["kind"] for each in events], "there was nothing before"

            second = await ended(http, (await post_repair(http)).json()["id"])
            events = await service_rig.follow(http, second["id"])
            (recalled,) = [each for each in events if each["kind"] == "recalled"]
            (memory,) = await found(memory_url, "alice", "E0308")
            assert recalled["ids"] == [memory["id"]]

            async def counted() -> bool:
                (one,) = await found(memory_url, "alice", "E0308")
                return bool(one["seen"] == 2)

            await eventually(counted)
            (memory,) = await found(memory_url, "alice", "E0308")
            shown = sorted(name for seen in memory["evidence"] for name in seen["snippet_ids"])
            assert shown == [f"recalled:{memory['id']}"], "the second repair had seen the first"

            async with client(url, "bob") as other:
                third = await ended(other, (await post_repair(other)).json()["id"])
                events = await service_rig.follow(other, third["id"])
            assert "recalled" not in [each["kind"] for each in events], "owners are apart"
            metrics = (await http.get("/metrics")).text
    assert 'reflex_loop_memory_recalls_total{outcome="found"} 1.0' in metrics
    assert "replaced let a 1 with let a 1u8" in memory["text"]
    texts = [prompt.text() for prompt in model.prompts]
    assert [memory["text"] in text for text in texts] == [False, True, False]


async def test_a_repair_ends_as_ever_when_the_memory_is_away(tmp_path: Path) -> None:
    model = Scripted(always(RIGHT))
    factory = ScriptedRepairs(lambda repair: model)
    parts = make_parts(
        tmp_path, factory=factory, memory_url="http://127.0.0.1:9",
        memory_keys_file=service_rig.keys_file(tmp_path), memory_recall=True,
    )  # fmt: skip
    assert parts.memory is not None
    factory.memory = lambda repair: parts.memory.of(OWNER.get(), repair)  # type: ignore[union-attr]
    async with service_rig.served(parts) as url, client(url) as http:
        done = await ended(http, (await post_repair(http)).json()["id"])
        assert done["status"] == "succeeded"

        async def counted() -> bool:
            text = (await http.get("/metrics")).text
            return 'reflex_loop_memory_reports_total{outcome="failed"} 1.0' in text

        await eventually(counted)


async def test_without_a_url_there_is_no_memory_at_all(tmp_path: Path) -> None:
    parts = make_parts(tmp_path, factory=ScriptedRepairs(lambda repair: Scripted(always(RIGHT))))
    try:
        assert parts.memory is None
        assert parts.memory_keys is None
    finally:
        parts.database.close()
        parts.budgets.dispose()
        await parts.router.close()
        parts.scratch.remove()
