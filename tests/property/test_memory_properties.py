"""Properties of the memory fit and of the recorded choice, over models, GPUs and limits."""

import copy
from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import states
from reflex_api.names import ANNOTATION_LAST_GOOD
from reflex_api.weights import Architecture
from reflex_operator.engines.load import Load
from reflex_operator.engines.memory import (
    GIB,
    MIB,
    STEP,
    ModelSize,
    fit,
    free_at_start,
    kv_bytes_per_token,
    largest_fraction,
    reserve,
)
from reflex_operator.engines.memory_advice import chosen_fraction
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.choice import ANNOTATION, LABEL_MEMORY

architectures = st.fixed_dictionaries(
    {
        "name": st.just("AnyForCausalLM"),
        "layers": st.integers(1, 128),
        "slidingLayers": st.integers(0, 64),
        "kvHeads": st.sampled_from([1, 2, 4, 8, 16]),
        "headDim": st.sampled_from([64, 128, 256]),
    }
).map(Architecture.model_validate)
sizes = st.builds(
    ModelSize, architecture=architectures, weights_bytes=st.integers(1 * GIB, 80 * GIB)
)
loads = st.builds(
    Load,
    context_length=st.integers(1024, 262144),
    chunk=st.sampled_from([64, 512, 2048, 4096, 8192, 16384]),
    decode_graphs=st.integers(0, 256),
    prefill_graphs=st.booleans(),
    kv_element=st.sampled_from([Fraction(9, 16), Fraction(1), Fraction(2)]),
    swa_ratio=st.fractions(Fraction(1, 20), 1, max_denominator=20),
    tensor_parallel=st.sampled_from([1, 2, 4]),
    headroom=st.integers(0, 8 * GIB),
    fraction=st.none() | st.fractions(Fraction(1, 10), Fraction(95, 100), max_denominator=1000),
)
capacities = st.sampled_from([8188, 16376, 24564, 32607, 46068, 81559, 143771]).map(
    lambda mib: mib * MIB
)


def fits(size: ModelSize, load: Load, capacity: int) -> bool:
    return fit(size, load, capacity, chosen_fraction(load, capacity)).fits


@given(sizes, loads, capacities, st.integers(1, 65536))
def test_more_context_never_fits_better(
    size: ModelSize, load: Load, capacity: int, more: int
) -> None:
    longer = replace(load, context_length=load.context_length + more)
    assert fits(size, load, capacity) or not fits(size, longer, capacity)
    fraction = chosen_fraction(load, capacity)
    assert (
        fit(size, longer, capacity, fraction).headroom
        <= fit(size, load, capacity, fraction).headroom
    )


@given(sizes, loads, capacities, st.integers(1, 4 * GIB))
def test_more_headroom_never_fits_better(
    size: ModelSize, load: Load, capacity: int, more: int
) -> None:
    wider = replace(load, headroom=load.headroom + more)
    assert fits(size, load, capacity) or not fits(size, wider, capacity)
    assert largest_fraction(wider, capacity) <= largest_fraction(load, capacity)


@given(sizes, loads, capacities, st.integers(1, 16384))
def test_a_larger_chunk_never_fits_better(
    size: ModelSize, load: Load, capacity: int, more: int
) -> None:
    larger = replace(load, chunk=load.chunk + more)
    assert fits(size, load, capacity) or not fits(size, larger, capacity)


@given(sizes, loads, capacities, st.integers(1, 8 * GIB))
def test_heavier_weights_never_fit_better(
    size: ModelSize, load: Load, capacity: int, more: int
) -> None:
    heavier = replace(size, weights_bytes=size.weights_bytes + more)
    assert fits(size, load, capacity) or not fits(heavier, load, capacity)


@given(sizes, loads, capacities)
def test_a_bigger_gpu_of_the_same_class_never_fits_worse(
    size: ModelSize, load: Load, capacity: int
) -> None:
    assert not fits(size, load, capacity) or fits(size, load, capacity + 512 * MIB)


@given(sizes, loads, capacities)
def test_the_chosen_fraction_is_the_largest(size: ModelSize, load: Load, capacity: int) -> None:
    fraction = largest_fraction(load, capacity)
    outside = reserve(load, capacity) + load.headroom
    free = free_at_start(capacity)
    assert fraction == 0 or free * (1 - fraction) >= outside
    assert free * (1 - fraction - STEP) < outside or fraction == 1 - STEP
    open_ = replace(load, fraction=None)
    if any(
        fit(size, open_, capacity, part * STEP * 25).fits for part in range(1, 40)
    ):  # if any fraction fits, the chosen one does
        assert fits(size, open_, capacity)


