"""Repairs over HTTP, from the upload to the result, on both databases."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from marked_checker import MarkedChecker
from reflex_loop.adapters.sandboxes import LocalSandboxes
from reflex_loop.events import from_json
from reflex_loop.service.records import Status
from reflex_runner.errors import RunnerError
from scripted_model import Scripted, always, in_turn, patch
from service_rig import (
    FIX_ONE,
    RIGHT,
    TAR,
    IdleRunner,
    ScriptedRepairs,
    client,
    contents,
    ended,
    eventually,
    follow,
    make_parts,
    post_repair,
    served,
    workspace,
)


def repairs(*texts: str, **more: Any) -> ScriptedRepairs:
    return ScriptedRepairs(lambda repair: Scripted(in_turn(*texts), **more))


class Gate:
    """A model that answers when it is told to."""

    def __init__(self, text: str = RIGHT) -> None:
        self.open = asyncio.Event()
        self.asked = 0
        self._model = Scripted(always(text))

    async def propose(self, prompt: Any) -> Any:
        self.asked += 1
        await self.open.wait()
        return await self._model.propose(prompt)

    async def form(self, intent: Any) -> Any:
        return None

    def unusable(self, reply: Any, kind: str) -> None:
        pass


def code(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_a_workspace_comes_back_repaired(tmp_path: Path, database_url: str) -> None:
    parts = make_parts(tmp_path, url=database_url, factory=repairs(RIGHT))
    async with served(parts) as url, client(url) as http:
        made = await post_repair(http, max_attempts=3)
        assert made.status_code == 202, made.text
        repair = made.json()
        assert repair["status"] == "queued"
        assert made.headers["location"] == f"/v1/repairs/{repair['id']}"
        events = await follow(http, repair["id"])
        assert [event["number"] for event in events] == list(range(1, len(events) + 1))
        assert [from_json(event).kind for event in events][-1] == "stopped"
        found = (await http.get(f"/v1/repairs/{repair['id']}")).json()
        assert found["status"] == "succeeded"
        assert found["result"]["fixed"] is True
        assert found["result"]["attempts"] == 1
        assert "1u8" in found["result"]["diff"]
        assert found["changed"] == ["src/lib.rs"]
        assert found["resumed"] == 0
        tar = await http.get(f"/v1/repairs/{repair['id']}/workspace")
        files = contents(tar.content)
        assert list(files) == ["src/lib.rs"]
        assert b"2u8" in files["src/lib.rs"]
        listed = (await http.get("/v1/repairs")).json()
        assert [one["id"] for one in listed["data"]] == [repair["id"]]
        page = (await http.get("/metrics")).text
        assert 'reflex_loop_repairs_total{status="succeeded",stop="fixed"} 1.0' in page
        assert repair["id"] not in page
        assert "alice" not in page


async def test_files_that_come_and_go_are_told_apart(tmp_path: Path, database_url: str) -> None:
    files = {"Cargo.toml": "[package]\n", "src/lib.rs": "mod old; // @E0583\n", "src/old.rs": "x\n"}
    fix = patch(
        {"path": "src/lib.rs", "search": ["mod old; // @E0583"], "replace": ["mod new;"]},
        {"path": "src/old.rs", "op": "rename", "search": [], "replace": ["src/new.rs"]},
    )
    parts = make_parts(tmp_path, url=database_url, factory=repairs(fix))
    async with served(parts) as url, client(url) as http:
        repair = (await post_repair(http, workspace(files, "w:gz"))).json()["id"]
        found = await ended(http, repair)
        assert found["status"] == "succeeded", found
        assert found["changed"] == ["src/lib.rs", "src/new.rs"]
        assert found["deleted"] == ["src/old.rs"]
        back = contents((await http.get(f"/v1/repairs/{repair}/workspace")).content)
        assert back == {"src/lib.rs": b"mod new;\n", "src/new.rs": b"x\n"}


async def test_what_is_not_repaired_says_so_and_restores(tmp_path: Path, database_url: str) -> None:
    parts = make_parts(tmp_path, url=database_url, factory=repairs(patch(FIX_ONE), "no patch"))
    async with served(parts) as url, client(url) as http:
        kept = await ended(http, (await post_repair(http, max_attempts=3)).json()["id"])
        assert kept["status"] == "failed"
        assert kept["result"]["errors_after"] == 1
        assert kept["changed"] == ["src/lib.rs"]
        made = await post_repair(http, max_attempts=3, on_failure="restore")
        restored = await ended(http, made.json()["id"])
        assert restored["status"] == "failed"
        assert restored["changed"] == []
        assert restored["result"]["diff"] == ""


async def test_cancelling_waiting_and_running_repairs(tmp_path: Path, database_url: str) -> None:
    gate = Gate()
    parts = make_parts(
        tmp_path, url=database_url, factory=ScriptedRepairs(lambda _: gate), repairs_running=1
    )
    async with served(parts) as url, client(url) as http:
        running = (await post_repair(http)).json()["id"]
        await eventually(lambda: gate.asked)
        waiting = (await post_repair(http)).json()["id"]
        early = await http.get(f"/v1/repairs/{running}/workspace")
        assert code(early) == (409, "not_finished")
        told = (await http.post(f"/v1/repairs/{waiting}/cancel")).json()
        assert told["status"] == "cancelled"
        assert [event["why"] for event in await follow(http, waiting)] == ["cancelled"]
        told = (await http.post(f"/v1/repairs/{running}/cancel")).json()
        assert told["cancel_requested"] is True
        assert (await ended(http, running))["status"] == "cancelled"
        again = (await http.post(f"/v1/repairs/{running}/cancel")).json()
        assert again["status"] == "cancelled"


async def test_another_replica_hears_of_a_cancellation(tmp_path: Path, database_url: str) -> None:
    gate = Gate()
    factory = ScriptedRepairs(lambda _: gate)
    works = make_parts(tmp_path / "a", url=database_url, factory=factory)
    other = make_parts(tmp_path / "b", url=database_url, factory=factory)
    async with served(works) as url, client(url) as http:
        repair = (await post_repair(http)).json()["id"]
        await eventually(lambda: gate.asked)
        async with served(other) as there, client(there) as elsewhere:
            await elsewhere.post(f"/v1/repairs/{repair}/cancel")
            assert (await ended(elsewhere, repair))["status"] == "cancelled"


async def test_others_see_nothing(tmp_path: Path, database_url: str) -> None:
    parts = make_parts(tmp_path, url=database_url, factory=repairs(RIGHT))
    async with served(parts) as url, client(url) as alice, client(url, "bob") as bob:
        repair = (await post_repair(alice, key="mine")).json()["id"]
        await ended(alice, repair)
        for path in ("", "/events", "/workspace"):
            assert code(await bob.get(f"/v1/repairs/{repair}{path}")) == (404, "not_found")
        assert code(await bob.post(f"/v1/repairs/{repair}/cancel")) == (404, "not_found")
        assert (await bob.get("/v1/repairs")).json()["data"] == []
        after = await bob.get("/v1/repairs", params={"after": repair})
        assert code(after) == (404, "not_found")
        # The same Idempotency-Key of somebody else is another one.
        assert (await post_repair(bob, key="mine")).json()["id"] != repair
        async with client(url, "") as nobody:
            asked = await nobody.get("/v1/repairs")
            assert code(asked) == (401, "invalid_api_key")
            assert asked.headers["www-authenticate"] == "Bearer"


async def test_an_idempotency_key_makes_one_repair(tmp_path: Path, database_url: str) -> None:
    factory = repairs(RIGHT)
    parts = make_parts(tmp_path, url=database_url, factory=factory, uploads=64)
    async with served(parts) as url, client(url) as http:
        made = await asyncio.gather(*(post_repair(http, key="k-1") for _ in range(16)))
        assert {one.status_code for one in made} == {202}
        assert len({one.json()["id"] for one in made}) == 1
        assert sum("idempotent-replayed" not in one.headers for one in made) == 1
        await ended(http, made[0].json()["id"])
        assert len(factory.begun) == 1
        other = await post_repair(http, key="k-1", max_attempts=2)
        assert code(other) == (409, "idempotency_key_reused")


async def test_64_clients_meet_a_full_queue(tmp_path: Path, database_url: str) -> None:
    gate = Gate()
    parts = make_parts(
        tmp_path, url=database_url, factory=ScriptedRepairs(lambda _: gate),
        repairs_running=2, repairs_queued=8, uploads=64, repair_rate="1000/minute",
    )  # fmt: skip
    async with served(parts) as url, client(url) as http:
        made = await asyncio.gather(*(post_repair(http) for _ in range(64)))
        taken = [one.json()["id"] for one in made if one.status_code == 202]
        refused = [one for one in made if one.status_code != 202]
        # Eight wait; two more fit for each that was begun meanwhile.
        assert 8 <= len(taken) <= 10
        assert {code(one) for one in refused} == {(429, "queue_full")}
        assert all(int(one.headers["retry-after"]) >= 1 for one in refused)
        await eventually(lambda: gate.asked == 2)
        assert parts.store.counts()[Status.RUNNING] == 2
        gate.open.set()
        found = await asyncio.gather(*(ended(http, repair) for repair in taken))
        assert {one["status"] for one in found} == {"succeeded"}
        await eventually(lambda: parts.workers.running == 0)


async def test_uploads_and_streams_are_bounded(tmp_path: Path, database_url: str) -> None:
    gate = Gate()
    parts = make_parts(
        tmp_path, url=database_url, factory=ScriptedRepairs(lambda _: gate), uploads=1, listeners=2
    )
    async with served(parts) as url, client(url) as http:
        going = asyncio.Event()

        async def slow() -> Any:
            yield workspace()[:100]
            await going.wait()
            yield workspace()[100:]

        first = asyncio.create_task(http.post("/v1/repairs", content=slow(), headers=TAR))
        await eventually(lambda: parts.uploads.taken)
        assert code(await post_repair(http)) == (429, "overloaded")
        going.set()
        repair = (await first).json()["id"]
        await eventually(lambda: gate.asked)
        streams = [asyncio.create_task(follow(http, repair)) for _ in range(2)]
        await eventually(lambda: parts.feed.listeners == 2)
        third = await http.get(f"/v1/repairs/{repair}/events")
        assert code(third) == (429, "overloaded")
        gate.open.set()
        await asyncio.gather(*streams)
        await eventually(lambda: parts.feed.listeners == 0)


async def test_a_stream_can_be_taken_up_anywhere(tmp_path: Path, database_url: str) -> None:
    gate = Gate()
    factory = ScriptedRepairs(lambda _: gate)
    parts = make_parts(tmp_path / "a", url=database_url, factory=factory)
    other = make_parts(tmp_path / "b", url=database_url, factory=factory)
    async with (
        served(parts) as url, client(url) as http, served(other) as there,
        client(there) as elsewhere,
    ):  # fmt: skip
        repair = (await post_repair(http)).json()["id"]
        await eventually(lambda: gate.asked)
        begun = await follow(elsewhere, repair, most=2)
        gate.open.set()
        rest = await follow(elsewhere, repair, after=2)
        whole = await follow(http, repair)
        assert begun + rest == whole
        assert await follow(http, repair, after=whole[-1]["number"] - 1) == whole[-1:]
        bad = await http.get(f"/v1/repairs/{repair}/events", headers={"Last-Event-ID": "x"})
        assert code(bad) == (400, "invalid_request")


async def test_a_silent_stream_says_that_it_is_alive(tmp_path: Path) -> None:
    gate = Gate()
    parts = make_parts(tmp_path, factory=ScriptedRepairs(lambda _: gate), ping_seconds=0.05)
    async with served(parts) as url, client(url) as http:
        repair = (await post_repair(http)).json()["id"]
        async with http.stream("GET", f"/v1/repairs/{repair}/events") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            assert response.headers["cache-control"] == "no-cache"
            async for line in response.aiter_lines():
                if line == ": ping":
                    break
        gate.open.set()
        last = (await ended(http, repair))["events"]
        # Whoever has read everything, or more than there is, is let go.
        assert await follow(http, repair, after=last) == []
        assert await follow(http, repair, after=999_999) == []


async def test_a_repair_waits_for_a_sandbox(tmp_path: Path, database_url: str) -> None:
    opened: list[Path] = []

    async def idle(scratch: Path) -> IdleRunner:
        opened.append(scratch)
        return IdleRunner()

    gate = Gate()
    pool = LocalSandboxes(idle, capacity=1, scratch=tmp_path / "s")
    parts = make_parts(
        tmp_path, url=database_url, factory=ScriptedRepairs(lambda _: gate), pool=pool
    )
    async with served(parts) as url, client(url) as http:
        made = [(await post_repair(http)).json()["id"] for _ in range(2)]
        await eventually(lambda: gate.asked == 1)
        assert pool.free() == 0
        assert (await http.get(f"/v1/repairs/{made[1]}")).json()["status"] == "queued"
        gate.open.set()
        assert [(await ended(http, one))["status"] for one in made] == ["succeeded"] * 2
    assert len(set(opened)) == 3, "one to prove that it can be, one for each"
    assert not any(path.exists() for path in opened)


async def test_faults_of_our_own_are_told_and_end_the_repair(
    tmp_path: Path, database_url: str
) -> None:
    def broken(repair: str) -> Any:
        raise RuntimeError("a secret of the inside")

    pool_broken = False

    async def idle(scratch: Path) -> IdleRunner:
        if pool_broken:
            raise RunnerError("no toolchain here: install Rust")
        return IdleRunner()

    factory = ScriptedRepairs(broken)
    parts = make_parts(
        tmp_path, url=database_url, factory=factory,
        pool=LocalSandboxes(idle, capacity=2, scratch=tmp_path / "s"),
    )  # fmt: skip
    async with served(parts) as url, client(url) as http:
        found = await ended(http, (await post_repair(http)).json()["id"])
        assert (found["status"], found["error"]["code"]) == ("failed", "internal")
        assert "secret" not in json.dumps(found)
        factory.proposer = lambda repair: Scripted(always(RIGHT))
        factory.checker = lambda: MarkedChecker(fails_at=1)
        found = await ended(http, (await post_repair(http)).json()["id"])
        assert (found["status"], found["error"]["code"]) == ("failed", "repair_failed")
        assert found["error"]["message"] == "the compiler is gone"
        events = await follow(http, found["id"])
        assert events[-1]["why"] == "error"
        assert events[-1]["detail"] == "the compiler is gone"
        pool_broken = True
        found = await ended(http, (await post_repair(http)).json()["id"])
        assert found["error"]["code"] == "no_sandbox"
        assert "install Rust" in found["error"]["message"]


async def test_pages_and_retention(tmp_path: Path, database_url: str) -> None:
    parts = make_parts(tmp_path, url=database_url, factory=repairs(RIGHT), repairs_running=1)
    async with served(parts) as url, client(url) as http:
        made = [(await post_repair(http)).json()["id"] for _ in range(5)]
        for repair in made:
            await ended(http, repair)
        first = (await http.get("/v1/repairs", params={"limit": 3})).json()
        assert [one["id"] for one in first["data"]] == made[:1:-1]
        assert first["has_more"] is True
        rest = await http.get("/v1/repairs", params={"limit": 3, "after": first["last_id"]})
        assert [one["id"] for one in rest.json()["data"]] == made[1::-1]
        assert rest.json()["has_more"] is False
        gone = await parts.database.run(lambda: parts.store.prune(keep=2, seconds=1e9))
        assert gone == 3
        assert code(await http.get(f"/v1/repairs/{made[0]}")) == (404, "not_found")
        assert parts.store.events(made[0]) == []
        left = (await http.get("/v1/repairs")).json()["data"]
        assert [one["id"] for one in left] == made[:2:-1]


@pytest.mark.parametrize("options", ["{", "[]", '{"atempts": 1}', '{"max_attempts": 0}'])
async def test_options_that_are_wrong_are_named(tmp_path: Path, options: str) -> None:
    parts = make_parts(tmp_path, factory=repairs(RIGHT))
    async with served(parts) as url, client(url) as http:
        answer = await http.post(
            "/v1/repairs", params={"options": options}, content=workspace(), headers=TAR
        )
        assert code(answer) == (400, "invalid_request")
        assert answer.json()["error"]["param"].startswith("options")
