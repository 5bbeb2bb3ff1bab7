"""The decision about one bakeoff, from its Job's start to its evidence. Verdicts are simulated."""

import gzip
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import states
from reflex_api.bakeoff_job import BakeoffProgress, BakeoffRequest, Receipt
from reflex_api.names import API_VERSION, LABEL_BAKEOFF
from reflex_api.verdict import Judgement
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.bakeoff.decide import reconcile_bakeoff
from reflex_operator.reconcile.bakeoff.snapshot import BakeoffPlan, BakeoffSnapshot, Collected, Told
from reflex_operator.reconcile.route.evidence import read
from reflex_operator.reconcile.route.snapshot import MemberObjects
from route_states import GATE, NOON, Outcome, Routes, verdict

ITEMS = gzip.compress(b"{}")


class Bakeoff:
    """A bakeoff and what its plans made."""

    def __init__(self, **spec: Any) -> None:
        self.world = Routes()
        self.world.settle()
        self.manifest: Manifest = {
            "apiVersion": API_VERSION,
            "kind": "ReflexBakeoff",
            "metadata": {
                "name": "run",
                "namespace": "default",
                "uid": "uid-run",
                "generation": 1,
            },
            "spec": {
                "modelRef": {"name": "a"},
                "gate": GATE,
                **spec,
            },
        }
        self.now = NOON
        self.jobs: list[Manifest] = []
        self.pods: list[Manifest] = []
        self.maps: dict[str, Manifest] = {}
        self.collected: Collected | None = None
        self.told: Told | None = None
        self.kept = True

    def snapshot(self) -> BakeoffSnapshot:
        engine = self.world.models["a"]
        return BakeoffSnapshot(
            bakeoff=self.manifest,
            defaults=states.DEFAULTS,
            model=MemberObjects(
                model=engine.model, deployment=engine.child("Deployment"), pods=tuple(engine.pods)
            ),
            kept=self.kept,
            evidence=self.maps.get("run.evidence"),
            baseline=self.maps.get("first.evidence"),
            partial=self.maps.get("run.partial"),
            jobs=tuple(self.jobs),
            pods=tuple(self.pods),
            collected=self.collected,
            told=self.told,
        )

    def step(self) -> BakeoffPlan:
        plan = reconcile_bakeoff(self.snapshot(), self.now)
        gone = {ref.name for ref in plan.delete}
        self.jobs = [one for one in self.jobs if one["metadata"]["name"] not in gone]
        for one in plan.apply:
            if one["kind"] == "Job" and one["metadata"]["name"] not in {
                job["metadata"]["name"] for job in self.jobs
            }:
                self.jobs.append(one)
                self.pods.append(pod_of(one))
            if one["kind"] == "ConfigMap":
                assert one["metadata"]["name"] not in self.maps or not self.maps[
                    one["metadata"]["name"]
                ].get("immutable")
                self.maps[one["metadata"]["name"]] = one
        self.manifest["status"] = plan.status
        return plan

    @property
    def reason(self) -> str:
        conditions = self.manifest["status"]["conditions"]
        return str(next(one["reason"] for one in conditions if one["type"] == "Complete"))

    def end(self, *, code: int = 0, tampered: bool = False, message: str = "") -> None:
        """End the last attempt's measuring, and serve what it found."""
        key = self.jobs[-1]["metadata"]["annotations"]["reflexstack.dev/evidence-key"]
        text = verdict("a", Outcome(pass_at1=0.61), self.now, key=key).model_dump_json(
            by_alias=True, exclude_none=True
        )
        receipt = Receipt(
            verdict_sha256=hashlib.sha256(text.encode()).hexdigest(),
            items_sha256=hashlib.sha256(ITEMS).hexdigest(),
        )
        pod = self.pods[-1]
        pod["status"]["containerStatuses"][0]["state"] = {
            "terminated": {
                "exitCode": code,
                "reason": "Completed" if code == 0 else "Error",
                "message": message or receipt.model_dump_json(by_alias=True),
                "startedAt": states.timestamp(self.now),
                "finishedAt": states.timestamp(self.now),
            }
        }
        served = text.replace("0.61", "0.99") if tampered else text
        self.served = served.encode()

    def fetch(self, plan: BakeoffPlan) -> None:
        assert plan.collect is not None
        assert plan.collect.what == "final"
        self.collected = Collected(
            pod_uid=plan.collect.pod_uid, final=True, verdict=self.served, items=ITEMS
        )


def pod_of(job: Manifest) -> Manifest:
    name = job["metadata"]["name"]
    running = {"running": {"startedAt": states.timestamp(NOON)}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{name}-x",
            "namespace": "default",
            "uid": f"uid-{name}",
            "labels": {LABEL_BAKEOFF: "run", "batch.kubernetes.io/job-name": name},
            "creationTimestamp": states.timestamp(NOON),
        },
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.9",
            "containerStatuses": [
                {"name": "measure", "state": dict(running)},
                {"name": "results", "state": dict(running)},
            ],
        },
    }


