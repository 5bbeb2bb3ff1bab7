"""What a route's status lets the router do: manifest in, models and evidence out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from reflex_loop.adapters.routes.models import RoutedModels
from reflex_loop.adapters.routes.view import RouteView, qualified, read
from reflex_routing.config import ReflexSection
from reflex_routing.gate import Evidence, GateMode, Thresholds, gate
from reflex_routing.serving import ServingModel
from route_manifests import NOW, condition, evidence, member, route, stamp

SECTION = ReflexSection.model_validate(
    {
        "model_primary": "tiny",
        "model_fallbacks": ["other", "apart"],
        "endpoints": {"local": {"base_url": "http://a/v1"}, "own": {"base_url": "http://b/v1"}},
        "model_endpoints": {"apart": "own"},
    }
)


class Engines:
    """What the engines say of themselves, without evidence."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def serving(self) -> tuple[ServingModel, ...]:
        return tuple(
            ServingModel(model=one, endpoint=SECTION.endpoint_of(one), revision="")
            for one in self.names
        )

    def evidence(self, model: ServingModel) -> Evidence | None:
        return None


@dataclass
class Source:
    view: RouteView | None


def models(manifest: Mapping[str, Any] | None, *engines: str, now: Any = NOW) -> RoutedModels:
    view = read(manifest) if manifest else None
    return RoutedModels(Engines(*engines), SECTION, {"local": Source(view)}, lambda: now)


def judged(found: RoutedModels, now: Any = NOW) -> str:
    one = found.serving()[0]
    return gate(
        found.evidence(one), model=one.model, revision=one.revision, mode=GateMode.ENFORCE,
        thresholds=Thresholds(pass_at_1_percent=50), now=now,
    ).reason  # fmt: skip


def test_the_active_model_serves_and_no_other_of_its_endpoint() -> None:
    found = models(route(active="other", revision="r7"), "tiny", "apart")
    assert found.serving() == (
        ServingModel(model="other", endpoint="local", revision="r7"),
        ServingModel(model="apart", endpoint="own", revision=""),
    )


@pytest.mark.parametrize("reason", ["Evaluating", "Swapping", "NoEligibleFallback", "SlotHeld"])
def test_a_route_that_does_not_serve_is_away_though_an_engine_answers(reason: str) -> None:
    (one,) = models(route(serving="False", reason=reason), "tiny").serving()
    assert (one.model, one.away) == ("tiny", reason)


def test_an_unreadable_route_leaves_it_to_the_engines() -> None:
    found = models(None, "tiny")
    assert found.serving() == (ServingModel(model="tiny", endpoint="local", revision=""),)
    assert judged(found) == "no_evidence"


def test_a_served_name_that_differs_is_the_one_that_the_engine_says() -> None:
    (one,) = models(route(active="tiny-model"), "other").serving()
    assert (one.model, one.away) == ("other", "")
    (one,) = models(route(active="tiny-model")).serving()
    assert one.away == "tiny-model is not configured"


def test_a_route_without_a_model_is_away() -> None:
    (one,) = models(route(active="", serving="False", reason="EngineNotReady")).serving()
    assert one.away == "EngineNotReady"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (member("tiny"), "qualified"),
        (member("tiny", evidence=evidence(passAt1="0.4")), "below_threshold"),
        (member("tiny", evidence=evidence(passAt1="many")), "no_measurement"),
        (member("tiny", "Rejected", evidence=evidence("Fail")), "not_passed"),
        (member("tiny", "Inconclusive", evidence=evidence("Inconclusive")), "not_passed"),
        (member("tiny", "Stale"), "other_revision"),
        (
            member("tiny", "Stale", evidence=evidence(expiresAt=stamp(NOW - timedelta(1)))),
            "expired",
        ),
        (member("tiny", "Evaluating"), "no_evidence"),
        # Measured again because something changed: what was found before counts no longer.
        (member("tiny", "Evaluating", evidence=evidence()), "no_evidence"),
        (member("tiny", "Unqualified"), "no_evidence"),
        (member("tiny", "Unfit", evidence=evidence()), "no_evidence"),
        (member("tiny", evidence={"bakeoff": "b", "verdict": "Pass"}), "no_evidence"),
        (member("other"), "no_evidence"),
    ],
)
def test_only_current_evidence_of_the_active_model_passes_the_gate(
    entry: dict[str, Any], reason: str
) -> None:
    manifest = route(members=[entry])
    assert judged(models(manifest)) == reason
    view = read(manifest)
    assert view is not None
    assert qualified(view) is (entry["eligibility"] == "Eligible" and entry["model"] == "tiny")


def test_evidence_ends_with_its_time_before_the_operator_says_so() -> None:
    later = NOW + timedelta(days=14)
    assert judged(models(route(), now=later), now=later) == "expired"


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"conditions": []},
        {"conditions": [condition("Accepted", "False", "SpecInvalid")]},
        {"conditions": "none"},
        {"active": 7, "conditions": [condition("Serving", "True", "PrimaryServing")]},
    ],
)
def test_a_status_that_says_nothing_is_none(status: dict[str, Any]) -> None:
    assert read(route() | {"status": status}) is None


def test_what_a_later_operator_adds_is_left_out() -> None:
    manifest = route(shiny="new")
    manifest["status"]["members"][0]["shine"] = 7
    view = read(manifest)
    assert view is not None
    assert (view.model, view.revision, view.floor) == ("tiny", "r1", 0.6)


def test_a_floor_that_is_left_out_is_the_default() -> None:
    view = read(route(spec={"gate": {"suite": "s"}}))
    assert view is not None
    assert view.floor == 0.5
