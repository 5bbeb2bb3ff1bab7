"""A route under whatever happens: engines die, evidence comes and goes, people interfere.

Held at every moment, between any two writes: never two engines in a slot for one, requests only to
the incumbent or to a member with current evidence, no more swaps than the guards allow.
"""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reflex_api.names import ANNOTATION_HOLD, ANNOTATION_MANUAL
from reflex_api.verdict import Judgement
from reflex_operator.reconcile.route.guards import COUNTED
from route_states import GATE, Outcome, Routes

MEMBERS = "abc"
MOST = 3
names = st.sampled_from(MEMBERS)
judgements = st.sampled_from([Judgement.PASS, Judgement.PASS, Judgement.FAIL, Judgement.ERROR])
outcomes = st.builds(
    Outcome,
    passed=judgements,
    better=st.sampled_from([None, Judgement.PASS, Judgement.FAIL]),
    pass_at1=st.sampled_from([0.3, 0.6, 0.9]),
)
failovers = st.fixed_dictionaries(
    {
        "unhealthyAfter": st.sampled_from(["1s", "2m"]),
        "failbackAfter": st.sampled_from(["1s", "5m"]),
        "maxSwapsPerHour": st.just(MOST),
        "allowStale": st.booleans(),
    }
)
evaluations = st.sampled_from(
    [{"when": "Manual"}, {"when": "Immediately"}, {"when": "Immediately", "maxOutage": "1m"}]
)


class RouteMachine(RuleBasedStateMachine):
    """Actors act in any order; time passes in between."""

    world: Routes

    @initialize(
        failover=failovers,
        evaluation=evaluations,
        room=st.sampled_from([1, 1, 2]),
        shared=st.booleans(),
    )
    def begin(
        self, failover: dict[str, Any], evaluation: dict[str, Any], room: int, shared: bool
    ) -> None:
        self.world = Routes(MEMBERS + "d", route=False)
        spec = {
            "failover": failover,
            "evaluation": evaluation,
            "promotion": {"cooldown": "1h", "soak": "10m"},
            "slot": {"name": "gpu0", "maxResident": room},
        }
        self.world.add_route("r", primary="a", fallbacks=["b", "c"], **spec)
        if shared:
            self.world.add_route("s", primary="d", fallbacks=[], **spec)

    @rule(parts=st.sampled_from([0, 1, 2, 9, 9, 9]), name=st.sampled_from("rrs"))
    def route(self, parts: int, name: str) -> None:
        if name in self.world.routes:
            self.world.route_pass(name, parts=parts)

    @rule(name=st.sampled_from(MEMBERS + "d"))
    def model(self, name: str) -> None:
        self.world.model_pass(name)

    @rule(name=st.sampled_from(MEMBERS + "d"))
    def kubelet(self, name: str) -> None:
        self.world.kubelet(name)

    @rule(slot=st.sampled_from(["gpu0", "gpu1"]))
    def slot(self, slot: str) -> None:
        # Into a full slot an edit may put too much for a moment: that has a test of its own.
        if "s" in self.world.routes and not self.world.models["d"].occupies:
            room = self.world.routes["r"]["spec"]["slot"]["maxResident"]
            self.world.edit("s", slot={"name": slot, "maxResident": room})

    @rule()
    def settle(self) -> None:
        for _ in range(40):
            if not self.world.round():
                return

    @rule(minutes=st.sampled_from([1, 7, 31, 61]))
    def time(self, minutes: int) -> None:
        self.world.now += timedelta(minutes=minutes)

    @rule(name=names, looping=st.booleans())
    def die(self, name: str, looping: bool) -> None:
        self.world.models[name].looping = looping
        self.world.die(name)

    @rule(name=names)
    def heal(self, name: str) -> None:
        self.world.heal(name)

    @rule(name=names, outcome=outcomes)
    def will_be_measured(self, name: str, outcome: Outcome) -> None:
        self.world.outcomes[name] = outcome

    @rule(name=names)
    def measured_elsewhere(self, name: str) -> None:
        if self.world.models[name].child("Deployment") is not None:
            self.world.qualify(name)

    @rule(name=names)
    def asked_for_by_hand(self, name: str) -> None:
        self.world.ask_for(name)

    @rule()
    def evidence_is_lost(self) -> None:
        self.world.evidence.clear()
        self.world.bakeoffs.clear()

    @rule(name=names, limit=st.sampled_from([2, 4]))
    def revision(self, name: str, limit: int) -> None:
        engine = {"device": "cpu", "contextLength": 1024, "maxRunningRequests": limit}
        self.world.models[name].edit(engine=engine)

    @rule(name=names, suspend=st.booleans())
    def suspend(self, name: str, suspend: bool) -> None:
        self.world.models[name].edit(suspend=suspend)

    @rule(name=names)
    def primary(self, name: str) -> None:
        self.world.edit(primary=name, fallbacks=[one for one in MEMBERS if one != name])

    @rule(measurable=st.booleans())
    def gate(self, measurable: bool) -> None:
        strict = {"suite": GATE["suite"]}  # a share of the roofline, on a CPU
        self.world.edit(gate=GATE if measurable else strict)

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.world.annotate(ANNOTATION_HOLD, "because" if held else None)

    @rule(name=names, right=st.booleans())
    def by_hand(self, name: str, right: bool) -> None:
        found = self.world.evidence_id(name) if right else "0" * 12
        self.world.annotate(ANNOTATION_MANUAL, f"{name}@{found}")

    @rule()
    def status_is_lost(self) -> None:
        self.world.routes["r"].pop("status", None)
        for engine in self.world.models.values():
            engine.model.pop("status", None)

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    @invariant()
    def swaps_are_bounded(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        hour = timedelta(hours=1)
        recent = [
            one
            for one in world.record().history
            if one.kind in COUNTED and world.now - one.at < hour
        ]
        # One that is due may meet a target that fails: then the others are tried in turn, and a
        # promotion may be taken back.
        assert len(recent) <= MOST + len(MEMBERS), recent


RouteMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestRoute = RouteMachine.TestCase
TestRoute.pytestmark = [pytest.mark.filterwarnings("default")]  # type: ignore[attr-defined]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("route"), st.integers(0, 3)),
        st.tuples(st.just("model"), names),
        st.tuples(st.just("kubelet"), names),
    ),
    max_size=30,
)


