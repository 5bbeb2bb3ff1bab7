"""The decision about one ReflexBakeoff: one Job, its artefacts checked, one immutable ConfigMap.

Over is what has evidence. What failed twice has evidence, too: a verdict `Error` that names why.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from reflex_api.bakeoff import ReflexBakeoff
from reflex_api.bakeoff_job import BakeoffRequest
from reflex_api.errors import SpecError
from reflex_api.evidence import EvidenceInputs, evidence_key
from reflex_api.model import ReflexModel
from reflex_api.names import ANNOTATION_EVIDENCE
from reflex_api.reasons import BakeoffReason
from reflex_api.verdict import Judgement, Overall, Verdict, Why
from reflex_operator.builders.bakeoff import (
    ANNOTATION_KEY,
    bakeoff_job,
    evidence_map,
    partial_map,
    results_policy,
)
from reflex_operator.builders.secret import secret_name
from reflex_operator.builders.service import endpoint
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.bakeoff.run import Run, earlier_jobs, last_run, mismatch
from reflex_operator.reconcile.bakeoff.snapshot import (
    BakeoffPlan,
    BakeoffSnapshot,
    CollectRequest,
)
from reflex_operator.reconcile.bakeoff.status import complete, refused, under_way
from reflex_operator.reconcile.roofline import Roofline, roofline_of, unmeasurable
from reflex_operator.reconcile.route.evidence import EvidenceNote, note_of
from reflex_operator.reconcile.route.health import Health, health_of
from reflex_operator.reconcile.route.subject import inputs_of

_LAST_ATTEMPT: Final = 1
_COLLECT_TRIES: Final = 5
_LOOK_AGAIN: Final = timedelta(seconds=5)
_ASK_EVERY: Final = timedelta(seconds=10)
"""For the progress, of which the status tells in steps of 5 %."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is measured. Without `ready` its engine does not run now."""

    url: str
    name: str
    secret: str = ""
    ready: bool = True
    inputs: EvidenceInputs | None = None
    roofline: Roofline = field(default_factory=Roofline)
    image_id: str = ""
    settings: str = ""
    words: str = ""

    @property
    def key(self) -> str:
        """The evidence key; empty for an endpoint that is no ReflexModel."""
        return evidence_key(self.inputs) if self.inputs else ""


def reconcile_bakeoff(snapshot: BakeoffSnapshot, now: datetime) -> BakeoffPlan:
    """Return the next step for one bakeoff: same arguments, same plan."""
    manifest = snapshot.bakeoff
    if manifest["metadata"].get("deletionTimestamp"):
        return BakeoffPlan()
    try:
        bakeoff = ReflexBakeoff.parse(manifest)
    except SpecError as error:
        return refused(manifest, BakeoffReason.SPEC_INVALID, str(error), now)
    if snapshot.conflicts:
        words = ", ".join(map(str, snapshot.conflicts))
        return refused(manifest, BakeoffReason.NAME_CONFLICT, words, now)
    run = last_run(snapshot)
    if snapshot.evidence is not None:
        release = run is not None and run.url and run.over
        plan = complete(bakeoff, snapshot.evidence, run, now)
        ask = CollectRequest(pod_uid=run.pod, url=run.url, what="release") if run else None
        return _with(plan, collect=ask if release else None)
    if not snapshot.defaults.image_bakeoff:
        words = "set the operator's REFLEX_BAKEOFF_IMAGE"
        return refused(manifest, BakeoffReason.IMAGE_NOT_CONFIGURED, words, now)
    subject = _subject(snapshot, bakeoff, now)
    if run is None and (words := unmeasurable(bakeoff.spec.gate, subject.roofline)):
        return refused(manifest, BakeoffReason.GATE_NOT_MEASURABLE, words, now)
    if run is None:
        return _start(snapshot, bakeoff, subject, attempt=0, now=now)
    if subject.key != run.key and (subject.inputs is not None or not bakeoff.spec.model_ref):
        plan = under_way(bakeoff, run, BakeoffReason.SUBJECT_CHANGED, "", now)
        return _with(plan, delete=(run.job,))
    if run.failure:
        return _again(snapshot, bakeoff, subject, run, BakeoffReason.JOB_FAILED, run.failure, now)
    if run.over:
        return _collect(snapshot, bakeoff, subject, run, now)
    if not subject.ready and not snapshot.kept:
        return _abort(snapshot, bakeoff, run, subject, now)
    return _running(snapshot, bakeoff, run, subject, now)


