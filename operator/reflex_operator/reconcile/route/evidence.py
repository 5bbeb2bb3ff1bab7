"""Reads the immutable ConfigMaps of finished bakeoffs, and judges what they let a member do."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from reflex_api.evidence import EvidenceInputs, evidence_key
from reflex_api.gate import GateSpec
from reflex_api.names import (
    ANNOTATION_EVIDENCE,
    LABEL_BAKEOFF,
    LABEL_EVIDENCE_OF,
    evidence_name,
)
from reflex_api.route_status import Eligibility
from reflex_api.verdict import Judgement, Verdict
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.route.subject import changed

VERDICT_KEY: Final = "verdict.json"
INPUTS_KEY: Final = "inputs.json"
ITEMS_KEY: Final = "items.json.gz"
_SOLVED: Final = "pass_at_1"
DRIVER: Final = "gpuDriver"


class EvidenceNote(BaseModel):
    """What the operator adds to a bakeoff's artefacts, as an annotation."""

    model_config = ConfigDict(frozen=True)
    id: str
    """Twelve digits of the SHA-256 of verdict.json."""
    key: str
    finished_at: datetime
    expires_at: datetime
    baseline: str = ""
    """Id of the evidence that it was compared with."""
    image_id: str = ""
    """Of the engine, as the node reported it."""
    settings: str = ""
    """Digest of what the engine had resolved its arguments to."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One bakeoff's result."""

    model: str
    bakeoff: str
    name: str  # the ConfigMap
    note: EvidenceNote
    qualification: Judgement
    superiority: Judgement | None
    pass_at1: str
    simulated: bool
    gate: GateSpec  # that judged it
    inputs: EvidenceInputs | None
    reason: str = ""  # of the qualification

    @property
    def id(self) -> str:
        """The id that a manual promotion names."""
        return self.note.id


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What a member may do, and why. `lenient`: stale by age or driver only."""

    eligibility: Eligibility
    message: str
    lenient: bool = False


def newest(
    manifests: Iterable[Manifest], model: str, *, counts: Callable[[Evidence], bool]
) -> tuple[Evidence | None, Evidence | None]:
    """Return the evidence about a model that counts, and that of its last run that does.

    A run without a measurement replaces no evidence, but it was a run: what is tried again, and
    when, rests on it. Evidence that does not count is returned only where there is no other.
    """
    found = [one for one in map(read, manifests) if one is not None and one.model == model]
    found.sort(key=lambda one: (one.note.finished_at, one.name))
    ours = [one for one in found if counts(one)]
    measured = [one for one in ours or found if one.qualification is not Judgement.ERROR]
    return next(reversed(measured or ours or found), None), next(reversed(ours), None)


def read(manifest: Manifest) -> Evidence | None:
    """Return what a ConfigMap holds; None: it is no evidence, or it was tampered with."""
    metadata = manifest["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    data = manifest.get("data") or {}
    if not manifest.get("immutable") or LABEL_EVIDENCE_OF not in labels:
        return None
    if metadata["name"] != evidence_name(labels.get(LABEL_BAKEOFF, "")):
        # A right to change one ConfigMap by name is no right to make evidence of it.
        return None
    try:
        note = EvidenceNote.model_validate_json(annotations.get(ANNOTATION_EVIDENCE, ""))
        verdict = _verdict(data.get(VERDICT_KEY, ""))
        inputs = _inputs(data[INPUTS_KEY]) if INPUTS_KEY in data else None
    except ValidationError:
        return None
    if inputs is not None and evidence_key(inputs) != note.key:
        return None
    metric = next((one for one in verdict.metrics if one.name == _SOLVED), None)
    point = metric.point if metric else None
    return Evidence(
        model=labels[LABEL_EVIDENCE_OF],
        bakeoff=labels.get(LABEL_BAKEOFF, ""),
        name=metadata["name"],
        note=note,
        qualification=verdict.qualification.verdict,
        superiority=verdict.superiority.verdict if verdict.superiority else None,
        pass_at1="" if point is None else f"{point:.3f}",
        simulated=bool(verdict.candidate and verdict.candidate.simulated),
        gate=verdict.gate,
        inputs=inputs,
        reason=verdict.qualification.message,
    )


def judge(
    evidence: Evidence | None,
    inputs: EvidenceInputs | None,
    image_id: str,
    now: datetime,
    *,
    settings: str = "",
    other: tuple[str, ...] = (),
) -> Standing:
    """Return what the evidence lets its model do.

    Args:
        evidence: the newest.
        inputs: what would be measured now; None: nothing was rendered yet.
        image_id: of the engine that runs now; "": none runs.
        now: the time.
        settings: digest of that engine's settings; "": not known.
        other: names of the route's terms that it was not made under.
    """
    if evidence is None or evidence.qualification is Judgement.ERROR:
        why = "the last bakeoff measured nothing" if evidence else "no bakeoff has measured it"
        return Standing(eligibility=Eligibility.UNQUALIFIED, message=why)
    differs = other + _differences(evidence, inputs, image_id, settings)
    if differs:
        return Standing(
            eligibility=Eligibility.STALE,
            message=f"changed since it was measured: {', '.join(differs)}"[:256],
            lenient=differs == (DRIVER,) and evidence.qualification is Judgement.PASS,
        )
    if now >= evidence.note.expires_at:
        expired = evidence.note.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return Standing(
            eligibility=Eligibility.STALE,
            message=f"its evidence expired at {expired}",
            lenient=evidence.qualification is Judgement.PASS,
        )
    eligibility = {
        Judgement.PASS: Eligibility.ELIGIBLE,
        Judgement.FAIL: Eligibility.REJECTED,
        Judgement.INCONCLUSIVE: Eligibility.INCONCLUSIVE,
    }[evidence.qualification]
    words = f"bakeoff {evidence.bakeoff}: {evidence.reason or evidence.qualification.value}"
    return Standing(eligibility=eligibility, message=words[:256])


def expires_in(evidence: Evidence | None, now: datetime) -> timedelta | None:
    """Return how long the evidence still counts, if it does."""
    left = evidence.note.expires_at - now if evidence else timedelta(0)
    return left if left > timedelta(0) else None


def supersedes(candidate: Evidence | None, incumbent: Evidence | None) -> bool:
    """Return whether the candidate was shown to be better than the incumbent as measured now."""
    return (
        candidate is not None
        and incumbent is not None
        and candidate.qualification is Judgement.PASS
        and candidate.superiority is Judgement.PASS
        and candidate.note.baseline == incumbent.id
    )


def note_of(note: EvidenceNote) -> str:
    """Return the annotation's value."""
    return json.dumps(note.model_dump(mode="json", exclude_defaults=True), sort_keys=True)


def _differences(
    evidence: Evidence, inputs: EvidenceInputs | None, image_id: str, settings: str
) -> tuple[str, ...]:
    seen = {"engineImage": (evidence.note.image_id, image_id)}
    seen["serverInfo"] = (evidence.note.settings, settings)
    moved = tuple(name for name, (was, now) in seen.items() if was and now and was != now)
    if inputs is None:
        return moved
    if evidence.inputs is None:
        return ("evidenceKey",) if evidence_key(inputs) != evidence.note.key else moved
    return changed(evidence.inputs, inputs) or moved


@lru_cache(maxsize=256)
def _verdict(text: str) -> Verdict:
    return Verdict.model_validate_json(text)


@lru_cache(maxsize=256)
def _inputs(text: str) -> EvidenceInputs:
    return EvidenceInputs.model_validate_json(text)
