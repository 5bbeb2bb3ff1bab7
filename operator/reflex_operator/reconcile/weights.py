"""Are the weights where the engine reads them, and what is the next step to get them there?

A downloaded source goes through: claim, inspection (only when the model's size is unknown and it
decides something), download. Each step is a Job; its completion is the record that it was done, so
a restarted operator goes on where the last one stopped.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from reflex_api.conditions import Reason, parse_time
from reflex_api.model import Admission, Device, ReflexModel
from reflex_api.weights import PROGRESS_PATH, PROGRESS_PORT, WeightsProgress
from reflex_operator.builders import cache
from reflex_operator.builders import weights as build
from reflex_operator.builders.weights import Step
from reflex_operator.manifest import Manifest, ObjectRef, owned_by, ref_of
from reflex_operator.reconcile import download
from reflex_operator.reconcile.engine import Finding
from reflex_operator.reconcile.jobs import Attempt, is_over, is_running, read_job, trouble
from reflex_operator.reconcile.plan import ModelSnapshot, SecretState, WeightsRequest

_ASK_EVERY: Final = timedelta(seconds=5)
_LOOK_AGAIN: Final = timedelta(seconds=10)
_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(minutes=30)
_BINDING_TAKES: Final = timedelta(seconds=30)
"""A claim that is bound by its first pod is pending for a moment; longer needs a word."""
_CONFIG: Final = "config.json"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The state of the weights and what to do about them in this pass."""

    complete: bool  # an engine of this spec may start
    finding: Finding | None = None  # of ModelCached; None: the scheduler's words decide
    apply: tuple[Manifest, ...] = ()
    claim_change: Manifest | None = None  # last: a volume that cannot grow must hold nothing up
    delete: tuple[ObjectRef, ...] = ()
    ask: WeightsRequest | None = None
    download: Manifest | None = None  # status.download
    completed_at: datetime | None = None
    unheard: bool = False  # the download runs, and nobody asked it yet: a new operator
    requeue_after: timedelta | None = None


def prepare(
    snapshot: ModelSnapshot, model: ReflexModel, *, memory: Finding, now: datetime
) -> Weights:
    """Return the next step towards complete weights.

    Args:
        snapshot: what is known.
        model: the typed view of it.
        memory: the verdict whether the model fits: nothing is pulled that would not be started.
        now: for pauses between attempts.
    """
    jobs = _own_jobs(snapshot, model)
    if not cache.is_cached(model.spec.source):
        return Weights(complete=True, delete=_refs(jobs))
    return _Preparation(snapshot, model, jobs, now).next(memory)


def cached(model: ReflexModel, scheduled: Finding) -> Finding:
    """Return the state of ModelCached for weights that are not downloaded."""
    if model.spec.source.bundled is not None:
        return Finding(status="True", reason=Reason.BUNDLED)
    if scheduled.reason in (Reason.CLAIM_NOT_FOUND, Reason.CLAIM_PENDING):
        return scheduled
    if scheduled.status == "True":
        return Finding(status="True", reason=Reason.CLAIM_BOUND)
    return Finding(status="Unknown", reason=Reason.WAITING_FOR_SCHEDULER)


def may_pull(model: ReflexModel, memory: Finding) -> bool:
    """Return whether the memory verdict lets the download begin."""
    return memory.status != "False" or model.spec.memory_policy.admission is not Admission.ENFORCE


def retry_pause(attempt: int) -> timedelta:
    """Return the wait after a failed attempt, from 0: 30 s, doubling, at most half an hour."""
    return min(_FIRST_PAUSE * (1 << min(attempt, 10)), _LONGEST_PAUSE)


