"""State in, plan out: what the operator decides about one model."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import states
from reflex_api.conditions import Reason
from reflex_api.names import LABEL_REVISION
from reflex_operator.engines.report import ProbeOutcome
from reflex_operator.manifest import Manifest, ObjectRef
from reflex_operator.reconcile.engine import read_pod
from reflex_operator.reconcile.model import reconcile
from reflex_operator.reconcile.plan import ModelSnapshot, Plan, ProbeResult, SecretState
from reflex_operator.reconcile.text import message

CUDA = {"engine": {"device": "cuda", "contextLength": 4096}, "resources": {"memory": "40Gi"}}


def applied(world: states.World) -> states.World:
    """The world after the operator's first pass, before any pod exists."""
    world.carry_out(world.plan())
    world.secret = SecretState.PRESENT
    return world


def with_pod(spec: dict[str, Any] | None = None, **pod: Any) -> states.World:
    world = applied(states.World(model=states.model(**(spec or {}))))
    deployment = world.child("Deployment")
    assert deployment is not None
    world.pods = [states.engine_pod(deployment, **pod)]
    return world


def ready_of(plan: Plan) -> Manifest:
    assert plan.status is not None
    found: Manifest = next(c for c in plan.status["conditions"] if c["type"] == "Ready")
    return found


def unschedulable(words: str) -> Manifest:
    return {"status": "False", "reason": "Unschedulable", "message": words}


def waiting(reason: str, words: str = "") -> Manifest:
    return {"restartCount": 0, "state": {"waiting": {"reason": reason, "message": words}}}


def crashed(reason: str, code: int, *, restarts: int = 1, waits: str = "") -> Manifest:
    state: Manifest = {"waiting": {"reason": waits}} if waits else {"running": {}}
    ended = {"reason": reason, "exitCode": code, "message": "Scheduler hit an exception"}
    return {"restartCount": restarts, "state": state, "lastState": {"terminated": ended}}


def test_the_first_pass_asks_for_keys_policy_service_and_deployment() -> None:
    plan = states.World(model=states.model()).plan()
    assert plan.secret is not None
    assert plan.secret.random_keys == ("api-key", "admin-api-key")
    assert [one["kind"] for one in plan.apply] == ["NetworkPolicy", "Deployment", "Service"]


def test_the_first_status_of_a_new_model_waits_for_its_pod() -> None:
    world = states.World(model=states.model())
    world.model["metadata"]["creationTimestamp"] = states.timestamp(states.NOON)
    plan = world.plan()
    assert plan.status is None
    assert plan.requeue_after == timedelta(seconds=3)


def test_the_first_status_of_a_quick_start_waits_for_the_engine() -> None:
    world = with_pod()
    world.model["status"] = {}
    created = states.NOON - timedelta(seconds=50)
    world.model["metadata"]["creationTimestamp"] = states.timestamp(created)
    world.now = created + timedelta(seconds=1)
    assert world.plan().status is None
    assert world.plan().events == ()


def test_counts_alone_cost_no_write_while_the_scheduler_decides() -> None:
    world = applied(states.World(model=states.model()))
    world.carry_out(world.plan())
    assert states.condition(world, "Ready")["reason"] == "WaitingForScheduler"
    deployment = world.child("Deployment")
    assert deployment is not None
    world.pods = [states.engine_pod(deployment, node="", scheduled=None)]
    assert world.plan().status is None
    world.pods = [states.engine_pod(deployment)]
    status = world.plan().status
    assert status is not None
    assert status["replicas"] == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", "InsufficientGPU"),
        (
            "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) didn't match "
            "Pod's node affinity/selector.",
            "InsufficientGPU",
        ),
        ("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
         "NodeNotFound"),
        ('0/1 nodes are available: persistentvolumeclaim "models" not found.', "ClaimNotFound"),
        ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
         "ClaimPending"),
        ("0/1 nodes are available: 1 node(s) had volume node affinity conflict.",
         "VolumeNodeAffinityConflict"),
        ("0/1 nodes are available: 1 Insufficient memory.", "Unschedulable"),
    ],
)  # fmt: skip
def test_the_schedulers_words_are_shown_under_the_right_reason(words: str, reason: str) -> None:
    claim = {"source": {"persistentVolumeClaim": {"claimName": "models"}}}
    ready = ready_of(with_pod(claim, node="", scheduled=unschedulable(words)).plan())
    assert (ready["status"], ready["reason"]) == ("False", reason)
    assert words.split(":", 1)[1][:40] in ready["message"]