def _running(
    snapshot: BakeoffSnapshot, bakeoff: ReflexBakeoff, run: Run, subject: Subject, now: datetime
) -> BakeoffPlan:
    """Return the plan that says how far the run is, and asks for it now and then."""
    told = snapshot.told if snapshot.told and snapshot.told.pod_uid == run.pod else None
    progress = told.progress if told else None
    reason = BakeoffReason.RUNNING
    plan = under_way(bakeoff, run, reason, subject.words, now, progress=progress)
    # The pod of an attempt that failed serves what it has and holds its place on the node.
    plan = _with(plan, delete=earlier_jobs(snapshot))
    if not run.url:
        return plan
    left = told.at + _ASK_EVERY - now if told else timedelta(0)
    if left > timedelta(0):
        return _with(plan, requeue_after=left)
    ask = CollectRequest(pod_uid=run.pod, url=run.url, what="progress")
    return _with(plan, collect=ask, requeue_after=_ASK_EVERY)


def _subject(snapshot: BakeoffSnapshot, bakeoff: ReflexBakeoff, now: datetime) -> Subject:
    given = bakeoff.spec.endpoint
    if given is not None:
        key = given.api_key_secret_ref
        return Subject(
            url=given.url,
            name=given.model,
            secret=key.name if key else "",
            roofline=Roofline(unknown="nobody knows the memory behind an endpoint"),
        )
    objects = snapshot.model
    health: Health = health_of(objects.model, objects.deployment, objects.pods, (), now)
    name = bakeoff.spec.model_ref.name if bakeoff.spec.model_ref else ""
    try:
        model = ReflexModel.parse(objects.model) if objects.model else None
    except SpecError as error:
        return Subject(url="", name="", ready=False, words=str(error))
    if model is None:
        return Subject(url="", name="", ready=False, words=f"ReflexModel {name} does not exist")
    inputs = inputs_of(
        model,
        objects.deployment,
        snapshot.nodes,
        suite=bakeoff.spec.gate.suite,
        harness=snapshot.defaults.harness,
        tries=bakeoff.spec.gate.quality.tries,
    )
    return Subject(
        # Its own Service, not the route's: nothing else is asked there while it is measured.
        url=endpoint(model),
        name=model.spec.served_name,
        secret=secret_name(model),
        ready=health.well and inputs is not None,
        inputs=inputs,
        roofline=roofline_of(model, snapshot.nodes, snapshot.defaults.catalogue),
        image_id=health.image_id,
        settings=objects.settings,
        words="" if health.well else f"{name} does not run",
    )


def _start(
    snapshot: BakeoffSnapshot,
    bakeoff: ReflexBakeoff,
    subject: Subject,
    *,
    attempt: int,
    now: datetime,
) -> BakeoffPlan:
    """Return the plan that starts an attempt, or says what it waits for."""
    if not subject.ready:
        return under_way(bakeoff, None, BakeoffReason.WAITING_FOR_MODEL, subject.words, now)
    wanted = bakeoff.spec.baseline_ref
    if wanted is not None and snapshot.baseline is None:
        reason = BakeoffReason.WAITING_FOR_BASELINE
        return under_way(bakeoff, None, reason, wanted.name, now)
    request = BakeoffRequest(
        bakeoff=bakeoff.name,
        attempt=attempt,
        model=subject.name,
        base_url=subject.url,
        gate=bakeoff.spec.gate,
        load=bakeoff.spec.load,
        seed=bakeoff.spec.seed,
        seconds=int(bakeoff.spec.timeout.total_seconds()),
        roofline=subject.roofline.tokens_per_second,
        speculative=subject.roofline.speculative,
        evidence_key=subject.key,
        inputs=subject.inputs,
        baseline=_baseline_id(snapshot.baseline),
    )
    job = bakeoff_job(
        bakeoff,
        request,
        image=snapshot.defaults.image_bakeoff,
        runner_image=snapshot.defaults.image_runner,
        keys_secret=subject.secret,
        baseline=snapshot.baseline["metadata"]["name"] if snapshot.baseline else "",
        resumed=_partial_key(snapshot.partial) == subject.key,
    )
    policy = results_policy(bakeoff, operator_namespace=snapshot.defaults.operator_namespace)
    if snapshot.refusal:
        plan = under_way(bakeoff, None, BakeoffReason.APPLY_FAILED, snapshot.refusal, now)
    else:
        reason = BakeoffReason.RERUNNING if attempt else BakeoffReason.RUNNING
        plan = under_way(bakeoff, None, reason, "", now, attempt=attempt)
    return _with(plan, apply=(policy, job))


def _again(
    snapshot: BakeoffSnapshot,
    bakeoff: ReflexBakeoff,
    subject: Subject,
    run: Run,
    reason: BakeoffReason,
    words: str,
    now: datetime,
) -> BakeoffPlan:
    """Return the plan after an attempt that gave nothing: one rerun, then the verdict Error."""
    if run.attempt < _LAST_ATTEMPT:
        plan = _start(snapshot, bakeoff, subject, attempt=run.attempt + 1, now=now)
        waits = under_way(bakeoff, run, BakeoffReason.RERUNNING, f"{reason.value}: {words}", now)
        return _with(plan, status=waits.status, events=waits.events)
    verdict = Verdict(
        harness_version="none",
        gate=bakeoff.spec.gate,
        verdict=Judgement.ERROR,
        qualification=Overall(
            verdict=Judgement.ERROR,
            reason=Why.MISSING_MEASUREMENT,
            message=f"{reason.value}: {words}"[:1024],
        ),
    )
    text = verdict.model_dump_json(by_alias=True)
    return _keep(bakeoff, subject, run, text, b"", now)


