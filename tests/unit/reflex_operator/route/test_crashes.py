"""Restarts of engines are counted by what the cluster says, whoever was looking meanwhile."""

from datetime import datetime, timedelta
from typing import Any

import states
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.route.crashes import noted, times_of
from reflex_operator.reconcile.route.record import Crashes
from route_states import MINUTE, NOON, Routes

HOUR = timedelta(hours=1)


def pod(count: int, *, began: datetime = NOON, ended: datetime = NOON) -> Manifest:
    last = {"startedAt": states.timestamp(began), "finishedAt": states.timestamp(ended)}
    container: dict[str, Any] = {"restartCount": count}
    if count:
        container["lastState"] = {"terminated": last}
    return {"metadata": {"uid": "p"}, "status": {"containerStatuses": [container]}}


def test_without_restarts_there_is_nothing_to_remember() -> None:
    assert noted((), [pod(0)]) == ()


def test_each_end_is_noted_once_and_of_the_last_three() -> None:
    known: tuple[Crashes, ...] = ()
    for number in range(1, 6):
        seen = pod(number, began=NOON + (number - 1) * MINUTE, ended=NOON + number * MINUTE)
        known = noted(known, [seen])
        assert noted(known, [seen]) == known
    assert times_of(known, [pod(5)]) == tuple(NOON + one * MINUTE for one in (3, 4, 5))


def test_of_what_nobody_saw_the_pod_tells_the_last_two() -> None:
    seen = pod(9, began=NOON + MINUTE, ended=NOON + 3 * MINUTE)
    known = noted((), [seen])
    assert known == (Crashes(pod="p", count=9, times=(NOON + MINUTE, NOON + 3 * MINUTE)),)


def test_a_pod_that_is_gone_is_forgotten() -> None:
    known = noted((), [pod(1)])
    assert noted(known, []) == ()
    assert times_of(known, []) == ()


def crash(world: Routes, count: int) -> None:
    """The active engine of a ends for the count-th time, and does not run for the moment."""
    (running,) = world.models["a"].pods
    world.die("a")
    (container,) = running["status"]["containerStatuses"]
    container["restartCount"] = count
    container["lastState"]["terminated"].update(
        startedAt=states.timestamp(world.now - MINUTE), finishedAt=states.timestamp(world.now)
    )


def recover(world: Routes, count: int) -> None:
    (running,) = world.models["a"].pods
    world.heal("a")
    world.settle()
    (container,) = running["status"]["containerStatuses"]
    container["restartCount"] = count


def test_the_third_restart_of_an_old_pod_is_left_at_once_whoever_watched_the_others() -> None:
    # Every pass rests on the cluster alone, as that of an operator that has just started.
    world = Routes(failover={"unhealthyAfter": "24h"})
    world.settle()
    world.qualify("b")
    world.later(step=HOUR, steps=2)
    for count in (1, 2):
        crash(world, count)
        world.later(step=MINUTE)
        assert world.routing().model == "a"
        recover(world, count)
        world.later(step=MINUTE)
        assert world.serving() == "a"
    crash(world, 3)
    world.settle()
    assert world.serving() == "b"
    assert "3 restarts" in world.record().history[-1].message


def test_three_restarts_in_a_long_time_are_waited_for() -> None:
    world = Routes(failover={"unhealthyAfter": "24h"})
    world.settle()
    world.qualify("b")
    world.later(step=HOUR, steps=2)
    for count in (1, 2):
        crash(world, count)
        world.later(step=MINUTE)
        recover(world, count)
        world.later(step=HOUR)
    crash(world, 3)
    world.later(step=MINUTE)
    assert world.routing().model == "a"


def test_the_time_of_the_drain_is_told_though_the_pod_went_at_once() -> None:
    world = Routes()
    world.settle()
    world.qualify("b")
    world.die("a")
    world.now += 10 * MINUTE
    world.route_pass()
    world.now += timedelta(seconds=20)
    world.models["a"].ended = world.now  # what the watch said when the pod was deleted
    world.now += timedelta(seconds=5)
    world.settle()
    last = world.routes["r"]["status"]["lastTransition"]
    assert (last["drainSeconds"], last["stopSeconds"]) == (20, 5)
