"""Failed revisions: remembered, replaced by the last good one, tried again only when told to."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import states
from reflex_api.conditions import Reason
from reflex_api.model import ReflexModel
from reflex_api.names import (
    ANNOTATION_FAILED,
    ANNOTATION_LAST_GOOD,
    ANNOTATION_RETRY,
    LABEL_REVISION,
)
from reflex_operator.engines.report import ProbeOutcome
from reflex_operator.manifest import Manifest, ref_of
from reflex_operator.reconcile import rollout
from reflex_operator.reconcile.engine import Finding, engine_pods, read_pod
from reflex_operator.reconcile.model import reconcile
from reflex_operator.reconcile.plan import ModelSnapshot, Plan, ProbeResult

GOOD = {"device": "cpu", "contextLength": 1024}
BAD = {"device": "cpu", "contextLength": 1024, "extraArgs": ["--no-such-flag"]}
OTHER = {"device": "cpu", "contextLength": 1024, "maxRunningRequests": 2}


def world(**spec: Any) -> states.World:
    """A model that serves; engines with `--no-such-flag` only crash."""
    made = states.World(model=states.model(**spec), broken=frozenset({"--no-such-flag"}))
    made.settle()
    return made


def restored(**spec: Any) -> states.World:
    """A model whose change to BAD failed."""
    made = world(**spec)
    made.edit(engine=BAD)
    made.settle()
    return made


def deployment(of: states.World) -> Manifest:
    found = of.child("Deployment")
    assert found is not None
    return found


def revision(of: states.World) -> str:
    text: str = deployment(of)["spec"]["template"]["metadata"]["labels"][LABEL_REVISION]
    return text


def remembered(of: states.World, name: str) -> Manifest | None:
    text = (deployment(of)["metadata"].get("annotations") or {}).get(name)
    return json.loads(text) if text else None


def ready(of: states.World) -> tuple[str, str]:
    condition = states.condition(of, "Ready")
    return condition["status"], condition["reason"]


def settled_again(of: states.World) -> bool:
    """Whether a further pass changes anything, with the operator's memory lost."""
    of.probes = {}
    started = of.pods_started
    changed = of.carry_out(replace(of.plan(), probe=None))
    return changed or of.pods_started != started


def test_a_first_start_remembers_nothing_and_costs_no_write_for_it() -> None:
    assert "annotations" not in deployment(world())["metadata"]


def test_a_change_remembers_what_it_replaces() -> None:
    changed = world()
    before = copy.deepcopy(deployment(changed)["spec"]["template"])
    changed.edit(engine=OTHER)
    changed.settle()
    assert remembered(changed, ANNOTATION_LAST_GOOD) == {
        "revision": before["metadata"]["labels"][LABEL_REVISION],
        "template": before,
        "source": "/models/reflex-tiny",
    }
    assert ready(changed) == ("True", "Serving")


def test_a_failed_revision_gives_way_to_the_last_good_one_which_serves() -> None:
    changed = world()
    first = revision(changed)
    template = copy.deepcopy(deployment(changed)["spec"]["template"])
    changed.edit(engine=BAD)
    changed.settle()
    assert revision(changed) == first
    assert deployment(changed)["spec"]["template"] == template
    service = changed.child("Service")
    assert service is not None
    assert service["spec"]["selector"][LABEL_REVISION] == first
    assert ready(changed) == ("True", "RevisionRestored")
    message = states.condition(changed, "Ready")["message"]
    assert "EngineCrashLoop" in message
    assert "unrecognized arguments" in message
    assert ANNOTATION_RETRY in message
    assert ("Warning", "RevisionRestored") in changed.events
    resolved = changed.model["status"]["resolved"]
    assert (resolved["revisionHash"], "--no-such-flag" in resolved["args"]) == (first, False)


def test_while_the_last_good_one_starts_ready_says_why_the_new_one_failed() -> None:
    changed = world()
    good = revision(changed)
    changed.edit(engine=BAD)
    while "RevisionRestored" not in [reason for _, reason in changed.events]:
        changed.carry_out(changed.plan())
        if len(changed.templates) == 3 and ready(changed)[0] == "False":
            assert ready(changed)[1] == "EngineCrashLoop"
            assert f"{good} starts again" in states.condition(changed, "Ready")["message"]
        changed.controllers()


