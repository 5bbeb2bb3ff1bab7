"""The status of a ReflexBakeoff: from the evidence once it is there, else from the run."""

from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from pydantic import ValidationError

from reflex_api.bakeoff import ReflexBakeoff
from reflex_api.bakeoff_job import VERDICT_FILE, BakeoffProgress
from reflex_api.conditions import Condition, ConditionStatus, carry_over, sentence
from reflex_api.names import ANNOTATION_EVIDENCE
from reflex_api.reasons import BakeoffCondition, BakeoffReason
from reflex_api.verdict import Judgement, Metric, Verdict
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.bakeoff.run import Run
from reflex_operator.reconcile.bakeoff.snapshot import BakeoffPlan
from reflex_operator.reconcile.plan import EventRequest
from reflex_operator.reconcile.route.evidence import EvidenceNote

_TEXT: Final[dict[BakeoffReason, tuple[str, str]]] = {
    BakeoffReason.ACCEPTED: ("the spec is valid", ""),
    BakeoffReason.SPEC_INVALID: ("the spec cannot be read", "create a corrected one"),
    BakeoffReason.NAME_CONFLICT: (
        "an object with a name of ours belongs to somebody else",
        "create a bakeoff of another name",
    ),
    BakeoffReason.IMAGE_NOT_CONFIGURED: ("no image to measure with", ""),
    BakeoffReason.GATE_NOT_MEASURABLE: (
        "it could only end in Error",
        "create one with minRooflineShare: none, or complete the catalogue",
    ),
    BakeoffReason.WAITING_FOR_MODEL: (
        "the model does not run now",
        "its route starts it when evaluation allows",
    ),
    BakeoffReason.WAITING_FOR_BASELINE: ("the baseline has no evidence yet", "wait for it"),
    BakeoffReason.APPLY_FAILED: ("the API server refused the Job", "correct what it names"),
    BakeoffReason.RUNNING: ("it is measured", "see kubectl logs of the Job's pod"),
    BakeoffReason.COLLECTING: ("the artefacts are fetched and checked", ""),
    BakeoffReason.RERUNNING: ("the first attempt gave nothing, a second one runs", ""),
    BakeoffReason.PASSED: ("qualified", ""),
    BakeoffReason.FAILED: ("not qualified", "see status.metrics"),
    BakeoffReason.INCONCLUSIVE: ("neither shown nor refuted", "see status.metrics"),
    BakeoffReason.NO_MEASUREMENT: ("nothing was measured that counts", "see the Job's log"),
    BakeoffReason.JOB_FAILED: ("the Job failed", "see its log"),
    BakeoffReason.ARTEFACT_MISSING: ("the artefacts are missing", "see the Job's log"),
    BakeoffReason.ARTEFACT_TAMPERED: ("an artefact is not what its pod said", "see the Job's log"),
    BakeoffReason.SUBJECT_CHANGED: (
        "the model changed while it was measured",
        "it is measured anew",
    ),
}
_Row: TypeAlias = tuple[BakeoffCondition, ConditionStatus, BakeoffReason, str]
_RESULT: Final = {
    Judgement.PASS: BakeoffReason.PASSED,
    Judgement.FAIL: BakeoffReason.FAILED,
    Judgement.INCONCLUSIVE: BakeoffReason.INCONCLUSIVE,
    Judgement.ERROR: BakeoffReason.NO_MEASUREMENT,
}
_NORMAL: Final = {
    BakeoffReason.RUNNING,
    BakeoffReason.PASSED,
    BakeoffReason.COLLECTING,
    BakeoffReason.WAITING_FOR_MODEL,
    BakeoffReason.WAITING_FOR_BASELINE,
}


def refused(manifest: Manifest, reason: BakeoffReason, words: str, now: datetime) -> BakeoffPlan:
    """Return the plan that says why a bakeoff cannot be carried out."""
    before = manifest.get("status") or {}
    generation = int(manifest["metadata"].get("generation", 0))
    told: tuple[_Row, ...] = (
        (BakeoffCondition.ACCEPTED, "False", reason, words),
        (BakeoffCondition.COMPLETE, "False", reason, words),
    )
    seen = _conditions(before, generation, told, now)
    kept = {key: value for key, value in before.items() if key != "conditions"}
    status = {
        **kept,
        "observedGeneration": generation,
        "conditions": [one.to_manifest() for one in seen],
    }
    return BakeoffPlan(status=status, events=_events(before, seen))


def under_way(
    bakeoff: ReflexBakeoff,
    run: Run | None,
    reason: BakeoffReason,
    words: str,
    now: datetime,
    *,
    attempt: int | None = None,
    progress: BakeoffProgress | None = None,
) -> BakeoffPlan:
    """Return the plan whose status says how far the run is."""
    told: tuple[_Row, ...] = (
        (BakeoffCondition.ACCEPTED, "True", BakeoffReason.ACCEPTED, ""),
        (BakeoffCondition.COMPLETE, "False", reason, words),
    )
    seen = _conditions(bakeoff.status, bakeoff.generation, told, now)
    number = run.attempt if run else attempt
    status: Manifest = {
        "observedGeneration": bakeoff.generation,
        "attempts": 0 if number is None else number + 1,
        "conditions": [one.to_manifest() for one in seen],
    }
    if run and run.started_at:
        status["startedAt"] = _time(run.started_at)
    if run and run.key:
        status["evidenceKey"] = run.key
    if reason is BakeoffReason.RUNNING and (words := _progress(bakeoff, progress)):
        status["progress"] = words
    return BakeoffPlan(status=status, events=_events(bakeoff.status, seen))


