"""Properties of the decision about a model, over specs and states."""

import copy
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import states

engines = st.fixed_dictionaries(
    {
        "device": st.just("cpu"),
        "contextLength": st.sampled_from([1024, 4096, 32768]),
        "maxRunningRequests": st.integers(1, 16),
        "chunkedPrefillSize": st.sampled_from([64, 512, 2048]),
    },
    optional={
        "extraArgs": st.lists(
            st.sampled_from(["--schedule-policy=fcfs", "--log-requests", "--page-size=1"]),
            unique=True,
            max_size=3,
        ),
        "image": st.sampled_from(["example/engine:a", "example/engine:b"]),
    },
)
sources = st.sampled_from(
    [
        {"bundled": {"path": "/models/reflex-tiny"}},
        {"persistentVolumeClaim": {"claimName": "models", "path": "a"}},
        {"persistentVolumeClaim": {"claimName": "models"}},
    ]
)
specs = st.fixed_dictionaries(
    {"engine": engines, "source": sources},
    optional={
        "replicas": st.integers(0, 3),
        "suspend": st.booleans(),
        "activation": st.sampled_from(["Always", "Routed"]),
        "servedName": st.sampled_from(["a", "b-c"]),
        "placement": st.just({"nodeSelector": {"disk": "ssd"}}),
    },
)


def edited(world: states.World, spec: dict[str, Any]) -> None:
    """What a user's `kubectl apply` does."""
    new = states.model(**copy.deepcopy(spec))["spec"]
    if new != world.model["spec"]:
        world.model["spec"] = new
        world.model["metadata"]["generation"] += 1


def outcome(world: states.World) -> Any:
    """What must depend on the final spec alone: not times, generations or pod names."""
    status = copy.deepcopy(world.model["status"])
    conditions = {c["type"]: (c["status"], c["reason"], c["message"]) for c in status["conditions"]}
    return (
        world.children,
        conditions,
        status["resolved"],
        status["replicas"],
        status.get("memory"),
        len(world.pods),
    )


@given(specs)
def test_a_second_pass_plans_nothing(spec: dict[str, Any]) -> None:
    world = states.World(model=states.model(**spec))
    world.settle()
    assert not world.carry_out(world.plan())
    assert world.plan().events == ()


@given(specs, st.floats(0, 1))
def test_nothing_changes_before_the_requeue_time(spec: dict[str, Any], part: float) -> None:
    world = states.World(model=states.model(**spec))
    world.settle()
    plan = world.plan()
    world.now += part * (plan.requeue_after or timedelta(days=30))
    later = world.plan()
    assert (later.apply, later.status) == (plan.apply, plan.status)


@given(specs, specs)
def test_the_final_state_depends_on_the_final_spec_alone(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    direct = states.World(model=states.model(**first))
    direct.settle()
    detour = states.World(model=states.model(**first))
    detour.settle()
    edited(detour, second)
    detour.settle()
    edited(detour, first)
    detour.settle()
    expected, found = outcome(direct), outcome(detour)
    assert found == expected


@given(specs)
def test_a_lost_status_is_rebuilt(spec: dict[str, Any]) -> None:
    world = states.World(model=states.model(**spec))
    world.settle()
    before = outcome(world)
    del world.model["status"]
    world.probes = {}  # the operator was restarted as well
    world.settle()
    assert outcome(world) == before


@given(specs)
def test_a_model_that_settles_costs_few_status_writes(spec: dict[str, Any]) -> None:
    world = states.World(model=states.model(**spec))
    world.settle()
    engines = len(world.pods)
    assert world.status_writes <= (3 if engines <= 1 else 2 + 2 * engines)
