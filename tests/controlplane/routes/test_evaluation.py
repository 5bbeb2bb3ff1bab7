"""Bakeoffs of members: when they run, what their verdicts do, and what goes wrong with them.

Engines and bakeoffs are scripted: every number is SIMULATED.
"""

import pytest
from reflex_e2e.waiting import wait_for

from reflex_api.verdict import Judgement
from route_place import ONE_WAY, WITHIN, Place
from route_states import Outcome

pytestmark = pytest.mark.controlplane


def test_the_better_member_is_promoted_on_evidence(place: Place) -> None:
    place.bakeoffs.outcomes.update(
        a=Outcome(pass_at1=0.5),
        b=Outcome(passed=Judgement.FAIL, better=Judgement.FAIL, pass_at1=0.3),
        c=Outcome(better=Judgement.PASS, pass_at1=0.8),
    )
    place.models("abc")
    with place.watched() as seen:
        place.route(evaluation={"when": "Immediately"})
        status = place.wait("FallbackServing", active="c", within=120)
    assert all(len(one) <= 1 for one in seen), "the slot has room for one engine"
    assert status["incumbent"] == "c"
    assert status["lastTransition"]["reason"] == "Promotion"
    assert place.member("b")["eligibility"] == "Rejected"
    evidence = place.member("c")["evidence"]
    assert evidence["simulated"] is True
    run = place.status("reflexbakeoff", evidence["bakeoff"])
    assert (run["verdict"], run["superiority"], run["evidenceId"]) == (
        "Pass",
        "Pass",
        evidence["id"],
    )
    assert run["metrics"][0]["n"] == 100
    baselines = {one.model: one.baseline for one in place.bakeoffs.requests}
    assert baselines["a"] == ""
    assert baselines["b"] == baselines["c"] == place.member("a")["evidence"]["id"]
    maps = [
        one
        for one in place.cluster.list("configmaps", place.namespace)
        if one["metadata"]["name"].endswith(".evidence")
    ]
    assert len(maps) == 3
    assert all(one["immutable"] for one in maps)


def test_with_room_for_two_the_incumbent_serves_all_the_time(place: Place) -> None:
    place.bakeoffs.outcomes["b"] = Outcome(better=Judgement.PASS, pass_at1=0.8)
    place.models("ab")
    two = {"name": "gpu0", "maxResident": 2}
    place.route(fallbacks=["b"], slot=two)
    place.wait("PrimaryServing", active="a")
    with place.watched(place.selected_set) as seen:
        place.route(fallbacks=["b"], slot=two, evaluation={"when": "Immediately"})
        status = place.wait("FallbackServing", active="b")
    assert all(seen), "routing never stopped"
    assert set().union(*seen) <= {"a", "b"}
    assert place.selected_set() == {"b"}
    assert status["lastTransition"]["reason"] == "Promotion"
    wait_for("the former one is stopped", lambda: place.engines() == {"b"}, within=WITHIN)


@pytest.mark.parametrize(
    ("verdict", "eligibility"),
    [
        (Judgement.FAIL, "Rejected"),
        (Judgement.INCONCLUSIVE, "Inconclusive"),
        (Judgement.ERROR, "Unqualified"),
    ],
)
def test_what_did_not_pass_never_serves(place: Place, verdict: Judgement, eligibility: str) -> None:
    place.bakeoffs.outcomes["b"] = Outcome(passed=verdict, better=Judgement.PASS, pass_at1=0.9)
    place.models("ab")
    place.route(fallbacks=["b"], failover=ONE_WAY)
    place.wait("PrimaryServing", active="a")
    place.measure("b")
    wait_for(
        "it is over",
        lambda: place.condition("Complete", "by-hand-b", "reflexbakeoff").get("status") == "True",
        within=WITHIN,
    )
    assert place.status("reflexbakeoff", "by-hand-b")["verdict"] == verdict.value
    place.wait("PrimaryServing", active="a")
    assert place.member("b")["eligibility"] == eligibility
    with place.watched(place.selected_set) as seen:
        place.kill("a")
        place.wait("NoEligibleFallback")
        place.measure("b", "again")  # nothing but a look at what happens next
    assert "b" not in set().union(*seen)


def test_inconclusive_after_the_last_look_is_held_back_and_not_measured_again(
    place: Place,
) -> None:
    place.bakeoffs.outcomes["b"] = Outcome(better=Judgement.INCONCLUSIVE, pass_at1=0.9)
    place.models("ab")
    place.route(fallbacks=["b"], evaluation={"when": "Immediately"})
    place.wait_member("a", "Eligible")
    place.wait_member("b", "Eligible")
    place.wait("PrimaryServing", active="a")
    assert place.member("b")["evidence"]["superiority"] == "Inconclusive"
    measured = [one.model for one in place.bakeoffs.requests]
    for word in ("one", "two", "three"):
        place.annotate("example.com/nudge", word)
        place.wait("PrimaryServing", active="a")
    assert place.status()["incumbent"] == "a"
    assert [one.model for one in place.bakeoffs.requests] == measured == ["a", "b"]