def test_the_failed_revision_is_tried_once() -> None:
    changed = restored()
    good, bad = changed.templates[0], changed.templates[1]
    assert changed.templates == [good, bad, good]
    failed = remembered(changed, ANNOTATION_FAILED)
    assert failed is not None
    assert (failed["revision"], failed["reason"]) == (bad, "EngineCrashLoop")
    assert not settled_again(changed)


def test_a_lost_status_and_a_restarted_operator_change_nothing() -> None:
    changed = restored()
    children = copy.deepcopy(changed.children)
    conditions = {c["type"]: c["reason"] for c in changed.model["status"]["conditions"]}
    del changed.model["status"]
    changed.probes = {}
    changed.settle()
    assert changed.children == children
    assert conditions == {c["type"]: c["reason"] for c in changed.model["status"]["conditions"]}


def test_the_retry_annotation_has_it_tried_once_more() -> None:
    changed = restored()
    for value in ("1", "2"):
        before = len(changed.templates)
        changed.model["metadata"]["annotations"] = {ANNOTATION_RETRY: value}
        changed.settle()
        good, bad = changed.templates[:2]
        assert changed.templates[before:] == [bad, good]
        failed = remembered(changed, ANNOTATION_FAILED)
        assert failed is not None
        assert failed["retry"] == value
        assert ready(changed) == ("True", "RevisionRestored")


def test_a_retry_that_succeeds_forgets_the_failure() -> None:
    changed = restored()
    changed.broken = frozenset()
    changed.model["metadata"]["annotations"] = {ANNOTATION_RETRY: "now"}
    changed.settle()
    assert ready(changed) == ("True", "Serving")
    assert revision(changed) == changed.templates[1]
    assert remembered(changed, ANNOTATION_FAILED) is None


def test_going_back_to_the_good_spec_restarts_nothing_and_forgets_the_failure() -> None:
    changed = restored()
    pods = changed.pods_started
    changed.edit(engine=GOOD)
    changed.settle()
    assert (ready(changed), changed.pods_started) == (("True", "Serving"), pods)
    assert remembered(changed, ANNOTATION_FAILED) is None


def test_another_spec_is_tried_and_the_same_last_good_one_stays_remembered() -> None:
    changed = restored()
    good = changed.templates[0]
    changed.edit(engine={**BAD, "maxRunningRequests": 3})
    changed.settle()
    assert len(set(changed.templates)) == 3
    assert (revision(changed), ready(changed)[1]) == (good, "RevisionRestored")
    changed.edit(engine=OTHER)
    changed.settle()
    assert ready(changed) == ("True", "Serving")


def test_a_spec_changed_before_the_first_one_was_verified_still_falls_back() -> None:
    changed = world()
    good = revision(changed)
    changed.edit(engine=OTHER)
    changed.carry_out(changed.plan())  # replaced, and never verified
    changed.controllers()
    changed.edit(engine=BAD)
    changed.settle()
    assert (revision(changed), ready(changed)[1]) == (good, "RevisionRestored")


def test_a_first_start_that_fails_is_left_to_the_kubelet() -> None:
    first = states.World(model=states.model(engine=BAD), broken=frozenset({"--no-such-flag"}))
    first.settle()
    assert ready(first) == ("False", "EngineCrashLoop")
    assert "annotations" not in deployment(first)["metadata"]
    assert first.plan().requeue_after is None


def test_without_restore_on_failure_the_failed_revision_stays_and_may_heal() -> None:
    changed = world(rollout={"restoreOnFailure": False})
    changed.edit(engine=BAD)
    changed.settle()
    assert (revision(changed), ready(changed)) == (
        changed.templates[1], ("False", "EngineCrashLoop"),
    )  # fmt: skip
    changed.edit(rollout={})
    changed.settle()
    assert ready(changed) == ("True", "RevisionRestored")