def test_artefacts_that_match_their_receipt_become_immutable_evidence() -> None:
    run = Bakeoff()
    plan = run.step()
    assert [one["kind"] for one in plan.apply] == ["NetworkPolicy", "Job"]
    assert run.step().apply == ()
    assert run.reason == "Running"
    run.end()
    run.fetch(run.step())
    assert run.reason == "Collecting"
    kept = run.step().apply[0]
    assert kept["immutable"] is True
    found = read(kept)
    assert found is not None
    assert (found.model, found.qualification, found.pass_at1) == ("a", Judgement.PASS, "0.610")
    plan = run.step()
    assert plan.collect is not None
    assert plan.collect.what == "release"
    status = run.manifest["status"]
    assert (status["verdict"], status["passAt1"], status["evidenceId"]) == (
        "Pass",
        "0.61",
        found.id,
    )
    assert status["simulated"] is True
    assert run.step().apply == ()


def test_the_pod_has_no_token_and_no_way_to_write_the_baseline() -> None:
    run = Bakeoff(baselineRef={"name": "first"})
    assert run.step().apply == ()
    assert run.reason == "WaitingForBaseline"
    run.maps["first.evidence"] = run.world.evidence_for("a", bakeoff="first")
    job = next(one for one in run.step().apply if one["kind"] == "Job")
    pod = job["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    mounts = pod["containers"][0]["volumeMounts"]
    baseline = next(one for one in mounts if one["name"] == "baseline")
    assert baseline["readOnly"] is True
    keys = next(one["projected"] for one in pod["volumes"] if one["name"] == "key")
    secrets = [one["secret"] for one in keys["sources"]]
    assert [one["items"][0]["key"] for one in secrets] == ["api-key", "admin-api-key"]
    assert [one.get("optional", False) for one in secrets] == [False, True]
    request = json.loads(
        job["spec"]["template"]["metadata"]["annotations"]["reflexstack.dev/request"]
    )
    assert request["baseline"] == read(run.maps["first.evidence"]).id  # type: ignore[union-attr]


def test_a_limit_that_is_null_stays_null_in_the_request() -> None:
    """Left out it would have its default again: the pod would ask for what nobody wants."""
    gate = {"suite": "rust-repair-smoke", "throughput": {"minRooflineShare": None}}
    run = Bakeoff(gate=gate)
    job = next(one for one in run.step().apply if one["kind"] == "Job")
    request = BakeoffRequest.model_validate_json(
        job["spec"]["template"]["metadata"]["annotations"]["reflexstack.dev/request"]
    )
    assert request.gate.throughput.min_roofline_share is None


@pytest.mark.parametrize(
    "subject", [{}, {"modelRef": None, "endpoint": {"url": "http://host:30000/v1", "model": "m"}}]
)
def test_what_could_only_end_in_error_is_refused_before_it_starts(subject: Manifest) -> None:
    run = Bakeoff(gate={"suite": "rust-repair-smoke"}, **subject)
    plan = run.step()
    assert not plan.apply
    assert plan.status is not None
    accepted = next(one for one in plan.status["conditions"] if one["type"] == "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "GateNotMeasurable")
    assert "minRooflineShare: none" in accepted["message"]


@pytest.mark.parametrize("trouble", ["tampered", "exit", "no receipt", "not served"])
def test_what_gives_nothing_is_run_once_more_and_then_an_error(trouble: str) -> None:
    run = Bakeoff()
    run.step()
    for attempt in (0, 1):
        assert run.jobs[-1]["metadata"]["annotations"]["reflexstack.dev/attempt"] == str(attempt)
        if trouble == "exit":
            run.end(code=1)
        elif trouble == "no receipt":
            run.end(message="bye")
        else:
            run.end(tampered=True)
            plan = run.step()
            run.fetch(plan)
            if trouble == "not served" and run.collected:
                run.collected = replace(run.collected, verdict=None, tries=5)
        run.step()
        if attempt == 0:
            assert run.reason == "Rerunning"
    assert len(run.jobs) == 2
    run.step()
    assert run.reason == "NoMeasurement"
    assert run.manifest["status"]["verdict"] == "Error"
    found = read(run.maps["run.evidence"])
    assert found is not None
    assert found.qualification is Judgement.ERROR


def test_there_is_time_to_fetch_what_was_found_in_the_last_minute() -> None:
    run = Bakeoff(timeout="2h")
    run.step()
    (job,) = run.jobs
    template = job["spec"]["template"]["metadata"]
    request = BakeoffRequest.model_validate_json(template["annotations"]["reflexstack.dev/request"])
    assert request.seconds == 2 * 3600
    assert job["spec"]["activeDeadlineSeconds"] >= request.seconds + 600


def test_the_progress_is_asked_for_now_and_then_and_told_in_steps() -> None:
    run = Bakeoff()
    run.step()
    plan = run.step()
    assert plan.collect is not None
    assert (plan.collect.what, plan.collect.url) == ("progress", "http://10.0.0.9:8091")
    told: list[str] = []
    for done in (*range(0, 200, 7), 200):
        progress = BakeoffProgress(part="repairs", done=done, total=200)
        run.told = Told(pod_uid=plan.collect.pod_uid, at=run.now, progress=progress)
        assert run.step().collect is None, "it was asked a moment ago"
        run.now += timedelta(seconds=10)
        plan = run.step()
        assert plan.collect is not None
        words = run.manifest["status"]["progress"]
        told += [words] if words not in told else []
    assert told[0] == "repairs 0/200"
    assert told[1] == "repairs 10/200"
    assert told[-1] == "repairs 200/200"
    assert len(told) <= 21
    run.told = None  # another operator, which has not asked yet
    run.step()
    assert run.manifest["status"]["progress"] == "repairs 200/200"
    run.end()
    run.step()
    assert "progress" not in run.manifest["status"]


def test_an_attempt_that_failed_gives_its_place_to_the_rerun() -> None:
    """Its pod serves on what it has: on a full node the rerun would be Pending for hours."""
    run = Bakeoff()
    run.step()
    first = run.jobs[-1]["metadata"]["name"]
    run.end(code=1)
    run.step()
    assert len(run.jobs) == 2
    plan = run.step()
    assert [one.name for one in plan.delete] == [first]
    assert [one["metadata"]["annotations"]["reflexstack.dev/attempt"] for one in run.jobs] == ["1"]
    assert run.step().delete == ()


def test_a_model_that_does_not_run_is_waited_for() -> None:
    run = Bakeoff()
    run.world.models["a"].pods.clear()
    assert run.step().apply == ()
    assert run.reason == "WaitingForModel"


def test_an_engine_that_is_taken_away_leaves_the_finished_items() -> None:
    run = Bakeoff()
    run.step()
    run.world.models["a"].pods.clear()
    run.kept = False
    plan = run.step()
    assert plan.collect is not None
    assert plan.collect.what == "partial"
    run.collected = Collected(pod_uid=plan.collect.pod_uid, final=False, items=ITEMS)
    plan = run.step()
    assert [one["metadata"]["name"] for one in plan.apply] == ["run.partial"]
    assert len(plan.delete) == 1
    assert run.reason == "WaitingForModel"
    run.world.settle()
    run.kept = True
    run.step()
    volumes = run.jobs[-1]["spec"]["template"]["spec"]["volumes"]
    assert "partial" in [one["name"] for one in volumes]


def test_items_of_another_subject_are_not_resumed() -> None:
    run = Bakeoff()
    run.maps["run.partial"] = {"metadata": {"annotations": {"reflexstack.dev/evidence-key": "x"}}}
    run.step()
    volumes = run.jobs[-1]["spec"]["template"]["spec"]["volumes"]
    assert "partial" not in [one["name"] for one in volumes]


def test_a_crash_of_the_engine_alone_ends_nothing() -> None:
    run = Bakeoff()
    run.step()
    run.world.models["a"].pods.clear()
    assert run.step().delete == ()


def test_a_job_that_was_deleted_by_hand_is_started_again() -> None:
    run = Bakeoff()
    run.step()
    name = run.jobs.pop()["metadata"]["name"]
    run.pods.clear()
    run.step()
    assert run.jobs[-1]["metadata"]["name"] == name


def test_a_model_that_changes_meanwhile_is_measured_anew() -> None:
    run = Bakeoff()
    run.step()
    first = run.jobs[-1]["metadata"]["name"]
    engine = {"device": "cpu", "contextLength": 1024, "maxRunningRequests": 2}
    run.world.models["a"].edit(engine=engine)
    run.world.settle()
    assert run.step().delete
    assert run.reason == "SubjectChanged"
    run.step()
    assert run.jobs[-1]["metadata"]["name"] != first


def test_a_verdict_about_another_subject_is_refused() -> None:
    run = Bakeoff()
    run.step()
    run.end()
    run.served = run.served.replace(b"sha256:", b"sha256;")
    receipt = Receipt(
        verdict_sha256=hashlib.sha256(run.served).hexdigest(),
        items_sha256=hashlib.sha256(ITEMS).hexdigest(),
    )
    state = run.pods[-1]["status"]["containerStatuses"][0]["state"]
    state["terminated"]["message"] = receipt.model_dump_json(by_alias=True)
    run.fetch(run.step())
    run.step()
    assert run.reason == "Rerunning"


def test_an_endpoint_gives_no_evidence_for_a_route() -> None:
    run = Bakeoff(modelRef=None, endpoint={"url": "http://elsewhere/v1", "model": "m"})
    run.step()
    run.end()
    run.fetch(run.step())
    run.step()
    run.step()
    assert run.manifest["status"]["verdict"] == "Pass"
    assert read(run.maps["run.evidence"]) is None


def test_evidence_expires_when_the_spec_says() -> None:
    run = Bakeoff(validFor="2h")
    run.step()
    run.end()
    run.fetch(run.step())
    run.step()
    run.step()
    found = read(run.maps["run.evidence"])
    assert found is not None
    assert found.note.expires_at - found.note.finished_at == timedelta(hours=2)
