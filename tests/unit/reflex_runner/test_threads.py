"""Work in a thread that is cancelled: it ends before anybody else begins."""

import asyncio
import threading

import pytest

from reflex_runner.threads import to_the_end


async def test_a_cancelled_wait_lasts_until_the_work_has_ended() -> None:
    began, go, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        go.wait(20)
        ended.set()

    task = asyncio.create_task(to_the_end(work))
    await asyncio.to_thread(began.wait, 20)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_results_and_errors_come_back() -> None:
    assert await to_the_end(max, 1, 2) == 2
    with pytest.raises(ZeroDivisionError):
        await to_the_end(divmod, 1, 0)
