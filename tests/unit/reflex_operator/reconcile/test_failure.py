"""Why an engine that should run does not: every reason of EngineReady, and how long it is said."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import states
from reflex_api.conditions import Reason
from reflex_operator.engines.report import ProbeOutcome
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.engine import read_pod
from reflex_operator.reconcile.plan import Autopsy, Incarnation, Plan, ProbeResult, SecretState

OOM_LINE = "while serving: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 448.00 MiB"
TAINT = "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/%s: }."


def at(seconds: float) -> str:
    return states.timestamp(states.NOON + timedelta(seconds=seconds))


def with_pod(spec: dict[str, Any] | None = None, **pod: Any) -> states.World:
    world = states.World(model=states.model(**(spec or {})))
    world.carry_out(world.plan())
    world.secret = SecretState.PRESENT
    deployment = world.child("Deployment")
    assert deployment is not None
    world.pods = [states.engine_pod(deployment, **pod)]
    return world


def ended(
    reason: str = "Error",
    code: int = 1,
    *,
    message: str = "",
    ran: int = 20,
) -> Manifest:
    return {
        "reason": reason,
        "exitCode": code,
        "message": message,
        "startedAt": at(-100 - ran),
        "finishedAt": at(-100),
    }


def crashed(run: Manifest, *, restarts: int = 1, waits: str = "") -> Manifest:
    """A container that crashed and runs again, or waits for its turn."""
    state: Manifest = {"waiting": {"reason": waits}} if waits else {"running": {}}
    if not waits:
        state["running"]["startedAt"] = at(-90)
    return {"restartCount": restarts, "state": state, "lastState": {"terminated": run}}


def waiting(reason: str, words: str = "") -> Manifest:
    return {"restartCount": 0, "state": {"waiting": {"reason": reason, "message": words}}}


def read(world: states.World, reason: Reason | None, evidence: str = "") -> states.World:
    """The log that the plan asks for is read."""
    wanted = world.plan().log
    assert wanted is not None
    world.autopsies = [Autopsy(incarnation=wanted.incarnation, reason=reason, evidence=evidence)]
    return world


def autopsied(found: Reason | None, evidence: str, **run: Any) -> states.World:
    return read(with_pod(container=crashed(ended(**run))), found, evidence)


def of(plan: Plan, kind: str = "EngineReady") -> Manifest:
    assert plan.status is not None
    found: Manifest = next(c for c in plan.status["conditions"] if c["type"] == kind)
    return found


def last(plan: Plan) -> Manifest:
    assert plan.status is not None
    found: Manifest = plan.status["startup"]["lastTermination"]
    return found


def node_lost() -> states.World:
    world = with_pod(container=crashed(ended()))
    world.node = {"conditions": [{"type": "Ready", "status": "Unknown"}]}
    return world


def node_pressed(kind: str, container: Manifest) -> states.World:
    world = with_pod(container=container)
    world.node = {"conditions": [{"type": kind, "status": "True"}]}
    return world


def evicted(words: str, reason: str = "Evicted") -> states.World:
    """A pod that the kubelet threw out a moment ago, and its successor that has no node yet."""
    world = with_pod(uid="old", container=crashed(ended()))
    deployment = world.child("Deployment")
    assert deployment is not None
    world.pods[0]["status"].update(phase="Failed", reason=reason, message=words)
    for condition in world.pods[0]["status"]["conditions"]:
        condition["lastTransitionTime"] = at(-55)
    world.pods.append(states.engine_pod(deployment, uid="new", node=""))
    return world


def refused_pod() -> states.World:
    return evicted("Allocate failed due to no healthy devices", "UnexpectedAdmissionError")


def preempted() -> states.World:
    world = with_pod(container=states.running())
    world.pods[0]["metadata"]["deletionTimestamp"] = at(0)
    world.pods[0]["status"]["conditions"].append(
        {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": "preempting to accommodate a higher priority pod",
        }
    )
    return world


def creating(*conditions: tuple[str, float], init: Manifest | None = None) -> states.World:
    world = with_pod(container=waiting("PodInitializing" if init else "ContainerCreating"))
    status = world.pods[0]["status"]
    for kind, since in conditions:
        status["conditions"].append(
            {"type": kind, "status": "True", "lastTransitionTime": at(since)}
        )
    if init:
        status["initContainerStatuses"] = [{"name": "gpu-release", **init}]
    return world


SANDBOX = "PodReadyToStartContainers"
RELEASED = {"state": {"terminated": {"exitCode": 0, "finishedAt": at(-8)}}}


def answered(outcome: ProbeOutcome) -> states.World:
    world = with_pod(container=states.running(), containers_ready=True)
    incarnation = read_pod(world.pods[0]).incarnation
    world.probes[incarnation] = ProbeResult(
        incarnation=incarnation, outcome=outcome, at=states.NOON, evidence="said so", failures=3
    )
    return world


def refused_child() -> states.World:
    world = with_pod(container=waiting("ContainerCreating"))
    world.refusal = "Deployment is invalid"
    return world


def settled(spec: dict[str, Any] | None = None) -> states.World:
    world = states.World(model=states.model(**(spec or {})))
    world.settle()
    return world


def replaced() -> states.World:
    world = settled()
    world.model["spec"]["engine"]["maxRunningRequests"] = 2
    return world


def unpullable() -> Manifest:
    return waiting("ImagePullBackOff", 'Back-off pulling image "x"')


# reason, words that must be in the message, world
CASES: list[tuple[str, str, Callable[[], states.World]]] = [
    ("ApplyFailed", "Deployment is invalid", refused_child),
    ("NodeNotReady", "node-1", node_lost),
    ("NodeNotReady", "imminent node shutdown",
     lambda: evicted("Pod was terminated in response to imminent node shutdown.", "Terminated")),
    ("NodeDiskPressure", "node-1", lambda: node_pressed("DiskPressure", unpullable())),
    ("NodeDiskPressure", "low on resource: ephemeral-storage",
     lambda: evicted("The node was low on resource: ephemeral-storage. Threshold: 1Gi")),
    ("NodeDiskPressure", "[DiskPressure]",
     lambda: evicted("The node had condition: [DiskPressure].")),
    ("NodeMemoryPressure", "node-1",
     lambda: read(node_pressed("MemoryPressure", crashed(ended(code=137))), None)),
    ("NodeMemoryPressure", "low on resource: memory",
     lambda: evicted("The node was low on resource: memory. Container engine was using 9Gi")),
    ("PodEvicted", 'EmptyDir volume "home" exceeds the limit "1Gi"',
     lambda: evicted('Usage of EmptyDir volume "home" exceeds the limit "1Gi".')),
    ("PodEvicted", "higher priority pod", preempted),
    ("PodCreateFailed", "no healthy devices", refused_pod),
    ("ImagePulling", "", lambda: creating((SANDBOX, -6))),
    ("ImagePulling", "", lambda: creating((SANDBOX, -60), init=RELEASED)),
    ("ImagePullError", "Back-off pulling", lambda: with_pod(container=unpullable())),
    ("ContainerStartError", "no such file", lambda: with_pod(
        container=crashed(ended("StartError", 128, message="exec: no such file"), waits="Crash"))),
    ("WaitingForGPURelease", "", lambda: creating(
        (SANDBOX, -60), init={"state": {"running": {"startedAt": at(-6)}}})),
    ("WaitingForGPURelease", "2 GiB of 31 GiB are free", lambda: creating(
        (SANDBOX, -60),
        init={"state": {"waiting": {"reason": "CrashLoopBackOff"}},
              "lastState": {"terminated": {"exitCode": 1,
                                           "message": "2 GiB of 31 GiB are free"}}})),
    ("EngineGPUOutOfMemory", "448.00 MiB; lower engine.memFractionStatic, chunkedPrefillSize",
     lambda: autopsied(Reason.ENGINE_GPU_OUT_OF_MEMORY, OOM_LINE, code=137)),
    ("UnsupportedGPUArch", "no kernel image",
     lambda: autopsied(Reason.UNSUPPORTED_GPU_ARCH, "no kernel image")),
    ("CUDADriverInsufficient", "too old",
     lambda: autopsied(Reason.CUDA_DRIVER_INSUFFICIENT, "driver on your system is too old")),
    ("UnsupportedModel", "NoSuch", lambda: autopsied(Reason.UNSUPPORTED_MODEL, "NoSuch")),
    ("ModelFilesInvalid", "header", lambda: autopsied(Reason.MODEL_FILES_INVALID, "header")),
    ("EngineArgumentsInvalid", "--x",
     lambda: autopsied(Reason.ENGINE_ARGUMENTS_INVALID, "error: --x", code=2)),
    ("InsufficientGPUMemory", "raise engine.memFractionStatic, or use smaller weights",
     lambda: autopsied(Reason.INSUFFICIENT_GPU_MEMORY,
                       "Loaded weights leave no GPU memory for the KV cache")),
    ("SecretNotFound", "no api-key",
     lambda: autopsied(Reason.SECRET_NOT_FOUND, "error: no api-key in /etc/reflex/keys")),
    ("EngineHostOOMKilled", "OOMKilled (exit code 137)",
     lambda: with_pod(container=crashed(ended("OOMKilled", 137), waits="CrashLoopBackOff"))),
    ("ProbeTimeout", "exit code 137 after 1200 s",
     lambda: autopsied(None, "", code=137, ran=1200)),
    ("ProbeTimeout", "exit code 143 after 400 s", lambda: autopsied(None, "", code=143, ran=400)),
    ("ProbeTimeout", "SIGTERM", lambda: autopsied(Reason.PROBE_TIMEOUT, "SIGTERM", code=0)),
    ("EngineCrashLoop", "Error (exit code 1): RuntimeError: new", lambda: read(
        with_pod(container=crashed(ended(), waits="CrashLoopBackOff")), None, "RuntimeError: new")),
    ("EngineRestarting", "Error (exit code 137)", lambda: autopsied(None, "", code=137, ran=400)),
    ("EngineRestarting", "Completed (exit code 0): the tail",
     lambda: autopsied(None, "", reason="Completed", code=0, message="the tail")),
    ("EngineStarting", "", lambda: with_pod(container=waiting("ContainerCreating"))),
    ("EngineStarting", "", lambda: creating((SANDBOX, -4))),
    ("EngineStopping", "", replaced),
    ("WrongModelLoaded", "said so", lambda: answered(ProbeOutcome.WRONG_MODEL)),
    ("VerificationFailed", "said so", lambda: answered(ProbeOutcome.BAD_ANSWER)),
    ("EngineNotAnswering", "said so", lambda: answered(ProbeOutcome.UNREACHABLE)),
    ("EngineReady", "", settled),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "words", "world"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)]
)
def test_every_state_has_its_reason(
    reason: str, words: str, world: Callable[[], states.World]
) -> None:
    condition = of(world().plan())
    assert condition["reason"] == reason, condition["message"]
    assert words in condition["message"]
    assert len(condition["message"]) <= 256


def test_every_reason_of_the_group_is_produced() -> None:
    reasons = list(Reason)
    group = reasons[reasons.index(Reason.APPLY_FAILED) : reasons.index(Reason.ENGINE_READY) + 1]
    assert {reason.value for reason in group} <= {case[0] for case in CASES}


@pytest.mark.parametrize("taint", [("disk-pressure", "NodeDiskPressure"),
                                   ("memory-pressure", "NodeMemoryPressure"),
                                   ("unreachable", "NodeNotReady"),
                                   ("not-ready", "NodeNotReady")])  # fmt: skip
def test_a_node_that_takes_nobody_says_why(taint: tuple[str, str]) -> None:
    words = {"status": "False", "reason": "Unschedulable", "message": TAINT % taint[0]}
    assert of(with_pod(node="", scheduled=words).plan(), "Ready")["reason"] == taint[1]


def test_a_log_is_asked_for_once_for_each_run() -> None:
    world = with_pod(container={"restartCount": 0, "state": {"terminated": ended()}})
    wanted = world.plan().log
    assert wanted is not None
    assert (wanted.incarnation.restart_count, wanted.previous) == (0, False)
    read(world, Reason.MODEL_FILES_INVALID, "header")
    assert world.plan().log is None
    # The same run, seen after the next one began: the verdict holds.
    world.pods[0]["status"]["containerStatuses"] = [crashed(ended())]
    assert world.plan().log is None
    # And the next run's end is another.
    again = crashed(ended(), waits="CrashLoopBackOff")
    world.pods[0]["status"]["containerStatuses"] = [again]
    wanted = world.plan().log
    assert wanted is not None
    assert (wanted.incarnation.restart_count, wanted.previous) == (1, True)


def test_a_log_that_may_have_been_the_next_runs_is_read_again() -> None:
    world = with_pod(container={"restartCount": 0, "state": {"terminated": ended()}})
    run = Incarnation(pod_uid="pod-1", restart_count=0)
    world.autopsies = [Autopsy(incarnation=run, reason=None, final=False)]
    assert world.plan().log is None
    world.pods[0]["status"]["containerStatuses"] = [crashed(ended())]
    wanted = world.plan().log
    assert wanted is not None
    assert wanted.previous


@pytest.mark.parametrize("reason", ["OOMKilled", "StartError"])
def test_what_the_kubelet_knows_needs_no_log(reason: str) -> None:
    assert with_pod(container=crashed(ended(reason, 137))).plan().log is None


def test_the_log_of_a_pod_that_is_deleted_is_not_read() -> None:
    world = with_pod(container=crashed(ended()))
    world.pods[0]["metadata"]["deletionTimestamp"] = at(0)
    assert world.plan().log is None


def crash_loop() -> states.World:
    """An engine whose log was read after its first crash, and the status says so."""
    container = crashed(ended(code=137), restarts=3, waits="CrashLoopBackOff")
    world = read(with_pod(container=container), Reason.ENGINE_GPU_OUT_OF_MEMORY, OOM_LINE)
    world.carry_out(world.plan())
    return world


def test_the_status_names_the_last_end_and_keeps_it_when_the_engine_recovers() -> None:
    world = crash_loop()
    expected = {"reason": "EngineGPUOutOfMemory", "message": OOM_LINE}
    assert last(world.plan()) == expected
    recovered = {**crashed(ended(code=137), restarts=4), "ready": True, "started": True}
    world.pods[0]["status"]["containerStatuses"] = [recovered]
    for condition in world.pods[0]["status"]["conditions"]:
        condition["status"] = "True"
    world.autopsies = []
    world.carry_out(world.plan())
    world.settle()
    assert last(world.plan()) == expected
    assert of(world.plan(), "Ready")["reason"] == "Serving"


def test_a_restarted_operator_changes_nothing_and_reads_the_log_again() -> None:
    world = crash_loop()
    told = world.plan().status
    world.autopsies = []
    plan = world.plan()
    assert plan.status == told
    assert plan.events == ()
    assert plan.log is not None


def test_a_restarted_operator_does_not_read_about_an_engine_that_serves() -> None:
    world = settled()
    container = crashed(ended(code=137)) | {"ready": True, "started": True}
    world.pods[0]["status"]["containerStatuses"] = [container]
    world.carry_out(read(world, None, "RuntimeError: once").plan())
    told = world.plan().status
    world.autopsies = []
    assert (world.plan().status, world.plan().log) == (told, None)


def test_the_reason_stays_while_the_next_crash_is_looked_into() -> None:
    world = crash_loop()
    told = of(world.plan())
    container = crashed(ended(code=137), restarts=4, waits="CrashLoopBackOff")
    world.pods[0]["status"]["containerStatuses"] = [container]
    plan = world.plan()
    assert plan.log is not None
    assert of(plan) == told
    assert plan.events == ()
    assert of(read(world, Reason.MODEL_FILES_INVALID, "header").plan())["reason"] == (
        "ModelFilesInvalid"
    )


def test_an_old_cause_is_not_presumed_for_an_engine_that_had_recovered() -> None:
    world = settled()
    world.model["status"]["startup"]["lastTermination"] = {
        "reason": "EngineGPUOutOfMemory",
        "message": OOM_LINE,
    }
    for condition in world.pods[0]["status"]["conditions"]:
        condition["status"] = "False"
    world.pods[0]["status"]["containerStatuses"] = [crashed(ended(code=137))]
    assert of(world.plan())["reason"] == "EngineRestarting"


def test_an_evicted_pod_is_no_story_any_more_once_its_successor_has_a_node() -> None:
    world = evicted("The node was low on resource: memory.")
    assert last(world.plan())["reason"] == "NodeMemoryPressure"
    world.carry_out(world.plan())
    deployment = world.child("Deployment")
    assert deployment is not None
    world.pods[1] = states.engine_pod(deployment, uid="new", container=waiting("Pulling"))
    assert of(world.plan())["reason"] == "EngineStarting"
    assert last(world.plan())["reason"] == "NodeMemoryPressure"


def test_an_evicted_pod_of_long_ago_does_not_explain_a_new_one() -> None:
    world = evicted("The node was low on resource: memory.")
    for condition in world.pods[0]["status"]["conditions"]:
        condition["lastTransitionTime"] = at(-4000)
    assert world.plan().status is None, "nothing to add to what the status says already"
    assert states.condition(world, "Ready")["reason"] == "WaitingForScheduler"


def test_what_is_said_after_a_while_is_looked_at_again_in_time() -> None:
    for world in (
        creating((SANDBOX, -3)),
        creating((SANDBOX, -60), init={"state": {"running": {"startedAt": at(-3)}}}),
    ):
        plan = world.plan()
        assert of(plan)["reason"] == "EngineStarting"
        assert plan.requeue_after == timedelta(seconds=2)


def test_an_old_oom_kill_does_not_explain_an_engine_that_falls_silent_later() -> None:
    container = states.running(ready=False, restarts=1)
    container["lastState"] = {"terminated": ended("OOMKilled", 137)}
    world = with_pod(container=container, ready_since=states.NOON)
    assert of(world.plan())["reason"] == "EngineNotAnswering"


@pytest.mark.parametrize(
    "world", [case[2] for case in CASES], ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)]
)
def test_what_was_said_once_is_not_written_again(world: Callable[[], states.World]) -> None:
    one = world()
    one.carry_out(one.plan())
    told = one.model["status"]
    plan = one.plan()
    assert (plan.status, plan.events) == (told, ())
    one.autopsies = []  # the operator was restarted
    plan = one.plan()
    assert (plan.status, plan.events) == (told, ())