@pytest.mark.parametrize(
    ("stop", "go"),
    [
        ({"suspend": True}, {"suspend": False}),
        ({"replicas": 0}, {"replicas": 1}),
        ({"activation": "Routed"}, {"activation": "Always"}),
    ],
)
def test_a_restored_model_stops_and_starts_without_trying_the_failed_one(
    stop: dict[str, Any], go: dict[str, Any]
) -> None:
    changed = restored()
    templates = list(changed.templates)
    changed.edit(**stop)
    changed.settle()
    assert (deployment(changed)["spec"]["replicas"], changed.pods) == (0, [])
    assert ready(changed)[0] == "False"
    assert not settled_again(changed)
    changed.edit(**go)
    changed.settle()
    assert (ready(changed), changed.templates) == (("True", "RevisionRestored"), templates)


def test_a_restored_model_scales() -> None:
    changed = restored()
    changed.edit(replicas=3)
    changed.settle()
    assert (len(changed.pods), ready(changed)) == (3, ("True", "RevisionRestored"))


def test_a_spec_changed_while_stopped_falls_back_to_what_ran_before() -> None:
    changed = world()
    good = revision(changed)
    changed.edit(suspend=True)
    changed.settle()
    del changed.model["status"]  # what ran once, only the Deployment tells
    changed.edit(engine=BAD)
    changed.settle()
    changed.edit(suspend=False)
    changed.settle()
    assert (revision(changed), ready(changed)[1]) == (good, "RevisionRestored")


def test_a_verified_revision_that_crashes_later_is_not_replaced() -> None:
    changed = world()
    changed.edit(engine=OTHER)
    changed.settle()
    other = revision(changed)
    changed.pods[0]["status"]["containerStatuses"] = [states.crash_looping(restarts=9)]
    for entry in changed.pods[0]["status"]["conditions"]:
        if entry["type"] in ("ContainersReady", "Ready"):
            entry["status"] = "False"
    changed.settle()
    assert (revision(changed), ready(changed)) == (other, ("False", "EngineCrashLoop"))
    # Also when its pod is another one: the status remembers the first verified answer.
    changed.pods[0]["status"]["conditions"] = []
    changed.settle()
    assert revision(changed) == other


def test_while_the_last_good_one_runs_it_is_asked_under_its_own_name_with_its_own_keys() -> None:
    changed = world(apiKeySecretRef={"name": "first"})
    changed.edit(engine=BAD, servedName="renamed", apiKeySecretRef={"name": "second"})
    asked = []
    for _ in range(50):
        plan = changed.plan()
        if plan.probe is not None:
            asked.append((len(changed.templates), plan.probe.served_name, plan.probe.secret.name))
        if not (changed.carry_out(plan) | changed.controllers()):
            break
    assert asked == [(3, "tiny", "first")]


# --- when a start has failed ---------------------------------------------------------------


def starting(container: Manifest, **pod: Any) -> states.World:
    """A changed model whose new engine is in this state; what ran before was good."""
    changed = world()
    changed.edit(engine=OTHER)
    changed.carry_out(changed.plan())
    changed.pods = [states.engine_pod(deployment(changed), uid="new", container=container, **pod)]
    return changed


def is_restored(of: states.World) -> bool:
    of.carry_out(of.plan())
    return remembered(of, ANNOTATION_FAILED) is not None


@pytest.mark.parametrize(
    ("restarts", "stopped", "failed"),
    [(1, True, False), (2, False, False), (2, True, True), (3, False, True)],
)
def test_three_crashes_are_a_failure(restarts: int, stopped: bool, failed: bool) -> None:
    container = states.crash_looping(restarts=restarts)
    if not stopped:
        container["state"] = {"running": {"startedAt": states.timestamp(states.NOON)}}
    assert is_restored(starting(container)) is failed


def test_no_verified_answer_within_the_startup_timeout_is_a_failure() -> None:
    changed = starting(states.running(ready=False))
    plan = changed.plan()
    # It was started 40 s ago, and startupTimeout is 15 minutes.
    assert plan.requeue_after == timedelta(minutes=15, seconds=-40)
    changed.now += timedelta(minutes=14)
    assert not is_restored(changed)
    changed.now += timedelta(seconds=20)
    assert is_restored(changed)
    assert ready(changed) == ("False", "ProbeTimeout")
    assert "no verified answer within 15m" in states.condition(changed, "Ready")["message"]


def test_the_first_run_counts_also_after_a_restart() -> None:
    container = states.crash_looping(restarts=1)
    container["state"] = {
        "running": {"startedAt": states.timestamp(states.NOON + timedelta(minutes=14))}
    }
    changed = starting(container)
    changed.now += timedelta(minutes=14, seconds=20)
    assert is_restored(changed)


