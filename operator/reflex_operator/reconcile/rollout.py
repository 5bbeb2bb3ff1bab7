"""Which Deployment to apply: the wanted revision, the last good one again, or what runs already.

The state is the Deployment itself: the revision in its template and the memory in its annotations.
The memory is written together with a change of template or of replicas, so a start costs no write
of its own. A revision that fails is left for the last good one at most once: only a new revision
hash or another value of the retry annotation has a template replaced again, so two revisions never
alternate by themselves.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reflex_api.conditions import Reason, parse_time
from reflex_api.model import Activation, ReflexModel
from reflex_api.names import ANNOTATION_RETRY, LABEL_REVISION
from reflex_operator.builders.engine import revision_of
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.attempt import judge
from reflex_operator.reconcile.engine import EnginePod, Finding
from reflex_operator.reconcile.plan import ModelSnapshot
from reflex_operator.reconcile.revisions import (
    FailedRevision,
    GoodRevision,
    Memory,
    failed_revision,
    gate_is_open,
    held,
    memory_of,
    template_of,
    with_memory,
)

_ON_THE_WAY: Final = {
    Reason.WAITING_FOR_SCHEDULER,
    Reason.IMAGE_PULLING,
    Reason.ENGINE_STARTING,
    Reason.ENGINE_STOPPING,
    Reason.DRAINING,
}


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """What runs, or will when the plan is carried out.

    `deployment` is the manifest to apply; None: the live one is as it should be. `template` is that
    of the pods; None: there are none and shall be none. `failed` is set while the last good
    revision stands in for one that failed.
    """

    deployment: Manifest | None
    template: Manifest | None
    failed: FailedRevision | None = None
    requeue_after: timedelta | None = None

    @property
    def revision(self) -> str:
        """The revision hash of `template`, or nothing."""
        return revision_of({"spec": {"template": self.template}}) if self.template else ""


def decide(
    snapshot: ModelSnapshot,
    model: ReflexModel,
    *,
    wanted: Manifest | None,
    replicas: int,
    pods: tuple[EnginePod, ...],
    engine: Finding,
    now: datetime,
) -> Rollout:
    """Return which revision is to run.

    Args:
        snapshot: holds the live Deployment and the engines' answers.
        model: as the spec wants it.
        wanted: the Deployment as rendered from the spec; None: it may not be applied now
            (weights missing, does not fit), so what runs stays, with the wanted replicas.
        replicas: engines that should run.
        pods: of the wanted revision.
        engine: the finding of EngineReady about these pods.
        now: the time.
    """
    live = snapshot.deployment
    if wanted is None or live is None:
        if live is not None:
            return _hold(snapshot, model, live, replicas)
        template = wanted["spec"]["template"] if wanted else None
        return Rollout(deployment=wanted, template=template)
    if revision_of(live) == revision_of(wanted):
        return _continued(snapshot, model, live, wanted, replicas, pods, engine, now)
    failed = memory_of(live).failed
    if failed and failed.revision == revision_of(wanted) and _stands(failed, model):
        return _hold(snapshot, model, live, replicas, failed)
    good = _good_when_replaced(snapshot, model, live)
    if good and good.revision == revision_of(wanted):
        good = GoodRevision(revision=good.revision)  # its template is applied now
    return _applied(wanted, Memory(good=good))


def hold(live: Manifest, replicas: int) -> Manifest | None:
    """Return the live Deployment with other replicas, or None when it has these already."""
    if live["spec"].get("replicas", 1) == replicas:
        return None
    return held(live, replicas=replicas, memory=memory_of(live))


def raw_replicas(model: Manifest, *, wanted: bool | None = False) -> int | None:
    """Return how many engines a spec that cannot be read wants, or None when it does not say.

    `wanted` is a route's word about a routed model; None: it has not said.
    """
    spec = model.get("spec")
    if not isinstance(spec, dict):
        return None
    if spec.get("suspend") is True:
        return 0
    if spec.get("activation") == Activation.ROUTED and wanted is not True:
        return 0 if wanted is False else None
    replicas = spec.get("replicas")
    return replicas if isinstance(replicas, int) and replicas >= 0 else None


def was_verified(snapshot: ModelSnapshot, model: ReflexModel, revision: str) -> bool:
    """Return whether an engine of the revision ever answered, as far as the cluster still says."""
    status = model.status
    told = (status.get("resolved") or {}).get("revisionHash") == revision
    if told and (status.get("startup") or {}).get("readyAt"):
        return True
    born = model.creation_timestamp
    return any(
        gate_is_open(pod)
        and (pod["metadata"].get("labels") or {}).get(LABEL_REVISION) == revision
        # An older pod is a deleted namesake's.
        and not (born and (parse_time(pod["metadata"].get("creationTimestamp")) or born) < born)
        for pod in snapshot.pods
    )


def source_of(live: Manifest | None, revision: str) -> str:
    """Return what the source of the last good revision was, if it is that one; else nothing."""
    good = memory_of(live).good
    return good.source if good and good.revision == revision else ""


def ready(found: Finding, rollout: Rollout) -> Finding:
    """Return Ready's finding in view of a failed revision: why it failed comes first."""
    failed = rollout.failed
    if failed is None:
        return found
    if found.status == "True":
        evidence = f"{failed.reason}: {failed.evidence}" if failed.evidence else failed.reason
        return Finding(status="True", reason=Reason.REVISION_RESTORED, evidence=evidence)
    if found.status == "Unknown" or found.reason in _ON_THE_WAY:
        evidence = f"revision {failed.revision}, {rollout.revision} starts again"
        if failed.evidence:
            evidence += f": {failed.evidence}"
        return Finding(status="False", reason=failed.reason, evidence=evidence)
    return found


