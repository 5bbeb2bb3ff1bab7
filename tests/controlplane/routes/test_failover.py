"""Who takes over from an engine that fails or disappoints, and the way back.

Engines and bakeoffs are scripted: every number is SIMULATED.
"""

import pytest

from reflex_api.verdict import Judgement
from route_place import ONE_WAY, QUICK, Place
from route_states import Outcome

pytestmark = pytest.mark.controlplane


def test_a_qualified_fallback_takes_over_and_the_incumbent_comes_back(place: Place) -> None:
    place.models("abc")
    place.bakeoffs.outcomes["b"] = Outcome(passed=Judgement.FAIL)
    place.route()
    place.wait("PrimaryServing", active="a")
    place.measure("b")
    place.wait_member("b", "Rejected")
    place.measure("c")
    place.wait_member("c", "Eligible")
    place.wait("PrimaryServing", active="a")
    place.kill("a")
    status = place.wait("FallbackServing", active="c")
    assert place.condition("Degraded")["status"] == "True"
    assert status["lastTransition"]["reason"] == "Failover"
    # Its pod is a new one, which is well: the trial succeeds.
    status = place.wait("PrimaryServing", active="a")
    assert status["lastTransition"]["reason"] == "Failback"
    assert {"downtimeSeconds", "startSeconds", "stopSeconds"} <= status["lastTransition"].keys()
    assert "Failover" in place.events()
    assert "b" not in {
        one["model"] for one in status["members"] if one["eligibility"] == "Eligible"
    }


def test_a_regression_within_the_soak_time_is_rolled_back(place: Place) -> None:
    place.bakeoffs.outcomes["b"] = Outcome(better=Judgement.PASS, pass_at1=0.8)
    place.models("ab")
    place.route(
        fallbacks=["b"], evaluation={"when": "Immediately"}, promotion={"soak": "1h"},
        failover=QUICK,
    )  # fmt: skip
    place.wait("FallbackServing", active="b")
    assert place.status()["lastTransition"]["reason"] == "Promotion"
    place.say("b", quality="Regressed", message="12 of 40 repaired, 31 expected")
    status = place.wait("PrimaryServing", active="a")
    assert status["incumbent"] == "a"
    last = status["lastTransition"]
    assert last["reason"] == "Rollback"
    assert "within the soak time" in last["message"]
    assert "12 of 40" in last["message"]
    # The same evidence still says that b is better; the same revision is not tried again.
    place.annotate("example.com/nudge", "yes")
    place.wait("PrimaryServing", active="a")
    assert place.engines() == {"a"}


def test_an_open_circuit_lets_a_fallback_take_over(place: Place) -> None:
    place.models("ab")
    place.route(fallbacks=["b"], failover=ONE_WAY)
    place.wait("PrimaryServing", active="a")
    place.qualify("b")
    place.say("a", circuit="Open", message="6 of 10 calls failed")
    status = place.wait("FallbackServing", active="b")
    assert status["lastTransition"]["reason"] == "Failover"
    assert "CircuitOpen" in status["lastTransition"]["message"]
    assert status["incumbent"] == "a"
