"""A route over time: who serves, and why it changes. Engines and verdicts are simulated."""

from datetime import timedelta

import pytest

from reflex_api.feedback import FEEDBACK_KEY, RouteFeedback
from reflex_api.names import ANNOTATION_HOLD, ANNOTATION_MANUAL
from reflex_api.verdict import Judgement
from route_states import MINUTE, Outcome, Routes, member


def started(**spec: object) -> Routes:
    world = Routes(**spec)  # type: ignore[arg-type]
    world.settle()
    return world


def measuring_b() -> Routes:
    """A route whose incumbent stands aside while b is measured, which does not end."""
    world = started()
    world.measuring = False
    world.qualify("a", "c")
    world.edit(evaluation={"when": "Immediately", "maxOutage": "30m"})
    world.settle()
    return world


def test_the_primary_is_the_first_to_serve_and_is_not_called_qualified() -> None:
    world = started()
    assert world.serving() == "a"
    assert world.kinds() == ["Bootstrap"]
    assert world.condition("Ready")["reason"] == "PrimaryServing"
    assert world.condition("Qualified")["status"] == "False"
    assert world.routes["r"]["status"]["incumbent"] == "a"
    assert not world.models["b"].occupies


def test_rest_is_rest() -> None:
    world = started()
    before = world.writes
    for _ in range(5):
        assert not world.round()
    assert world.writes == before


def test_a_dead_primary_is_replaced_by_the_first_eligible_member() -> None:
    world = started()
    world.qualify("c")
    world.die("a")
    world.later(steps=4)
    assert world.serving() == ""
    world.later(steps=3)
    assert world.serving() == "c"
    assert world.kinds() == ["Bootstrap", "Failover"]
    assert world.condition("Degraded")["reason"] == "FallbackServing"


def test_an_unqualified_member_never_takes_over() -> None:
    world = started()
    world.die("a")
    world.later(steps=30)
    assert [model for _, model in world.opened] == ["a"]
    assert world.condition("Ready")["reason"] == "NoEligibleFallback"
    assert world.condition("Serving")["status"] == "False"


@pytest.mark.parametrize("verdict", [Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.ERROR])
def test_only_a_pass_makes_a_member_eligible(verdict: Judgement) -> None:
    world = started()
    world.outcomes["b"] = Outcome(passed=verdict)
    world.qualify("b")
    world.die("a")
    world.later(steps=20)
    assert "b" not in [model for _, model in world.opened]


def test_the_incumbent_comes_back_after_a_wait_that_doubles() -> None:
    patient = {"unhealthyAfter": "1m", "failbackAfter": "10m", "maxSwapsPerHour": 60}
    world = started(failover=patient)
    world.qualify("b")
    waits = []
    for _ in range(3):
        world.die("a")
        world.later(steps=3)
        assert world.serving() == "b"
        world.heal("a")
        steps = 0
        while world.serving() != "a":
            world.later()
            steps += 1
        waits.append(steps)
    assert waits[0] < 12
    assert waits[1] > 1.5 * waits[0]
    assert waits[2] > 1.5 * waits[1]


def test_a_failback_that_does_not_start_restores_the_fallback() -> None:
    world = started(failover={"unhealthyAfter": "1m", "failbackAfter": "2m"})
    world.qualify("b")
    world.die("a")
    world.later(steps=60)
    assert world.serving() == "b"
    tries = [one for one in world.record().history if one.kind == "Failback"]
    assert 1 <= len(tries) <= 4
    assert not any(one.ok for one in tries)


def test_swaps_are_limited_by_the_hour() -> None:
    world = started(failover={"unhealthyAfter": "1s", "failbackAfter": "1s", "maxSwapsPerHour": 2})
    world.qualify("b")
    for _ in range(6):
        world.die("a")
        world.later(steps=2)
        world.heal("a")
        world.later(steps=5)
    hour = [
        one
        for one in world.record().history
        if one.kind in ("Failover", "Failback") and world.now - one.at < timedelta(hours=1)
    ]
    assert len(hour) == 2


def test_trouble_that_a_restart_does_not_heal_is_not_waited_for() -> None:
    world = started(failover={"unhealthyAfter": "24h"})
    world.qualify("b")
    world.models["a"].looping = True
    world.die("a")
    world.settle()
    assert world.serving() == "b"


