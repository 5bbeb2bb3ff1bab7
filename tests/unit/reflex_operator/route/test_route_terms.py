"""Evidence counts for a route under the route's own terms only. Verdicts are simulated."""

from datetime import timedelta
from typing import Any

import pytest

from reflex_api.names import ANNOTATION_MANUAL
from reflex_api.verdict import Judgement
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.route.record import record_of
from route_states import GATE, Outcome, Routes

WEAK_GATE: Manifest = {**GATE, "quality": {"passAt1Floor": "0.01"}}


def started(**spec: Any) -> Routes:
    world = Routes(**spec)
    world.settle()
    return world


def measured_by_hand(world: Routes, model: str, **spec: Any) -> None:
    """Finish a person's bakeoff of a member."""
    world.ask_for(model, **spec)
    run = world.bakeoffs[-1]
    world.evidence.append(world.evidence_for(model, bakeoff=run["metadata"]["name"], run=run))


def told_of(world: Routes, model: str) -> Manifest:
    return next(one for one in world.routes["r"]["status"]["members"] if one["model"] == model)


@pytest.mark.parametrize(
    ("spec", "named"),
    [({"gate": WEAK_GATE}, "gate"), ({"load": {"requests": 59, "answerTokens": 8}}, "load")],
)
def test_a_run_under_weaker_terms_qualifies_nobody(spec: Manifest, named: str) -> None:
    world = started()
    measured_by_hand(world, "b", **spec)
    world.settle()
    assert told_of(world, "b")["eligibility"] == "Stale"
    assert told_of(world, "b")["message"] == f"changed since it was measured: {named}"
    world.die("a")
    world.later(steps=10)
    assert world.serving() == ""


def test_a_run_under_the_same_terms_and_another_label_counts() -> None:
    world = started()
    measured_by_hand(world, "b", gate={**GATE, "label": "mine"})
    world.settle()
    assert told_of(world, "b")["eligibility"] == "Eligible"


def test_a_run_under_other_terms_replaces_no_evidence_of_the_route() -> None:
    world = started()
    world.qualify("b")
    world.now += timedelta(minutes=1)
    world.outcomes["b"] = Outcome(passed=Judgement.FAIL)
    measured_by_hand(world, "b", gate=WEAK_GATE)
    world.settle()
    assert told_of(world, "b")["eligibility"] == "Eligible"


def test_a_stricter_gate_ends_what_was_found_under_the_old_one() -> None:
    world = started()
    world.qualify("b")
    world.settle()
    assert told_of(world, "b")["eligibility"] == "Eligible"
    world.edit(gate={**GATE, "quality": {"passAt1Floor": "0.90"}})
    world.settle()
    assert told_of(world, "b")["eligibility"] == "Stale"


def test_a_comparison_that_asks_for_less_promotes_nobody() -> None:
    world = started(evaluation={"when": "Manual"})
    world.outcomes["b"] = Outcome(pass_at1=0.9, better=Judgement.PASS)
    measured_by_hand(world, "a")
    baseline = {"name": world.bakeoffs[-1]["metadata"]["name"]}
    weak = {**GATE, "superiority": {"minBenefit": "0.001", "nonInferiorityMargin": "0.5"}}
    measured_by_hand(world, "b", gate=weak, baselineRef=baseline)
    world.later(steps=5)
    assert world.serving() == "a"
    assert world.routes["r"]["status"]["incumbent"] == "a"
    assert told_of(world, "b")["eligibility"] == "Eligible"
    world.now += timedelta(minutes=1)
    measured_by_hand(world, "b", baselineRef=baseline)
    world.later(steps=5)
    assert world.serving() == "b"


def test_evidence_counts_no_longer_than_the_route_lets_it() -> None:
    world = started(evaluation={"when": "Manual", "validFor": "24h"})
    world.qualify("b")
    world.now += timedelta(hours=25)
    world.settle()
    assert told_of(world, "b")["eligibility"] == "Stale"
    assert "expired" in told_of(world, "b")["message"]


def test_a_gate_is_the_same_after_its_way_through_a_run() -> None:
    """Else what a route measured itself would never count, and be measured without end."""
    none = {
        "answers": {"truncationCeiling": "none"},
        "latency": {"ttftColdP95Milliseconds": 0, "itlP95Milliseconds": 7, "maxBlockRatio": "none"},
        "throughput": {"minRooflineShare": "none", "minTokensPerSecond": "12.50"},
        "quality": {"passAt1Floor": "0.5", "looks": [10, 20]},
    }
    world = started(evaluation={"when": "Immediately"}, gate={**GATE, **none})
    world.later(steps=5)
    assert told_of(world, "a")["eligibility"] == "Eligible"
    assert world.bakeoffs


def test_a_choice_that_was_withdrawn_can_be_made_again() -> None:
    world = started(failover={"unhealthyAfter": "1m", "failbackAfter": "30m"})
    world.qualify("a", "b")
    choice = f"b@{world.evidence_id('b')}"
    world.annotate(ANNOTATION_MANUAL, choice)
    world.later()
    assert world.serving() == "b"
    world.die("b")
    world.later(steps=10)
    assert world.serving() == "a"
    world.heal("b")
    world.annotate(ANNOTATION_MANUAL, None)
    world.settle()
    record = record_of(world.services["r"])
    assert record is not None
    assert record.manual == ""
    world.annotate(ANNOTATION_MANUAL, choice)
    world.later(steps=3)
    assert world.serving() == "b"
    assert world.kinds()[-1] == "Manual"
