import asyncio
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from aiohttp import web

from reflex_operator.cluster import Cluster
from reflex_operator.errors import LeaseLostError
from reflex_operator.lease import Lease
from unit.reflex_operator.fakeapi import FakeApi, serving

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def lease(cluster: Cluster, clock: Clock, identity: str, **changes: Any) -> Lease:
    options: dict[str, Any] = {
        "namespace": "system",
        "name": "reflex-operator",
        "identity": identity,
        "duration": 15,
        "renew_deadline": 10,
        "retry_period": 0.001,
        "clock": clock,
        "now": lambda: NOON,
        "rng": Random(1),
        **changes,
    }
    return Lease(cluster, **options)


def holder(fake: FakeApi) -> str:
    return str(fake.get("Lease", "reflex-operator", "system")["spec"]["holderIdentity"])


async def test_one_of_two_leads_and_a_release_hands_over_at_once() -> None:
    fake, clock = FakeApi(), Clock()
    async with serving(fake) as cluster:
        one, two = lease(cluster, clock, "one"), lease(cluster, clock, "two")
        await one.acquire()
        assert one.held
        waiting = asyncio.create_task(two.acquire())
        await asyncio.sleep(0.05)
        assert not two.held
        await one.release()
        await asyncio.wait_for(waiting, 5)
        assert holder(fake) == "two"
        assert fake.get("Lease", "reflex-operator", "system")["spec"]["leaseTransitions"] == 1


async def test_a_release_empties_the_holder_once() -> None:
    fake, clock = FakeApi(), Clock()
    async with serving(fake) as cluster:
        one = lease(cluster, clock, "one")
        await one.acquire()
        await one.release()
        assert holder(fake) == ""
        assert not one.held
        fake.requests.clear()
        await one.release()
        assert fake.requests == []


async def test_a_silent_holder_is_replaced_after_its_duration_on_our_clock() -> None:
    fake, clock = FakeApi(), Clock()
    async with serving(fake) as cluster:
        await lease(cluster, clock, "one").acquire()
        two = lease(cluster, clock, "two")
        waiting = asyncio.create_task(two.acquire())
        await asyncio.sleep(0.05)
        clock.now += 14
        await asyncio.sleep(0.05)
        assert not two.held
        clock.now += 2
        await asyncio.wait_for(waiting, 5)
        assert holder(fake) == "two"


async def test_a_restarted_holder_continues_at_once() -> None:
    fake, clock = FakeApi(), Clock()
    async with serving(fake) as cluster:
        await lease(cluster, clock, "one").acquire()
        await asyncio.wait_for(lease(cluster, clock, "one").acquire(), 5)


async def test_a_lease_that_another_took_is_lost() -> None:
    fake, clock = FakeApi(), Clock()
    async with serving(fake) as cluster:
        one = lease(cluster, clock, "one")
        await one.acquire()
        taken = fake.get("Lease", "reflex-operator", "system")
        taken["spec"]["holderIdentity"] = "two"
        fake.add(taken)
        with pytest.raises(LeaseLostError, match="taken by two"):
            await asyncio.wait_for(one.hold(), 5)
        assert not one.held


async def test_it_is_lost_when_nothing_answers_until_the_deadline() -> None:
    fake, clock = FakeApi(), Clock()
    async with serving(fake) as cluster:
        one = lease(cluster, clock, "one")
        await one.acquire()
        fake.answers = [web.Response(status=500) for _ in range(1000)]
        holding = asyncio.create_task(one.hold())
        await asyncio.sleep(0.05)
        assert not holding.done(), "an error before the deadline is no loss"
        assert bool(one.fresh)
        clock.now += 10
        assert not bool(one.fresh), "writes are refused from here on"
        with pytest.raises(LeaseLostError, match="not renewed for 10 s"):
            await asyncio.wait_for(holding, 5)


async def test_renewals_keep_the_acquire_time() -> None:
    fake, clock = FakeApi(), Clock()
    async with serving(fake) as cluster:
        one = lease(cluster, clock, "one")
        await one.acquire()
        acquired = fake.get("Lease", "reflex-operator", "system")["spec"]["acquireTime"]
        one._now = lambda: datetime(2026, 1, 1, 13, tzinfo=UTC)
        holding = asyncio.create_task(one.hold())
        await asyncio.sleep(0.1)
        holding.cancel()
        spec = fake.get("Lease", "reflex-operator", "system")["spec"]
        assert spec["acquireTime"] == acquired
        assert spec["renewTime"] == "2026-01-01T13:00:00.000000Z"
