"""The demo's route: two real models, two real bakeoffs, and a promotion on what they measured.

Which numbers come out is the models' and the machine's affair; that the decision follows from the
recorded ones is tested.
"""

import pytest
from reflex_e2e import evidence, promotion
from reflex_e2e.kubectl import Cluster
from reflex_e2e.models import Model
from reflex_e2e.progress import Phases
from reflex_e2e.promotion import BETTER, WORSE, Promotion
from reflex_e2e.routes import Route
from reflex_e2e.waiting import wait_for

pytestmark = pytest.mark.lab

MEASURED_WITHIN = 3600.0
WITHIN = 600.0


@pytest.fixture(scope="module")
def route(cluster: Cluster, own_namespace: str) -> Route:
    return promotion.apply(cluster, own_namespace)


@pytest.fixture(scope="module")
def promoted(route: Route) -> Promotion:
    """From `kubectl apply` alone."""
    return promotion.wait(route, Phases(), within=MEASURED_WITHIN)


def test_the_better_model_is_promoted_on_its_evidence(route: Route, promoted: Promotion) -> None:
    better = promoted.evidence[BETTER].verdict
    assert better.promotes
    assert better.gate.label == "demo"
    assert better.baseline is not None
    assert better.baseline.model == WORSE
    member = route.member(BETTER)
    assert member["eligibility"] == "Eligible"
    assert member["incumbent"] is True
    assert member["evidence"]["bakeoff"] == promoted.evidence[BETTER].bakeoff
    last = promoted.status["lastTransition"]
    assert (last["reason"], last["from"], last["to"]) == ("Promotion", WORSE, BETTER)
    assert member["evidence"]["id"] in last["message"]


def test_the_worse_model_is_refused_with_reasons(route: Route, promoted: Promotion) -> None:
    verdict = promoted.evidence[WORSE].verdict
    assert verdict.verdict != "Pass"
    assert verdict.qualification.message
    member = route.member(WORSE)
    assert member["eligibility"] in ("Rejected", "Inconclusive")
    assert "pass_at_1" in member["message"]


def test_both_verdicts_follow_from_the_recorded_numbers(promoted: Promotion) -> None:
    found = promoted.evidence
    assert evidence.judge(found[WORSE]) == found[WORSE].verdict
    assert evidence.judge(found[BETTER], found[WORSE]) == found[BETTER].verdict
    assert "Gate: demo" in found[BETTER].page.read_text()


def test_the_refused_model_does_not_even_serve_when_the_other_dies(
    route: Route, promoted: Promotion
) -> None:
    # Within the soak time it would be a rollback: to what served before.
    route.patch({"promotion": {"soak": "0s"}, "failover": {"unhealthyAfter": "5s"}})
    watch = route.watch_selector()
    Model(cluster=route.cluster, namespace=route.namespace, name=BETTER).crash()
    wait_for(
        "nobody may take over",
        lambda: route.condition("Serving").get("reason") == "NoEligibleFallback",
        within=WITHIN,
    )
    assert route.addresses() == []
    route.wait_active(BETTER, within=WITHIN)
    selected = watch.stop()
    assert BETTER in selected, "the watch saw nothing"
    assert WORSE not in selected
