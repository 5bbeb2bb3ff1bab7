"""`reflexctl bakeoff list|show` and `check`: recorded objects in, rows, reports and codes out."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from measured_runs import measured, spread
from reflex_api.gate import GateSpec
from reflex_api.route_status import Eligibility
from reflex_bakeoff.documents import documents
from reflex_bakeoff.gate.evaluate import evaluate
from reflexctl.bakeoff_rows import rows
from reflexctl.check_rules import MET, Limits, check, subjects
from route_manifests import NOW, evidence, member, route, stamp
from unit.reflexctl.command_line import nobody, run
from unit.reflexctl.fake_cluster import FakeCluster

__all__ = ["nobody"]
pytestmark = pytest.mark.usefixtures("nobody")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ID = "1a2b3c4d5e6f"
LIMITS = Limits(age=None, samples=10)


def bakeoff(
    name: str, model: str = "tiny", *, verdict: str = "Pass", ago: timedelta = HOUR,
    now: datetime = NOW, **status: Any,
) -> dict[str, Any]:  # fmt: skip
    found: dict[str, Any] = {
        "verdict": verdict, "passAt1": "0.712", "items": 300, "finishedAt": stamp(now - ago),
        "evidence": f"{name}.evidence", "evidenceId": ID, "evidenceKey": "sha256:1",
        "expiresAt": stamp(now - ago + 14 * DAY),
        "metrics": [{"name": "pass_at_1", "ci": {"low": "0.654", "high": "0.762"}}],
    } | status  # fmt: skip
    return {
        "kind": "ReflexBakeoff",
        "metadata": {"name": name, "creationTimestamp": stamp(now - ago - HOUR)},
        "spec": {"modelRef": {"name": model}, "gate": {"suite": "s"}},
        "status": {key: value for key, value in found.items() if value is not None},
    }


def running(name: str) -> dict[str, Any]:
    one = bakeoff(name)
    waits = [{"type": "Complete", "status": "False", "reason": "WaitingForModel", "message": ""}]
    return one | {"status": {"conditions": waits}}


def test_rows_are_newest_first_and_only_of_the_span() -> None:
    runs = [bakeoff("old", ago=3 * DAY), bakeoff("new"), running("now")]
    found = rows(runs, since=None, now=NOW)
    assert [one.name for one in found] == ["new", "now", "old"]
    assert [one.name for one in rows(runs, since=DAY, now=NOW)] == ["new", "now"]
    assert (found[0].interval, found[0].pass_at_1) == ("65.4 to 76.2 %", 0.712)
    assert (found[1].verdict, found[1].finished, found[1].pass_at_1) == (
        "WaitingForModel", False, None,
    )  # fmt: skip


def test_numbers_that_cannot_be_read_are_none() -> None:
    one = bakeoff("odd", passAt1="many", metrics=[{"name": "pass_at_1", "ci": {"low": "x"}}])
    (found,) = rows([one, ], since=None, now=NOW)  # fmt: skip
    assert (found.pass_at_1, found.interval) == (None, "")


def checked(*runs: dict[str, Any], limits: Limits = LIMITS, **entry: Any) -> str:
    """Return why the member `tiny` of a route does not pass, or that it does."""
    manifest = route(members=[member("tiny", **entry)])
    (subject,) = subjects([manifest], [])
    found = check(subject, rows(runs, since=None, now=NOW), limits, NOW)
    assert found.passes is (found.reason == MET)
    return found.reason


def test_current_evidence_that_passes_is_all_that_is_needed() -> None:
    assert checked(bakeoff("a")) == MET
    assert checked(bakeoff("a"), bakeoff("b", verdict="Error", ago=timedelta(0))) == MET
    assert checked(bakeoff("bad", verdict="Fail", ago=DAY), bakeoff("a")) == MET


@pytest.mark.parametrize(
    ("runs", "limits", "reason"),
    [
        ([], LIMITS, "no evidence: no bakeoff of tiny has ended"),
        ([running("a")], LIMITS, "no evidence: no bakeoff of tiny has ended"),
        ([bakeoff("a", "other")], LIMITS, "no evidence: no bakeoff of tiny has ended"),
        ([bakeoff("a", verdict="Fail")], LIMITS, "verdict Fail of a"),
        ([bakeoff("a", verdict="Inconclusive")], LIMITS, "verdict Inconclusive of a"),
        ([bakeoff("a", verdict="Error")], LIMITS, "verdict Error of a"),
        # The newest word counts: an older pass does not save a model that fails now.
        (
            [bakeoff("old", ago=DAY), bakeoff("new", verdict="Fail")],
            LIMITS,
            "verdict Fail of new",
        ),
        ([bakeoff("a", evidence=None)], LIMITS, "the evidence of a was not kept"),
        ([bakeoff("a", evidenceKey=None)], LIMITS, "the evidence of a was not kept"),
        ([bakeoff("a", ago=15 * DAY)], LIMITS, f"the evidence {ID} has expired"),
        ([bakeoff("a", expiresAt=None)], LIMITS, f"the evidence {ID} has expired"),
        (
            [bakeoff("a", ago=2 * DAY)],
            Limits(age=DAY, samples=10),
            "the evidence is 2 d old, wanted at most 1 d",
        ),
        ([bakeoff("a", items=9)], LIMITS, "Insufficient samples: 9 < 10 required"),
        ([bakeoff("a", items=None)], LIMITS, "Insufficient samples: 0 < 10 required"),
        (
            [bakeoff("a", simulated=True)],
            LIMITS,
            "the numbers of a are simulated: they come from no real model",
        ),
    ],
)
def test_whatever_is_missing_is_no_pass(
    runs: list[dict[str, Any]], limits: Limits, reason: str
) -> None:
    assert checked(*runs, limits=limits) == reason


@pytest.mark.parametrize("eligibility", [one.value for one in Eligibility if one != "Eligible"])
def test_evidence_that_the_route_does_not_accept_now_is_no_pass(eligibility: str) -> None:
    assert checked(bakeoff("a"), eligibility=eligibility) == f"tiny is {eligibility} now: words"


def test_evidence_that_is_not_the_routes_is_no_pass() -> None:
    reason = checked(bakeoff("a"), evidence=evidence(id="ffffffffffff"))
    assert reason == "a is not what the route rests on, which is the evidence ffffffffffff"


def test_who_answers_is_checked() -> None:
    fallback = route(active="other")
    assert [one.model for one in subjects([fallback], [])] == ["other"]
    nobody_yet = route() | {"status": {}}
    (subject,) = subjects([nobody_yet], [])
    assert (subject.model, subject.route, subject.member) == ("tiny", "coder", None)
    passed = check(subject, rows([bakeoff("a")], since=None, now=NOW), LIMITS, NOW)
    assert passed.reason == "the route coder says nothing about tiny"
    (named,) = subjects([fallback], ["tiny"])
    assert (named.route, named.member is not None) == ("coder", True)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    return FakeCluster(tmp_path, monkeypatch)


def recent(name: str, **more: Any) -> dict[str, Any]:
    return bakeoff(name, now=datetime.now(UTC).replace(microsecond=0), **more)


def test_the_list_shows_each_run(cluster: FakeCluster) -> None:
    cluster.holds(recent("new", superiority="Pass"), recent("old", ago=3 * DAY, simulated=True))
    done = run("bakeoff", "--since", "24h", "-n", "models")
    assert done.code == 0, done.err
    (head, line) = done.out.splitlines()
    assert head.split()[:3] == ["NAME", "MODEL", "VERDICT"]
    assert line.split()[:5] == ["new", "tiny", "Pass", "Pass", "71.2"]
    assert "65.4 to 76.2 %" in line
    both = run("bakeoff", "list").out.splitlines()
    assert len(both) == 3
    assert "Pass (simulated)" in both[2]
    found = json.loads(run("bakeoff", "list", "--since", "7d", "--json").out)
    assert [one["name"] for one in found] == ["new", "old"]
    assert found[0]["evidence_id"] == ID
    cluster.holds()
    assert run("bakeoff", "--since", "24h").err == "no bakeoff of the last 1 d\n"
    assert run("bakeoff", "--since", "soon").code == 2


def evidence_map(name: str, **change: Any) -> dict[str, Any]:
    items = measured(spread(200, 300))
    verdict = evaluate(items, None, GateSpec.model_validate({"suite": "rust-repair-v1"}))
    made = documents(items, verdict)
    return {
        "kind": "ConfigMap",
        "metadata": {"name": f"{name}.evidence"},
        "data": {"verdict.json": made.verdict.decode()},
        "binaryData": {"items.json.gz": base64.b64encode(made.items).decode()},
    } | change


def test_a_run_is_shown_from_its_evidence(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.holds(recent("a"), evidence_map("a"))
    done = run("bakeoff", "show", "a")
    assert done.code == 0, done.err
    assert "pass_at_1" in done.out
    page = tmp_path / "report.html"
    assert run("bakeoff", "show", "a", "--html", page).code == 0
    with_plots = page.read_text()
    assert "<svg" in with_plots
    text = run("bakeoff", "show", "a", "--markdown").out
    assert text.startswith("# Bakeoff of ")
    assert json.loads(run("bakeoff", "show", "a", "--json").out)["format"] == "reflex.verdict/v1"
    # Without its items there is a report, without pictures of them.
    cluster.holds(recent("a"), evidence_map("a", binaryData={"items.json.gz": "!"}))
    assert run("bakeoff", "show", "a", "--html", page).code == 0
    assert len(page.read_text()) < len(with_plots)


def test_what_cannot_be_shown_is_told(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.holds(running("a"))
    done = run("bakeoff", "show", "a")
    assert done.code == 2
    assert "no evidence of a" in done.err
    assert "hint: which runs there are: reflexctl bakeoff list" in done.err
    cluster.holds(evidence_map("a", data={"verdict.json": "{}"}))
    done = run("bakeoff", "show", "a")
    assert done.code == 2
    assert "cannot be read" in done.err
    cluster.holds(evidence_map("a"))
    assert run("bakeoff", "show", "a", "--html", tmp_path / "none/x.html").code == 2
    assert run("bakeoff", "show", "a", "--markdown", "--json").code == 2


def living() -> dict[str, Any]:
    return route(members=[member("tiny")]) | {"kind": "ReflexRoute"}


def test_check_is_a_gate_for_ci_only_when_asked(cluster: FakeCluster) -> None:
    cluster.holds(living(), recent("a"))
    done = run("check", "24h", "--ci-gate")
    assert (done.code, done.out.splitlines()[0]) == (0, f"passes: {MET}"), done.err
    assert "✓ tiny of coder" in done.out
    cluster.holds(living(), recent("a", verdict="Fail"))
    assert run("check", "--ci-gate").code == 1
    done = run("check", "--json")
    found = json.loads(done.out)
    assert done.code == 0
    assert (found["passes"], found["reason"]) == (False, "verdict Fail of a")
    assert found["models"][0]["evidence"]["evidence_key"] == "sha256:1"
    assert (found["ci_gate"], found["reflex_enabled"]) == (False, True)
    assert found["thresholds"]["min_samples"] == 10


def test_check_fails_closed(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.holds(living())
    assert run("check", "--ci-gate").code == 1
    cluster.holds(living(), recent("a", ago=2 * DAY))
    assert run("check", "--ci-gate").code == 0
    assert run("check", "24h", "--ci-gate").code == 1
    assert run("check", "--since", "7d", "--ci-gate").code == 0
    assert run("check", "7d", "--since", "1d", "--ci-gate").code == 2
    assert run("check", "--min-samples", "301", "--ci-gate").code == 1
    assert run("check", "--model", "unheard", "--ci-gate").code == 1
    cluster.holds(recent("a"))
    done = run("check", "--ci-gate", "--json")
    assert done.code == 2
    assert "there is nothing to check" in json.loads(done.out)["error"]
    cluster.lacks("ReflexRoute")
    assert run("check", "--ci-gate").code == 2
    assert run("check", "--ci-gate", "--policy", tmp_path / "none.yaml").code == 2


def test_simulated_numbers_count_only_when_allowed(cluster: FakeCluster) -> None:
    cluster.holds(living(), recent("a", simulated=True))
    assert run("check", "--ci-gate").code == 1
    assert run("check", "--ci-gate", "--allow-simulated").code == 0


def test_a_policy_names_the_model_and_whether_one_is_asked(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    cluster.holds(living(), recent("a"), recent("b", model="other", verdict="Fail"))
    policy = tmp_path / "reflex.yaml"
    text = (
        "version: 1\nreflex:\n  enabled: %s\n  model_primary: %s\n"
        "  endpoints: {local: {base_url: 'http://a/v1'}}\n"
    )
    policy.write_text(text % ("true", "tiny"))
    assert run("check", "--ci-gate", "--policy", policy).code == 0
    policy.write_text(text % ("true", "other"))
    assert run("check", "--ci-gate", "--policy", policy).code == 1
    policy.write_text(text % ("false", "other"))
    done = run("check", "--ci-gate", "--policy", policy, "--json")
    found = json.loads(done.out)
    assert (done.code, found["reflex_enabled"], found["models"]) == (0, False, [])
