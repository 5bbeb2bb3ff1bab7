"""Candidate, baseline and gate in; verdict out. The same call wherever a verdict is made."""

from collections.abc import Iterator, Sequence

from reflex_api import items as documents
from reflex_api.errors import ItemsError
from reflex_api.gate import GateSpec
from reflex_api.items import ItemRecord, Items
from reflex_api.verdict import Judgement, Metric, Overall, Pairs, Part, Side, Verdict, Why, worst
from reflex_bakeoff import HARNESS_VERSION
from reflex_bakeoff.gate.integrity import baseline_faults, faults, request_faults
from reflex_bakeoff.gate.metrics import Fault, Subject, failed
from reflex_bakeoff.gate.prefix import cache_metrics
from reflex_bakeoff.gate.repairs import is_pending, repair_metrics, strata
from reflex_bakeoff.gate.selfchecks import client_fault, speed_fault
from reflex_bakeoff.gate.serving import decode_metrics, error_metric
from reflex_bakeoff.gate.times import latency_metrics
from reflex_bakeoff.gate.versus import BENEFIT, NON_INFERIORITY, compare


def evaluate(candidate: Items, baseline: Items | None, gate: GateSpec) -> Verdict:
    """Return the verdict about the candidate; same arguments, same verdict.

    Args:
        candidate: its measurements.
        baseline: the incumbent's, over the same suite in the same order; None: superiority is not
            judged.
        gate: what is wanted.
    """
    broken = next(faults(candidate, gate), None)
    ordered = _ordered(candidate)
    theirs = _ordered(baseline) if baseline is not None else ()
    unpaired = next(baseline_faults(candidate, baseline, gate), None) if baseline else None
    comparable = theirs if baseline is not None and unpaired is None else ()
    metrics: list[Metric] = []
    if broken is None:
        metrics += repair_metrics(ordered, gate, candidate.run.tries, comparable)
    else:
        metrics.append(failed(_REPAIRS, broken, len(candidate.items)))
    metrics += _timed(candidate, gate, baseline)
    metrics += cache_metrics(candidate, gate)
    pairs: Pairs | None = None
    if baseline is not None:
        versus, pairs = _versus(ordered, theirs, gate, broken or unpaired)
        metrics += versus
    return _document(candidate, baseline, gate, metrics, pairs, comparable, broken)


def evaluate_texts(candidate: str, baseline: str | None, gate: GateSpec) -> Verdict:
    """Return the verdict about two files' text; a file that cannot be read gives Error."""
    try:
        ours = documents.read(candidate)
        theirs = documents.read(baseline) if baseline is not None else None
    except ItemsError as error:
        overall = Overall(
            verdict=Judgement.ERROR, reason=Why.UNREADABLE_ITEMS, message=str(error)[:1024]
        )
        return Verdict(
            harness_version=HARNESS_VERSION,
            gate=gate,
            verdict=Judgement.ERROR,
            qualification=overall,
            superiority=overall if baseline is not None else None,
        )
    return evaluate(ours, theirs, gate)


_REPAIRS = Subject(
    name="pass_at_1", part=Part.QUALIFICATION, unit="share",
    formula="items repaired by the first patch / items",
)  # fmt: skip


def _ordered(items: Items) -> tuple[ItemRecord, ...]:
    place = {name: index for index, name in enumerate(items.run.planned)}
    known = [item for item in items.items if item.id in place]
    return tuple(sorted(known, key=lambda item: place[item.id]))


def _timed(candidate: Items, gate: GateSpec, baseline: Items | None) -> Iterator[Metric]:
    """Yield speed: what spoils it spoils every time in it; failures are counted all the same."""
    spoilt = next(request_faults(candidate), None)
    doubtful = spoilt or client_fault(candidate, gate) or speed_fault(candidate)
    yield from latency_metrics(candidate, gate, doubtful, baseline)
    yield from decode_metrics(candidate, gate, doubtful)
    yield error_metric(candidate, gate, spoilt)


def _versus(
    ordered: Sequence[ItemRecord], theirs: Sequence[ItemRecord], gate: GateSpec,
    fault: Fault | None,
) -> tuple[list[Metric], Pairs | None]:  # fmt: skip
    if fault is not None:
        return [failed(NON_INFERIORITY, fault), failed(BENEFIT, fault)], None
    return compare(ordered, theirs, gate)


def _document(
    candidate: Items, baseline: Items | None, gate: GateSpec, metrics: list[Metric],
    pairs: Pairs | None, comparable: Sequence[ItemRecord], broken: Fault | None,
) -> Verdict:  # fmt: skip
    qualification = _overall(metrics, Part.QUALIFICATION)
    superiority = _overall(metrics, Part.SUPERIORITY) if baseline is not None else None
    look = max((one for one in gate.quality.looks if one <= len(candidate.items)), default=0)
    used = _ordered(candidate)[:look] if broken is None else ()
    return Verdict(
        harness_version=HARNESS_VERSION,
        gate=gate,
        suite_digest=candidate.run.suite_digest,
        candidate=_side(candidate),
        baseline=_side(baseline) if baseline is not None else None,
        verdict=qualification.verdict,
        qualification=qualification,
        superiority=superiority,
        look=look if broken is None else 0,
        next_look=_next_look(metrics, look, gate),
        metrics=tuple(metrics),
        pairs=pairs,
        strata=strata(used, comparable),
    )


def _overall(metrics: Sequence[Metric], part: Part) -> Overall:
    mine = [one for one in metrics if one.part is part and one.verdict is not None]
    verdict = worst(*(one.verdict for one in mine if one.verdict is not None))
    guilty = [one for one in mine if one.verdict is verdict]
    if verdict is Judgement.PASS:
        message = f"all {len(mine)} metrics meet their bounds"
    else:
        # One cause often stops several metrics: it is told once.
        names: dict[str, list[str]] = {}
        for one in guilty:
            names.setdefault(one.message, []).append(one.name)
        message = "; ".join(f"{', '.join(those)}: {said}" for said, those in names.items())
    reason = guilty[0].reason if guilty else Why.MISSING_MEASUREMENT
    return Overall(verdict=verdict, reason=reason, message=message[:1024])


def _next_look(metrics: Sequence[Metric], look: int, gate: GateSpec) -> int | None:
    """Return how many items to measure next; None when no further item can change the answer."""
    later = [one for one in gate.quality.looks if one > look]
    qualifying = [one for one in metrics if one.part is Part.QUALIFICATION]
    comparing = [one for one in metrics if one.part is Part.SUPERIORITY]
    if not later or not _open(qualifying):
        return None
    pending = any(map(is_pending, qualifying)) or (
        _open(comparing) and any(map(is_pending, comparing))
    )
    return later[0] if pending else None


def _open(metrics: Sequence[Metric]) -> bool:
    """Return whether all of them pass or may still come to pass."""
    return all(one.verdict in {Judgement.PASS, None} or is_pending(one) for one in metrics)


def _side(items: Items) -> Side:
    run = items.run
    return Side(
        model=run.model,
        evidence_key=run.evidence_key,
        items_digest=items.digest,
        measured_at=run.measured_at,
        simulated=run.simulated,
    )
