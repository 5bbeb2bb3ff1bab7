"""Which member is measured next, and when: the incumbent first, others are compared with it."""

import hashlib
from datetime import timedelta
from typing import Final

from reflex_api.evidence import evidence_key
from reflex_api.names import LABEL_ROUTE
from reflex_api.reasons import RouteReason
from reflex_api.route_spec import EvaluationTime, PromotionMode
from reflex_api.route_status import Eligibility, TransitionKind
from reflex_api.verdict import Judgement
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.route import windows
from reflex_operator.reconcile.route.candidates import in_order, startable
from reflex_operator.reconcile.route.facts import Facts, Member
from reflex_operator.reconcile.route.record import RouteRecord
from reflex_operator.reconcile.route.step import Step, absent, has_room, sooner, stay
from reflex_operator.reconcile.route.swap import begin

_AFTER_ERROR: Final = timedelta(hours=24)
"""A run that measured nothing twice is not repeated sooner by itself."""


def measure(facts: Facts, active: Member) -> Step:
    """Return the step towards the next bakeoff, or the end of one beside the active engine."""
    over = _over(facts, active)
    if over is not None:
        return over
    wait: timedelta | None = None
    told = stay(facts)
    for member in in_order(facts):
        runs = facts.bakeoffs.get(member.name, ())
        if not (runs or needs(facts, member)):
            continue
        if member.name != active.name and not startable(facts, member):
            continue
        if runs and (member.name == active.name or member.name in facts.record.residents):
            return stay(facts, wait=wait)  # under way: one at a time
        by_hand = any(not _is_ours(one) for one in runs)
        left = windows.begin_wait(facts, by_hand=by_hand)
        if left is not None:
            wait = min(left, wait or left)
            continue
        step = _begin(facts, active, member, runs)
        if step.wait is None or step.measure or step.record != facts.record:
            return sooner(step, wait)
        told = step if step.deferred else told
        wait = min(step.wait, wait or step.wait)
    return sooner(sooner(told, wait), _next_need(facts))


def needs(facts: Facts, member: Member) -> bool:
    """Return whether a bakeoff would tell something new about a member."""
    standing = member.standing.eligibility
    if not member.usable or member.suspended or (member.inputs is None and not member.revision):
        # Nothing was rendered for it yet; that comes with its first pass.
        return False
    if member.unmeasurable or _error_wait(facts, member) is not None:
        return False
    if standing in (Eligibility.UNQUALIFIED, Eligibility.STALE):
        return True
    if member.name == facts.incumbent or standing is not Eligibility.ELIGIBLE:
        return False
    return _comparison_due(facts, member)


def bakeoff_name(facts: Facts, member: Member) -> str:
    """Return the name of the member's next run: the same until it has evidence.

    So a crash between two writes never makes a second one.
    """
    last = member.last_run.id if member.last_run else ""
    key = evidence_key(member.inputs) if member.inputs else ""
    spec = facts.route.spec
    wanted = spec.gate.model_dump_json() + spec.evaluation.load.model_dump_json()
    text = f"{key}/{baseline(facts, member)}/{last}/{wanted}"
    short = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{facts.route.name[:24].rstrip('.-')}-{member.name[:28].rstrip('.-')}-{short}"


def baseline(facts: Facts, member: Member) -> str:
    """Return the bakeoff that the member is compared with; "" for the incumbent itself."""
    incumbent = facts.members.get(facts.incumbent)
    if incumbent is None or incumbent.name == member.name or incumbent.evidence is None:
        return ""
    measured = incumbent.standing.eligibility in (
        Eligibility.ELIGIBLE,
        Eligibility.REJECTED,
        Eligibility.INCONCLUSIVE,
    )
    return incumbent.evidence.bakeoff if measured else ""


