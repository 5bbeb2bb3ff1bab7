"""The decision about one ReflexModel."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from reflex_api.conditions import Condition, ConditionType, Reason
from reflex_api.errors import SpecError
from reflex_api.model import Activation, Device, ReflexModel
from reflex_operator.builders.cache import folders_in, is_cached, source_digest, source_revision
from reflex_operator.builders.engine import engine_deployment, revision_of
from reflex_operator.builders.secret import keys_secret, secret_name
from reflex_operator.builders.service import network_policy, service
from reflex_operator.engines.launcher import KEY_NAMES
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile import failure, memory, rollout, status, waiting, weights
from reflex_operator.reconcile.engine import Finding, engine_pods
from reflex_operator.reconcile.findings import UNDER_WAY, findings_of, least_ready, owns_keys
from reflex_operator.reconcile.plan import (
    ModelSnapshot,
    Plan,
    SecretRequest,
    SecretState,
)
from reflex_operator.reconcile.revisions import engine_args
from reflex_operator.reconcile.verification import Check, verification

_FIRST_STATUS_AFTER: Final = timedelta(seconds=3)
"""The first status waits this long for the engine, so that a quick start costs one or two writes.
The API's times have whole seconds, so it is from 2 to 3 s."""
_EARLY: Final = {Reason.WAITING_FOR_SCHEDULER, Reason.ENGINE_STARTING}
_FIRST_NUMBERS_AFTER: Final = timedelta(seconds=5)
"""And so long for the first numbers of a download."""
_LOOK_AGAIN: Final = timedelta(seconds=10)
"""For what no watch reports: a Secret that somebody else has to create."""


def reconcile(snapshot: ModelSnapshot, now: datetime) -> Plan:
    """Return the next step for one model: same arguments, same Plan."""
    if snapshot.model["metadata"].get("deletionTimestamp"):
        return Plan()  # the garbage collector follows the owner references
    try:
        model = ReflexModel.parse(snapshot.model)
    except SpecError as error:
        unreadable = Finding(status="False", reason=Reason.SPEC_INVALID, evidence=str(error))
        replicas = rollout.raw_replicas(snapshot.model, wanted=snapshot.wanted)
        return _refused_plan(snapshot, unreadable, replicas, now)
    refusal = _refusal(snapshot, model)
    if refusal is not None:
        return _refused_plan(snapshot, refusal, _replicas(snapshot, model)[0], now)
    return _carry_out(snapshot, model, now)


def engine_replicas(
    model: ReflexModel, *, wanted: bool | None = False, live: int = 0
) -> tuple[int, Reason | None]:
    """Return how many engines should run and, for none, why.

    Args:
        model: as the spec wants it.
        wanted: whether a route wants a routed model to run; None: it has not said, so that
            neither a start nor a stop follows.
        live: replicas of the live Deployment.
    """
    if model.spec.suspend:
        return 0, Reason.SUSPENDED
    routed = model.spec.activation is Activation.ROUTED
    if routed and (wanted is False or (wanted is None and live == 0)):
        return 0, Reason.STANDBY_STOPPED
    if model.spec.replicas == 0:
        return 0, Reason.SCALED_TO_ZERO
    return model.spec.replicas, None


def _replicas(snapshot: ModelSnapshot, model: ReflexModel) -> tuple[int, Reason | None]:
    live = snapshot.deployment
    running = int(live["spec"].get("replicas", 1)) if live else 0
    return engine_replicas(model, wanted=snapshot.wanted, live=running)


def _refusal(snapshot: ModelSnapshot, model: ReflexModel) -> Finding | None:
    """Return why this model cannot be carried out at all, or None."""
    if is_cached(model.spec.source) and not snapshot.defaults.image_weights:
        return Finding(status="False", reason=Reason.IMAGE_NOT_CONFIGURED, evidence="weights")
    if not _image(snapshot, model):
        device = model.spec.engine.device
        return Finding(status="False", reason=Reason.IMAGE_NOT_CONFIGURED, evidence=device)
    taken = [str(ref) for ref in snapshot.conflicts]
    if snapshot.secret is SecretState.NOT_OURS:
        taken.append(f"Secret {model.namespace}/{secret_name(model)}")
    if taken:
        return Finding(status="False", reason=Reason.NAME_CONFLICT, evidence=", ".join(taken))
    return None


