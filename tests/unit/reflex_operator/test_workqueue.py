import asyncio
from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from reflex_operator.metrics import Metrics
from reflex_operator.workqueue import Timers, WorkQueue


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make(clock: Clock | None = None) -> WorkQueue[str]:
    return WorkQueue(metrics=Metrics(), rng=Random(1), clock=clock or Clock())


async def test_a_key_waits_at_most_once() -> None:
    queue = make()
    queue.add("a")
    queue.add("a")
    assert len(queue) == 1


async def test_a_key_added_while_processed_runs_once_more_afterwards() -> None:
    queue = make()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0, "never two passes over one key at a time"
    queue.done("a")
    assert len(queue) == 1
    assert await queue.get() == "a"
    queue.done("a")
    assert queue.idle


async def test_the_earlier_of_two_wishes_holds() -> None:
    clock = Clock()
    queue = make(clock)
    queue.add_after("a", 10)
    queue.add_after("a", 5)
    queue.add_after("a", 20)
    clock.now = 5
    queue.fire_due()
    assert len(queue) == 1
    assert await queue.get() == "a"
    queue.done("a")
    clock.now = 100
    queue.fire_due()
    assert queue.idle, "the later wishes are gone"


async def test_a_pass_takes_the_wish_back_that_was_made_before_it() -> None:
    clock = Clock()
    queue = make(clock)
    queue.add_after("a", 5)
    queue.add("a")
    assert await queue.get() == "a"
    queue.done("a")
    clock.now = 10
    queue.fire_due()
    assert queue.idle


async def test_back_off_grows_to_five_minutes_and_is_reset() -> None:
    queue = make()
    delays = [queue.add_rate_limited("a") for _ in range(40)]
    assert 0.0025 <= delays[0] <= 0.005
    assert 150 <= delays[-1] <= 300
    assert all(delay <= 300 for delay in delays)
    queue.forget("a")
    assert queue.add_rate_limited("a") <= 0.005


async def test_the_event_loop_wakes_the_wheel() -> None:
    queue: WorkQueue[str] = WorkQueue(metrics=Metrics(), rng=Random(1))
    queue.add_after("late", 0.02)
    queue.add_after("soon", 0.001)
    assert [await queue.get(), await queue.get()] == ["soon", "late"]


async def test_closing_ends_the_workers_after_what_they_do() -> None:
    queue = make()
    started, go_on = asyncio.Event(), asyncio.Event()
    ended = []

    async def handler(key: str) -> None:
        started.set()
        await go_on.wait()
        ended.append(key)

    running = asyncio.create_task(queue.run(handler, 2))
    queue.add("a")
    await started.wait()
    queue.add("a")
    queue.close()
    go_on.set()
    await asyncio.wait_for(running, 5)
    assert ended == ["a"]


async def test_a_failing_handler_is_tried_again() -> None:
    queue: WorkQueue[str] = WorkQueue(metrics=Metrics(), rng=Random(1))
    attempts = 0

    async def handler(_: str) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise RuntimeError("boom")
        queue.close()

    queue.add("a")
    await asyncio.wait_for(queue.run(handler, 1), 5)
    assert attempts == 3


@settings(max_examples=60, deadline=None)
@given(
    adds=st.lists(st.sampled_from("abc"), min_size=1, max_size=60),
    pauses=st.lists(st.integers(0, 3), min_size=60, max_size=60),
    workers=st.integers(1, 4),
)
def test_no_wake_up_is_lost_and_no_key_runs_twice_at_once(
    adds: list[str], pauses: list[int], workers: int
) -> None:
    """After the last add of a key a whole pass over it starts, whatever the interleaving."""

    async def story() -> None:
        queue = make()
        wanted: Counter[str] = Counter()  # version that was asked for
        seen: Counter[str] = Counter()  # version that the last pass started with
        active: Counter[str] = Counter()
        steps = iter(pauses)

        async def handler(key: str) -> None:
            active[key] += 1
            assert active[key] == 1
            seen[key] = wanted[key]
            for _ in range(next(steps, 0)):
                await asyncio.sleep(0)
            active[key] -= 1

        running = asyncio.create_task(queue.run(handler, workers))
        for number, key in enumerate(adds):
            wanted[key] += 1
            queue.add(key)
            if number % 3 == 0:
                await asyncio.sleep(0)
        while not queue.idle:
            await asyncio.sleep(0)
        assert seen == wanted
        queue.close()
        await running

    asyncio.run(story())


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 20)), max_size=40))
def test_timers_keep_the_earliest_of_each_key(wishes: list[tuple[str, int]]) -> None:
    timers: Timers[str] = Timers()
    for key, due in wishes:
        timers.set(key, float(due))
    expected = {key: min(due for other, due in wishes if other == key) for key, _ in wishes}
    popped = {key: now for now in range(21) for key in timers.pop_due(float(now))}
    assert popped == expected
    assert timers.next_due() is None