def test_a_restart_that_ends_soon_is_waited_for() -> None:
    world = started(failover={"unhealthyAfter": "1s"})
    world.qualify("b")
    for name, seconds in (("a", 600), ("b", 900)):
        startup = world.models[name].model["status"].setdefault("startup", {})
        startup["durationSeconds"] = seconds
    world.models["b"].model["status"]["startup"]["durationSeconds"] = 900
    facts_before = world.serving()
    world.die("a")
    # Its container runs anew since now, and took ten minutes the last time.
    container = world.models["a"].pods[0]["status"]["containerStatuses"][0]
    container["state"] = {"running": {"startedAt": world.now.strftime("%Y-%m-%dT%H:%M:%SZ")}}
    world.now += 2 * MINUTE
    world.route_pass()
    assert facts_before == "a"
    assert world.record().swap is None
    world.now += 10 * MINUTE
    world.route_pass()
    assert world.record().swap is not None


def test_a_better_member_is_promoted_and_a_worse_one_is_not() -> None:
    world = Routes(evaluation={"when": "Immediately", "maxOutage": "30m"})
    world.outcomes["a"] = Outcome(pass_at1=0.5)
    world.outcomes["b"] = Outcome(passed=Judgement.FAIL, better=Judgement.FAIL, pass_at1=0.2)
    world.outcomes["c"] = Outcome(better=Judgement.PASS, pass_at1=0.8)
    world.settle()
    assert world.serving() == "c"
    assert world.routes["r"]["status"]["incumbent"] == "c"
    assert [world.member(one)["eligibility"] for one in "abc"] == [
        "Eligible",
        "Rejected",
        "Eligible",
    ]
    assert "b" not in [model for _, model in world.opened]
    assert world.condition("Ready")["reason"] == "FallbackServing"
    assert world.condition("Degraded")["status"] == "False"


def test_a_promotion_waits_for_its_cooldown() -> None:
    world = Routes(evaluation={"when": "Immediately"}, promotion={"cooldown": "24h", "soak": "0s"})
    world.outcomes["b"] = Outcome(better=Judgement.PASS, pass_at1=0.7)
    world.outcomes["c"] = Outcome(better=Judgement.PASS, pass_at1=0.9)
    world.settle()
    world.later(steps=40)
    first = world.serving()
    assert first in "bc"
    world.later(step=timedelta(hours=1), steps=22)
    assert world.kinds().count("Promotion") == 1
    assert world.routes["r"]["status"]["incumbent"] == first


def test_superiority_counts_only_against_the_incumbents_present_evidence() -> None:
    world = started()
    world.qualify("a")
    world.outcomes["b"] = Outcome(better=Judgement.PASS, pass_at1=0.9)
    world.qualify("b", baseline="another-one")
    world.later(steps=5)
    assert world.serving() == "a"
    assert world.member("b")["eligibility"] == "Eligible"
    assert "superiority" not in world.member("b")["evidence"]


@pytest.mark.parametrize("mode", ["Manual", "Disabled"])
def test_without_a_gated_promotion_a_better_member_waits(mode: str) -> None:
    world = Routes(evaluation={"when": "Immediately"}, promotion={"mode": mode})
    world.outcomes["b"] = Outcome(better=Judgement.PASS, pass_at1=0.9)
    world.settle()
    world.later(steps=3)
    assert world.serving() == "a"


def test_a_regression_within_the_soak_time_takes_a_promotion_back() -> None:
    world = started(failover={"unhealthyAfter": "1m"}, promotion={"soak": "30m"})
    world.qualify("a")
    world.outcomes["b"] = Outcome(better=Judgement.PASS, pass_at1=0.9)
    world.qualify("b", baseline=world.evidence_id("a"))
    world.settle()
    assert world.serving() == "b"
    world.die("b")
    world.later(steps=4)
    assert world.serving() == "a"
    assert world.kinds() == ["Bootstrap", "Promotion", "Rollback"]
    assert world.routes["r"]["status"]["incumbent"] == "a"
    world.heal("b")
    world.later(step=timedelta(hours=1), steps=30)
    assert world.serving() == "a"  # the same revision is not promoted again


def test_changing_the_primary_makes_it_the_incumbent() -> None:
    world = started()
    world.edit(primary="b", fallbacks=["a", "c"])
    world.later(steps=20)
    assert world.routes["r"]["status"]["incumbent"] == "b"
    assert world.serving() == "b"


