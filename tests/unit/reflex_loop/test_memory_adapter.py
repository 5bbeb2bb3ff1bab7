"""The way to a reflection service: bounded, fail-soft, and each owner under a key of its own."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from reflex_loop.adapters.memory import (
    MemoryOptions,
    Recalling,
    ReflectionMemory,
    Reported,
    turn_number,
)
from reflex_loop.protocols import Lesson, Memory, Recollection
from scripted_reflection import Answer, Asked, ScriptedReflection

KEYS = {"alice": "alice-key", "bob": "bob-key"}
LESSON = Lesson(text="Repaired E0308 mismatched types.", recalled=("refl-7",))
NOTE = {"id": "refl-1", "text": "repaired e0308", "score": 1.0}
DEAD = "http://127.0.0.1:9"


class Counted(Counter[str]):
    def memory_reported(self, outcome: Reported) -> None:
        self[f"report {outcome}"] += 1

    def memory_recalled(self, outcome: Recalling) -> None:
        self[f"recall {outcome}"] += 1


class Pauses(list[float]):
    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


@asynccontextmanager
async def opened(
    url: str, *, runs: bool = True, clock: Callable[[], float] = lambda: 0.0, **options: Any
) -> AsyncIterator[tuple[ReflectionMemory, Counted]]:
    counted = Counted()
    memory = ReflectionMemory(
        MemoryOptions(url=url, **options), key_of=lambda owner: KEYS.get(owner, ""),
        tally=counted, now=lambda: 1_700_000_000.25, clock=clock, sleep=Pauses(),
    )  # fmt: skip
    running = asyncio.create_task(memory.run()) if runs else None
    try:
        yield memory, counted
    finally:
        await memory.close(seconds=5.0 if runs else 0.0)
        if running:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def of(memory: ReflectionMemory, owner: str = "alice", task: str = "r1") -> Memory:
    found = memory.of(owner, task)
    assert found is not None
    return found


async def test_a_lesson_is_sent_as_a_turn_of_its_owner() -> None:
    with ScriptedReflection().running() as service:
        async with opened(service.url) as (memory, counted):
            of(memory).report(LESSON)
            of(memory, "bob", "r2").report(LESSON)
            of(memory).report(LESSON)
    first, second, again = service.asked
    assert (first.path, first.key, second.key) == ("/v1/reflections", "alice-key", "bob-key")
    assert first.body == again.body, "the same repair is the same turn"
    bundle = first.body["bundle"]
    assert bundle["ctx"]["agent_id"] == "alice"
    assert bundle["ctx"]["now_iso"] == "2023-11-14T22:13:20.250Z"
    assert bundle["ctx"]["turn_id"] != second.body["bundle"]["ctx"]["turn_id"]
    assert bundle["plan"] == {"reflection": True}
    assert bundle["utter"] == LESSON.text
    assert bundle["snippets"] == [], "what was recalled is named, and not quoted"
    assert bundle["snippet_ids"] == ["recalled:refl-7"]
    assert counted == {"report sent": 3}


async def test_the_turn_is_one_that_the_library_reads() -> None:
    from reflex_reflection.document import BundleDocument

    with ScriptedReflection().running() as service:
        async with opened(service.url) as (memory, _):
            of(memory).report(Lesson(text="x\x00\ud800" * 10, recalled=("y" * 500,)))
    bundle = BundleDocument.model_validate(service.bundles()[0]).bundle()
    assert bundle.plan.reflection


def test_a_repair_is_the_same_turn_in_every_process() -> None:
    assert turn_number("b606fe59") == 258_629_978_284_974


async def test_a_fault_of_our_own_loses_one_lesson_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ScriptedReflection().running() as service:
        async with opened(service.url) as (memory, counted):
            sent = memory._sent
            monkeypatch.setattr(memory, "_sent", lambda letter: 1 / 0)
            of(memory).report(LESSON)
            async with asyncio.timeout(20):
                while not counted:
                    await asyncio.sleep(0.005)
            monkeypatch.setattr(memory, "_sent", sent)
            of(memory).report(LESSON)
    assert counted == {"report failed": 1, "report sent": 1}


async def test_an_owner_without_a_key_has_no_memory() -> None:
    async with opened(DEAD) as (memory, counted):
        assert memory.of("carol", "r1") is None
        assert memory.of("alice", "") is None
    assert not counted


async def test_nothing_waits_for_a_silent_service_and_what_finds_no_room_is_counted() -> None:
    free = threading.Event()

    def blocks(asked: Asked) -> Answer:
        free.wait(20)
        return 200, {}

    with ScriptedReflection(blocks).running() as service:
        async with opened(service.url, held=2) as (memory, counted):
            async with asyncio.timeout(20):
                of(memory).report(LESSON)
                while not service.asked:
                    await asyncio.sleep(0.005)
            for number in range(5):
                of(memory, task=f"r{number}").report(LESSON)  # returns at once: it is no coroutine
            assert counted == {"report dropped": 3}
            free.set()
    assert counted == {"report dropped": 3, "report sent": 3}


@pytest.mark.parametrize(("status", "tries"), [(503, 3), (429, 3), (401, 1), (422, 1), (500, 1)])
async def test_a_refusal_is_counted_and_a_busy_service_asked_again(status: int, tries: int) -> None:
    with ScriptedReflection(lambda asked: (status, {})).running() as service:
        async with opened(service.url) as (memory, counted):
            of(memory).report(LESSON)
    assert (len(service.asked), counted) == (tries, {"report failed": 1})


async def test_a_closed_gate_is_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    closed = (200, {"reflected": False, "reason": "gate_closed"})
    with ScriptedReflection(lambda asked: closed).running() as service:
        async with opened(service.url) as (memory, counted):
            of(memory).report(LESSON)
    assert counted == {"report failed": 1}
    assert "t3.allow_reflection" in caplog.text


async def test_a_service_that_is_gone_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(DEAD) as (memory, counted):
        of(memory).report(LESSON)
        assert await of(memory).recall("E0308") == ()
    assert counted == {"report failed": 1, "recall failed": 1}
    assert "alice-key" not in caplog.text
    assert LESSON.text not in caplog.text


async def test_what_was_not_sent_at_the_end_is_counted() -> None:
    async with opened(DEAD, runs=False) as (memory, counted):
        of(memory).report(LESSON)
    assert counted == {"report dropped": 1}


async def test_a_search_asks_with_the_owners_key_and_takes_k() -> None:
    found = {"results": [NOTE, {**NOTE, "id": "refl-2"}, {**NOTE, "id": "refl-3"}, {"id": 7}, "x"]}
    with ScriptedReflection(lambda asked: (200, found)).running() as service:
        async with opened(service.url, k=2) as (memory, counted):
            recalled = await of(memory, "bob").recall("E0308 mismatched")
    assert recalled == (
        Recollection(id="refl-1", text="repaired e0308"),
        Recollection(id="refl-2", text="repaired e0308"),
    )
    assert service.asked[0].key == "bob-key"
    assert service.asked[0].body["query"] == "E0308 mismatched"
    assert service.asked[0].body["k"] == 2
    assert counted == {"recall found": 1}


@pytest.mark.parametrize(
    "answer",
    [(500, {}), (401, {}), (200, b"<html>"), (200, {"data": []}), (200, [1]), (200, b"[" * 9999)],
)
async def test_a_search_that_fails_finds_nothing_and_rests(answer: Answer) -> None:
    clock = [0.0]
    with ScriptedReflection(lambda asked: answer).running() as service:
        async with opened(service.url, clock=lambda: clock[0], rest_seconds=30) as (
            memory,
            counted,
        ):
            for at in (0.0, 29.0, 31.0):
                clock[0] = at
                assert await of(memory).recall("E0308") == ()
    assert counted == {"recall failed": 2, "recall skipped": 1}
    assert len(service.asked) == 2


async def test_a_slow_search_is_given_up() -> None:
    free = threading.Event()

    def blocks(asked: Asked) -> Answer:
        free.wait(20)
        return 200, {"results": [NOTE]}

    with ScriptedReflection(blocks).running() as service:
        async with opened(service.url, recall_seconds=0.05) as (memory, counted):
            assert await of(memory).recall("E0308") == ()
            free.set()
    assert counted == {"recall failed": 1}


async def test_either_half_can_be_off() -> None:
    with ScriptedReflection().running() as service:
        async with opened(service.url, report=False, recall=False) as (memory, counted):
            of(memory).report(LESSON)
            assert await of(memory).recall("E0308") == ()
    assert (service.asked, counted) == ([], {})
