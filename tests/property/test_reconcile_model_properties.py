"""Properties of the decision about a model, over specs and states."""

import copy
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import states
from reflex_api.names import ANNOTATION_FAILED, ANNOTATION_LAST_GOOD, ANNOTATION_RETRY

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
        {"huggingFace": {"repo": "a/b", "revision": "0" * 40}},
        {"huggingFace": {"repo": "a/b", "revision": "1" * 40, "exclude": ["original/*"]}},
        {"http": {"files": [{"path": "x", "url": "http://h/x", "sha256": "2" * 64}]}},
    ]
)
specs = st.fixed_dictionaries(
    {"engine": engines, "source": sources},
    optional={
        "replicas": st.integers(0, 3),
        "suspend": st.booleans(),
        "cache": st.sampled_from([{"retain": False}, {"claimName": "shared"}, {"size": "9Gi"}]),
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


def children_now(world: states.World) -> Any:
    """The children without the memory of what ran before."""
    children = copy.deepcopy(world.children)
    for child in children.values():
        if (child["metadata"].get("annotations") or {}).pop(ANNOTATION_LAST_GOOD, None):
            child["metadata"] = {k: v for k, v in child["metadata"].items() if v != {}}
    return children


def outcome(world: states.World) -> Any:
    """What must depend on the final spec alone: not times, generations, pod names, the past."""
    status = copy.deepcopy(world.model["status"])
    conditions = {c["type"]: (c["status"], c["reason"], c["message"]) for c in status["conditions"]}
    if not world.pods:
        # What an engine measured stays known after it was stopped: that is the past.
        conditions.pop("MemoryFits")
        status.pop("memory", None)
    # Volumes are never taken away, nor is who may ask for progress; a Job notes what it found
    # on the volume.
    children = {
        str(ref): one["spec"] if ref.kind != "Job" else ""
        for ref, one in children_now(world).items()
        if ref.kind != "PersistentVolumeClaim" and not ref.name.endswith(".weights")
    }
    return (
        children,
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


engine_choices = st.sampled_from(
    [
        {"device": "cpu", "contextLength": 1024},
        {"device": "cpu", "contextLength": 1024, "maxRunningRequests": 2},
        {"device": "cpu", "contextLength": 1024, "extraArgs": ["--broken"]},
        {"device": "cpu", "contextLength": 2048, "extraArgs": ["--broken"]},
    ]
)
steps = st.lists(
    st.one_of(
        st.builds(lambda engine: {"engine": engine}, engine_choices),
        st.builds(lambda suspend: {"suspend": suspend}, st.booleans()),
        st.builds(lambda replicas: {"replicas": replicas}, st.integers(0, 2)),
        st.just({"retry": True}),
        st.just({"lost": True}),
        st.builds(lambda passes: {"passes": passes}, st.integers(1, 4)),
    ),
    max_size=8,
)


def walk(walked: list[dict[str, Any]]) -> states.World:
    """A world after these edits; between some of them the operator comes to only a few passes."""
    world = states.World(model=states.model(), broken=frozenset({"--broken"}))
    world.settle()
    for step in walked:
        if "passes" in step:
            for _ in range(step["passes"]):
                world.carry_out(world.plan())
                world.controllers()
            continue
        if "lost" in step:
            world.model.pop("status", None)
            world.probes = {}
        elif "retry" in step:
            annotations = world.model["metadata"].setdefault("annotations", {})
            annotations[ANNOTATION_RETRY] = str(len(annotations.get(ANNOTATION_RETRY, "")) + 1)
        else:
            world.edit(**step)
    return world


def ready_now(world: states.World) -> tuple[str, str, str]:
    """Ready without its time."""
    condition = states.condition(world, "Ready")
    return condition["status"], condition["reason"], condition["message"]


@given(steps)
def test_revisions_that_fail_come_to_rest_whatever_was_done_before(
    walked: list[dict[str, Any]],
) -> None:
    world = walk(walked)
    before = len(world.templates)
    world.settle()
    # The wanted revision, and the last good one in its place: never a third change by itself.
    assert len(world.templates) - before <= 2
    assert not world.carry_out(world.plan())
    deployment = world.child("Deployment")
    assert deployment is not None
    annotations = deployment["metadata"].get("annotations") or {}
    args = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    wanted = world.model["spec"]["engine"]
    if "--broken" in wanted.get("extraArgs", []):
        if deployment["spec"]["replicas"]:
            # The first spec served, so there is always something to go back to.
            assert ANNOTATION_FAILED in annotations
            assert "--broken" not in args
            assert states.condition(world, "Ready")["reason"] == "RevisionRestored"
    else:
        assert ANNOTATION_FAILED not in annotations
        direct = states.World(model=copy.deepcopy(world.model))
        direct.model.pop("status")
        direct.settle()
        assert children_now(world) == children_now(direct)
        assert ready_now(world) == ready_now(direct)


@given(steps)
def test_what_a_lost_status_would_say_is_on_the_deployment(walked: list[dict[str, Any]]) -> None:
    world = walk(walked)
    world.settle()
    before = copy.deepcopy((world.children, ready_now(world), world.templates, len(world.pods)))
    del world.model["status"]
    world.probes = {}
    world.settle()
    assert (world.children, ready_now(world), world.templates, len(world.pods)) == before


@given(specs)
def test_a_lost_status_is_rebuilt(spec: dict[str, Any]) -> None:
    world = states.World(model=states.model(**spec))
    world.settle()
    before = outcome(world)
    del world.model["status"]
    world.probes = {}  # the operator was restarted as well
    world.settle()
    assert outcome(world) == before


@given(specs, specs)
def test_an_operator_that_dies_between_any_two_steps_comes_to_the_same(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    steady = states.World(model=states.model(**first))
    steady.settle()
    edited(steady, second)
    steady.settle()
    restless = states.World(model=states.model(**first))
    restless.settle()
    edited(restless, second)
    for _ in range(20):
        restless.carry_out(restless.plan())
        restless.probes, restless.report = {}, None  # what was only in memory is gone
        restless.controllers()
    restless.settle()
    assert outcome(restless) == outcome(steady)


@given(specs)
def test_a_model_that_settles_costs_few_status_writes(spec: dict[str, Any]) -> None:
    world = states.World(model=states.model(**spec))
    world.settle()
    engines = len(world.pods)
    downloads = world.jobs_started
    assert world.status_writes <= (3 if engines <= 1 else 2 + 2 * engines) + 3 * downloads