def _begin(facts: Facts, active: Member, member: Member, runs: tuple[Manifest, ...]) -> Step:
    """Return the step that begins a member's bakeoff: the object first, then its engine."""
    if not _after_the_incumbent(facts, member):
        return stay(facts, wait=timedelta(minutes=1))
    if member.name == active.name:
        if not active.health.well:
            return stay(facts, wait=timedelta(minutes=1))
        return Step(record=facts.record, routing=facts.routing, measure=member.name)
    if has_room(facts, member):
        if not runs:
            return Step(record=facts.record, routing=facts.routing, measure=member.name)
        return _resident(facts, (*facts.record.residents, member.name))
    if active.name != facts.incumbent or not active.health.well:
        return stay(facts, wait=timedelta(minutes=1))  # no measurement while something is wrong
    pause = _pause(facts, member)
    if pause is not None:
        return stay(facts, wait=pause)
    if not windows.fits(facts, member):
        limit = facts.route.spec.evaluation.max_outage
        return stay(
            facts,
            deferred=RouteReason.SWAP_DEFERRED,
            words=f"measuring {member.name} would take longer than maxOutage ({limit})",
            wait=windows.opens_in(facts.route.spec.evaluation.window, facts.now)
            or timedelta(hours=1),
        )
    if not runs:
        return Step(record=facts.record, routing=facts.routing, measure=member.name)
    return begin(
        facts,
        kind=TransitionKind.EVALUATION,
        to=member,
        message=f"bakeoff {runs[0]['metadata']['name']}",
    )


def _over(facts: Facts, active: Member) -> Step | None:
    """Return the step that stops engines beside the active one that are not measured any more."""
    kept = tuple(
        name
        for name in facts.record.residents
        if name == active.name
        or (facts.bakeoffs.get(name) and (one := facts.usable(name)) and not _gave_up(one))
    )
    return None if kept == facts.record.residents else _resident(facts, kept)


def _gave_up(member: Member) -> bool:
    return bool(member.health.at_once or (member.health.hopeless and not member.health.well))


def _resident(facts: Facts, residents: tuple[str, ...]) -> Step:
    record: RouteRecord = facts.record.model_copy(update={"residents": residents})
    grew = set(residents) - set(facts.record.residents)
    return Step(
        record=record,
        routing=facts.routing,
        gone=absent(facts, residents) if grew else (),
    )


def _after_the_incumbent(facts: Facts, member: Member) -> bool:
    """Return whether nothing that the comparison rests on is still to be measured."""
    incumbent = facts.usable(facts.incumbent)
    if incumbent is None or incumbent.name == member.name:
        return True
    by_itself = facts.route.spec.evaluation.when is not EvaluationTime.MANUAL
    waiting = facts.bakeoffs.get(incumbent.name) or (by_itself and needs(facts, incumbent))
    return not (waiting and incumbent.health.well)


def _comparison_due(facts: Facts, member: Member) -> bool:
    """Return whether an eligible member might be better than the incumbent's present evidence."""
    incumbent = facts.members.get(facts.incumbent)
    if facts.route.spec.promotion.mode is PromotionMode.DISABLED:
        return False
    if incumbent is None or incumbent.evidence is None or member.evidence is None:
        return False
    compared = member.evidence.note.baseline == incumbent.evidence.id
    if compared and facts.terms.compares(member.evidence):
        return False
    least = float(facts.route.spec.promotion.min_benefit)
    gain = float(member.evidence.pass_at1 or 0) - float(incumbent.evidence.pass_at1 or 0)
    return gain >= least and bool(baseline(facts, member))


def _pause(facts: Facts, member: Member) -> timedelta | None:
    """Return how long the incumbent serves in peace after an evaluation of the same member.

    As long as such an outage may last: measuring never takes more than half of the time.
    """
    wanted = facts.route.spec.evaluation
    if wanted.when is EvaluationTime.MANUAL:
        return None
    last = max(
        (
            one.at
            for one in facts.record.history
            if one.kind is TransitionKind.EVALUATION and one.to == member.name
        ),
        default=None,
    )
    left = last + wanted.max_outage - facts.now if last else timedelta(0)
    return left if left > timedelta(0) else None


def _error_wait(facts: Facts, member: Member) -> timedelta | None:
    """Return how long a run that measured nothing keeps the same subject from another one."""
    last = member.last_run
    if last is None or last.qualification is not Judgement.ERROR:
        return None
    if member.inputs is not None and last.note.key != evidence_key(member.inputs):
        return None  # it was about something else
    left = last.note.finished_at + _AFTER_ERROR - facts.now
    return left if left > timedelta(0) else None


def _next_need(facts: Facts) -> timedelta | None:
    """Return when a member's evidence expires next, or a run that failed may be repeated."""
    waits = [
        one.evidence.note.expires_at - facts.now
        for one in facts.members.values()
        if one.evidence is not None and one.evidence.note.expires_at > facts.now
    ]
    errors = (_error_wait(facts, one) for one in facts.members.values())
    return min([*waits, *(one for one in errors if one is not None)], default=None)


def _is_ours(bakeoff: Manifest) -> bool:
    return LABEL_ROUTE in (bakeoff["metadata"].get("labels") or {})
