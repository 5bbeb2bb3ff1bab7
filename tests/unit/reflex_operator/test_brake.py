from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reflex_operator.apply import Applier, Outcome
from reflex_operator.brake import WINDOW, WRITES, Brake, rival
from reflex_operator.keys import Keys
from reflex_operator.reconcile.plan import Plan
from reflex_operator.store import Store
from unit.reflex_operator.fakeapi import FakeApi, serving

Object = dict[str, Any]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def fight(brake: Brake, clock: Clock, *, seconds: float, every: float) -> list[float]:
    """Try to write all the time, as a rival undoes each write at once; return when we wrote."""
    written, end = [], clock.now + seconds
    while clock.now < end:
        if brake.hold("service", 1) is None:
            brake.wrote("service", 1)
            written.append(clock.now)
        clock.now += every
    return written


def test_as_many_writes_as_a_start_needs_are_free() -> None:
    clock = Clock()
    brake = Brake(clock)
    for _ in range(WRITES):
        assert brake.hold("service", 1) is None
        brake.wrote("service", 1)
    hold = brake.hold("service", 1)
    assert hold is not None
    assert hold.begins
    assert brake.hold("deployment", 1) is None, "another object is not concerned"


def test_writes_now_and_then_are_never_held_back() -> None:
    clock = Clock()
    assert len(fight(Brake(clock), clock, seconds=3600, every=WINDOW / WRITES + 0.1)) > 550


def test_a_fight_costs_ever_fewer_writes() -> None:
    clock = Clock()
    written = fight(Brake(clock), clock, seconds=3600, every=0.1)
    assert len(written) <= 30
    gaps = [round(after - before) for before, after in pairwise(written)]
    assert gaps[WRITES - 1 :][:8] == [5, 10, 20, 40, 80, 160, 300, 300]


@given(st.floats(0.01, 5.9))
def test_however_fast_the_rival_is_an_hour_costs_few_writes(every: float) -> None:
    clock = Clock()
    assert len(fight(Brake(clock), clock, seconds=3600, every=every)) <= 30


def test_after_a_calm_minute_everything_is_free_again() -> None:
    clock = Clock()
    brake = Brake(clock)
    fight(brake, clock, seconds=30, every=0.1)
    clock.now += 300 + WINDOW + 1
    assert len(fight(brake, clock, seconds=1, every=0.05)) == WRITES


def test_a_new_spec_starts_afresh() -> None:
    clock = Clock()
    brake = Brake(clock)
    fight(brake, clock, seconds=10, every=0.1)
    assert brake.hold("service", 1) is not None
    assert brake.hold("service", 2) is None


def test_the_rival_is_who_changed_the_object_last() -> None:
    fields = [
        {"manager": "kubectl-edit", "time": "2026-01-01T11:00:00Z"},
        {"manager": "mesh-injector", "time": "2026-01-01T12:00:00Z"},
        {"manager": "reflex-operator", "time": "2026-01-01T12:00:01Z"},
        {"manager": "kube-controller-manager", "time": "2026-01-01T12:30:00Z",
         "subresource": "status"},
    ]  # fmt: skip
    assert rival({"metadata": {"managedFields": fields}}) == "mesh-injector"
    assert rival({"metadata": {}}) == ""


MODEL: Object = {
    "apiVersion": "reflexstack.dev/v1alpha1",
    "kind": "ReflexModel",
    "metadata": {"name": "a", "namespace": "default", "uid": "uid-model", "generation": 1},
}
SERVICE: Object = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "a",
        "namespace": "default",
        "labels": {"reflexstack.dev/model": "a"},
        "ownerReferences": [
            {"kind": "ReflexModel", "name": "a", "uid": "uid-model", "controller": True}
        ],
    },
    "spec": {"ports": [{"name": "http", "port": 80}]},
}


async def test_a_rival_is_named_once_and_the_status_goes_on() -> None:
    fake, store, clock = FakeApi(), Store(), Clock()
    store.observe("ADDED", fake.add(MODEL))
    async with serving(fake) as cluster:
        keys = Keys(cluster, clock=clock)
        applier = Applier(cluster, store, keys, identity="pod", now=lambda: NOON, clock=clock)

        async def step(status: int) -> Outcome:
            plan = Plan(apply=(SERVICE,), status={"observedGeneration": status})
            outcome = await applier.carry_out(MODEL, plan)
            live = fake.get("Service", "a")
            live["spec"]["ports"][0]["port"] = 99
            live["metadata"]["managedFields"] = [{"manager": "theirs", "time": "2026"}]
            store.observe("MODIFIED", fake.add(live))
            return outcome

        held = []
        for number in range(36000):  # an hour, ten times a second
            held.append((await step(min(number, 20))).held)
            clock.now += 0.1
            if number > 3000 and number % 50:
                clock.now += 4.9  # and more slowly, to keep the test short
            if clock.now > 4600:
                break
        service_writes = [one for one in fake.writes if one[1].endswith("/services/a")]
        assert len(service_writes) <= 30
        (event,) = fake.events()
        assert event["type"] == "Warning"
        assert event["reason"] == "ChangesReverted"
        assert (
            'Service default/a was changed back 10 times within 60 s by the field manager "'
            in (event["message"])
        )
        assert '"theirs"' in event["message"]
        assert fake.get("ReflexModel", "a")["status"] == {"observedGeneration": 20}
        assert sum(one is not None and one.begins for one in held) > 1


async def test_a_fight_over_one_object_holds_no_other_up() -> None:
    fake, store, clock = FakeApi(), Store(), Clock()
    store.observe("ADDED", fake.add(MODEL))
    policy = {**SERVICE, "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    async with serving(fake) as cluster:
        keys = Keys(cluster, clock=clock)
        applier = Applier(cluster, store, keys, identity="pod", now=lambda: NOON, clock=clock)

        def plan(replicas: int) -> Plan:
            engine = {"replicas": replicas}
            deployment = {**SERVICE, "apiVersion": "apps/v1", "kind": "Deployment", "spec": engine}
            return Plan(apply=(policy, deployment))

        for _ in range(WRITES + 1):
            outcome = await applier.carry_out(MODEL, plan(1))
            live = fake.get("NetworkPolicy", "a")
            live["spec"]["ports"][0]["port"] = 99
            store.observe("MODIFIED", fake.add(live))
            clock.now += 0.1
        assert outcome.held is not None
        outcome = await applier.carry_out(MODEL, plan(0))
        assert outcome.held is not None
        assert fake.get("Deployment", "a")["spec"]["replicas"] == 0