def _collect(
    snapshot: BakeoffSnapshot, bakeoff: ReflexBakeoff, subject: Subject, run: Run, now: datetime
) -> BakeoffPlan:
    """Return the plan that fetches the artefacts, checks them and keeps them."""
    found = snapshot.collected
    if found is None or found.pod_uid != run.pod or not found.final:
        return _ask(bakeoff, run, now)
    if found.verdict is None or found.items is None:
        if found.tries < _COLLECT_TRIES:
            return _with(_ask(bakeoff, run, now), requeue_after=_LOOK_AGAIN)
        words = "its artefacts could not be fetched"
        reason = BakeoffReason.ARTEFACT_MISSING
        return _again(snapshot, bakeoff, subject, run, reason, words, now)
    wrong = mismatch(run, found) or _unusable(found.verdict, run)
    if wrong:
        reason = BakeoffReason.ARTEFACT_TAMPERED
        return _again(snapshot, bakeoff, subject, run, reason, wrong, now)
    return _keep(bakeoff, subject, run, found.verdict.decode(), found.items, now)


def _keep(
    bakeoff: ReflexBakeoff, subject: Subject, run: Run, verdict: str, items: bytes, now: datetime
) -> BakeoffPlan:
    finished = (run.finished_at or now).replace(microsecond=0)
    note = EvidenceNote(
        id=hashlib.sha256(f"{bakeoff.uid}/{verdict}".encode()).hexdigest()[:12],
        key=run.key,
        finished_at=finished,
        expires_at=finished + bakeoff.spec.valid_for,
        baseline=run.baseline,
        image_id=subject.image_id,
        settings=subject.settings,
    )
    same = subject.inputs is not None and subject.key == run.key
    inputs = subject.inputs.model_dump_json(by_alias=True) if same and subject.inputs else ""
    kept = evidence_map(bakeoff, note=note_of(note), verdict=verdict, inputs=inputs, items=items)
    plan = under_way(bakeoff, run, BakeoffReason.COLLECTING, "", now)
    return _with(plan, apply=(kept,))


def _abort(
    snapshot: BakeoffSnapshot, bakeoff: ReflexBakeoff, run: Run, subject: Subject, now: datetime
) -> BakeoffPlan:
    """Return the plan that ends an attempt whose engine was taken away, and keeps its items."""
    found = snapshot.collected
    plan = under_way(bakeoff, run, BakeoffReason.WAITING_FOR_MODEL, subject.words, now)
    known = found is not None and found.pod_uid == run.pod
    if run.url and not known:
        return _with(plan, collect=CollectRequest(pod_uid=run.pod, url=run.url, what="partial"))
    items = found.items if found is not None and known else None
    apply = (partial_map(bakeoff, key=run.key, items=items),) if items else ()
    return _with(plan, apply=apply, delete=(run.job,))


def _ask(bakeoff: ReflexBakeoff, run: Run, now: datetime) -> BakeoffPlan:
    plan = under_way(bakeoff, run, BakeoffReason.COLLECTING, "", now)
    if not run.url:
        return plan
    return _with(plan, collect=CollectRequest(pod_uid=run.pod, url=run.url, what="final"))


def _unusable(text: bytes, run: Run) -> str:
    """Return why a verdict cannot be evidence, or nothing."""
    try:
        verdict = Verdict.model_validate_json(text)
    except (ValidationError, ValueError):
        return "verdict.json is of a form that this version does not know"
    said = verdict.candidate.evidence_key if verdict.candidate else run.key
    return "" if said == run.key else f"verdict.json is about another subject ({said[:19]})"


def _baseline_id(baseline: Manifest | None) -> str:
    text = ((baseline or {}).get("metadata") or {}).get("annotations") or {}
    try:
        return EvidenceNote.model_validate_json(text.get(ANNOTATION_EVIDENCE, "")).id
    except ValidationError:
        return ""


def _partial_key(partial: Manifest | None) -> str | None:
    """Return the subject of an aborted run's items: they count for no other."""
    annotations = ((partial or {}).get("metadata") or {}).get("annotations") or {}
    return annotations.get(ANNOTATION_KEY)


def _with(plan: BakeoffPlan, **changes: object) -> BakeoffPlan:
    return replace(plan, **changes)  # type: ignore[arg-type]