def _refused_plan(
    snapshot: ModelSnapshot, refusal: Finding, replicas: int | None, now: datetime
) -> Plan:
    """Return the Plan that says why: what runs already stays, with the replicas that are wanted."""
    before: Manifest = snapshot.model.get("status") or {}
    generation = int(snapshot.model["metadata"].get("generation", 0))
    findings = {ConditionType.ACCEPTED: refusal, ConditionType.READY: refusal}
    seen = status.conditions(before, generation, findings, now)
    stopping = _hold(snapshot, replicas)
    return Plan(
        apply=stopping,
        status=status.refused(before, generation, seen, snapshot),
        events=status.transition_events(before, seen),
    )


def _unfit_plan(
    snapshot: ModelSnapshot,
    model: ReflexModel,
    fit: memory.Estimate,
    unfit: Finding,
    replicas: int,
    cache: weights.Weights,
    now: datetime,
) -> Plan:
    """Return the Plan that says why nothing is started, pulled or changed but the replicas."""
    findings = {
        ConditionType.ACCEPTED: Finding(status="True", reason=Reason.ACCEPTED),
        ConditionType.MEMORY_FITS: unfit,
        ConditionType.READY: unfit,
    }
    seen = status.conditions(model.status, model.generation, findings, now)
    refused = status.refused(model.status, model.generation, seen, snapshot)
    live, check = snapshot.deployment, Check()
    if live is not None:
        # Fewer engines are no start; more are one, of whatever the live template says.
        replicas = min(replicas, live["spec"].get("replicas", 1))
        pods = engine_pods(snapshot.pods, revision_of(live), not_before=model.creation_timestamp)
        check = verification(snapshot, model, pods, live["spec"]["template"], now)
    return Plan(
        apply=_hold(snapshot, replicas),
        delete=cache.delete,
        gate=check.gate,
        probe=check.probe,
        status={**refused, "memory": memory.estimated_status(fit)},
        events=status.transition_events(model.status, seen),
        requeue_after=check.requeue_after,
    )


def _carry_out(snapshot: ModelSnapshot, model: ReflexModel, now: datetime) -> Plan:
    replicas, stopped = _replicas(snapshot, model)
    fit = memory.estimate(snapshot, model)
    wanted = engine_deployment(
        model,
        image=_image(snapshot, model),
        replicas=replicas,
        mem_fraction=fit.fraction,
        annotations=fit.annotations(replicas),
    )
    unfit = memory.refusal(snapshot, model, fit, wanted)
    revision = revision_of(wanted)
    verdict = _verdict(snapshot, model, fit, revision)
    cache = weights.prepare(snapshot, model, memory=verdict, now=now)
    if unfit is not None:
        return _unfit_plan(snapshot, model, fit, unfit, replicas, cache, now)
    if not cache.complete:
        replicas = _startable(snapshot, model, replicas)
    pods = engine_pods(snapshot.pods, revision, not_before=model.creation_timestamp)
    findings = findings_of(snapshot, model, fit, revision, pods, stopped, cache, now)
    standing = rollout.decide(
        snapshot,
        model,
        # Weights first: while they are on their way, an engine of the earlier spec serves on.
        wanted=wanted if cache.complete or (stopped and snapshot.deployment) else None,
        replicas=replicas,
        pods=pods,
        engine=findings[ConditionType.ENGINE_READY],
        now=now,
    )
    template = standing.template or wanted["spec"]["template"]
    if standing.revision not in ("", revision):
        revision = standing.revision
        pods = engine_pods(snapshot.pods, revision, not_before=model.creation_timestamp)
        findings = findings_of(snapshot, model, fit, revision, pods, stopped, cache, now)
    findings[ConditionType.READY] = rollout.ready(findings[ConditionType.READY], standing)
    seen = status.conditions(model.status, model.generation, findings, now)
    check = verification(snapshot, model, pods, template, now)
    pauses = (
        check.requeue_after,
        standing.requeue_after,
        cache.requeue_after,
        _secret_wait(snapshot, model),
    )
    waits = [wait for wait in pauses if wait]
    waits += [wait for pod in pods if (wait := waiting.look_again(pod, now))]
    new_status: Manifest | None = status.build(
        snapshot,
        model,
        args=engine_args(template),
        source_revision=(
            _source_revision(model, cache)
            if revision == revision_of(wanted)
            else rollout.source_of(snapshot.deployment, revision)
        ),
        revision=revision,
        pods=pods,
        memory=memory.memory_status(snapshot, model, fit, revision, next(iter(pods), None)),
        seen=seen,
        download=cache.download,
    )
    events = status.transition_events(model.status, seen)
    if _waits_as_before(model, seen, findings[ConditionType.READY].reason):
        new_status = None
    if standing.template and not (cache.complete or stopped):
        # Ready speaks of the engine that serves on: the new weights have events of their own.
        news = status.transition_events(model.status, seen, ConditionType.MODEL_CACHED)
        events += tuple(one for one in news if one not in events)
    patience = _first_status_wait(model, cache, findings[ConditionType.READY].reason, now)
    if patience:
        waits.append(patience)
    if patience or (cache.unheard and _tells_of_trouble(model)):
        new_status, events = None, ()
    return Plan(
        secret=_secret(snapshot, model),
        delete=cache.delete,
        apply=(
            # The API server refuses what is wanted: at least the engines' number follows the spec.
            *(_hold(snapshot, replicas) if snapshot.refusal else ()),
            network_policy(model, operator_namespace=snapshot.defaults.operator_namespace),
            *cache.apply,
            *((standing.deployment,) if standing.deployment else ()),
            # After the Deployment: a refused one must not take the running pods' Service away.
            *((service(model, revision=revision),) if standing.template else ()),
            *([cache.claim_change] if cache.claim_change else []),
        ),
        weights=cache.ask,
        gate=check.gate,
        probe=check.probe,
        log=failure.log_request(snapshot, model, pods),
        status=new_status,
        events=events,
        requeue_after=min(waits, default=None),
    )


