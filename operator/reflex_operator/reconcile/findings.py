"""What the cluster says about one model, condition by condition; the first trouble is Ready's."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from reflex_api.conditions import ConditionType, Reason
from reflex_api.model import ReflexModel
from reflex_operator.builders.secret import secret_name
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile import failure, memory, nodes, weights
from reflex_operator.reconcile.draining import leaving
from reflex_operator.reconcile.engine import EnginePod, Finding, is_ending
from reflex_operator.reconcile.plan import ModelSnapshot, ProbeOutcome, SecretState
from reflex_operator.reconcile.scheduling import gpu_holder

UNDER_WAY: Final = {Reason.INSPECTING, Reason.DOWNLOADING}
"""Reasons of ModelCached that nothing is wrong with."""

Findings = dict[ConditionType, Finding]


def findings_of(
    snapshot: ModelSnapshot,
    model: ReflexModel,
    fit: memory.Estimate,
    revision: str,
    pods: tuple[EnginePod, ...],
    stopped: Reason | None,
    cache: weights.Weights,
    now: datetime,
) -> Findings:
    """Return every condition's state but what a failed revision changes about Ready.

    Args:
        snapshot: what is.
        model: what is wanted.
        fit: the estimate of its memory.
        revision: the one that is looked at: the wanted one, or what runs in its place.
        pods: of that revision.
        stopped: why no engine should run, or None.
        cache: the state of the weights.
        now: the time.
    """
    pod = least_ready(pods)
    scheduled = _scheduled(snapshot, model, pods, stopped)
    engine = _engine(snapshot, model, pod, stopped, scheduled, now)
    if engine.reason in (Reason.ENGINE_STOPPING, Reason.WAITING_FOR_SCHEDULER):
        engine = nodes.thrown_out(snapshot.pods, revision, pod) or engine
    if not (cache.complete or stopped or pod):
        scheduled = engine = Finding(status="Unknown", reason=Reason.WAITING_FOR_WEIGHTS)
    cached = cache.finding or weights.cached(model, scheduled)
    if snapshot.refusal and not (cache.complete or pod) and cached.reason in UNDER_WAY:
        cached = Finding(status="False", reason=Reason.APPLY_FAILED, evidence=snapshot.refusal)
    blockers = (scheduled, engine) if engine.status == "True" else (cached, scheduled, engine)
    if stopped and not any(not is_ending(one) for one in snapshot.pods):
        ready = Finding(status="False", reason=stopped)
    else:
        broken = [one for one in blockers if one.status == "False"]
        waiting = [one for one in (scheduled, engine) if one.status == "Unknown"]
        short = len(pods) < model.spec.replicas and not stopped
        ready = next(iter([*broken, *waiting]), None) or Finding(
            status="True", reason=Reason.SERVING
        )
        if ready.status == "Unknown" or (ready.status == "True" and short):
            reason = ready.reason if ready.status == "Unknown" else Reason.WAITING_FOR_SCHEDULER
            ready = Finding(status="False", reason=reason, evidence=ready.evidence)
    return {
        ConditionType.ACCEPTED: Finding(status="True", reason=Reason.ACCEPTED),
        ConditionType.MEMORY_FITS: memory.memory_fits(snapshot, model, fit, revision, pod),
        ConditionType.MODEL_CACHED: cached,
        ConditionType.SCHEDULED: scheduled,
        ConditionType.ENGINE_READY: engine,
        ConditionType.RESIDENT: _resident(engine, snapshot, pods),
        ConditionType.READY: ready,
    }


def least_ready(pods: tuple[EnginePod, ...]) -> EnginePod | None:
    """Return the pod that holds the model back: with one replica, the only one."""
    return min(
        pods, key=lambda pod: (pod.ready, pod.containers_ready, bool(pod.node)), default=None
    )


def _scheduled(
    snapshot: ModelSnapshot,
    model: ReflexModel,
    pods: tuple[EnginePod, ...],
    stopped: Reason | None,
) -> Finding:
    if stopped:
        return Finding(status="False", reason=stopped)
    refused = _create_failure(snapshot.deployment) if len(pods) < model.spec.replicas else ""
    if refused:
        return Finding(status="False", reason=Reason.POD_CREATE_FAILED, evidence=refused)
    pod = least_ready(pods)
    if pod is None:
        return Finding(status="Unknown", reason=Reason.WAITING_FOR_SCHEDULER)
    if pod.scheduled.reason is Reason.INSUFFICIENT_GPU:
        ending = [one for one in snapshot.pods if is_ending(one) and one["spec"].get("nodeName")]
        if stopping := leaving(ending):
            return stopping  # it holds our GPU
        selector = model.spec.placement.node_selector
        holder = gpu_holder(selector, snapshot.nodes, snapshot.peer_pods)
        if holder:
            evidence = f"{holder}; scheduler: {pod.scheduled.evidence}"
            return Finding(status="False", reason=Reason.GPU_HELD_BY_PEER, evidence=evidence)
    return pod.scheduled


def _engine(
    snapshot: ModelSnapshot,
    model: ReflexModel,
    pod: EnginePod | None,
    stopped: Reason | None,
    scheduled: Finding,
    now: datetime,
) -> Finding:
    if stopped:
        return Finding(status="False", reason=stopped)
    if snapshot.refusal and not (pod and pod.ready):
        return Finding(status="False", reason=Reason.APPLY_FAILED, evidence=snapshot.refusal)
    if pod is None:
        waits = Finding(status="Unknown", reason=Reason.WAITING_FOR_SCHEDULER)
        return leaving(snapshot.pods) or waits
    if scheduled.status != "True":
        return Finding(status="Unknown", reason=Reason.WAITING_FOR_SCHEDULER)
    if pod.ready:
        return Finding(status="True", reason=Reason.ENGINE_READY)
    if snapshot.secret in (SecretState.MISSING, SecretState.KEY_MISSING) and not owns_keys(model):
        evidence = f"Secret {model.namespace}/{secret_name(model)}"
        if snapshot.secret is SecretState.KEY_MISSING:
            evidence += " has no `api-key`"
        return Finding(status="False", reason=Reason.SECRET_NOT_FOUND, evidence=evidence)
    if _node_is_lost(snapshot, pod):
        return Finding(status="False", reason=Reason.NODE_NOT_READY, evidence=pod.node)
    if not pod.containers_ready:
        return failure.engine_finding(snapshot, model, pod, now)
    probe = snapshot.probe_of(pod.incarnation)
    if probe is None or probe.failures == 0:
        return Finding(status="Unknown", reason=Reason.ENGINE_STARTING)
    reason = {
        ProbeOutcome.WRONG_MODEL: Reason.WRONG_MODEL_LOADED,
        ProbeOutcome.UNREACHABLE: Reason.ENGINE_NOT_ANSWERING,
    }.get(probe.outcome, Reason.VERIFICATION_FAILED)
    return Finding(status="False", reason=reason, evidence=probe.evidence)


def _node_is_lost(snapshot: ModelSnapshot, pod: EnginePod) -> bool:
    """Return whether the node controller has given the pod's node up."""
    status = (snapshot.nodes.get(pod.node) or {}).get("status") or {}
    ready = next((one for one in status.get("conditions") or [] if one["type"] == "Ready"), None)
    return ready is not None and ready["status"] != "True"


def _resident(engine: Finding, snapshot: ModelSnapshot, pods: tuple[EnginePod, ...]) -> Finding:
    if engine.status == "True":
        return Finding(status="True", reason=Reason.RESIDENT)
    stopping = None if pods else leaving([one for one in snapshot.pods if is_ending(one)])
    if stopping is not None and stopping.reason is Reason.DRAINING:
        return stopping
    return replace(engine, status="False")


def _create_failure(deployment: Manifest | None) -> str:
    """Return why the pod was refused (quota, pod security, runtime class), or nothing."""
    for condition in ((deployment or {}).get("status") or {}).get("conditions") or []:
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return str(condition.get("message") or condition.get("reason"))
    return ""


def owns_keys(model: ReflexModel) -> bool:
    """Return whether the API keys are the model's own, and not a Secret of the user's."""
    return not model.spec.api_key_secret_ref.name
