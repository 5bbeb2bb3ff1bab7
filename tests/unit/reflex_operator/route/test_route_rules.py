"""The small decisions of a route, each as a table."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import states
from reflex_api.evidence import Sampling, evidence_key
from reflex_api.harness import Harness
from reflex_api.model import ReflexModel
from reflex_api.names import ANNOTATION_EVIDENCE, LABEL_REVISION
from reflex_api.route_spec import Window
from reflex_api.route_status import TransitionKind
from reflex_api.verdict import Judgement
from reflex_operator.engines import server_info
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.route import membership, windows, wishes
from reflex_operator.reconcile.route.evidence import Standing, judge, newest, read
from reflex_operator.reconcile.route.health import health_of
from reflex_operator.reconcile.route.record import (
    Past,
    RouteRecord,
    Routing,
    begun,
    ended,
    record_of,
    remembered,
    routing_of,
    to_annotation,
)
from reflex_operator.reconcile.route.snapshot import PeerRoute
from reflex_operator.reconcile.route.subject import changed, inputs_of
from route_states import NOON, Outcome, Routes

MINUTE = timedelta(minutes=1)


def route(name: str, *models: str, age: int = 0, slot: str = "", room: int = 1) -> Manifest:
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "creationTimestamp": states.timestamp(NOON - age * MINUTE),
        },
        "spec": {
            "primary": models[0],
            "fallbacks": list(models[1:]),
            "slot": {"name": slot, "maxResident": room},
        },
    }


def service(record: RouteRecord) -> Manifest:
    return {
        "metadata": {"annotations": {"reflexstack.dev/route-record": to_annotation(record)}},
        "spec": {"selector": {}},
    }


@pytest.mark.parametrize(
    ("residents", "known", "model", "expected"),
    [
        (("a",), True, "a", True),
        (("b",), True, "a", False),
        ((), True, "a", False),
        ((), False, "a", None),
        (("z",), True, "z", False),  # no route lists it
    ],
)
def test_a_model_is_wanted_by_its_routes_record(
    residents: tuple[str, ...], known: bool, model: str, expected: bool | None
) -> None:
    peer = PeerRoute(
        route=route("r", "a", "b"),
        service=service(RouteRecord(residents=residents)) if known else None,
    )
    assert membership.wanted(model, [peer]) is expected


def test_the_older_route_owns_a_model_and_a_deleted_one_owns_nothing() -> None:
    old, young = route("old", "a", age=9), route("young", "a", age=1)
    assert membership.owner_of("a", [young, old]) is old
    gone = copy.deepcopy(old)
    gone["metadata"]["deletionTimestamp"] = states.timestamp(NOON)
    assert membership.owner_of("a", [young, gone]) is young


def test_routes_that_disagree_about_the_room_get_the_least() -> None:
    one, two = route("one", "a", slot="gpu0", room=2), route("two", "b", slot="gpu0", room=1)
    assert membership.room_of([one, two]) == 1
    assert membership.same_slot(one, [PeerRoute(route=two)])
    assert not membership.same_slot(route("x", "a"), [PeerRoute(route=route("y", "b"))])


def test_a_record_is_read_as_it_was_written() -> None:
    record = begun(
        RouteRecord(residents=("a",)),
        kind=TransitionKind.FAILOVER,
        to="b",
        from_="a",
        message="why",
        now=NOON,
    )
    assert record.residents == ()
    assert record_of(service(record)) == record
    over = ended(record, ok=True, to_revision="2", from_revision="1", message="", now=NOON + MINUTE)
    assert over.swap is None
    assert over.history[-1].downtime == 60
    assert record_of(service(over)) == over


@pytest.mark.parametrize("text", ["", "{", "[]", '{"residents": 3}'])
def test_a_record_that_cannot_be_read_is_none(text: str) -> None:
    assert record_of({"metadata": {"annotations": {"reflexstack.dev/route-record": text}}}) is None


def test_the_history_forgets_what_is_long_past() -> None:
    history: tuple[Past, ...] = ()
    for hour in range(100):
        past = Past(
            kind=TransitionKind.FAILOVER, to="a", at=NOON + hour * timedelta(hours=1), ok=True
        )
        history = remembered(history, past)
    assert len(history) == 48
    last = remembered(
        history,
        Past(kind=TransitionKind.FAILOVER, to="a", at=NOON + timedelta(days=90), ok=True),
    )
    assert len(last) == 8


def test_a_selector_that_is_stopped_selects_nothing_and_remembers_who() -> None:
    routing = Routing(model="a", revision="1", stopped=True)
    assert routing_of({"spec": {"selector": routing.selector}}) == routing
    assert "reflexstack.dev/routing-stopped" in Routing().selector
    assert routing_of(None).stopped


@pytest.mark.parametrize(
    ("schedule", "at", "closes"),
    [
        ("0 3 * * *", datetime(2026, 11, 21, 2, 59, tzinfo=UTC), None),
        ("0 3 * * *", datetime(2026, 11, 21, 3, 0, tzinfo=UTC), 5),
        ("0 3 * * *", datetime(2026, 11, 21, 4, 59, tzinfo=UTC), 5),
        ("0 3 * * *", datetime(2026, 11, 21, 5, 0, tzinfo=UTC), None),
        ("0 23 * * *", datetime(2026, 11, 21, 0, 30, tzinfo=UTC), 1),
    ],
)
def test_a_window_is_open_for_its_duration(schedule: str, at: datetime, closes: int | None) -> None:
    window = Window(schedule=schedule, duration=timedelta(hours=2))
    found = windows.open_until(window, at)
    assert (found.hour if found else None) == closes


def test_a_schedule_that_means_nothing_is_told() -> None:
    assert "evaluation.window.schedule" in windows.unreadable(Window(schedule="99 3 * * *"))
    assert windows.unreadable(Window(schedule="0 3 * * *")) == ""
    assert windows.unreadable(None) == ""


@pytest.mark.parametrize(
    ("annotation", "model", "evidence", "words"),
    [
        ("b@0123", "b", "0123", ""),
        ("b@0123 it is better", "b", "0123", "it is better"),
        (
            '{"model": "b", "evidence": "0123", "actor": "ada", "reason": "x"}',
            "b",
            "0123",
            "ada: x",
        ),
        ("b", "b", "", ""),
    ],
)
def test_a_choice_by_hand_is_read(annotation: str, model: str, evidence: str, words: str) -> None:
    found = wishes.manual_of({"reflexstack.dev/manual": annotation})
    assert found is not None
    assert (found.model, found.evidence, found.words) == (model, evidence, words)
    hold = wishes.hold_of({"reflexstack.dev/manual": annotation})
    assert hold is not None
    assert hold.by_choice


def world_with_evidence(**outcome: Any) -> Routes:
    world = Routes()
    world.settle()
    world.outcomes["b"] = Outcome(**outcome)
    world.qualify("b")
    return world


@pytest.mark.parametrize(
    ("passed", "expected"),
    [
        (Judgement.PASS, "Eligible"),
        (Judgement.FAIL, "Rejected"),
        (Judgement.INCONCLUSIVE, "Inconclusive"),
        (Judgement.ERROR, "Unqualified"),
    ],
)
def test_a_verdict_decides_what_a_member_may_do(passed: Judgement, expected: str) -> None:
    world = world_with_evidence(passed=passed)
    found, _ = newest(world.evidence, "b", counts=lambda _: True)
    assert found is not None
    assert judge(found, found.inputs, "", NOON).eligibility == expected


FIELDS = {
    "source_revision": "other",
    "tokenizer_digest": "other",
    "chat_template_digest": "other",
    "quantization": "awq",
    "engine_image": "other",
    "arguments": ("--other",),
    "gpu_product": "other",
    "gpu_memory": "other",
    "suite_digest": "other",
    "prompt_digest": "other",
    "schema_digest": "other",
    "rustc": "other",
    "harness_version": "other",
    "sampling": Sampling(max_tokens=7),
    "gpu_driver": "other",
}


@pytest.mark.parametrize("field", FIELDS)
def test_evidence_is_stale_by_each_of_its_inputs(field: str) -> None:
    world = world_with_evidence()
    found, _ = newest(world.evidence, "b", counts=lambda _: True)
    assert found is not None
    assert found.inputs is not None
    now = found.inputs.model_copy(update={field: FIELDS[field]})
    standing = judge(found, now, "", NOON)
    assert standing.eligibility == "Stale"
    assert changed(found.inputs, now)[0] in standing.message
    assert standing.lenient is (field == "gpu_driver")


def test_evidence_is_stale_by_another_image_behind_the_same_tag() -> None:
    world = world_with_evidence()
    manifest = copy.deepcopy(world.evidence[0])
    text = manifest["metadata"]["annotations"][ANNOTATION_EVIDENCE]
    manifest["metadata"]["annotations"][ANNOTATION_EVIDENCE] = text.replace(
        '"id"', '"image_id": "sha256:one", "id"'
    )
    found = read(manifest)
    assert found is not None
    assert judge(found, found.inputs, "sha256:one", NOON).eligibility == "Eligible"
    assert judge(found, found.inputs, "", NOON).eligibility == "Eligible"
    assert judge(found, found.inputs, "sha256:two", NOON).eligibility == "Stale"


def test_evidence_is_stale_by_other_settings_of_the_engine() -> None:
    world = world_with_evidence()
    manifest = copy.deepcopy(world.evidence[0])
    text = manifest["metadata"]["annotations"][ANNOTATION_EVIDENCE]
    manifest["metadata"]["annotations"][ANNOTATION_EVIDENCE] = text.replace(
        '"id"', '"settings": "one", "id"'
    )
    found = read(manifest)
    assert found is not None
    for settings, expected in (("one", "Eligible"), ("", "Eligible"), ("two", "Stale")):
        assert judge(found, found.inputs, "", NOON, settings=settings).eligibility == expected


def test_the_settings_digest_leaves_keys_ports_and_seeds_out() -> None:
    body = {"version": "0.5.23", "kv_cache_dtype": "auto", "page_size": 1}
    found = server_info.settings({**body, "api_key": "secret", "port": 1, "random_seed": 7})
    assert found == server_info.settings(body) != ""
    assert server_info.settings({**body, "kv_cache_dtype": "fp8_e4m3"}) != found
    assert server_info.settings({"version": "scripted"}) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"immutable": False},
        {"data": {}},
        {"data": {"verdict.json": "{}"}},
    ],
)
def test_what_is_no_evidence_counts_for_nothing(change: Manifest) -> None:
    world = world_with_evidence()
    assert read({**world.evidence[0], **change}) is None


def test_another_config_map_cannot_be_made_evidence() -> None:
    """reflex-loop may change one by name: that must be no right to qualify a model."""
    world = world_with_evidence()
    forged = copy.deepcopy(world.evidence[0])
    assert read(forged) is not None
    forged["metadata"]["name"] = "r.feedback"
    assert read(forged) is None


def test_inputs_that_do_not_make_the_key_are_no_evidence() -> None:
    world = world_with_evidence()
    manifest = copy.deepcopy(world.evidence[0])
    text = manifest["data"]["inputs.json"]
    manifest["data"]["inputs.json"] = text.replace('"rustc":"none"', '"rustc":"1.0"')
    assert manifest["data"]["inputs.json"] != text
    assert read(manifest) is None


def test_the_key_needs_no_running_engine_and_no_status() -> None:
    world = Routes()
    world.settle()
    engine = world.models["a"]
    harness = Harness(suites={"s": "sha256:1"})

    def key() -> str:
        inputs = inputs_of(
            ReflexModel.parse(engine.model),
            engine.child("Deployment"),
            {},
            suite="s",
            harness=harness,
        )
        assert inputs is not None
        assert inputs.suite_digest == "sha256:1"
        return evidence_key(inputs)

    before = key()
    engine.pods.clear()
    engine.model.pop("status")
    live = engine.child("Deployment")
    assert live is not None
    live["spec"]["replicas"] = 0
    assert key() == before


def pod(*, ready: bool, minutes: int = 1, restarts: int = 0) -> Manifest:
    since = states.timestamp(NOON - minutes * MINUTE)
    return {
        "kind": "Pod",
        "metadata": {
            "uid": "p",
            "name": "p",
            "labels": {LABEL_REVISION: "1"},
            "creationTimestamp": states.timestamp(NOON - timedelta(hours=2)),
        },
        "spec": {"nodeName": "n"},
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "conditions": [
                {"type": kind, "status": str(ready), "lastTransitionTime": since}
                for kind in ("ContainersReady", "Ready")
            ],
            "containerStatuses": [
                {"restartCount": restarts, "state": {"running": {"startedAt": since}}}
            ],
        },
    }


def test_health_is_read_from_pods() -> None:
    assert health_of(None, None, [pod(ready=True)], [], NOON).well
    sick = health_of(None, None, [pod(ready=False, minutes=7)], [], NOON)
    assert not sick.well
    assert sick.since == NOON - 7 * MINUTE
    assert not sick.at_once


def test_an_engine_without_pod_and_deployment_is_unwell_since_its_model_says_so() -> None:
    since = states.timestamp(NOON - 9 * MINUTE)
    ready = {"type": "Ready", "status": "False", "reason": "ApplyFailed", "message": ""}
    model = {"status": {"conditions": [{**ready, "lastTransitionTime": since}]}}
    assert health_of(model, None, [], [], NOON).since == NOON - 9 * MINUTE


def test_the_third_restart_within_ten_minutes_is_not_waited_for() -> None:
    times = [NOON - 9 * MINUTE, NOON - 5 * MINUTE, NOON - MINUTE]
    assert health_of(None, None, [pod(ready=False)], times, NOON).at_once
    old = [NOON - 30 * MINUTE, *times[1:]]
    assert not health_of(None, None, [pod(ready=False)], old, NOON).at_once


def test_a_standing_says_why() -> None:
    standing = judge(None, None, "", NOON)
    assert standing == Standing(
        eligibility=standing.eligibility, message="no bakeoff has measured it"
    )


@pytest.mark.parametrize(
    ("reason", "at_once", "hopeless"),
    [
        ("EngineGPUOutOfMemory", True, True),
        ("UnsupportedGPUArch", True, True),
        ("CUDADriverInsufficient", True, True),
        ("WrongModelLoaded", True, True),
        ("NodeNotReady", True, False),
        ("EngineRestarting", False, False),
        ("EngineStarting", False, False),
    ],
)
def test_some_reasons_are_not_waited_for(reason: str, at_once: bool, hopeless: bool) -> None:
    conditions = [{"type": "EngineReady", "status": "False", "reason": reason, "message": "x"}]
    model = {"spec": {}, "status": {"conditions": conditions}}
    found = health_of(model, None, [pod(ready=False)], [], NOON)
    assert bool(found.at_once) is at_once
    assert bool(found.hopeless) is hopeless


@pytest.mark.parametrize(("admission", "hopeless"), [("Enforce", True), ("Warn", False)])
def test_what_does_not_fit_is_hopeless_only_where_that_is_enforced(
    admission: str, hopeless: bool
) -> None:
    conditions = [
        {"type": "MemoryFits", "status": "False", "reason": "InsufficientGPUMemory", "message": ""}
    ]
    model = {
        "spec": {"memoryPolicy": {"admission": admission}},
        "status": {"conditions": conditions},
    }
    assert bool(health_of(model, None, [], [], NOON).hopeless) is hopeless
