"""What people ask of a route by annotations.

Engines and bakeoffs are scripted: every number is SIMULATED.
"""

import json

import pytest
from reflex_e2e.waiting import wait_for

from reflex_api.names import ANNOTATION_HOLD, ANNOTATION_MANUAL
from route_place import WITHIN, Place

pytestmark = pytest.mark.controlplane


def test_a_hold_and_a_choice_by_hand(place: Place) -> None:
    place.models("ab")
    place.route(fallbacks=["b"], promotion={"mode": "Manual"})
    place.wait("PrimaryServing", active="a")
    place.annotate(ANNOTATION_HOLD, json.dumps({"actor": "ada", "reason": "demo"}))
    place.wait("Hold", active="a")
    assert "ada: demo" in place.condition("Ready")["message"]
    place.annotate(ANNOTATION_HOLD, None)
    place.measure("b")
    place.wait_member("b", "Eligible")
    place.wait("PrimaryServing", active="a")
    place.annotate(ANNOTATION_MANUAL, "b@0123456789ab")
    wait_for("it is refused", lambda: "ManualRefused" in place.events(), within=WITHIN)
    assert place.selected() == "a"
    found = place.member("b")["evidence"]["id"]
    assert found in place.status()["manual"]
    place.annotate(ANNOTATION_MANUAL, f"b@{found}")
    status = place.wait("Hold", active="b")
    assert status["incumbent"] == "b"
    assert status["lastTransition"]["reason"] == "Manual"