def _hold(snapshot: ModelSnapshot, replicas: int | None) -> tuple[Manifest, ...]:
    """Return the live Deployment with these replicas, if it is there and has others."""
    if snapshot.deployment is None or replicas is None:
        return ()
    manifest = rollout.hold(snapshot.deployment, replicas)
    return (manifest,) if manifest else ()


def _image(snapshot: ModelSnapshot, model: ReflexModel) -> str:
    defaults = snapshot.defaults
    default = defaults.image_cuda if model.spec.engine.device is Device.CUDA else defaults.image_cpu
    return model.spec.engine.image or default


def _secret(snapshot: ModelSnapshot, model: ReflexModel) -> SecretRequest | None:
    if not owns_keys(model) or snapshot.secret is not SecretState.MISSING:
        return None
    return SecretRequest(manifest=keys_secret(model), random_keys=KEY_NAMES)


def _secret_wait(snapshot: ModelSnapshot, model: ReflexModel) -> timedelta | None:
    missing = snapshot.secret in (SecretState.MISSING, SecretState.KEY_MISSING)
    return _LOOK_AGAIN if missing and not owns_keys(model) else None


def _waits_as_before(model: ReflexModel, seen: Sequence[Condition], reason: Reason) -> bool:
    """Return whether only counts changed while the scheduler decides: its verdict is news."""
    told = model.status.get("conditions") == [one.to_manifest() for one in seen]
    return told and reason is Reason.WAITING_FOR_SCHEDULER


def _first_status_wait(
    model: ReflexModel, cache: weights.Weights, reason: Reason, now: datetime
) -> timedelta | None:
    """Return how long to wait for what is about to change the status again."""
    since = cache.completed_at  # the weights are there, the engine's pod is about to be
    if not model.status.get("conditions"):
        since = since or model.creation_timestamp
    under_way = reason in UNDER_WAY and cache.download is None
    if since is None or not (reason in _EARLY or under_way):
        return None
    left = since + (_FIRST_NUMBERS_AFTER if under_way else _FIRST_STATUS_AFTER) - now
    return left if left > timedelta(0) else None


def _verdict(
    snapshot: ModelSnapshot, model: ReflexModel, fit: memory.Estimate, revision: str
) -> Finding:
    """Return whether the wanted revision fits, which the download waits for."""
    pods = engine_pods(snapshot.pods, revision, not_before=model.creation_timestamp)
    return memory.memory_fits(snapshot, model, fit, revision, least_ready(pods))


def _startable(snapshot: ModelSnapshot, model: ReflexModel, replicas: int) -> int:
    """Return how many engines may run while the wanted weights are not there.

    The live template may be the one that waits for them: it was applied to a stopped model, or its
    volume was lost. What runs stays.
    """
    live = snapshot.deployment
    if live is None or source_digest(model.spec.source) not in folders_in(live["spec"]["template"]):
        return replicas
    return min(replicas, int(live["spec"].get("replicas", 1)))


def _tells_of_trouble(model: ReflexModel) -> bool:
    """Return whether the status says that the download of this spec is held up."""
    return any(
        one.get("type") == ConditionType.MODEL_CACHED.value
        and one.get("status") == "False"
        and one.get("reason") not in UNDER_WAY
        and one.get("observedGeneration") == model.generation
        for one in model.status.get("conditions") or []
    )


def _source_revision(model: ReflexModel, cache: weights.Weights) -> str:
    return source_revision(model.spec.source) if cache.complete else ""
