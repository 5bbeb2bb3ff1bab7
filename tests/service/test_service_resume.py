"""A repair outlives the process that works on it: killed, ended, or taken over by another."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from scripted_openai import Hold, answer, scripted
from service_process import program
from service_rig import (
    FIX_ONE,
    FIX_TWO,
    KEYS,
    client,
    contents,
    ended,
    eventually,
    follow,
    post_repair,
)


def patch_reply(*edits: dict[str, Any]) -> Any:
    return answer(json.dumps({"edits": list(edits)}))


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["kind"] for event in events]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_killed_server_goes_on_where_it_was(
    tmp_path: Path, database_url: str, how: signal.Signals
) -> None:
    """The first patch is kept; the process dies while the second is asked for."""
    hold = Hold()
    async with (
        scripted(
            patch_reply(FIX_ONE), [hold, *patch_reply(FIX_TWO)], patch_reply(FIX_TWO)
        ) as engine,
        program(tmp_path / "a", database_url, engine.base_url) as first,
    ):
        async with client(first.base) as http:
            repair = (await post_repair(http, max_attempts=6)).json()["id"]
            before = await follow(http, repair, most=6)
            await asyncio.wait_for(hold.reached.wait(), 20)
            running = (await http.get(f"/v1/repairs/{repair}")).json()
            assert running["changed"] == ["src/lib.rs"]
        code = await first.end(how)
        assert code == (0 if how is signal.SIGTERM else -signal.SIGKILL), first.log.read_text()
        await first.start()
        async with client(first.base) as http:
            after = await follow(http, repair, after=before[-1]["number"])
            everything = await follow(http, repair)
            found = await ended(http, repair)
            files = contents((await http.get(f"/v1/repairs/{repair}/workspace")).content)
        assert everything[: len(before)] == before
        assert everything[len(before) :] == after
        assert [event["number"] for event in everything] == list(range(1, len(everything) + 1))
        assert kinds(everything).count("stopped") == 1
        assert found["status"] == "succeeded"
        assert found["resumed"] == 1
        # One patch before, one question that came to nothing, one patch after.
        assert found["result"]["attempts"] == 3
        assert [e["attempt"] for e in everything if e["kind"] == "asked"] == [1, 2, 3]
        assert found["result"]["errors_before"] == 2
        assert "1u8" in found["result"]["diff"]
        assert "2u8" in found["result"]["diff"]
        assert b"1u8" in files["src/lib.rs"]
        assert b"2u8" in files["src/lib.rs"]
        left = list((tmp_path / "a/data/work").iterdir())
        assert len(left) == 1, "what the killed process left is removed"


async def test_another_replica_takes_over(tmp_path: Path, database_url: str) -> None:
    """Each has its own disk; the tree comes from the database."""
    hold = Hold()
    async with (
        scripted(
            patch_reply(FIX_ONE), [hold, *patch_reply(FIX_TWO)], patch_reply(FIX_TWO)
        ) as engine,
        program(tmp_path / "a", database_url, engine.base_url) as first,
    ):
        async with client(first.base) as http:
            repair = (await post_repair(http)).json()["id"]
            await asyncio.wait_for(hold.reached.wait(), 20)
        async with (
            program(tmp_path / "b", database_url, engine.base_url) as second,
            client(second.base) as http,
        ):
            watching = asyncio.create_task(follow(http, repair))
            await first.end(signal.SIGKILL)
            events = await asyncio.wait_for(watching, 30)
            found = await ended(http, repair)
        assert [event["number"] for event in events] == list(range(1, len(events) + 1))
        assert found["status"] == "succeeded"
        assert found["result"]["attempts"] == 3


async def test_a_repair_that_kills_its_process_is_given_up(
    tmp_path: Path, database_url: str
) -> None:
    holds = [Hold(), Hold()]
    async with (
        scripted([holds[0]], [holds[1]]) as engine,
        program(tmp_path / "a", database_url, engine.base_url, max_resumes=1) as server,
    ):
        async with client(server.base) as http:
            repair = (await post_repair(http)).json()["id"]
        for hold in holds:
            await asyncio.wait_for(hold.reached.wait(), 20)
            await server.end(signal.SIGKILL)
            await server.start()
        async with client(server.base) as http:
            found = await ended(http, repair)
            events = await follow(http, repair)
        assert found["status"] == "failed"
        assert "died 2 times" in found["error"]["message"]
        assert kinds(events)[-1] == "stopped"
        assert events[-1]["why"] == "error"


async def test_a_term_signal_lets_a_repair_end_in_its_grace(
    tmp_path: Path, database_url: str
) -> None:
    hold = Hold()
    async with (
        scripted([hold, *patch_reply(FIX_ONE, FIX_TWO)]) as engine,
        program(tmp_path / "a", database_url, engine.base_url, grace_seconds=20) as server,
    ):
        async with client(server.base) as http:
            repair = (await post_repair(http)).json()["id"]
            await asyncio.wait_for(hold.reached.wait(), 20)
            assert server.process is not None
            watching = asyncio.create_task(follow(http, repair))
            server.process.send_signal(signal.SIGTERM)

            async def draining() -> bool:
                return (await http.get("/readyz")).status_code == 503

            await eventually(draining)
            refused = await post_repair(http)
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "draining"
            assert int(refused.headers["retry-after"]) >= 1
            hold.release()
            events = await asyncio.wait_for(watching, 20)
            assert kinds(events)[-1] == "stopped"
        assert await asyncio.wait_for(server.process.wait(), 20) == 0, server.log.read_text()
        assert KEYS["alice"] not in server.log.read_text()
