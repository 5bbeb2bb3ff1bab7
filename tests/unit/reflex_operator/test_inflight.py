import asyncio
from functools import partial

import pytest

from reflex_operator.inflight import InFlight


class Rig:
    """Questions that are answered when the test says so."""

    def __init__(self) -> None:
        self.flight = InFlight[str, int]("ask")
        self.release = {number: asyncio.Event() for number in range(3)}
        self.done: list[int] = []
        self.free_when_done: list[bool] = []

    async def ask(self, number: int) -> int:
        await self.release[number].wait()
        return number

    def keep(self, number: int) -> None:
        self.free_when_done.append(self.flight.get("k") is None)
        self.done.append(number)

    def start(self, number: int) -> None:
        self.flight.start("k", number, partial(self.ask, number), self.keep)

    async def settle(self, *numbers: int) -> None:
        for number in numbers:
            self.release[number].set()
        for _ in range(5):
            await asyncio.sleep(0)


async def test_the_key_is_free_when_its_answer_is_delivered() -> None:
    rig = Rig()
    rig.start(0)
    await rig.settle()
    assert rig.flight.get("k") == 0
    await rig.settle(0)
    assert (rig.done, rig.free_when_done) == ([0], [True])


async def test_a_newer_question_takes_the_place_and_keeps_it() -> None:
    rig = Rig()
    rig.start(0)
    await rig.settle()
    rig.start(1)
    await rig.settle(0)  # the older one has ended now, and must not free the newer one's key
    assert rig.flight.get("k") == 1
    await rig.settle(1)
    assert rig.done == [1]


@pytest.mark.parametrize("begun", [True, False])
async def test_what_is_cancelled_is_not_delivered(begun: bool) -> None:
    rig = Rig()
    rig.start(0)
    if begun:
        await rig.settle()
    rig.flight.cancel("k")
    rig.flight.cancel("k")  # nothing there: nothing happens
    await rig.settle(0)
    assert rig.done == []
    assert rig.flight.get("k") is None


async def test_a_question_that_fails_frees_its_key() -> None:
    flight = InFlight[str, int]("ask")

    async def fail() -> int:
        raise OSError("gone")

    flight.start("k", 0, fail, lambda _: None)
    (task,) = (each for each in asyncio.all_tasks() if each.get_name() == "ask k")
    with pytest.raises(OSError, match="gone"):
        await task
    assert flight.get("k") is None


async def test_closing_waits_for_the_end() -> None:
    ended = []

    async def ask() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    flight = InFlight[str, int]("ask")
    flight.start("k", 0, ask, lambda _: None)
    await asyncio.sleep(0)
    await flight.close()
    assert ended == [True]
