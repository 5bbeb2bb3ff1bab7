"""What changes while a route is on its way somewhere. Engines and verdicts are simulated."""

from datetime import timedelta

from reflex_api.names import ANNOTATION_MANUAL
from reflex_api.verdict import Judgement
from route_states import MINUTE, Outcome, Routes

HOUR = timedelta(hours=1)
BETTER = Outcome(better=Judgement.PASS, pass_at1=0.9)


def started(**spec: object) -> Routes:
    world = Routes(**spec)  # type: ignore[arg-type]
    world.settle()
    return world


def promoting() -> Routes:
    """A promotion of b that has begun: the incumbent a is not routed to any more."""
    world = started()
    world.qualify("a", "c")
    world.outcomes["b"] = BETTER
    world.qualify("b", baseline=world.evidence_id("a"))
    world.route_pass()
    swap = world.record().swap
    assert swap is not None
    assert (swap.kind, swap.to) == ("Promotion", "b")
    return world


def rolling_back() -> Routes:
    """A rollback from b to a that has begun."""
    world = started(failover={"unhealthyAfter": "1m"}, promotion={"soak": "30m"})
    world.qualify("a", "c")
    world.outcomes["b"] = BETTER
    world.qualify("b", baseline=world.evidence_id("a"))
    world.settle()
    world.die("b")
    world.now += 2 * MINUTE
    world.route_pass()
    swap = world.record().swap
    assert swap is not None
    assert (swap.kind, swap.to) == ("Rollback", "a")
    return world


def test_another_primary_ends_a_promotion_over_the_former_one() -> None:
    world = promoting()
    world.edit(primary="c", fallbacks=["a", "b"])
    world.later(steps=30)
    assert world.routes["r"]["status"]["incumbent"] == "c"
    assert "b" not in [model for _, model in world.opened]
    assert world.serving() == "c"


def test_another_primary_stays_the_incumbent_after_a_rollback() -> None:
    world = rolling_back()
    world.edit(primary="c", fallbacks=["a", "b"])
    world.later(steps=3)
    assert world.routes["r"]["status"]["incumbent"] == "c"
    world.later(steps=30)
    assert world.serving() == "c"


def test_another_primary_stays_the_incumbent_after_a_rollback_that_failed() -> None:
    world = rolling_back()
    world.edit(primary="c", fallbacks=["a", "b"])
    world.models["a"].edit(suspend=True)
    world.later(steps=30)
    assert world.routes["r"]["status"]["incumbent"] == "c"
    assert world.serving() == "c"


def test_a_promotion_is_not_taken_back_to_a_rejected_model() -> None:
    world = started(failover={"unhealthyAfter": "1m"}, promotion={"soak": "2h"})
    world.outcomes["a"] = Outcome(passed=Judgement.FAIL, pass_at1=0.2)
    world.outcomes["b"] = BETTER
    world.qualify("a")
    world.qualify("b", baseline=world.evidence_id("a"))
    world.later(steps=3)
    assert world.kinds() == ["Bootstrap", "Failover", "Promotion"]
    world.qualify("c")
    world.die("b")
    world.later(steps=5)
    assert world.serving() == "c"
    assert "Rollback" not in world.kinds()


def test_a_second_choice_by_hand_is_followed_after_the_first() -> None:
    world = started(promotion={"mode": "Manual"})
    world.qualify("b", "c")
    world.annotate(ANNOTATION_MANUAL, f"b@{world.evidence_id('b')}")
    world.route_pass()
    assert world.record().swap is not None
    world.annotate(ANNOTATION_MANUAL, f"c@{world.evidence_id('c')}")
    world.settle()
    assert world.serving() == "c"
    assert world.routes["r"]["status"]["manual"].startswith("followed: c@")


def test_a_revision_that_was_taken_back_is_not_promoted_by_its_next_evaluation() -> None:
    world = started(failover={"unhealthyAfter": "1m"}, promotion={"soak": "30m", "cooldown": "1h"})
    world.qualify("a")
    world.outcomes["b"] = BETTER
    world.qualify("b", baseline=world.evidence_id("a"))
    world.settle()
    world.die("b")
    world.later(steps=4)
    assert world.kinds()[-1] == "Rollback"
    world.heal("b")
    world.later(step=HOUR, steps=3)
    world.ask_for("b")  # measured once more, and better once more
    world.bakeoffs[-1]["spec"]["baselineRef"] = {"name": "by-hand-0"}
    world.edit(evaluation={"when": "Manual"})
    world.later(steps=5)
    assert world.kinds()[-1] == "Restore"
    assert world.serving() == "a"
    assert world.kinds().count("Promotion") == 1


def test_a_measured_candidate_is_not_promoted_beyond_the_limit_of_swaps() -> None:
    quick = {"unhealthyAfter": "1s", "failbackAfter": "1s", "maxSwapsPerHour": 2}
    world = started(failover=quick)
    world.qualify("a", "b")
    world.die("a")
    world.later(steps=3)
    world.heal("a")
    world.later(steps=3)
    assert world.kinds()[-2:] == ["Failover", "Failback"]
    world.outcomes["c"] = BETTER
    world.edit(evaluation={"when": "Immediately", "maxOutage": "30m"})
    world.later(steps=5)
    assert world.member("c")["eligibility"] == "Eligible"
    assert world.serving() == "a"
    assert "maxSwapsPerHour" in world.condition("Degraded")["message"]
    world.later(step=10 * MINUTE, steps=7)
    assert world.serving() == "c"
    assert world.kinds()[-1] == "Promotion"


def test_a_run_that_measured_nothing_is_repeated_a_day_later() -> None:
    world = started(evaluation={"when": "Immediately"}, promotion={"mode": "Disabled"})
    world.later(steps=60)
    assert world.member("b")["eligibility"] == "Eligible"
    world.outcomes["b"] = Outcome(passed=Judgement.ERROR)
    world.later(step=timedelta(days=15))
    world.later(step=HOUR, steps=3)
    runs = [one for one in world.bakeoffs if one["spec"]["modelRef"]["name"] == "b"]
    assert len(runs) == 2
    assert world.member("b")["eligibility"] == "Stale"
    world.outcomes["b"] = Outcome()
    world.later(step=HOUR, steps=20)
    assert world.member("b")["eligibility"] == "Stale", "not sooner than a day later"
    world.later(step=HOUR, steps=6)
    assert world.member("b")["eligibility"] == "Eligible"