def test_a_gpu_that_another_model_holds_is_named() -> None:
    words = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    world = with_pod(CUDA, node="", scheduled=unschedulable(words))
    other = with_pod(CUDA, uid="other").pods[0]
    other["metadata"]["labels"]["reflexstack.dev/model"] = "gpt-oss-20b"
    snapshot = world.snapshot()
    plan = reconcile(ModelSnapshot(**{**snapshot.__dict__, "peer_pods": (other,)}), states.NOON)
    ready = ready_of(plan)
    assert ready["reason"] == "GPUHeldByPeer"
    assert "default/gpt-oss-20b on node-1" in ready["message"]
    assert [event.type for event in plan.events] == ["Warning"]


@pytest.mark.parametrize(
    ("container", "reason", "evidence"),
    [
        (waiting("ErrImageNeverPull", "Container image x is not present"), "ImagePullError", "x"),
        (waiting("ImagePullBackOff", "Back-off pulling image"), "ImagePullError", "Back-off"),
        (waiting("CreateContainerConfigError", "no"), "ContainerStartError", "no"),
        (waiting("ContainerCreating"), "EngineStarting", ""),
        (crashed("Error", 137), "EngineRestarting", "exit code 137"),
        (crashed("Completed", 0), "EngineRestarting", "exit code 0"),
        (crashed("Error", 1, waits="CrashLoopBackOff"), "EngineCrashLoop", "Scheduler hit"),
        (crashed("OOMKilled", 137, waits="CrashLoopBackOff"), "EngineHostOOMKilled", "OOMKilled"),
    ],
)
def test_what_the_kubelet_reports_becomes_a_reason(
    container: Manifest, reason: str, evidence: str
) -> None:
    ready = ready_of(with_pod(container=container).plan())
    assert (ready["status"], ready["reason"]) == ("False", reason)
    assert evidence in ready["message"]
    assert len(ready["message"]) <= 256


def test_an_engine_that_was_ready_and_fell_silent_is_not_called_starting() -> None:
    silent = with_pod(container=states.running(ready=False), ready_since=states.NOON)
    assert ready_of(silent.plan())["reason"] == "EngineNotAnswering"


def test_a_pod_that_the_api_server_refuses_is_explained() -> None:
    world = applied(states.World(model=states.model()))
    deployment = world.child("Deployment")
    assert deployment is not None
    words = 'pods "tiny" is forbidden: RuntimeClass "nvidia" not found'
    deployment["status"] = {
        "conditions": [{"type": "ReplicaFailure", "status": "True", "message": words}]
    }
    ready = ready_of(world.plan())
    assert ready["reason"] == "PodCreateFailed"
    assert words in ready["message"]


def test_an_engine_is_asked_before_it_is_routed_to() -> None:
    world = with_pod(container=states.running(), containers_ready=True)
    plan = world.plan()
    assert plan.probe is not None
    assert plan.probe.base_url == "http://10.244.0.7:30000"
    assert plan.probe.secret == ObjectRef(kind="Secret", namespace="default", name="tiny-keys")
    assert plan.gate is None
    assert ready_of(plan)["reason"] == "EngineStarting"


def answered(outcome: ProbeOutcome, failures: int, *, gate: bool = False) -> states.World:
    world = with_pod(container=states.running(), containers_ready=True, gate=gate)
    incarnation = read_pod(world.pods[0]).incarnation
    world.probes[incarnation] = ProbeResult(
        incarnation=incarnation,
        outcome=outcome,
        at=states.NOON,
        evidence="served `other`",
        failures=failures,
        memory=states.MEMORY,
    )
    return world


def test_a_verified_answer_opens_the_gate() -> None:
    plan = answered(ProbeOutcome.VERIFIED, 0).plan()
    assert plan.gate is not None
    assert plan.gate.status == "True"
    assert plan.probe is None