def test_a_gate_that_cannot_be_judged_stops_nothing(place: Place) -> None:
    place.models("ab")
    strict = {"suite": "rust-repair-smoke"}
    place.route(fallbacks=["b"], gate=strict, evaluation={"when": "Immediately"})
    place.wait("GateNotMeasurable", active="a")
    assert place.condition("Serving")["status"] == "True"
    assert "minRooflineShare to none" in place.condition("Accepted")["message"]
    place.measure("b", gate=strict)
    wait_for(
        "it is refused",
        lambda: (
            place.condition("Accepted", "by-hand-b", "reflexbakeoff").get("reason")
            == "GateNotMeasurable"
        ),
        within=WITHIN,
    )
    assert not place.cluster.list("jobs", place.namespace)
    assert place.engines() == {"a"}
    place.route(fallbacks=["b"], evaluation={"when": "Immediately"})
    place.wait_member("a", "Eligible")
    (run,) = [
        one
        for one in place.cluster.list("reflexbakeoffs", place.namespace)
        if one["metadata"]["name"] == place.member("a")["evidence"]["bakeoff"]
    ]
    assert run["spec"]["gate"]["throughput"]["minRooflineShare"] == "none"


def test_a_tampered_artefact_is_measured_once_more(place: Place) -> None:
    place.bakeoffs.tampered.add("a")
    place.models("a")
    place.route(fallbacks=[])
    place.wait("PrimaryServing", active="a")
    place.measure("a")
    place.wait_member("a", "Eligible")
    reasons = [one["reason"] for one in place.cluster.list("events", place.namespace)]
    assert "Rerunning" in reasons
    assert [one.attempt for one in place.bakeoffs.requests] == [0, 1]


def test_an_artefact_that_is_tampered_with_twice_is_an_error(place: Place) -> None:
    place.bakeoffs.forged.add("a")
    place.models("a")
    place.route(fallbacks=[])
    place.wait("PrimaryServing", active="a")
    place.measure("a")

    def over() -> bool:
        return place.condition("Complete", "by-hand-a", "reflexbakeoff").get("status") == "True"

    wait_for("it is over", over, within=WITHIN)
    complete = place.condition("Complete", "by-hand-a", "reflexbakeoff")
    assert complete["reason"] == "NoMeasurement"
    assert "ArtefactTampered: verdict.json has sha256" in complete["message"]
    assert place.status("reflexbakeoff", "by-hand-a")["verdict"] == "Error"
    assert place.member("a")["eligibility"] == "Unqualified"
    assert [one.attempt for one in place.bakeoffs.requests] == [0, 1]


def test_a_job_that_is_deleted_by_hand_is_started_again(place: Place) -> None:
    place.bakeoffs.paused.add("a")
    place.models("a")
    place.route(fallbacks=[])
    place.wait("PrimaryServing", active="a")
    place.measure("a")

    def jobs() -> list[str]:
        found = place.cluster.list("jobs", place.namespace)
        return [
            one["metadata"]["uid"] for one in found if not one["metadata"].get("deletionTimestamp")
        ]

    (first,) = wait_for("its Job", jobs, within=WITHIN)
    place.cluster.kubectl("delete", "jobs", "--all", "-n", place.namespace)
    (second,) = wait_for("a second Job", lambda: set(jobs()) - {first}, within=WITHIN)
    assert second != first
    place.bakeoffs.paused.clear()
    place.wait_member("a", "Eligible")
    assert [one.attempt for one in place.bakeoffs.requests] == [0], "it is no rerun"


def test_a_request_ends_an_evaluation_that_stopped_the_incumbent(place: Place) -> None:
    place.bakeoffs.paused.add("b")
    place.models("ab")
    place.route(fallbacks=["b"])
    place.wait("PrimaryServing", active="a")
    place.measure("b")
    wait_for("b runs instead", lambda: place.engines() == {"b"}, within=WITHIN)
    place.wait("Evaluating")
    assert place.selected() == ""
    place.say("a", lastRequestAt="2099-01-01T00:00:00Z")
    status = place.wait("PrimaryServing", active="a")
    assert "a request for the route came" in status["lastTransition"]["message"]
    assert place.member("b")["eligibility"] == "Evaluating"  # later, from where it was