def _continued(
    snapshot: ModelSnapshot,
    model: ReflexModel,
    live: Manifest,
    wanted: Manifest,
    replicas: int,
    pods: tuple[EnginePod, ...],
    engine: Finding,
    now: datetime,
) -> Rollout:
    """Return the wanted revision, which is there already, or the last good one if it failed."""
    revision = revision_of(live)
    good = _good(snapshot, model, live, replicas)
    kept = _applied(wanted, Memory(good=good))
    restorable = good if good and good.template and good.revision != revision else None
    if restorable is None or replicas == 0 or not model.spec.rollout.restore_on_failure:
        return kept
    if was_verified(snapshot, model, revision):
        return kept
    timeout = model.spec.rollout.startup_timeout
    verdict = judge(snapshot, pods, engine, timeout=timeout, now=now)
    if verdict.failure is None:
        left = verdict.deadline - now if verdict.deadline else None
        return Rollout(deployment=kept.deployment, template=kept.template, requeue_after=left)
    failure = verdict.failure
    failed = failed_revision(revision, failure.reason, failure.evidence, _retry(model))
    restored = {**wanted, "spec": {**wanted["spec"], "template": restorable.template}}
    good = GoodRevision(revision=restorable.revision, source=restorable.source)
    memory = Memory(good=good, failed=failed)
    return Rollout(
        deployment=with_memory(restored, memory), template=restorable.template, failed=failed
    )


def _hold(
    snapshot: ModelSnapshot,
    model: ReflexModel,
    live: Manifest,
    replicas: int,
    failed: FailedRevision | None = None,
) -> Rollout:
    manifest = None
    if hold(live, replicas) is not None:
        good = _good(snapshot, model, live, replicas)
        memory = Memory(good=good, failed=memory_of(live).failed)
        manifest = held(live, replicas=replicas, memory=memory)
    return Rollout(deployment=manifest, template=live["spec"]["template"], failed=failed)


def _good(
    snapshot: ModelSnapshot, model: ReflexModel, live: Manifest, replicas: int
) -> GoodRevision | None:
    """Return the last good revision while the live template stays.

    A stopped engine has no pods that could say it was verified: the write that stops it notes it.
    """
    revision = revision_of(live)
    if replicas == 0 and was_verified(snapshot, model, revision):
        return GoodRevision(revision=revision)
    return memory_of(live).good


def _good_when_replaced(
    snapshot: ModelSnapshot, model: ReflexModel, live: Manifest
) -> GoodRevision | None:
    """Return the last good revision when the live template is about to go: then it is kept."""
    revision = revision_of(live)
    good = memory_of(live).good
    if (good and good.revision == revision) or was_verified(snapshot, model, revision):
        told = model.status.get("resolved") or {}
        same = told.get("revisionHash") == revision
        source = (told.get("sourceRevision") if same else "") or source_of(live, revision)
        return GoodRevision(revision=revision, template=template_of(live), source=source)
    return good


def _applied(wanted: Manifest, memory: Memory) -> Rollout:
    return Rollout(deployment=with_memory(wanted, memory), template=wanted["spec"]["template"])


def _stands(failed: FailedRevision, model: ReflexModel) -> bool:
    """Return whether the failure still keeps its revision from being tried."""
    return model.spec.rollout.restore_on_failure and failed.retry == _retry(model)


def _retry(model: ReflexModel) -> str:
    return str(model.annotations.get(ANNOTATION_RETRY) or "")