def test_a_wrong_model_is_named_and_asked_again_later() -> None:
    plan = answered(ProbeOutcome.WRONG_MODEL, 1).plan()
    assert ready_of(plan)["reason"] == "WrongModelLoaded"
    assert (plan.gate, plan.probe) == (None, None)
    assert plan.requeue_after == timedelta(seconds=2)


def test_silence_never_closes_the_gate_of_a_serving_pod() -> None:
    plan = answered(ProbeOutcome.UNREACHABLE, 5, gate=True).plan()
    assert plan.gate is None
    assert ready_of(plan)["status"] == "True"


def test_wrong_answers_close_the_gate_of_a_serving_pod() -> None:
    assert answered(ProbeOutcome.BAD_ANSWER, 1, gate=True).plan().gate is None
    gate = answered(ProbeOutcome.BAD_ANSWER, 2, gate=True).plan().gate
    assert gate is not None
    assert gate.status == "False"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"suspend": True}, "Suspended"),
        ({"replicas": 0}, "ScaledToZero"),
        ({"activation": "Routed"}, "StandbyStopped"),
    ],
)
def test_a_model_that_should_not_run_has_no_engine_and_says_why(
    spec: dict[str, Any], reason: str
) -> None:
    world = states.World(model=states.model(**spec))
    world.settle()
    deployment = world.child("Deployment")
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 0
    ready = states.condition(world, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", reason)


def test_suspend_keeps_the_revision_and_resume_runs_it_again() -> None:
    world = states.World(model=states.model())
    world.settle()
    revision = world.model["status"]["resolved"]["revisionHash"]
    for suspend in (True, False):
        world.model["spec"]["suspend"] = suspend
        world.model["metadata"]["generation"] += 1
        world.settle()
        assert world.model["status"]["resolved"]["revisionHash"] == revision
    assert states.condition(world, "Ready")["status"] == "True"
    assert world.pods_started == 2


def test_one_changed_argument_is_a_new_revision_that_the_service_follows() -> None:
    world = states.World(model=states.model())
    world.settle()
    before = world.model["status"]["resolved"]["revisionHash"]
    world.model["spec"]["engine"]["maxRunningRequests"] = 2
    world.model["metadata"]["generation"] += 1
    plan = world.plan()
    assert ready_of(plan)["reason"] == "EngineStopping"  # the old pod is still there
    world.settle()
    after = world.model["status"]["resolved"]["revisionHash"]
    service = world.child("Service")
    assert service is not None
    assert before != after == service["spec"]["selector"][LABEL_REVISION]
    assert world.pods_started == 2


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"source": {}}, "SpecInvalid"),
        ({"engine": {"device": "tpu", "contextLength": 1024}}, "SpecInvalid"),
    ],
)
def test_what_cannot_be_carried_out_is_explained_and_touches_nothing(
    spec: dict[str, Any], reason: str
) -> None:
    plan = states.World(model=states.model(**spec)).plan()
    assert (plan.apply, plan.secret) == ((), None)
    ready = ready_of(plan)
    assert (ready["status"], ready["reason"]) == ("False", reason)


def test_a_foreign_object_with_our_name_is_left_alone() -> None:
    world = states.World(model=states.model())
    snapshot = world.snapshot()
    taken = ObjectRef(kind="Service", namespace="default", name="tiny")
    plan = reconcile(ModelSnapshot(**{**snapshot.__dict__, "conflicts": (taken,)}), states.NOON)
    assert plan.apply == ()
    assert ready_of(plan)["reason"] == "NameConflict"
    assert "Service default/tiny" in ready_of(plan)["message"]


def test_a_missing_secret_of_the_user_is_explained_and_looked_for_again() -> None:
    world = with_pod({"apiKeySecretRef": {"name": "mine"}}, container=waiting("ContainerCreating"))
    world.secret = SecretState.MISSING
    plan = world.plan()
    assert plan.secret is None
    assert ready_of(plan)["reason"] == "SecretNotFound"
    assert "default/mine" in ready_of(plan)["message"]
    assert plan.requeue_after is not None