class _Preparation:
    """One pass over one downloaded source."""

    def __init__(
        self,
        snapshot: ModelSnapshot,
        model: ReflexModel,
        jobs: tuple[Manifest, ...],
        now: datetime,
    ) -> None:
        self._snapshot = snapshot
        self._model = model
        self._now = now
        self._jobs = jobs
        self._attempts = [read_job(job, snapshot.weights_pods) for job in jobs]
        own = cache.owns_claim(model)
        live = snapshot.claim if own else None
        self._claim = live if live is not None and cache.is_claim_of(model, live) else None
        self._claim_uid = self._claim["metadata"]["uid"] if self._claim else ""
        self._claim_missing = own and self._claim is None

    def next(self, memory: Finding) -> Weights:
        """Return the step; what has to be applied in any case is added to it."""
        weights = self._step(memory)
        apply = weights.apply
        if not weights.complete:
            space = self._snapshot.defaults.operator_namespace
            apply = (build.weights_policy(self._model, operator_namespace=space), *apply)
        claim, change = self._claim, None
        if claim is not None and not _is_ending(claim):
            right = cache.claim_is_right(self._model, claim)
            change = None if right else cache.cache_claim(self._model, claim)
        return replace(weights, apply=apply, claim_change=change)

    def _step(self, memory: Finding) -> Weights:
        if self._claim_missing:
            return _not_yet(
                Finding(status="False", reason=Reason.DOWNLOADING),
                apply=(cache.cache_claim(self._model),),
            )
        if self._claim is not None and _is_ending(self._claim):
            evidence = f"{ref_of(self._claim)} is being deleted"
            return _not_yet(Finding(status="False", reason=Reason.CLAIM_PENDING, evidence=evidence))
        done = self._done(Step.DOWNLOAD)
        if done is not None:
            return self._complete(done)
        if self._snapshot.token is not SecretState.PRESENT:
            return self._without_token()
        if self._needs_inspection():
            inspected = self._done(Step.INSPECT)
            if inspected is None:
                return self._run(Step.INSPECT)
            if not self._words_arrived(inspected):
                return _not_yet(_under_way(Step.INSPECT), requeue_after=_LOOK_AGAIN)
            pod = inspected.pod
            if (pod is None or _is_ending(pod)) and not self._of(Step.DOWNLOAD):
                # Its words went with its node. Without them nothing would keep a download back.
                again = self._job(Step.INSPECT, inspected.number + 1)
                gone = _refs((inspected.manifest,))
                return _not_yet(_under_way(Step.INSPECT), apply=(again,), delete=gone)
        if not may_pull(self._model, memory) and not self._of(Step.DOWNLOAD):
            return _not_yet(memory, delete=self._outdated())
        return self._run(Step.DOWNLOAD)

    def _complete(self, done: Attempt) -> Weights:
        revision = cache.source_revision(self._model.spec.source)
        return Weights(
            complete=True,
            finding=Finding(status="True", reason=Reason.DOWNLOADED, evidence=revision),
            delete=self._outdated(done),
            download=download.done(self._model.status.get("download") or {}, done.result),
            completed_at=done.ended_at,
        )

    def _run(self, step: Step) -> Weights:
        """Return the state of a step's last attempt, and the next attempt when it is due."""
        tried = self._of(step)
        if not tried:
            return _not_yet(_under_way(step), apply=(self._job(step, 0),), delete=self._outdated())
        last = max(tried, key=lambda one: one.number)
        delete = self._outdated(last)
        if last.failure is not None and last.pod is not None and not self._words_arrived(last):
            return replace(self._state_of(step, last, delete), requeue_after=_LOOK_AGAIN)
        if last.failure is not None:
            if not last.transient or last.ended_at is None:
                return _not_yet(last.failure, delete=delete)
            left = last.ended_at + retry_pause(last.number) - self._now
            if left > timedelta(0):
                return _not_yet(last.failure, delete=delete, requeue_after=left)
            again = self._job(step, last.number + 1)
            return _not_yet(last.failure, apply=(again,), delete=self._outdated())
        return self._state_of(step, last, delete)

    def _state_of(self, step: Step, last: Attempt, delete: tuple[ObjectRef, ...]) -> Weights:
        pod, report = last.pod, self._snapshot.weights_report
        progress: WeightsProgress | None = None
        if pod is not None and report is not None and report.pod_uid == pod["metadata"]["uid"]:
            progress = report.progress
        found = trouble(last, progress) or self._binding(last)
        before = self._model.status.get("download") or {}
        numbers = download.in_progress(before, progress) if step is Step.DOWNLOAD else None
        finding = found or _under_way(step, download.words(numbers))
        ask, wait = self._question(pod) if step is Step.DOWNLOAD else (None, None)
        if pod is not None and not pod["spec"].get("nodeName"):
            wait = _BINDING_TAKES
        known = _not_yet(finding, delete=delete, ask=ask, download=numbers, requeue_after=wait)
        heard = pod is not None and report is not None and report.pod_uid == pod["metadata"]["uid"]
        return replace(known, unheard=ask is not None and not heard)

    def _question(self, pod: Manifest | None) -> tuple[WeightsRequest | None, timedelta | None]:
        """Return what to ask the download pod now, or when to ask it again."""
        address = ((pod or {}).get("status") or {}).get("podIP")
        if pod is None or not address or not is_running(pod):
            return None, None
        uid, report = pod["metadata"]["uid"], self._snapshot.weights_report
        if report is not None and report.pod_uid == uid:
            left = report.at + _ASK_EVERY - self._now
            if left > timedelta(0):
                return None, left
        host = f"[{address}]" if ":" in address else address
        url = f"http://{host}:{PROGRESS_PORT}{PROGRESS_PATH}"
        return WeightsRequest(pod_uid=uid, url=url), None

    def _binding(self, attempt: Attempt) -> Finding | None:
        """Return that the claim stays unbound, which no word of the scheduler says at first."""
        pod, claim = attempt.pod, self._claim
        if pod is None or claim is None or pod["spec"].get("nodeName"):
            return None
        phase = (claim.get("status") or {}).get("phase")
        started = _created(pod)
        if phase != "Pending" or started is None or self._now < started + _BINDING_TAKES:
            return None
        evidence = f"{ref_of(claim)} is {phase}"
        return Finding(status="False", reason=Reason.CLAIM_PENDING, evidence=evidence)

    def _without_token(self) -> Weights:
        hub = self._model.spec.source.hugging_face
        ref = hub.token_secret_ref if hub is not None else None
        evidence = f"Secret {self._model.namespace}/{ref.name}" if ref else ""
        if ref and self._snapshot.token is SecretState.KEY_MISSING:
            evidence += f" has no `{ref.key}`"
        finding = Finding(status="False", reason=Reason.SECRET_NOT_FOUND, evidence=evidence)
        return _not_yet(finding, delete=self._outdated(), requeue_after=_LOOK_AGAIN)

    def _needs_inspection(self) -> bool:
        """Return whether the size of the model is unknown and something hangs on it."""
        spec = self._model.spec
        if spec.memory_policy.admission is Admission.OFF or spec.engine.device is not Device.CUDA:
            return False
        if spec.source.hugging_face is not None:
            return self._snapshot.defaults.catalogue.find(spec.source.hugging_face.repo) is None
        files = spec.source.http.files if spec.source.http is not None else ()
        return any(one.path == _CONFIG for one in files)

    def _words_arrived(self, attempt: Attempt) -> bool:
        """Return whether the pod's last words were seen: Jobs and pods are watched apart."""
        if attempt.pod is not None and is_over(attempt.pod):
            return True
        return attempt.ended_at is None or self._now >= attempt.ended_at + _LOOK_AGAIN

    def _of(self, step: Step) -> list[Attempt]:
        inputs = build.inputs_label(
            self._model,
            step,
            image=self._snapshot.defaults.image_weights,
            hub_endpoint=self._snapshot.defaults.hub_endpoint,
            claim_uid=self._claim_uid,
        )
        return [one for one in self._attempts if one.is_for(step, inputs=inputs)]

    def _done(self, step: Step) -> Attempt | None:
        """Return the Job that made what this step makes, whatever was asked for besides."""
        content = build.content_label(self._model, step, self._claim_uid)
        made = (one for one in self._attempts if one.is_for(step, content=content) and one.complete)
        return next(made, None)

    def _outdated(self, current: Attempt | None = None) -> tuple[ObjectRef, ...]:
        """Return the Jobs that neither are `current` nor hold a result that still counts."""
        kept = {one.name for one in (current, self._done(Step.INSPECT)) if one is not None}
        return _refs(job for job in self._jobs if job["metadata"]["name"] not in kept)

    def _job(self, step: Step, attempt: int) -> Manifest:
        own = cache.source_digest(self._model.spec.source)
        return build.weights_job(
            self._model,
            step,
            image=self._snapshot.defaults.image_weights,
            hub_endpoint=self._snapshot.defaults.hub_endpoint,
            claim_uid=self._claim_uid,
            keep=tuple(sorted(cache.folders_in(self._snapshot.deployment) - {own})),
            attempt=attempt,
        )


