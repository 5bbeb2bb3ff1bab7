import asyncio
import logging

import pytest

from reflex_service.chores import follow_keys, regularly
from reflex_service.errors import StartError

LOG = logging.getLogger("chores")


async def until(task: asyncio.Task[None], event: asyncio.Event) -> None:
    """Wait for an event while the task goes on, then end it."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({task, waiting}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    assert event.is_set(), "the task ended, or nothing came"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_round_that_fails_does_not_end_the_next_ones(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rounds, third = [0], asyncio.Event()

    async def chore() -> None:
        rounds[0] += 1
        if rounds[0] == 3:
            third.set()
        raise [ValueError("first line\nsecond line"), KeyError()][rounds[0] % 2]

    task = asyncio.create_task(regularly(chore, seconds=0, complaint="not swept", log=LOG))
    await until(task, third)

    assert "not swept: ValueError: first line" in caplog.messages
    assert "not swept: KeyError: " in caplog.messages


async def test_a_wrong_file_is_told_once_and_followed_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answers = iter([StartError("no key in it"), StartError("no key in it"), True])
    read = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Ring:
        def refresh(self) -> bool:
            answer = next(answers, None)
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                loop.call_soon_threadsafe(read.set)
            return bool(answer)

    await until(asyncio.create_task(follow_keys({"keys": Ring()}, seconds=0, log=LOG)), read)

    assert caplog.messages == ["no key in it; the old keys stay", "keys were read again"]