@given(sizes, loads, capacities)
def test_the_parts_add_up_to_the_gpu(size: ModelSize, load: Load, capacity: int) -> None:
    found = fit(size, load, capacity, chosen_fraction(load, capacity))
    pool = found.kv_tokens * kv_bytes_per_token(size.architecture, load)
    total = found.weights + pool + found.overhead + found.outside
    if found.kv_tokens:
        assert total <= capacity < total + found.kv_bytes_per_token + 1
    assert found.fits == (found.holds_context and found.outside >= load.headroom)
    if found.fits:
        assert found.headroom == found.outside


# The recorded choice: nodes come, go and change; only the spec moves the fraction.

engines = st.fixed_dictionaries(
    {"device": st.just("cuda"), "contextLength": st.sampled_from([4096, 32768])},
    optional={
        "chunkedPrefillSize": st.sampled_from([2048, 4096]),
        "maxRunningRequests": st.sampled_from([4, 8]),
        "memFractionStatic": st.just("0.8"),
    },
)
specs = st.fixed_dictionaries(
    {"engine": engines, "resources": st.just({"memory": "40Gi"})},
    optional={
        "memoryPolicy": st.sampled_from([{"headroom": "2Gi"}, {"admission": "Off"}]),
        "placement": st.just({"nodeSelector": {"disk": "ssd"}}),
    },
)
labels = st.fixed_dictionaries(
    {},
    optional={
        LABEL_MEMORY: st.sampled_from(["24564", "32607", "81559", "unknown"]),
        "disk": st.sampled_from(["ssd", "hdd"]),
    },
)
clusters = st.lists(labels, max_size=4).map(
    lambda many: {
        f"node-{number}": {"metadata": {"name": f"node-{number}", "labels": one}}
        for number, one in enumerate(many)
    }
)


def edited(world: states.World, spec: dict[str, Any]) -> None:
    new = states.model(**copy.deepcopy(spec))["spec"]
    if new != world.model["spec"]:
        world.model["spec"] = new
        world.model["metadata"]["generation"] += 1


def deployment(world: states.World) -> Manifest:
    """The Deployment without the memory of revisions that ran before."""
    found = copy.deepcopy(world.child("Deployment"))
    assert found is not None
    found["metadata"]["annotations"].pop(ANNOTATION_LAST_GOOD, None)
    return found


@given(specs, clusters, st.lists(clusters, min_size=1, max_size=3))
def test_nodes_never_change_what_runs(
    spec: dict[str, Any], first: dict[str, Manifest], later: list[dict[str, Manifest]]
) -> None:
    world = states.World(model=states.model(**spec), nodes=first)
    world.settle()
    before = deployment(world)
    assert ANNOTATION in before["metadata"]["annotations"]
    for nodes in later:
        world.nodes = nodes
        world.settle()
        assert deployment(world) == before


@given(specs, specs, clusters)
def test_a_detour_ends_where_it_began(
    first: dict[str, Any], second: dict[str, Any], nodes: dict[str, Manifest]
) -> None:
    world = states.World(model=states.model(**first), nodes=nodes)
    world.settle()
    before = deployment(world)
    for spec in (second, first):
        edited(world, spec)
        world.settle()
    assert deployment(world) == before


@given(specs, clusters, clusters)
def test_neither_a_restart_nor_a_lost_status_changes_the_choice(
    spec: dict[str, Any], nodes: dict[str, Manifest], later: dict[str, Manifest]
) -> None:
    world = states.World(model=states.model(**spec), nodes=nodes)
    world.settle()
    before = deployment(world)
    world.probes = {}
    world.nodes = later
    assert not world.carry_out(replace(world.plan(), probe=None))  # a restart writes nothing
    del world.model["status"]
    world.settle()
    assert deployment(world) == before


@given(specs, clusters, clusters, st.booleans())
def test_a_pause_keeps_the_choice(
    spec: dict[str, Any], nodes: dict[str, Manifest], later: dict[str, Manifest], scaled: bool
) -> None:
    world = states.World(model=states.model(**spec), nodes=nodes)
    world.settle()
    before = deployment(world)
    world.nodes = later
    edited(world, spec | ({"replicas": 0} if scaled else {"suspend": True}))
    world.settle()
    assert world.pods == []
    edited(world, spec)
    world.settle()
    assert deployment(world) == before
