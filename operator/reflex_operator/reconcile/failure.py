"""Why an engine that should run does not: the most specific cause that pod, node and log show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reflex_api.conditions import ConditionType, Reason, parse_time
from reflex_api.model import ReflexModel
from reflex_operator.builders.engine import CONTAINER
from reflex_operator.engines.failure_rules import advice
from reflex_operator.manifest import Manifest, ObjectRef
from reflex_operator.reconcile import waiting
from reflex_operator.reconcile.engine import EnginePod, Finding
from reflex_operator.reconcile.nodes import pressure, thrown_out
from reflex_operator.reconcile.plan import Autopsy, Incarnation, LogRequest, ModelSnapshot

_START_FAILED: Final = {"StartError", "ContainerCannotRun"}
_SIGKILL: Final = 137
_SIGTERM: Final = 143
_STOP_MARGIN: Final = timedelta(seconds=60)
"""From the kubelet's last probe to the end, beyond the time that the engine has to stop."""
_GENERIC: Final = {Reason.ENGINE_RESTARTING, Reason.ENGINE_CRASH_LOOP}


@dataclass(frozen=True, kw_only=True)
class EndedRun:
    """The last run of an engine's container that ended."""

    incarnation: Incarnation
    terminated: Manifest
    previous: bool  # whether the kubelet keeps its log as that of the previous container


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why a run ended, as `status.startup.lastTermination` keeps it."""

    reason: Reason
    evidence: str

    def to_manifest(self) -> Manifest:
        """Return the status entry."""
        return {"reason": self.reason.value, "message": self.evidence}


def ended_run(pod: EnginePod) -> EndedRun | None:
    """Return the pod's last run that ended; nobody stops an engine, so exit code 0 is one too."""
    container = _container(pod)
    state: Manifest = container.get("state") or {}
    ended: Manifest | None = state.get("terminated")
    previous = ended is None
    if ended is None:
        ended = (container.get("lastState") or {}).get("terminated")
    if not ended:
        return None
    count = pod.incarnation.restart_count
    # The count goes up when the next run begins, not while it waits for its turn.
    run = count - 1 if state.get("running") else count
    incarnation = Incarnation(pod_uid=pod.incarnation.pod_uid, restart_count=max(run, 0))
    return EndedRun(incarnation=incarnation, terminated=ended, previous=previous)


def log_request(
    snapshot: ModelSnapshot, model: ReflexModel, pods: Iterable[EnginePod]
) -> LogRequest | None:
    """Return the log to read next: of a run that ended for a reason that only its log knows."""
    for pod in pods:
        run = ended_run(pod)
        if run is None or not _needs_log(run):
            continue
        autopsy = _autopsy_of(snapshot, run)
        if autopsy is not None and (autopsy.final or not run.previous):
            continue
        if pod.ready and _remembers(model, pod):
            continue  # long over, and the status has it: a new operator need not read it again
        metadata = pod.manifest["metadata"]
        return LogRequest(
            incarnation=run.incarnation,
            pod=ObjectRef(kind="Pod", namespace=metadata["namespace"], name=metadata["name"]),
            container=CONTAINER,
            previous=run.previous,
        )
    return None


def engine_finding(
    snapshot: ModelSnapshot, model: ReflexModel, pod: EnginePod, now: datetime
) -> Finding:
    """Return what is wrong with, or awaited by, a pod on a node whose engine is not up."""
    pressed = pressure(snapshot.nodes.get(pod.node))
    seen = pod.engine  # the kubelet's own words
    if seen.reason is Reason.IMAGE_PULL_ERROR:
        return pressed or seen
    if seen.reason in (Reason.CONTAINER_START_ERROR, Reason.ENGINE_NOT_ANSWERING):
        return seen
    run = ended_run(pod)
    if run is not None and run.terminated.get("reason") in _START_FAILED:
        return Finding(
            status="False", reason=Reason.CONTAINER_START_ERROR, evidence=_kubelet_words(run)
        )
    if run is None:
        return pressed or waiting.gpu_release(pod, now) or waiting.image_pull(pod, now) or seen
    cause = _cause(snapshot, model, run)
    if cause is None:
        cause = _presumed(model) or _generic(run)
    if cause.reason not in _GENERIC:
        return _failed(cause.reason, cause.evidence)
    if pressed is not None:
        return pressed
    looping = seen.reason is Reason.ENGINE_CRASH_LOOP
    return _failed(seen.reason if looping else Reason.ENGINE_RESTARTING, cause.evidence)


