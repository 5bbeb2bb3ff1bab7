"""What a route does not do, though something speaks for it. Engines, verdicts: simulated."""

from datetime import timedelta
from decimal import Decimal

import pytest

from reflex_api.bakeoff import ReflexBakeoff
from reflex_api.feedback import FEEDBACK_KEY, RouteFeedback
from reflex_api.names import ANNOTATION_HOLD, ANNOTATION_MANUAL
from reflex_api.verdict import Judgement
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.route.evidence import judge, newest
from reflex_operator.reconcile.route.record import record_of
from route_states import MINUTE, NOON, Outcome, Routes

HOUR = timedelta(hours=1)
BETTER = Outcome(better=Judgement.PASS, pass_at1=0.9)
OTHER_ENGINE = {"device": "cpu", "contextLength": 1024, "maxRunningRequests": 2}


def started(**spec: object) -> Routes:
    world = Routes(**spec)  # type: ignore[arg-type]
    world.settle()
    return world


def with_a_better_one(**spec: object) -> Routes:
    """A route with evidence that b is better than its incumbent a; nobody has looked yet."""
    world = started(**spec)
    world.qualify("a")
    world.outcomes["b"] = BETTER
    world.qualify("b", baseline=world.evidence_id("a"))
    return world


@pytest.mark.parametrize("better", [Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.ERROR, None])
def test_only_a_comparison_that_passed_promotes(better: Judgement | None) -> None:
    world = started()
    world.qualify("a")
    world.outcomes["b"] = Outcome(better=better, pass_at1=0.9)
    world.qualify("b", baseline=world.evidence_id("a"))
    world.later(steps=5)
    assert world.serving() == "a"
    assert world.member("b")["eligibility"] == "Eligible"


def test_a_better_member_that_has_changed_since_is_not_promoted() -> None:
    world = with_a_better_one(promotion={"mode": "Manual"})
    world.models["b"].edit(engine=OTHER_ENGINE)
    world.later(steps=2)
    assert world.member("b")["eligibility"] == "Stale"
    world.edit(promotion={"mode": "Gated"})
    world.later(steps=3)
    assert world.serving() == "a"


def test_bakeoffs_are_asked_for_the_benefit_that_the_route_wants() -> None:
    world = Routes("ab", evaluation={"when": "Immediately"}, promotion={"minBenefit": "0.07"})
    world.settle()
    asked = [ReflexBakeoff.parse(run).spec.gate.superiority.min_benefit for run in world.bakeoffs]
    assert asked == [Decimal("0.07")] * 2


@pytest.mark.parametrize("verdict", [Judgement.FAIL, Judgement.INCONCLUSIVE])
def test_leniency_is_for_what_has_passed(verdict: Judgement) -> None:
    world = started(failover={"unhealthyAfter": "1m", "allowStale": True})
    world.outcomes["b"] = Outcome(passed=verdict)
    world.qualify("b")
    found, _ = newest(world.evidence, "b", counts=lambda _: True)
    assert found is not None
    assert found.inputs is not None
    driver = found.inputs.model_copy(update={"gpu_driver": "other"})
    assert not judge(found, driver, "", NOON).lenient
    world.now += timedelta(days=15)
    world.settle()
    world.die("a")
    world.later(steps=3)
    assert world.member("b")["eligibility"] == "Stale"
    assert world.serving() == ""


def test_leniency_is_for_what_was_measured() -> None:
    world = started(failover={"unhealthyAfter": "1m", "allowStale": True})
    world.die("a")
    world.later(steps=5)
    assert [model for _, model in world.opened] == ["a"]


def test_of_two_eligible_members_the_first_that_is_listed_takes_over() -> None:
    world = started(failover={"unhealthyAfter": "1m"})
    world.edit(fallbacks=["c", "b"])
    world.qualify("b", "c")
    world.die("a")
    world.later(steps=4)
    assert world.serving() == "c"


def test_a_stale_member_takes_over_only_where_no_other_can() -> None:
    world = started(failover={"unhealthyAfter": "1m", "allowStale": True})
    world.qualify("b")
    world.now += timedelta(days=15)
    world.settle()
    world.qualify("c")
    world.die("a")
    world.later(steps=4)
    assert world.serving() == "c"


def test_a_restart_that_ends_later_than_anothers_start_is_not_waited_for() -> None:
    world = started(failover={"unhealthyAfter": "1s"})
    world.qualify("b")
    for name, seconds in (("a", 900), ("b", 60)):
        world.models[name].model["status"].setdefault("startup", {})["durationSeconds"] = seconds
    world.die("a")
    container = world.models["a"].pods[0]["status"]["containerStatuses"][0]
    container["state"] = {"running": {"startedAt": world.now.strftime("%Y-%m-%dT%H:%M:%SZ")}}
    world.now += 2 * MINUTE
    world.route_pass()
    assert world.record().swap is not None


def wait_for_failback(world: Routes, step: timedelta, *, edited: bool = False) -> int:
    """Let the incumbent a die and recover; return the steps until it is tried again.

    Where it is `edited` meanwhile, that is another revision.
    """
    world.die("a")
    world.later(steps=3)
    assert world.serving() == "b"
    if edited:
        world.models["a"].edit(engine=OTHER_ENGINE)
    world.heal("a")
    steps = 0
    while world.serving() != "a":
        world.later(step=step)
        steps += 1
    return steps


def test_no_failback_waits_longer_than_a_day() -> None:
    patient = {"unhealthyAfter": "1m", "failbackAfter": "20h", "maxSwapsPerHour": 60}
    world = started(failover=patient)
    world.qualify("b")
    assert [wait_for_failback(world, HOUR) for _ in range(2)] == [20, 24]