@pytest.mark.parametrize("why", ["ImagePullBackOff", "CreateContainerConfigError"])
def test_an_image_that_cannot_be_started_fails_by_the_pods_own_start(why: str) -> None:
    changed = starting({"restartCount": 0, "state": {"waiting": {"reason": why}}})
    changed.pods[0]["status"]["startTime"] = states.timestamp(states.NOON)
    assert changed.plan().requeue_after == timedelta(minutes=15)
    changed.now += timedelta(minutes=15)
    assert is_restored(changed)


def test_an_image_that_is_still_being_pulled_may_take_its_time() -> None:
    changed = starting({"restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}})
    changed.pods[0]["status"]["startTime"] = states.timestamp(states.NOON)
    changed.now += timedelta(hours=3)
    assert not is_restored(changed)


def test_an_engine_that_nobody_asked_while_the_operator_was_away_has_not_failed() -> None:
    changed = starting(states.running(), containers_ready=True)
    changed.now += timedelta(hours=3)
    assert changed.plan().probe is not None
    assert not is_restored(changed)


@pytest.mark.parametrize(("failures", "failed"), [(2, False), (3, True)])
def test_the_wrong_model_is_a_failure_after_three_answers(failures: int, failed: bool) -> None:
    changed = starting(states.running(), containers_ready=True)
    incarnation = read_pod(changed.pods[0]).incarnation
    changed.probes[incarnation] = ProbeResult(
        incarnation=incarnation, outcome=ProbeOutcome.WRONG_MODEL, at=changed.now, failures=failures
    )
    assert is_restored(changed) is failed


def decided(of: states.World, engine: Finding) -> rollout.Rollout:
    """The decision when EngineReady's finding is given, as the log's classifier would."""
    snapshot = of.snapshot()
    model = ReflexModel.parse(snapshot.model)
    wanted = deployment(of)
    return rollout.decide(
        snapshot,
        model,
        wanted=wanted,
        replicas=1,
        pods=engine_pods(snapshot.pods, revision(of)),
        engine=engine,
        now=of.now,
    )


@pytest.mark.parametrize(
    ("reason", "failed"),
    [
        (Reason.UNSUPPORTED_GPU_ARCH, True),
        (Reason.CUDA_DRIVER_INSUFFICIENT, True),
        (Reason.UNSUPPORTED_MODEL, True),
        (Reason.ENGINE_ARGUMENTS_INVALID, True),
        (Reason.MODEL_FILES_INVALID, True),
        (Reason.ENGINE_GPU_OUT_OF_MEMORY, True),
        (Reason.INSUFFICIENT_GPU_MEMORY, True),
        (Reason.ENGINE_HOST_OOM_KILLED, False),
        (Reason.ENGINE_RESTARTING, False),
    ],
)
def test_what_another_start_cannot_change_fails_at_once(reason: Reason, failed: bool) -> None:
    changed = starting(states.crash_looping(restarts=0))
    done = decided(changed, Finding(status="False", reason=reason, evidence="the line"))
    assert (done.failed is not None) is failed
    if done.failed is not None:
        assert (done.failed.reason, done.failed.evidence) == (reason, "the line")


def test_a_lost_node_is_not_held_against_the_revision() -> None:
    changed = starting(states.running(ready=False))
    changed.now += timedelta(hours=3)
    done = decided(changed, Finding(status="False", reason=Reason.NODE_NOT_READY))
    assert (done.failed, done.requeue_after) == (None, None)


# --- hold ----------------------------------------------------------------------------------


def test_what_may_not_be_applied_now_leaves_what_runs_with_the_wanted_replicas() -> None:
    changed = world()
    model = ReflexModel.parse(changed.model)
    finding = Finding(status="True", reason=Reason.ENGINE_READY)

    def held(replicas: int) -> rollout.Rollout:
        return rollout.decide(
            changed.snapshot(), model, wanted=None, replicas=replicas, pods=(), engine=finding,
            now=changed.now,
        )  # fmt: skip

    assert held(1).deployment is None
    assert held(1).revision == revision(changed)
    stopping = held(0).deployment
    assert stopping is not None
    live = deployment(changed)
    assert stopping["spec"] == {**live["spec"], "replicas": 0}
    assert stopping["metadata"]["ownerReferences"] == live["metadata"]["ownerReferences"]
    changed.children.clear()
    assert held(1).template is None


def taken(snapshot: ModelSnapshot) -> ModelSnapshot:
    service = next(iter(states.World(model=states.model()).plan().apply))
    return replace(snapshot, conflicts=(ref_of(service),))


REFUSALS: dict[str, tuple[dict[str, Any], Callable[[ModelSnapshot], ModelSnapshot]]] = {
    "SpecInvalid": (
        {"engine": {"device": "tpu", "contextLength": 1024}},
        lambda snapshot: snapshot,
    ),
    "ImageNotConfigured": (
        {},
        lambda snapshot: replace(snapshot, defaults=replace(snapshot.defaults, image_cpu="")),
    ),
    "NameConflict": ({}, taken),
}


@pytest.mark.parametrize("reason", sorted(REFUSALS))
@pytest.mark.parametrize("stop", [{"suspend": True}, {"replicas": 0}, {"activation": "Routed"}])
def test_a_refused_spec_still_stops_its_engine(reason: str, stop: dict[str, Any]) -> None:
    spec, change = REFUSALS[reason]

    def plan(of: states.World) -> Plan:
        return reconcile(change(of.snapshot()), of.now)

    changed = world()
    before = copy.deepcopy(deployment(changed))
    changed.edit(**spec)
    refused = plan(changed)
    assert refused.apply == ()  # what runs is left alone
    changed.carry_out(refused)
    assert ready(changed) == ("False", reason)
    changed.edit(**stop)
    changed.carry_out(plan(changed))
    stopped = deployment(changed)
    assert stopped["spec"] == {**before["spec"], "replicas": 0}
    changed.controllers()
    changed.carry_out(plan(changed))
    assert changed.model["status"]["replicas"] == 0
    again = plan(changed)
    assert again.apply == ()
    assert again.status == changed.model["status"]


def test_a_change_that_the_api_server_refuses_still_scales_what_runs() -> None:
    changed = world()
    changed.edit(engine=OTHER, replicas=0)
    snapshot = replace(changed.snapshot(), refusal="a quota")
    first, *rest = [
        one for one in reconcile(snapshot, changed.now).apply if one["kind"] == "Deployment"
    ]
    assert (first["spec"]["replicas"], first["spec"]["template"]) == (
        0, deployment(changed)["spec"]["template"],
    )  # fmt: skip
    assert [one["spec"]["replicas"] for one in rest] == [0]  # the wanted one is tried again
    changed.carry_out(Plan(apply=(first,)))
    snapshot = replace(changed.snapshot(), refusal="a quota")
    again = [one for one in reconcile(snapshot, changed.now).apply if one["kind"] == "Deployment"]
    assert again == rest


# --- draining ------------------------------------------------------------------------------


def ending(of: states.World) -> states.World:
    for pod in of.pods:
        pod["metadata"]["deletionTimestamp"] = "2026-11-21T12:05:30Z"
    return of


def test_an_engine_that_served_drains_and_says_how_long_at_most() -> None:
    changed = world()
    changed.edit(suspend=True)
    changed.carry_out(ending(changed).plan())
    resident = states.condition(changed, "Resident")
    assert (resident["status"], resident["reason"]) == ("False", "Draining")
    assert "2026-11-21T12:05:30Z" in resident["message"]
    assert ready(changed) == ("False", "Suspended")
    changed.pods = []
    changed.carry_out(changed.plan())
    assert states.condition(changed, "Resident")["reason"] == "Suspended"


def test_a_replaced_engine_drains_in_ready_too() -> None:
    changed = world()
    changed.edit(engine=OTHER)
    changed.carry_out(changed.plan())
    changed.carry_out(ending(changed).plan())
    assert ready(changed) == ("False", "Draining")
    assert ("Normal", "Draining") in changed.events


def test_an_engine_that_never_served_only_stops() -> None:
    changed = starting(states.running(ready=False))
    changed.edit(engine=GOOD)
    changed.carry_out(ending(changed).plan())
    assert ready(changed) == ("False", "EngineStopping")