def last_termination(
    snapshot: ModelSnapshot,
    model: ReflexModel,
    pods: Sequence[EnginePod],
    revision: str,
    before: Manifest | None,
) -> Manifest | None:
    """Return why the engine last ended; what the status says stays while nothing newer is known.

    Args:
        snapshot: with the autopsies.
        model: whose startup budget decides whether a probe killed the engine.
        pods: of the wanted revision.
        revision: the wanted one.
        before: the status' entry, of the same revision.
    """
    gone = thrown_out(snapshot.pods, revision, pods[0] if pods else None)
    if gone is not None:
        return Cause(reason=gone.reason, evidence=gone.evidence[:256]).to_manifest()
    for pod in pods:
        run = ended_run(pod)
        if run is None or (pod.ready and _needs_log(run) and _remembers(model, pod) and before):
            continue
        cause = _cause(snapshot, model, run)
        if cause is not None:
            return cause.to_manifest()
        return before or _generic(run).to_manifest()
    return before


def _needs_log(run: EndedRun) -> bool:
    return run.terminated.get("reason") not in {"OOMKilled", *_START_FAILED}


def _autopsy_of(snapshot: ModelSnapshot, run: EndedRun) -> Autopsy | None:
    return next((one for one in snapshot.autopsies if one.incarnation == run.incarnation), None)


def _cause(snapshot: ModelSnapshot, model: ReflexModel, run: EndedRun) -> Cause | None:
    """Return why the run ended; None: its log is not read yet."""
    if run.terminated.get("reason") == "OOMKilled":
        return Cause(reason=Reason.ENGINE_HOST_OOM_KILLED, evidence=_kubelet_words(run, tail=False))
    if run.terminated.get("reason") in _START_FAILED:
        return Cause(reason=Reason.CONTAINER_START_ERROR, evidence=_kubelet_words(run))
    autopsy = _autopsy_of(snapshot, run)
    if autopsy is None:
        return None
    if autopsy.reason is not None:
        return Cause(reason=autopsy.reason, evidence=autopsy.evidence)
    if autopsy.evidence:
        words = f"{_kubelet_words(run, tail=False)}: {autopsy.evidence}"
        return Cause(reason=Reason.ENGINE_RESTARTING, evidence=words)
    return _probe_timeout(model, run) or _generic(run)


def _probe_timeout(model: ReflexModel, run: EndedRun) -> Cause | None:
    """Return the kubelet's probe as the cause, if code and time of a silent end say so.

    No Event is read for this. A pod that is deleted is none of ours any more, so a SIGTERM comes
    from a probe. A SIGKILL may come from anywhere, unless the engine ran for just as long as the
    startup probe waits, and then for at most the time that it has to stop.
    """
    code = run.terminated.get("exitCode")
    began = parse_time(run.terminated.get("startedAt"))
    ended = parse_time(run.terminated.get("finishedAt"))
    if code not in (_SIGKILL, _SIGTERM) or began is None or ended is None:
        return None
    ran = ended - began
    rollout = model.spec.rollout
    longest = rollout.startup_timeout + rollout.drain_timeout + 2 * _STOP_MARGIN
    in_startup = rollout.startup_timeout <= ran <= longest
    if code == _SIGKILL and not in_startup:
        return None
    words = f"exit code {code} after {int(ran.total_seconds())} s"
    return Cause(reason=Reason.PROBE_TIMEOUT, evidence=words)


def _generic(run: EndedRun) -> Cause:
    return Cause(reason=Reason.ENGINE_RESTARTING, evidence=_kubelet_words(run))


def _presumed(model: ReflexModel) -> Cause | None:
    """Return the cause that the status names, while the engine has not been well since.

    An engine that crashes again, or an operator that was restarted, reads the log anew; until it
    has, the reason stays.
    """
    last: Manifest = (model.status.get("startup") or {}).get("lastTermination") or {}
    told = _condition_reason(model)
    try:
        cause = Cause(
            reason=Reason(str(last.get("reason"))), evidence=str(last.get("message") or "")
        )
    except ValueError:
        return None
    same = told == cause.reason.value or (cause.reason in _GENERIC and told in _GENERIC)
    return cause if same else None


def _condition_reason(model: ReflexModel) -> str:
    for condition in model.status.get("conditions") or []:
        if condition.get("type") == ConditionType.ENGINE_READY.value:
            return str(condition.get("reason"))
    return ""


def _remembers(model: ReflexModel, pod: EnginePod) -> bool:
    startup: Manifest = model.status.get("startup") or {}
    known = startup.get("restarts") == pod.incarnation.restart_count
    return known and bool(startup.get("lastTermination"))


def _kubelet_words(run: EndedRun, *, tail: bool = True) -> str:
    """Return "Error (exit code 137): the end of its log", at most 256 characters."""
    ended = run.terminated
    head = f"{ended.get('reason') or 'Error'} (exit code {ended.get('exitCode', 0)})"
    line = " ".join((ended.get("message") or "").split()) if tail else ""
    if not line:
        return head
    room = 256 - len(head) - 2
    return f"{head}: {line if len(line) <= room else '…' + line[-room + 1 :]}"


def _failed(reason: Reason, evidence: str) -> Finding:
    return Finding(status="False", reason=reason, evidence=evidence, action=advice(evidence))


def _container(pod: EnginePod) -> Manifest:
    containers = (pod.manifest.get("status") or {}).get("containerStatuses") or []
    return containers[0] if containers else {}
