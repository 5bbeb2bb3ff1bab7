"""The operator is killed after each single write of each kind of swap: the end is the same.

A pass has at most two writes before its status (the Service, a bakeoff); it is cut after the first
and after the second, in every pass from the swap's beginning to its end. Engines are simulated.
"""

import copy
from collections.abc import Callable
from datetime import timedelta

import pytest

from reflex_api.names import ANNOTATION_MANUAL
from reflex_api.verdict import Judgement
from route_states import MINUTE, Outcome, Routes

BETTER = Outcome(better=Judgement.PASS, pass_at1=0.9)


class Killed(Routes):
    """A namespace whose operator is killed in one of its passes over a route."""

    at = -1  # the number of that pass
    after = 9  # so many writes
    passes = 0

    def route_pass(self, name: str = "r", *, parts: int = 9) -> bool:
        self.passes += 1
        if self.passes != self.at:
            return super().route_pass(name, parts=parts)
        super().route_pass(name, parts=self.after)
        return True  # the next operator looks, whether or not anything was written


def started(members: str = "abc", **spec: object) -> Killed:
    world = Killed(members, **spec)
    world.settle()
    return world


def failover() -> Killed:
    world = started(failover={"unhealthyAfter": "1m"})
    world.qualify("b", "c")
    world.die("a")
    world.now += 2 * MINUTE
    return world


def failback() -> Killed:
    world = failover()
    world.settle()
    world.heal("a")
    world.now += timedelta(hours=1)
    return world


def evaluation_and_promotion() -> Killed:
    world = started("ab")
    world.outcomes["b"] = BETTER
    world.edit(evaluation={"when": "Immediately"})
    return world


def evaluation_that_fails() -> Killed:
    world = started("ab")
    world.outcomes["b"] = Outcome(passed=Judgement.FAIL)
    world.edit(evaluation={"when": "Immediately"}, promotion={"cooldown": "1h"})
    return world


def promotion_with_room() -> Killed:
    world = started(slot={"name": "gpu0", "maxResident": 2})
    world.qualify("a")
    world.outcomes["b"] = BETTER
    world.qualify("b", baseline=world.evidence_id("a"))
    return world


def rollback() -> Killed:
    world = started(failover={"unhealthyAfter": "1m"}, promotion={"soak": "30m"})
    world.qualify("a")
    world.outcomes["b"] = BETTER
    world.qualify("b", baseline=world.evidence_id("a"))
    world.settle()
    world.die("b")
    world.now += 2 * MINUTE
    return world


def choice_by_hand() -> Killed:
    world = started(promotion={"mode": "Manual"})
    world.qualify("c")
    world.annotate(ANNOTATION_MANUAL, f"c@{world.evidence_id('c')}")
    return world


def target_that_does_not_start() -> Killed:
    world = failover()
    world.models["b"].looping = True
    world.die("b")
    return world


SCENARIOS: dict[Callable[[], Killed], tuple[str, str]] = {
    failover: ("b", "Failover"),
    failback: ("a", "Failback"),
    evaluation_and_promotion: ("b", "Promotion"),
    evaluation_that_fails: ("a", "Restore"),
    promotion_with_room: ("b", "Promotion"),
    rollback: ("a", "Rollback"),
    choice_by_hand: ("c", "Manual"),
    target_that_does_not_start: ("c", "Failover"),
}


def end_of(world: Killed) -> tuple[object, ...]:
    world.settle()
    return (
        world.serving(),
        world.routes["r"]["status"]["incumbent"],
        world.record().residents,
        world.record().manual,
        [(one.kind, one.ok, one.from_, one.to) for one in world.record().history],
        sorted(one["metadata"]["name"] for one in world.bakeoffs),
        world.condition("Ready")["reason"],
        {name: one.occupies for name, one in world.models.items()},
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
def test_it_ends_the_same_wherever_the_operator_is_killed(scenario: Callable[[], Killed]) -> None:
    begin = scenario()
    begin.passes = 0
    whole = copy.deepcopy(begin)
    expected = end_of(whole)
    serving, kind = SCENARIOS[scenario]
    assert expected[0] == serving
    assert whole.record().history[-1].kind.value == kind
    for at in range(1, whole.passes + 1):
        for after in (1, 2) if whole.bakeoffs else (1,):
            world = copy.deepcopy(begin)
            world.at, world.after = at, after
            assert end_of(world) == expected, (at, after)
