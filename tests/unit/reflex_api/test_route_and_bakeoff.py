"""The typed views of routes and bakeoffs: what they read and what they refuse, in which words."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from reflex_api.bakeoff import ReflexBakeoff
from reflex_api.errors import SpecError
from reflex_api.route import ReflexRoute

SAMPLES = Path(__file__).parents[3] / "manifests/samples/routes"
ROUTE = {"primary": "a", "fallbacks": ["b", "c"], "gate": {"suite": "rust-repair-smoke"}}
BAKEOFF = {"modelRef": {"name": "a"}, "gate": {"suite": "rust-repair-smoke"}}


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
        found = yaml.safe_load(path.read_text())
        parsed: ReflexRoute | ReflexBakeoff = (
            ReflexRoute.parse(found)
            if found["kind"] == "ReflexRoute"
            else ReflexBakeoff.parse(found)
        )
        assert parsed.name == found["metadata"]["name"]
