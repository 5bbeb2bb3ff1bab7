"""The typed views of routes and bakeoffs: what they read and what they refuse, in which words."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from reflex_api.bakeoff import ReflexBakeoff
from reflex_api.errors import SpecError
from reflex_api.gate import GateSpec
from reflex_api.model import ReflexModel
from reflex_api.route import ReflexRoute

SAMPLES = Path(__file__).parents[3] / "manifests/samples/routes"
ROUTE = {"primary": "a", "fallbacks": ["b", "c"], "gate": {"suite": "rust-repair-smoke"}}
BAKEOFF = {"modelRef": {"name": "a"}, "gate": {"suite": "rust-repair-smoke"}}

KINDS: dict[str, type[ReflexRoute] | type[ReflexBakeoff] | type[ReflexModel]] = {
    "ReflexRoute": ReflexRoute,
    "ReflexBakeoff": ReflexBakeoff,
    "ReflexModel": ReflexModel,
}


def manifest(spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": "d", "uid": "u", "generation": 1}, "spec": spec}


def test_a_route_has_working_defaults() -> None:
    route = ReflexRoute.parse(manifest(ROUTE))
    assert route.spec.members == ("a", "b", "c")
    assert route.spec.slot.max_resident == 1
    assert route.spec.failover.unhealthy_after == timedelta(minutes=5)
    assert route.spec.promotion.min_benefit == Decimal("0.05")
    assert route.spec.evaluation.valid_for == timedelta(days=14)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fallbacks": ["b", "a"]}, "spec.fallbacks must not hold spec.primary"),
        ({"primary": "A"}, "spec.primary must be the name of a ReflexModel"),
        ({"fallbacks": list("bcdefghij")}, "spec.fallbacks"),
        ({"evaluation": {"when": "Window"}}, "evaluation.window must be set"),
        ({"evaluation": {"window": {"schedule": "nightly"}}}, "must be five cron fields"),
        ({"failover": {"unhealthyAfter": "0s"}}, "spec.failover.unhealthyAfter must be from 1s"),
        ({"failover": {"maxSwapsPerHour": 0}}, "spec.failover.maxSwapsPerHour"),
        ({"promotion": {"minBenefit": "2"}}, "spec.promotion.minBenefit must be from 0 to 1"),
        ({"slot": {"name": "GPU 0"}}, "spec.slot.name must be a name such as gpu0"),
        ({"gate": {}}, "spec.gate.suite"),
    ],
)
def test_a_wrong_route_is_refused_with_the_field(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError) as caught:
        ReflexRoute.parse(manifest(ROUTE | change))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"gate": {"suite": "s"}}, "spec.modelRef or spec.endpoint must be set"),
        (
            BAKEOFF | {"endpoint": {"url": "http://h/v1", "model": "m"}},
            "spec.modelRef or spec.endpoint must be set",
        ),
        (BAKEOFF | {"load": {"requests": 3}}, "spec.load.requests"),
    ],
)
def test_a_wrong_bakeoff_is_refused_with_the_field(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError) as caught:
        ReflexBakeoff.parse(manifest(spec))
    assert words in str(caught.value)


def test_the_samples_are_read() -> None:
    for path in SAMPLES.glob("*.yaml"):
        for found in yaml.safe_load_all(path.read_text()):
            parsed = KINDS[found["kind"]].parse(found)
            assert parsed.name == found["metadata"]["name"]


@pytest.mark.parametrize("limit", ["none", None])
def test_no_limit_can_be_written_so_that_it_outlives_kubectl_apply(limit: str | None) -> None:
    gate = GateSpec.model_validate(
        {
            "suite": "s",
            "answers": {"truncationCeiling": limit},
            "latency": {
                "maxBlockRatio": limit,
                "ttftColdP95Milliseconds": 0 if limit else None,
            },
            "throughput": {"minRooflineShare": limit},
        }
    )
    assert gate.answers.truncation_ceiling is gate.throughput.min_roofline_share is None
    assert gate.latency.max_block_ratio is None
    assert gate.latency.ttft_cold_p95_milliseconds is None
    assert gate.latency.ttft_warm_p95_milliseconds == 300
    written = json.loads(gate.model_dump_json(by_alias=True))
    assert written["throughput"] == {"minRooflineShare": None, "minTokensPerSecond": None}
    assert GateSpec.model_validate(written) == gate
    assert GateSpec.model_validate(gate.to_resource()) == gate
    assert None not in [one for part in gate.to_resource().values() if isinstance(part, dict)
                        for one in part.values()]  # fmt: skip


@pytest.mark.parametrize(
    "part",
    [
        {"quality": {"passAt1Floor": "none"}},
        {"throughput": {"minRooflineShare": "None"}},
        {"latency": {"itlP95Milliseconds": False}},
        {"latency": {"itlP95Milliseconds": -1}},
    ],
)
def test_a_limit_that_must_be_there_cannot_be_none(part: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GateSpec.model_validate({"suite": "s", **part})