def walk(world: Routes, walked: list[tuple[str, Any]]) -> None:
    for who, what in walked:
        if who == "route":
            world.route_pass(parts=what)  # and the operator is killed after so many writes
        elif who == "model":
            world.model_pass(what)
        else:
            world.kubelet(what)
        world.check()


def outcome(world: Routes) -> tuple[object, ...]:
    return (
        world.serving(),
        world.routes["r"]["status"]["incumbent"],
        world.record().residents,
        [(one.kind, one.ok, one.to) for one in world.record().history],
        world.condition("Ready")["reason"],
    )


@settings(max_examples=30)
@given(steps, steps)
def test_a_failover_ends_the_same_wherever_the_operator_is_killed(
    first: list[tuple[str, Any]], second: list[tuple[str, Any]]
) -> None:
    def run(before: list[tuple[str, Any]], during: list[tuple[str, Any]]) -> tuple[object, ...]:
        world = Routes(failover={"unhealthyAfter": "1m"})
        walk(world, before)
        world.settle()
        world.qualify("b")
        world.die("a")
        world.now += timedelta(minutes=2)
        walk(world, during)
        world.settle()
        return outcome(world)

    assert run(first, second) == run([], [])


@settings(max_examples=20)
@given(steps, steps)
def test_an_evaluation_with_promotion_ends_the_same_wherever_the_operator_is_killed(
    first: list[tuple[str, Any]], second: list[tuple[str, Any]]
) -> None:
    def run(before: list[tuple[str, Any]], during: list[tuple[str, Any]]) -> tuple[object, ...]:
        world = Routes("ab", evaluation={"when": "Immediately"})
        world.outcomes["b"] = Outcome(better=Judgement.PASS, pass_at1=0.9)
        walk(world, [one for one in before if one[1] != "c"])
        for _ in range(8):
            world.round()
        walk(world, [one for one in during if one[1] != "c"])
        world.settle()
        return outcome(world)

    assert run(first, second) == run([], [])
    assert run([], [])[0] == "b"