def test_a_failback_of_another_revision_waits_for_the_first_delay_again() -> None:
    patient = {"unhealthyAfter": "1m", "failbackAfter": "10m", "maxSwapsPerHour": 60}
    world = started(failover=patient)
    world.qualify("b")
    first = wait_for_failback(world, MINUTE)
    assert wait_for_failback(world, MINUTE) > first
    assert wait_for_failback(world, MINUTE, edited=True) == first


def test_after_its_soak_time_a_promotion_is_not_taken_back() -> None:
    world = with_a_better_one(failover={"unhealthyAfter": "1m"}, promotion={"soak": "30m"})
    world.settle()
    assert world.serving() == "b"
    world.now += 31 * MINUTE
    world.settle()
    world.die("b")
    world.later(steps=4)
    assert world.serving() == "a"
    assert world.kinds() == ["Bootstrap", "Promotion", "Failover"]
    assert world.routes["r"]["status"]["incumbent"] == "b"


def test_a_hold_that_comes_while_a_member_is_measured_keeps_it_from_promotion() -> None:
    world = started()
    world.measuring = False
    world.qualify("a", "c")
    world.outcomes["b"] = BETTER
    world.edit(evaluation={"when": "Immediately", "maxOutage": "30m"})
    world.settle()
    assert world.condition("Ready")["reason"] == "Evaluating"
    world.annotate(ANNOTATION_HOLD, "not now")
    world.measuring = True
    world.settle()
    assert world.member("b")["evidence"]["superiority"] == "Pass"
    assert world.serving() == "a"
    assert "Promotion" not in world.kinds()


@pytest.mark.parametrize("verdict", [Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.ERROR])
def test_a_choice_by_hand_of_a_member_that_is_not_eligible_is_refused(verdict: Judgement) -> None:
    world = started(promotion={"mode": "Manual"})
    world.outcomes["b"] = Outcome(passed=verdict)
    world.qualify("b")
    world.annotate(ANNOTATION_MANUAL, f"b@{world.evidence_id('b')}")
    world.later(steps=3)
    assert world.serving() == "a"
    assert world.kinds() == ["Bootstrap"]
    assert ("Warning", "ManualRefused") in world.events


@pytest.mark.parametrize("words", [{"circuit": "Open"}, {"quality": "Regressed"}])
@pytest.mark.parametrize(("model", "age"), [("a", 16), ("b", 0)])
def test_a_word_that_is_old_or_about_another_model_moves_nothing(
    model: str, age: int, words: Manifest
) -> None:
    world = started()
    world.qualify("b")
    feedback = RouteFeedback(model=model, at=world.now - age * MINUTE, **words)
    world.feedback = {"data": {FEEDBACK_KEY: feedback.model_dump_json(by_alias=True)}}
    world.settle()
    assert world.serving() == "a"
    assert world.kinds() == ["Bootstrap"]


def test_an_evaluation_waits_for_its_window() -> None:
    window = {"schedule": "0 13 * * *", "duration": "2h"}
    world = started(evaluation={"when": "Window", "window": window})
    world.later(step=10 * MINUTE, steps=5)
    assert world.evidence == []
    world.later(step=10 * MINUTE, steps=3)
    assert world.member("b")["eligibility"] == "Eligible"


@pytest.mark.parametrize("verdict", [Judgement.FAIL, Judgement.INCONCLUSIVE])
def test_an_answer_that_is_no_pass_stands_and_is_not_asked_for_again(verdict: Judgement) -> None:
    world = Routes("ab", evaluation={"when": "Immediately"})
    world.outcomes["b"] = Outcome(passed=verdict)
    world.settle()
    world.later(step=6 * HOUR, steps=4)
    assert [one["spec"]["modelRef"]["name"] for one in world.bakeoffs] == ["a", "b"]
    assert world.member("b")["eligibility"] == world.outcomes["b"].eligibility
    assert world.member("b")["message"].endswith(": simulated"), "the verdict's own words"
    assert world.serving() == "a"


def test_nobody_is_routed_to_an_engine_that_is_about_to_stop() -> None:
    world = with_a_better_one()
    world.route_pass()
    assert world.record().swap is not None
    assert world.routing().stopped
    assert world.models["a"].occupies
    assert world.record().residents == ()


def test_an_engine_is_let_start_by_a_write_that_rests_on_the_others_being_gone() -> None:
    world = with_a_better_one()
    for _ in range(30):
        plan = world.plan()
        record = record_of(next(one for one in plan.apply if one["kind"] == "Service"))
        assert record is not None
        if record.residents == ("b",):
            break
        world.round()
    assert set(plan.gone) == {"a", "c"}


def test_a_run_that_evidence_rests_on_is_never_pruned() -> None:
    world = Routes("a", evaluation={"when": "Immediately", "validFor": "1h"})
    world.settle()
    (first,) = [one["metadata"]["name"] for one in world.bakeoffs]
    world.outcomes["a"] = Outcome(passed=Judgement.ERROR)
    world.later(step=25 * HOUR, steps=9)
    kept = [one["metadata"]["name"] for one in world.bakeoffs]
    assert first in kept
    assert len(kept) < 10, "older ones that nothing rests on are"


def test_a_fallback_whose_evidence_ends_serves_no_longer() -> None:
    world = started()
    world.qualify("b")
    world.models["a"].edit(suspend=True)
    world.later()
    assert world.serving() == "b"
    world.now += timedelta(days=15)
    world.settle()
    assert world.serving() == ""


def test_a_deployment_that_would_start_another_engine_holds_room() -> None:
    world = with_a_better_one()
    world.route_pass()
    world.models["a"].pods.clear()  # evicted, before anybody has stopped its Deployment
    world.route_pass()
    assert world.record().swap is not None
    assert world.record().residents == ()
