"""`reflexctl route explain`: recorded objects in, words out."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reflex_api.names import ANNOTATION_HOLD, ANNOTATION_MANUAL, ANNOTATION_RECORD
from reflex_api.reasons import RouteReason
from reflex_api.route_status import Eligibility, TransitionKind
from reflexctl.route_command import lines
from reflexctl.route_story import Chapter, Story, tell
from reflexctl.route_view import facts_of
from route_manifests import NOW, condition, evidence, member, route, stamp
from unit.reflexctl.command_line import nobody, run
from unit.reflexctl.fake_cluster import FakeCluster

__all__ = ["nobody"]
pytestmark = pytest.mark.usefixtures("nobody")
HOUR = timedelta(hours=1)


def service(*moves: dict[str, Any]) -> dict[str, Any]:
    record = json.dumps({"residents": ["tiny"], "history": list(moves)})
    return {
        "kind": "Service",
        "metadata": {"name": "coder", "annotations": {ANNOTATION_RECORD: record}},
    }


def move(kind: str, ago: timedelta, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "to": "tiny", "at": stamp(NOW - ago), "ok": True} | more


def bakeoff(name: str, model: str, **status: Any) -> dict[str, Any]:
    return {
        "kind": "ReflexBakeoff",
        "metadata": {"name": name, "creationTimestamp": stamp(NOW - HOUR)},
        "spec": {"modelRef": {"name": model}, "gate": {"suite": "s"}},
        "status": status,
    }


def told(
    manifest: dict[str, Any], *bakeoffs: dict[str, Any], moves: tuple[dict[str, Any], ...] = ()
) -> Story:
    return tell(facts_of(manifest, service(*moves), bakeoffs, NOW))


def other(*, spec: dict[str, Any] | None = None, moves: Any = (), **entry: Any) -> Chapter:
    """Return what is said of the fallback `other`; `tiny` serves with a pass@1 of .712."""
    given: dict[str, Any] = {"eligibility": "Eligible"} | entry
    eligibility = given.pop("eligibility")
    members = [
        member("tiny", role="Primary", incumbent=True),
        member("other", eligibility, **given),
    ]
    manifest = route(members=members, spec=spec)
    return next(one for one in told(manifest, moves=moves).members if one.model == "other")


def better(**more: Any) -> dict[str, Any]:
    return {"evidence": evidence(passAt1="0.800", superiority="Pass"), **more}


LACKS = [
    ("Unqualified", "a bakeoff on s that passes"),
    ("Evaluating", "the end of its bakeoff"),
    ("Rejected", "the verdict stands until weights, arguments"),
    ("Inconclusive", "after its last look nothing was shown, which is no pass"),
    ("Stale", "a bakeoff on s of what it is now"),
    ("Unfit", "an engine that starts: kubectl describe rm other"),
    ("Eligible", "for a promotion: a comparison with the present evidence of tiny"),
]


@pytest.mark.parametrize(("eligibility", "lacks"), LACKS)
def test_what_a_member_lacks_by_its_eligibility(eligibility: str, lacks: str) -> None:
    found = other(eligibility=eligibility)
    assert lacks in found.lacks[0]
    assert found.eligibility == eligibility
    assert found.says == "words"
    measured = eligibility in ("Unqualified", "Stale")
    assert any(one.startswith("measured") for one in found.next) is measured
    may = eligibility == "Eligible"
    assert ("may take over when the active model fails" in found.next) is may


def test_every_eligibility_was_asked_for() -> None:
    assert {eligibility for eligibility, _ in LACKS} == {one.value for one in Eligibility}


@pytest.mark.parametrize("eligibility", [one.value for one in Eligibility if one != "Eligible"])
def test_an_incumbent_that_is_not_qualified_serves_all_the_same(eligibility: str) -> None:
    manifest = route(members=[member("tiny", eligibility, role="Primary")])
    (one,) = told(manifest).members
    assert one.lacks[-1] == "until then it serves unqualified: as the incumbent it may"


@pytest.mark.parametrize("reason", list(RouteReason))
def test_every_reason_not_to_serve_is_told_with_its_message(reason: RouteReason) -> None:
    found = told(route(serving="False", reason=reason.value))
    assert found.headline == f"nobody serves ({reason.value}): words"
    assert not found.serving


@pytest.mark.parametrize("reason", list(RouteReason))
def test_every_reason_of_degraded_is_told(reason: RouteReason) -> None:
    manifest = route()
    manifest["status"]["conditions"].append(condition("Degraded", "True", reason.value, "numbers"))
    assert f"Degraded=True ({reason.value}): numbers" in told(manifest).why
    manifest["status"]["conditions"][-1]["status"] = "False"
    assert not [one for one in told(manifest).why if "Degraded" in one]


def test_keys_that_differ_are_told_though_the_route_is_accepted() -> None:
    manifest = route()
    manifest["status"]["conditions"][0] = condition("Accepted", "True", "KeysDiffer", "a, b")
    assert "Accepted=True (KeysDiffer): a, b" in told(manifest).why


@pytest.mark.parametrize("kind", list(TransitionKind))
def test_every_way_to_become_active_has_its_words(kind: TransitionKind) -> None:
    manifest = route()
    manifest["status"]["active"]["reason"] = kind.value
    assert (
        "tiny, revision r1, is active since 2026-11-21 11:00 UTC (1 h ago): "
        in (told(manifest).why[0])
    )


def test_a_fallback_that_serves_says_who_is_waited_for() -> None:
    last = {
        "from": "tiny", "to": "other", "reason": "Failover", "succeeded": True,
        "message": "tiny: EngineGPUOutOfMemory", "at": stamp(NOW - HOUR),
    }  # fmt: skip
    manifest = route(active="other", reason="FallbackServing", lastTransition=last)
    found = told(manifest)
    assert found.headline == "other serves (FallbackServing)"
    assert (
        "last failover: tiny → other, 2026-11-21 11:00 UTC (1 h ago): tiny: EngineGPUOutOfMemory"
        in found.why
    )
    assert "tiny is the incumbent: the route goes back to it when it may" in found.why
    (incumbent,) = [one for one in found.members if one.incumbent]
    assert incumbent.next == ("tried again after 15m, doubling with each failure",)


def test_what_blocks_a_promotion_is_named_one_by_one() -> None:
    assert other(**better()).lacks == ()
    assert other(**better()).next[-1] == "is promoted as soon as it can be started"
    recent = (move("Promotion", 2 * HOUR),)
    (lacks,) = other(**better(), moves=recent).lacks
    assert lacks.startswith(
        "for a promotion: the end of the cooldown, 2026-11-22 10:00 UTC (in 22 h"
    )
    assert "is promoted" not in str(other(**better(), moves=recent).next)
    often = tuple(move("Failover", timedelta(minutes=50 - each)) for each in range(4))
    (lacks,) = other(**better(), moves=often).lacks
    assert "fewer than 4 swaps within an hour: from 2026-11-21 12:10 UTC (in 10 min" in lacks
    # A swap that somebody chose, and an evaluation, are not counted.
    uncounted = tuple(move(kind, HOUR / 2) for kind in ("Manual", "Evaluation") * 3)
    assert other(**better(), moves=uncounted).lacks == ()
    back = (move("Rollback", 30 * HOUR, **{"from": "other"}),)
    (lacks,) = other(**better(), moves=back).lacks
    assert "another revision, if it is still the one that was taken back" in lacks


def test_superiority_that_was_not_shown_is_told_with_what_was_wanted() -> None:
    for verdict in ("Fail", "Inconclusive", "Error"):
        (lacks,) = other(evidence=evidence(superiority=verdict)).lacks
        assert lacks.endswith(f"compared with its present evidence: {verdict}")
        assert "better than tiny by 5 points" in lacks
    (lacks,) = other(evidence=evidence(passAt1="0.730")).lacks
    assert "with 73.0 % it gains less than 5 points" in lacks
    (lacks,) = other(evidence=evidence(passAt1="0.900")).lacks
    assert lacks.endswith("the present evidence of tiny (pass@1 71.2 %)")


def test_promotion_by_hand_and_none_at_all() -> None:
    (lacks,) = other(spec={"promotion": {"mode": "Manual"}}, **better()).lacks
    assert "kubectl annotate rr coder reflexstack.dev/manual=other@1a2b3c4d5e6f" in lacks
    (lacks,) = other(spec={"promotion": {"mode": "Disabled"}}, **better()).lacks
    assert lacks == "for a promotion: promotion.mode is Disabled"


@pytest.mark.parametrize(
    ("annotation", "text", "words"),
    [
        (ANNOTATION_HOLD, '{"actor": "ada", "reason": "a demo"}', "ada: a demo"),
        (ANNOTATION_HOLD, "not today", "not today"),
        (ANNOTATION_HOLD, "", "no reason given"),
        (
            ANNOTATION_MANUAL,
            '{"model": "tiny", "evidence": "1a2b", "actor": "ada"}',
            "tiny@1a2b: ada",
        ),
    ],
)
def test_a_hold_is_told_with_who_and_why(annotation: str, text: str, words: str) -> None:
    manifest = route(members=[member("tiny", role="Primary"), member("other", "Unqualified")])
    manifest["metadata"]["annotations"] = {annotation: text}
    found = told(manifest)
    assert found.held_back == (f"the end of the hold ({words})",)
    assert found.members[1].next == ("measured once the hold is removed",)


@pytest.mark.parametrize(
    ("evaluation", "words"),
    [
        ({"when": "Immediately"}, "as soon as the slot can be taken"),
        ({"when": "Manual"}, "only when somebody creates a ReflexBakeoff of it"),
        (
            {"when": "Window", "window": {"schedule": "0 3 * * *"}},
            "in the next window (`0 3 * * *` UTC, for 2h)",
        ),
        ({}, "when nobody has asked for 10m and it fits 30m"),
    ],
)
def test_when_the_next_evaluation_is(evaluation: dict[str, Any], words: str) -> None:
    assert told(route(spec={"evaluation": evaluation})).evaluation == words


def test_a_run_under_way_is_named_with_its_state() -> None:
    done = [{"type": "Complete", "status": "False", "reason": "Running", "message": "7 of 100"}]
    run_now = bakeoff("coder-other-7", "other", startedAt=stamp(NOW - HOUR), conditions=done)
    manifest = route(members=[member("tiny"), member("other", "Evaluating")])
    (_, found) = told(manifest, run_now, bakeoff("old", "other", verdict="Pass")).members
    assert found.lacks == ("the end of its bakeoff coder-other-7, for 1 h: Running: 7 of 100",)


def test_evidence_is_told_with_bounds_and_end() -> None:
    metrics = [{"name": "pass_at_1", "ci": {"low": "0.654", "high": "0.762"}}]
    (found, _) = told(
        route(), bakeoff("coder-tiny-1", "tiny", verdict="Pass", metrics=metrics)
    ).members
    assert found.evidence == (
        "coder-tiny-1 (id 1a2b3c4d5e6f): Pass, pass@1 71.2 % (65.4 to 76.2 %),"
        " expires 2026-12-04 12:00 UTC (in 13 d)"
    )
    simulated = other(evidence=evidence(simulated=True)).evidence
    assert simulated.endswith("SIMULATED: of no real model")


def test_a_route_of_which_nothing_is_known() -> None:
    manifest = route() | {"status": {}}
    found = told(manifest)
    assert found.headline.startswith("nothing is known: the operator has not spoken")
    assert found.members == ()


def test_a_memory_that_cannot_be_read_is_no_memory() -> None:
    for text in ("{", "[]", '{"history": [7, {"at": "never"}]}'):
        broken = {"metadata": {"annotations": {ANNOTATION_RECORD: text}}}
        assert tell(facts_of(route(), broken, [], NOW)).held_back == ()


def test_the_terminal_is_shown_and_not_obeyed() -> None:
    manifest = route(serving="False", reason="Evaluating")
    manifest["status"]["conditions"][1]["message"] = "\x1b[2J gone"
    text = "\n".join(one.plain for one in lines(told(manifest)))
    assert "\x1b" not in text
    assert "models/coder: nobody serves (Evaluating): \\x1b[2J gone" in text
    assert "✓ tiny (primary, incumbent, active): Eligible" in text
    assert "    lacks: for a promotion: a comparison with" in text


def test_the_command_reads_the_cluster_and_says_by_its_code_whether_it_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = FakeCluster(tmp_path, monkeypatch)
    cluster.holds(route() | {"kind": "ReflexRoute"}, service())
    done = run("route", "explain", "coder", "-n", "models")
    assert done.code == 0, done.err
    assert done.out.startswith("models/coder: tiny serves (PrimaryServing)\n")
    assert all(call[-2:] == ["-n", "models"] for call in cluster.calls)
    found = json.loads(run("route", "explain", "coder", "--json").out)
    assert [one["model"] for one in found["members"]] == ["tiny", "other"]
    cluster.holds(route(serving="False", reason="Swapping") | {"kind": "ReflexRoute"})
    assert run("route", "explain", "coder").code == 1
    done = run("route", "explain", "other", "--json")
    assert done.code == 2
    assert "NotFound" in json.loads(done.out)["error"]