def test_a_hold_keeps_promotion_and_failback_away_but_not_failover() -> None:
    world = started(failover={"unhealthyAfter": "1m", "failbackAfter": "1m"})
    world.annotate(ANNOTATION_HOLD, {"actor": "ada", "reason": "demo day"})
    world.qualify("a")
    world.outcomes["b"] = Outcome(better=Judgement.PASS, pass_at1=0.9)
    world.qualify("b", baseline=world.evidence_id("a"))
    world.later(steps=3)
    assert world.serving() == "a"
    assert "ada: demo day" in world.condition("Ready")["message"]
    world.die("a")
    world.later(steps=3)
    assert world.serving() == "b"
    world.heal("a")
    world.later(steps=30)
    assert world.serving() == "b"
    world.annotate(ANNOTATION_HOLD, None)
    world.later(steps=3)
    # By now it is known to be better: it stays, as the incumbent.
    assert world.kinds()[-1] in ("Failback", "Promotion")


def test_a_choice_by_hand_needs_the_current_evidence() -> None:
    world = started(promotion={"mode": "Manual"})
    world.qualify("b")
    old = world.evidence_id("b")
    world.annotate(ANNOTATION_MANUAL, "b@000000000000")
    world.later()
    assert world.serving() == "a"
    assert ("Warning", "ManualRefused") in world.events
    assert old in world.routes["r"]["status"]["manual"]
    world.annotate(
        ANNOTATION_MANUAL, {"model": "b", "evidence": old, "actor": "ada", "reason": "I looked"}
    )
    world.later()
    assert world.serving() == "b"
    assert world.routes["r"]["status"]["incumbent"] == "b"
    assert world.condition("Ready")["reason"] == "Hold"
    assert "ada: I looked" in world.condition("Ready")["message"]
    world.annotate(ANNOTATION_MANUAL, None)
    world.later(steps=5)
    assert world.serving() == "b"


def test_a_choice_by_hand_is_followed_once() -> None:
    world = started(failover={"unhealthyAfter": "1m", "failbackAfter": "30m"})
    world.qualify("a", "b")
    world.annotate(ANNOTATION_MANUAL, f"b@{world.evidence_id('b')}")
    world.later()
    world.die("b")
    world.later(steps=10)
    assert world.serving() == "a"
    assert world.kinds() == ["Bootstrap", "Manual", "Failover"]


def test_a_rejected_incumbent_makes_room_for_an_eligible_member() -> None:
    world = started()
    world.outcomes["a"] = Outcome(passed=Judgement.FAIL, pass_at1=0.1)
    world.qualify("a")
    world.later(steps=3)
    assert world.serving() == "a"
    assert world.condition("Degraded")["reason"] == "IncumbentRejected"
    world.qualify("b")
    world.later(steps=3)
    assert world.serving() == "b"
    world.later(steps=60)
    assert world.serving() == "b"
    assert world.kinds() == ["Bootstrap", "Failover"]


def test_expired_evidence_ends_a_fallbacks_service() -> None:
    world = started(failover={"unhealthyAfter": "1m", "failbackAfter": "24h"})
    world.qualify("b")
    world.die("a")
    world.later(steps=3)
    assert world.serving() == "b"
    world.heal("a")
    world.models["a"].pods.clear()
    world.now += timedelta(days=14)
    world.settle()
    assert world.serving() == "a"


def test_stale_evidence_counts_for_failover_only_when_allowed() -> None:
    for allowed, expected in ((False, ""), (True, "b")):
        world = started(failover={"unhealthyAfter": "1m", "allowStale": allowed})
        world.qualify("b")
        world.now += timedelta(days=15)
        world.settle()
        world.die("a")
        world.later(steps=3)
        assert world.serving() == expected
        assert world.member("b")["eligibility"] == "Stale"
        if allowed:
            assert world.condition("Degraded")["reason"] == "EvidenceStale"


def test_another_revision_of_a_member_is_stale() -> None:
    world = started()
    world.qualify("b")
    world.later()
    assert world.member("b")["eligibility"] == "Eligible"
    engine = {"device": "cpu", "contextLength": 1024, "maxRunningRequests": 2}
    world.models["b"].edit(engine=engine)
    world.later(steps=2)
    assert world.member("b")["eligibility"] == "Stale"
    assert "arguments" in world.member("b")["message"]


def test_a_new_revision_of_the_incumbent_is_routed_once_it_is_verified() -> None:
    world = started()
    before = world.routing().revision
    engine = {"device": "cpu", "contextLength": 1024, "maxRunningRequests": 2}
    world.models["a"].edit(engine=engine)
    world.later(steps=2)
    assert world.serving() == "a"
    assert world.routing().revision != before


