"""The roofline that the operator knows, and what it refuses before anything is stopped."""

from typing import Any

import pytest

import states
from reflex_api.bakeoff import ReflexBakeoff
from reflex_api.gate import GateSpec
from reflex_api.model import ReflexModel
from reflex_operator.catalogue import load_catalogue
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.roofline import Roofline, roofline_of, unmeasurable
from route_states import GATE, Outcome, Routes

BLACKWELL = "NVIDIA-GeForce-RTX-5090"
STRICT = {"suite": "rust-repair-smoke"}  # with the default share of the roofline


def node(product: str = BLACKWELL, **labels: str) -> Manifest:
    known = {"nvidia.com/gpu.product": product} if product else {}
    return {
        "metadata": {"labels": {**known, **labels}},
        "status": {"capacity": {"nvidia.com/gpu": "1"}},
    }


def model(repo: str, *, device: str = "cuda", **engine: Any) -> ReflexModel:
    source: Manifest = {"huggingFace": {"repo": repo, "revision": "0" * 40}}
    if not repo:
        source = {"bundled": {"path": "/models/a"}}
    wanted = {"device": device, "contextLength": 65536, **engine}
    return ReflexModel.parse(states.model("m", source=source, engine=wanted))


def found(one: ReflexModel, *nodes: Manifest) -> Roofline:
    named = {f"node-{number}": each for number, each in enumerate(nodes)}
    return roofline_of(one, named, load_catalogue())


@pytest.mark.parametrize(
    ("repo", "tokens"),
    [
        # At no context 484, 857 and 99; a thousand tokens of cache cost a little.
        ("openai/gpt-oss-20b", 483),
        ("QuantTrio/Qwen3-Coder-30B-A3B-Instruct-AWQ", 837),
        ("Qwen/Qwen2.5-Coder-32B-Instruct-AWQ", 98),
    ],
)
def test_the_catalogues_models_have_a_roofline_on_a_5090(repo: str, tokens: int) -> None:
    roofline = found(model(repo), node())
    assert roofline.tokens_per_second is not None
    assert round(roofline.tokens_per_second) == tokens
    assert not unmeasurable(GateSpec.model_validate(STRICT), roofline)


def test_several_gpus_read_their_parts_at_once_and_of_several_kinds_the_fastest_bounds() -> None:
    one = found(model("openai/gpt-oss-20b"), node())
    two = found(model("openai/gpt-oss-20b", extraArgs=["--tp-size=2"]), node())
    assert one.tokens_per_second is not None
    assert two.tokens_per_second is not None
    assert two.tokens_per_second == pytest.approx(2 * one.tokens_per_second, rel=0.01)
    mixed = found(model("openai/gpt-oss-20b"), node("NVIDIA-L40S"), node())
    assert mixed.tokens_per_second == one.tokens_per_second


def test_drafted_tokens_are_told() -> None:
    drafting = model("openai/gpt-oss-20b", extraArgs=["--speculative-algorithm=EAGLE3"])
    assert found(drafting, node()).speculative
    assert not found(model("openai/gpt-oss-20b"), node()).speculative


def test_a_shared_gpu_is_the_same_product() -> None:
    shared = found(model("openai/gpt-oss-20b"), node(f"{BLACKWELL}-SHARED"))
    assert shared == found(model("openai/gpt-oss-20b"), node())


@pytest.mark.parametrize(
    ("one", "product", "words"),
    [
        (model("openai/gpt-oss-20b", device="cpu"), BLACKWELL, "engine.device cpu"),
        (model("example/unknown"), BLACKWELL, "example/unknown has no activeWeightsBytes"),
        (model(""), BLACKWELL, "m comes from no hub"),
        (model("openai/gpt-oss-20b"), "NVIDIA-NOBODY", "NVIDIA-NOBODY is not in the catalogue"),
        (model("openai/gpt-oss-20b"), "", "no label nvidia.com/gpu.product"),
    ],
)
def test_what_is_not_known_is_named(one: ReflexModel, product: str, words: str) -> None:
    roofline = found(one, node(product))
    assert roofline.tokens_per_second is None
    assert words in roofline.unknown
    assert words in unmeasurable(GateSpec.model_validate(STRICT), roofline)
    assert not unmeasurable(GateSpec.model_validate(GATE), roofline)


def test_before_there_is_any_gpu_nothing_is_refused() -> None:
    roofline = found(model("openai/gpt-oss-20b"))
    assert roofline == Roofline()
    assert not unmeasurable(GateSpec.model_validate(STRICT), roofline)


def test_a_gate_that_cannot_be_judged_stops_nothing_and_says_what_to_set() -> None:
    world = Routes(evaluation={"when": "Immediately"}, gate=STRICT)
    world.later(steps=5)
    assert world.serving() == "a"
    assert world.kinds() == ["Bootstrap"]
    assert not world.bakeoffs
    accepted = world.condition("Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "GateNotMeasurable")
    assert "engine.device cpu" in accepted["message"]
    assert "set gate.throughput.minRooflineShare to none" in accepted["message"]
    assert "minRooflineShare" in world.member("b")["message"]
    world.edit(gate=GATE)
    world.later(steps=60)
    assert world.condition("Accepted")["status"] == "True"
    assert world.member("b")["eligibility"] == "Eligible"


def test_a_run_by_hand_that_is_refused_keeps_no_other_one_waiting() -> None:
    world = Routes()
    world.settle()
    world.ask_for("b")
    world.bakeoffs[-1]["spec"]["gate"] = STRICT
    world.ask_for("c")
    world.outcomes["c"] = Outcome()
    world.later(steps=3)
    assert world.member("b")["eligibility"] == "Unqualified"
    assert world.member("c")["eligibility"] == "Eligible"
    assert "b" not in {one.to for one in world.record().history}


def test_a_limit_of_none_stays_none_in_the_routes_bakeoffs() -> None:
    world = Routes("a", evaluation={"when": "Immediately"})
    world.measuring = False
    world.later(steps=3)
    (run,) = world.bakeoffs
    assert run["spec"]["gate"]["throughput"]["minRooflineShare"] == "none"
    gate = ReflexBakeoff.parse(run).spec.gate
    assert gate.throughput.min_roofline_share is None