def _progress(bakeoff: ReflexBakeoff, progress: BakeoffProgress | None) -> str:
    """Return how far the run is; before the first answer, what was said last.

    It moves in steps of 5 %: of a hundred items twenty writes.
    """
    if progress is None:
        return str(bakeoff.status.get("progress") or "")
    step = max(1, progress.total // 20)
    over = progress.done >= progress.total
    done = progress.total if over else progress.done - progress.done % step
    return f"{progress.part} {done}/{progress.total}"


def complete(
    bakeoff: ReflexBakeoff, evidence: Manifest, run: Run | None, now: datetime
) -> BakeoffPlan:
    """Return the plan whose status tells what the evidence says."""
    annotations = evidence["metadata"].get("annotations") or {}
    try:
        note = EvidenceNote.model_validate_json(annotations.get(ANNOTATION_EVIDENCE, ""))
        verdict = Verdict.model_validate_json((evidence.get("data") or {}).get(VERDICT_FILE, ""))
    except ValidationError:
        words = f"ConfigMap {evidence['metadata']['name']} cannot be read; delete the bakeoff"
        return under_way(bakeoff, run, BakeoffReason.ARTEFACT_TAMPERED, words, now)
    reason, overall = _RESULT[verdict.verdict], verdict.qualification
    told: tuple[_Row, ...] = (
        (BakeoffCondition.ACCEPTED, "True", BakeoffReason.ACCEPTED, ""),
        (BakeoffCondition.COMPLETE, "True", reason, overall.message),
    )
    seen = _conditions(bakeoff.status, bakeoff.generation, told, now)
    solved = next((one for one in verdict.metrics if one.name == "pass_at_1"), None)
    status: Manifest = {
        "observedGeneration": bakeoff.generation,
        "verdict": verdict.verdict.value,
        "superiority": verdict.superiority.verdict.value if verdict.superiority else None,
        "simulated": True if verdict.candidate and verdict.candidate.simulated else None,
        "passAt1": _number(solved.point) if solved else None,
        "items": verdict.look,
        "evidenceKey": note.key or None,
        "evidenceId": note.id,
        "evidence": evidence["metadata"]["name"],
        "expiresAt": _time(note.expires_at),
        "startedAt": _time(run.started_at) if run and run.started_at else None,
        "finishedAt": _time(note.finished_at),
        "attempts": run.attempt + 1 if run else None,
        "metrics": [_metric(one) for one in verdict.metrics],
        "conditions": [one.to_manifest() for one in seen],
    }
    for name in ("startedAt", "attempts"):  # of a Job that is gone by now
        status[name] = status[name] or bakeoff.status.get(name)
    kept = {key: value for key, value in status.items() if value is not None}
    return BakeoffPlan(status=kept, events=_events(bakeoff.status, seen))


def _metric(metric: Metric) -> Manifest:
    target, interval = metric.target, metric.interval
    found: dict[str, Any] = {
        "name": metric.name,
        "unit": metric.unit,
        "formula": metric.formula,
        "n": metric.n,
        "point": _number(metric.point),
        "ci": {
            key: text
            for key, value in (("low", interval.low), ("high", interval.high))
            if (text := _number(value)) is not None
        }
        if interval
        else None,
        "target": {"relation": target.relation, "value": _number(target.value)} if target else None,
        "incumbent": _number(metric.incumbent),
        "verdict": metric.verdict.value if metric.verdict else None,
        "reason": metric.reason.value,
    }
    return {key: value for key, value in found.items() if value not in (None, {})}


def _conditions(
    before: Any,  # noqa: ANN401
    generation: int,
    told: tuple[_Row, ...],
    now: datetime,
) -> tuple[Condition, ...]:
    seen = (
        Condition(
            type=kind,
            status=status,
            reason=reason,
            message=sentence(_TEXT[reason][0], words, _TEXT[reason][1]),
            observed_generation=generation,
            last_transition_time=now.replace(microsecond=0),
        )
        for kind, status, reason, words in told
    )
    return carry_over(before.get("conditions") or [], seen)


def _events(before: Any, seen: tuple[Condition, ...]) -> tuple[EventRequest, ...]:  # noqa: ANN401
    now = seen[-1]
    earlier = next(
        (one for one in before.get("conditions") or [] if one.get("type") == now.type.value), None
    )
    if earlier is not None and earlier.get("reason") == now.reason.value:
        return ()
    level: Literal["Normal", "Warning"] = "Normal" if now.reason in _NORMAL else "Warning"
    return (EventRequest(type=level, reason=now.reason.value, message=now.message),)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.6g}"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