def test_a_model_belongs_to_the_older_route() -> None:
    world = Routes()
    world.add_route("younger", primary="c", fallbacks=[], slot={"name": "gpu1"})
    world.settle()
    assert world.condition("Accepted", "younger")["reason"] == "MemberConflict"
    assert world.condition("Accepted")["status"] == "True"
    assert world.serving("younger") == ""


def test_two_routes_of_one_slot_never_run_two_engines() -> None:
    world = Routes("abcd", route=False)
    world.add_route("r", primary="a", fallbacks=["b"])
    world.add_route("s", primary="c", fallbacks=["d"])
    world.settle()
    assert world.serving("r") == "a"
    assert world.condition("Ready", "s")["reason"] == "SlotHeld"
    world.edit("r", slot={"name": "gpu1"})
    world.settle()
    assert world.serving("s") == "c"


def test_the_younger_route_leaves_a_slot_that_an_edit_overfilled() -> None:
    world = Routes("ac", route=False)
    world.add_route("r", primary="a", fallbacks=[])
    world.add_route("s", primary="c", fallbacks=[], slot={"name": "gpu1"})
    world.settle()
    assert (world.serving("r"), world.serving("s")) == ("a", "c")
    world.edit("s", slot={"name": "gpu0"})
    world.check = lambda: None  # type: ignore[method-assign]
    world.settle()
    assert (world.serving("r"), world.serving("s")) == ("a", "")
    assert not world.models["c"].occupies
    world.edit("s", slot={"name": "gpu1"})
    world.settle()
    assert world.serving("s") == "c"


def test_a_route_that_waits_does_not_take_the_room_of_a_swap() -> None:
    world = Routes("abc", route=False)
    world.add_route("r", primary="a", fallbacks=["b"])
    world.add_route("s", primary="c", fallbacks=[])
    world.settle()
    world.routes = {"s": world.routes["s"], "r": world.routes["r"]}  # it looks first
    world.ask_for("b")
    world.settle()
    assert world.member("b")["eligibility"] == "Eligible"
    assert world.serving("r") == "a"
    assert world.serving("s") == ""


def test_a_member_that_is_served_on_its_own_is_not_used() -> None:
    world = Routes()
    world.models["b"].model["spec"]["activation"] = "Always"
    world.models["b"].model["metadata"]["generation"] += 1
    world.edit(fallbacks=["c"])
    world.settle()
    world.edit(fallbacks=["b", "c"], slot={"name": "gpu0", "maxResident": 2})
    world.settle()
    assert world.condition("Accepted")["reason"] == "MemberNotRouted"
    assert world.serving() == "a"


def test_with_room_for_two_nothing_stops_for_an_evaluation_or_a_promotion() -> None:
    world = Routes(evaluation={"when": "Immediately"}, slot={"name": "gpu0", "maxResident": 2})
    world.outcomes["b"] = Outcome(better=Judgement.PASS, pass_at1=0.9)
    for _ in range(100):
        moved = world.round()
        if len(world.opened) > 0:
            assert world.serving() != ""
        if not moved:
            break
    assert world.serving() == "b"
    assert [kind for kind in world.kinds() if kind == "Evaluation"] == []


def test_without_any_record_what_runs_goes_on() -> None:
    world = started()
    world.qualify("b")
    world.die("a")
    world.later(steps=8)
    assert world.serving() == "b"
    uid = world.models["b"].pods[0]["metadata"]["uid"]
    del world.services["r"]
    world.settle()
    assert world.serving() == "b"
    assert world.models["b"].pods[0]["metadata"]["uid"] == uid


def test_every_status_can_be_lost() -> None:
    world = Routes(evaluation={"when": "Immediately"})
    world.outcomes["c"] = Outcome(better=Judgement.PASS, pass_at1=0.8)
    world.settle()
    kept = {name: one["spec"] for name, one in world.services.items()}, world.record()
    before = dict(world.routes["r"]["status"])
    events = len(world.events)
    del world.routes["r"]["status"]
    for engine in world.models.values():
        engine.model.pop("status", None)
    for run in world.bakeoffs:
        run.pop("status", None)
    world.settle()
    assert ({name: one["spec"] for name, one in world.services.items()}, world.record()) == kept
    after = dict(world.routes["r"]["status"])
    for status in (before, after):
        status["conditions"] = [
            {key: value for key, value in one.items() if key != "lastTransitionTime"}
            for one in status["conditions"]
        ]
    assert after == before
    assert len(world.events) == events + 1  # Ready's reason, told anew