def _own_jobs(snapshot: ModelSnapshot, model: ReflexModel) -> tuple[Manifest, ...]:
    return tuple(job for job in snapshot.jobs if owned_by(job, model.uid) and not _is_ending(job))


def _under_way(step: Step, evidence: str = "") -> Finding:
    reason = Reason.INSPECTING if step is Step.INSPECT else Reason.DOWNLOADING
    return Finding(status="False", reason=reason, evidence=evidence)


def _not_yet(
    finding: Finding,
    *,
    apply: tuple[Manifest, ...] = (),
    delete: tuple[ObjectRef, ...] = (),
    ask: WeightsRequest | None = None,
    download: Manifest | None = None,
    requeue_after: timedelta | None = None,
) -> Weights:
    return Weights(
        complete=False,
        finding=finding,
        apply=apply,
        delete=delete,
        ask=ask,
        download=download,
        requeue_after=requeue_after,
    )


def _refs(jobs: Iterable[Manifest]) -> tuple[ObjectRef, ...]:
    return tuple(
        ObjectRef(kind="Job", namespace=job["metadata"]["namespace"], name=job["metadata"]["name"])
        for job in jobs
    )


def _is_ending(manifest: Manifest) -> bool:
    return bool(manifest["metadata"].get("deletionTimestamp"))


def _created(manifest: Manifest) -> datetime | None:
    return parse_time(manifest["metadata"].get("creationTimestamp"))