def test_a_model_that_is_being_deleted_is_left_to_the_garbage_collector() -> None:
    world = states.World(model=states.model())
    world.model["metadata"]["deletionTimestamp"] = states.timestamp(states.NOON)
    assert world.plan() == Plan()


def test_a_crash_in_place_keeps_the_gate_and_counts_the_restart() -> None:
    world = states.World(model=states.model())
    world.settle()
    since = states.condition(world, "Ready")["lastTransitionTime"]
    world.now += timedelta(minutes=5)
    pod = world.pods[0]
    pod["status"]["containerStatuses"] = [crashed("Error", 137)]
    for entry in pod["status"]["conditions"]:
        if entry["type"] in ("ContainersReady", "Ready"):
            entry.update(status="False", lastTransitionTime=states.timestamp(world.now))
    plan = world.plan()
    assert plan.gate is None
    assert plan.status is not None
    assert plan.status["startup"]["restarts"] == 1
    assert plan.status["startup"]["lastTermination"]["reason"] == "EngineRestarting"
    assert "exit code 137" in plan.status["startup"]["lastTermination"]["message"]
    assert ready_of(plan)["reason"] == "EngineRestarting"
    assert ready_of(plan)["lastTransitionTime"] != since


def test_a_refused_child_is_said_while_the_old_engine_keeps_its_service() -> None:
    world = states.World(model=states.model())
    world.settle()
    world.model["spec"]["engine"]["maxRunningRequests"] = 2
    world.model["metadata"]["generation"] += 1
    snapshot = replace(world.snapshot(), refusal='Deployment "tiny" is invalid: nodeSelector')
    ready = ready_of(reconcile(snapshot, states.NOON))
    assert ready["reason"] == "ApplyFailed"
    assert "nodeSelector" in ready["message"]


def test_a_lost_node_is_named() -> None:
    world = states.World(model=states.model())
    world.settle()
    for entry in world.pods[0]["status"]["conditions"]:
        if entry["type"] == "Ready":
            entry["status"] = "False"
    lost = {"conditions": [{"type": "Ready", "status": "Unknown"}]}
    node = {"node-1": {"metadata": {"name": "node-1"}, "status": lost}}
    ready = ready_of(reconcile(replace(world.snapshot(), nodes=node), states.NOON))
    assert ready["reason"] == "NodeNotReady"
    assert "node-1" in ready["message"]


def test_a_namesakes_pod_does_not_make_a_new_model_ready() -> None:
    world = states.World(model=states.model())
    world.settle()
    del world.model["status"]
    world.model["metadata"]["creationTimestamp"] = states.timestamp(states.NOON)
    plan = world.plan()
    assert plan.gate is None
    assert ready_of(plan)["reason"] == "EngineStopping"


def test_our_own_draining_engine_is_not_called_a_lack_of_gpus() -> None:
    words = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    world = with_pod(CUDA, node="", scheduled=unschedulable(words))
    deployment = world.child("Deployment")
    assert deployment is not None
    old = states.engine_pod(deployment, uid="old")
    old["metadata"]["deletionTimestamp"] = states.timestamp(states.NOON)
    world.pods.append(old)
    assert ready_of(world.plan())["reason"] == "EngineStopping"


def test_one_bad_replica_does_not_keep_the_others_unverified() -> None:
    world = answered(ProbeOutcome.BAD_ANSWER, 3)
    deployment = world.child("Deployment")
    assert deployment is not None
    good = states.engine_pod(
        deployment, uid="pod-2", container=states.running(), containers_ready=True
    )
    world.pods.append(good)
    plan = world.plan()
    assert plan.probe is not None
    assert plan.probe.incarnation.pod_uid == "pod-2"


def test_a_blip_of_readiness_does_not_change_the_start_times() -> None:
    world = states.World(model=states.model())
    world.settle()
    before = world.model["status"]["startup"]
    world.now += timedelta(days=3)
    for entry in world.pods[0]["status"]["conditions"]:
        if entry["type"] == "Ready":
            entry["lastTransitionTime"] = states.timestamp(world.now)
    world.settle()
    assert world.model["status"]["startup"] == before


def test_every_reason_has_a_sentence() -> None:
    assert all(message(reason) for reason in Reason)