def test_a_suspended_active_model_is_left() -> None:
    world = started()
    world.qualify("b")
    world.models["a"].edit(suspend=True)
    world.settle()
    assert world.serving() == "b"


def test_a_member_that_is_removed_is_left() -> None:
    world = started()
    world.models["d"] = type(world.models["a"])(model=member("d"))
    world.edit(primary="d", fallbacks=["b"])
    world.settle()
    assert world.serving() == "d"
    assert not world.models["a"].occupies


def test_a_bakeoff_by_hand_takes_the_slot_and_gives_it_back() -> None:
    world = started()
    world.ask_for("b")
    world.settle()
    assert world.member("b")["eligibility"] == "Eligible"
    assert world.serving() == "a"
    assert world.kinds() == ["Bootstrap", "Evaluation", "Restore"]
    assert "b" not in [model for _, model in world.opened]


def test_an_evaluation_ends_for_a_request_and_goes_on_later() -> None:
    world = measuring_b()
    world.outcomes["b"].passed = Judgement.FAIL
    assert world.condition("Ready")["reason"] == "Evaluating"
    world.now += MINUTE
    feedback = RouteFeedback(model="a", at=world.now, last_request_at=world.now)
    world.feedback = {"data": {FEEDBACK_KEY: feedback.model_dump_json(by_alias=True)}}
    world.settle()
    assert world.serving() == "a"
    world.measuring = True
    world.later(steps=40)
    assert world.member("b")["eligibility"] == "Rejected"


def test_an_evaluation_that_takes_too_long_ends() -> None:
    world = measuring_b()
    world.later(steps=29)
    assert world.condition("Ready")["reason"] == "Evaluating"
    world.later(steps=3)
    assert world.serving() == "a"


def test_an_evaluation_that_would_take_too_long_waits_for_a_window() -> None:
    evaluation = {
        "when": "Immediately",
        "maxOutage": "10m",
        "window": {"schedule": "0 13 * * *", "duration": "2h"},
    }
    world = started(evaluation=evaluation)
    world.settle()
    assert world.condition("Ready")["reason"] == "SwapDeferred"
    assert world.serving() == "a"
    world.later(step=timedelta(hours=1))
    assert world.member("b")["eligibility"] == "Eligible"


def test_an_evaluation_waits_until_nobody_asks() -> None:
    world = started(evaluation={"when": "Idle", "idleFor": "10m", "maxOutage": "1h"})
    world.later(steps=5)
    assert world.evidence == []
    world.idle_since = world.now
    world.later(steps=9)
    assert world.evidence == []
    world.later(steps=2)
    assert world.member("b")["eligibility"] == "Eligible"


def test_what_production_says_can_cause_a_failover() -> None:
    for words in ({"circuit": "Open"}, {"quality": "Regressed"}):
        world = started()
        world.qualify("b")
        feedback = RouteFeedback(model="a", at=world.now, **words)
        world.feedback = {"data": {FEEDBACK_KEY: feedback.model_dump_json(by_alias=True)}}
        world.settle()
        assert world.serving() == "b"


def test_members_with_keys_of_their_own_are_told_and_one_secret_for_all_is_not() -> None:
    world = started()
    told = world.condition("Accepted")
    assert (told["status"], told["reason"]) == ("True", "KeysDiffer")
    assert "a-keys, b-keys" in told["message"]
    assert told["message"].endswith("set the same spec.apiKeySecretRef on all members")
    for one in world.models.values():
        one.model["spec"]["apiKeySecretRef"] = {"name": "coder-keys"}
    world.settle()
    assert world.condition("Accepted")["reason"] == "Accepted"


def test_the_parts_of_a_swap_are_told() -> None:
    world = started()
    world.qualify("b")
    world.die("a")
    world.later(steps=7)
    last = world.routes["r"]["status"]["lastTransition"]
    assert (last["from"], last["to"], last["reason"]) == ("a", "b", "Failover")
    assert {"startSeconds", "downtimeSeconds", "stopSeconds"} <= last.keys()


def test_two_models_that_do_not_start_do_not_alternate() -> None:
    world = started(failover={"unhealthyAfter": "1s", "failbackAfter": "10m"})
    world.qualify("b")
    for name in "ab":
        world.models[name].looping = True
        world.die(name)
    world.later(steps=60)
    tries = [one for one in world.record().history if not one.ok]
    assert 2 <= len(tries) <= 8
    assert world.serving() == ""
