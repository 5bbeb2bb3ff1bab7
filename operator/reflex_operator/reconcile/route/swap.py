"""One swap, step by step: each follows from what is seen, so any of them may be the first.

Stop routing, drain and stop (the engine's own hook drains), pod gone, start, verified, route. What
is in progress stands in the record; which step is next, in pods and Deployments.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from reflex_api.reasons import RouteReason
from reflex_api.route_status import TransitionKind
from reflex_operator.reconcile.route import windows
from reflex_operator.reconcile.route.candidates import promotable, successors
from reflex_operator.reconcile.route.facts import Facts, Member
from reflex_operator.reconcile.route.guards import cooldown_wait, swap_wait
from reflex_operator.reconcile.route.record import (
    Incumbent,
    RouteRecord,
    Routing,
    Swap,
    begun,
    ended,
    with_swap,
    without,
)
from reflex_operator.reconcile.route.step import LOOK_AGAIN, Step, absent, has_room, others, stay
from reflex_operator.reconcile.route.wishes import Manual

_PULL_MARGIN: Final = timedelta(minutes=5)
"""For node, image and volume, before the engine's own startup time begins."""
_CHOSEN: Final = {TransitionKind.PROMOTION, TransitionKind.MANUAL}
"""After these the new model is the incumbent. A rollback's is it from the start."""
_SEARCHING: Final = {TransitionKind.FAILOVER, TransitionKind.BOOTSTRAP, TransitionKind.RESTORE}
"""These try the next candidate when one fails."""


def begin(
    facts: Facts, *, kind: TransitionKind, to: Member, message: str, from_: str | None = None
) -> Step:
    """Return the step that begins a swap, beside the active engine if there is room.

    Only a swap that has to take the room of the active engine stops routing to it.
    """
    active = facts.active
    before = facts.routing.model if from_ is None else from_
    record = begun(
        _chosen(facts, facts.record, to.name) if kind is TransitionKind.ROLLBACK else facts.record,
        kind=kind,
        to=to.name,
        from_=before,
        message=message,
        now=facts.now,
    )
    beside = (
        active is not None
        and active.health.well
        and facts.may_serve(active)
        and kind is not TransitionKind.EVALUATION
        and has_room(facts, to)
    )
    if beside and active is not None:
        record = record.model_copy(update={"residents": (active.name, to.name)})
        return Step(record=record, routing=facts.routing, gone=absent(facts, record.residents))
    return Step(record=record, routing=without(facts.routing))


def progress(facts: Facts) -> Step:
    """Return the next step of the swap in progress."""
    swap = facts.record.swap
    if swap is None:
        return stay(facts)
    to = facts.usable(swap.to)
    if to is None or to.suspended:
        return _failed(facts, swap, f"{swap.to} can no longer be used")
    if to.name not in facts.record.residents:
        return _make_room(facts, swap, to)
    if to.health.well:
        return _arrived(facts, swap, to)
    why = start_failure(facts, swap, to)
    if why:
        return _failed(facts, swap, why)
    if swap.kind is TransitionKind.EVALUATION and (why := windows.must_end(facts, swap)):
        return _restore(facts, swap, f"{why}, before {to.name} had started")
    return stay(facts, wait=_deadline(swap, to) - facts.now)


def start_failure(facts: Facts, swap: Swap, member: Member) -> str:
    """Return why the target's start counts as failed, or nothing."""
    health = member.health
    if health.hopeless and health.pods:
        return f"{member.name}: {health.reason or health.hopeless}"
    if health.hopeless and member.replicas == 0 and facts.now - _begun(swap) > _PULL_MARGIN:
        return f"{member.name}: {health.reason or health.hopeless}"
    if health.at_once:
        return f"{member.name}: {health.at_once}"
    if facts.now >= _deadline(swap, member):
        return f"{member.name} did not start in time{f': {health.reason}' if health.reason else ''}"
    return ""


def _make_room(facts: Facts, swap: Swap, to: Member) -> Step:
    """Return the step while others still hold the room that the target needs."""
    record = _noted(facts, swap)
    in_the_way = others(facts, to.name)
    if len(in_the_way) >= facts.room:
        held = [name for name in in_the_way if name in facts.strangers]
        words = f"{', '.join(in_the_way)} must be gone before {to.name} starts"
        deferred = RouteReason.SLOT_HELD if len(held) >= facts.room else None
        if swap.kind is TransitionKind.EVALUATION and (why := windows.must_end(facts, swap)):
            return _restore(facts, swap, why)
        return Step(record=record, routing=facts.routing, deferred=deferred, words=words)
    residents = (*record.residents, to.name)
    record = with_swap(record, gone_at=facts.now.replace(microsecond=0))
    record = record.model_copy(update={"residents": residents})
    return Step(record=record, routing=facts.routing, gone=absent(facts, residents))


def _noted(facts: Facts, swap: Swap) -> RouteRecord:
    """Return the record with the end of the old engine's process, once it is seen."""
    if swap.ended_at is not None:
        return facts.record
    moment = facts.ended_engines.get(swap.from_)
    if moment is None or moment < swap.stopped_at.replace(microsecond=0):
        return facts.record
    return with_swap(facts.record, ended_at=moment)


def _arrived(facts: Facts, swap: Swap, to: Member) -> Step:
    """Return the step once the target's engine is verified."""
    if swap.kind is TransitionKind.EVALUATION:
        return _evaluated(facts, swap, to)
    chosen = swap.kind in _CHOSEN
    allowed = to.eligible if swap.kind is TransitionKind.MANUAL else facts.may_serve(to)
    if swap.kind is TransitionKind.PROMOTION:
        # Another incumbent since it began (the spec's primary was changed): better than whom?
        allowed = facts.superior(to)
    if not allowed:
        why = f"{to.name} is {to.standing.eligibility.value}: {to.standing.message}"
        return _failed(facts, swap, why)
    record = _chosen(facts, facts.record, to.name) if chosen else facts.record
    if swap.kind is TransitionKind.MANUAL and facts.manual and _is_about(facts.manual, to):
        record = record.model_copy(update={"manual": facts.manual.text})
    record = ended(
        record,
        ok=True,
        to_revision=to.health.revision,
        from_revision=facts.routing.revision,
        message=swap.message,
        now=facts.now,
    )
    record = record.model_copy(update={"residents": (to.name,)})
    routing = Routing(model=to.name, revision=to.health.revision)
    return Step(record=record, routing=routing)


def _evaluated(facts: Facts, swap: Swap, to: Member) -> Step:
    """Return the step while the target runs to be measured, without any request routed to it."""
    if facts.bakeoffs.get(to.name):
        if why := windows.must_end(facts, swap):
            return _restore(facts, swap, why)
        return stay(facts, wait=windows.end_wait(facts, swap))
    guarded = (cooldown_wait(facts), swap_wait(facts))
    if not promotable(facts, to) or any(one is not None for one in guarded):
        return _restore(facts, swap, f"{to.name} was measured: {to.standing.eligibility.value}")
    words = f"better than {facts.incumbent} by evidence {to.evidence.id if to.evidence else ''}"
    record = with_swap(facts.record, kind=TransitionKind.PROMOTION, message=words)
    return _arrived(replace(facts, record=record), record.swap or swap, to)


def _restore(facts: Facts, swap: Swap, message: str) -> Step:
    """Return the step that ends an evaluation and begins the way back."""
    back = facts.usable(swap.from_) or facts.usable(facts.incumbent)
    if back is None or not facts.may_serve(back):
        back = next(iter(successors(facts, apart_from=(swap.to,), with_incumbent=True)), back)
    record = ended(
        facts.record,
        ok=True,
        to_revision=_revision(facts, swap.to),
        from_revision=facts.routing.revision,
        message=message,
        now=facts.now,
    )
    if back is None:
        return Step(record=record.model_copy(update={"residents": ()}), routing=facts.routing)
    return _next(facts, record, swap, TransitionKind.RESTORE, back, message)


def _failed(facts: Facts, swap: Swap, why: str) -> Step:
    """Return the step after a target that cannot serve: the next candidate, or the way back."""
    choice = _alternative(facts, swap)
    if choice is None:
        return _hopeless(facts, swap, why)
    base = facts.record
    if swap.kind is TransitionKind.ROLLBACK and facts.incumbent == swap.to:
        base = _chosen(facts, base, swap.from_)
    record = ended(
        base,
        ok=False,
        to_revision=_revision(facts, swap.to),
        from_revision=facts.routing.revision,
        message=why,
        now=facts.now,
    )
    kind = TransitionKind.RESTORE
    if choice.name not in (swap.from_, facts.incumbent) and swap.kind in _SEARCHING:
        first = swap.kind is TransitionKind.BOOTSTRAP
        kind = TransitionKind.BOOTSTRAP if first else TransitionKind.FAILOVER
    return _next(facts, record, swap, kind, choice, why)


def _alternative(facts: Facts, swap: Swap) -> Member | None:
    """Return who is tried instead of a target that failed.

    A way back that failed, too, leads only to members whose last failure is long enough ago: two
    broken models never alternate.
    """
    before = facts.usable(swap.from_)
    back = before is not None and not before.suspended and facts.may_serve(before)
    if swap.kind in _SEARCHING:
        found = successors(facts, apart_from=(swap.to, swap.from_), with_incumbent=True)
        if found:
            return found[0]
    if back and swap.kind not in (TransitionKind.RESTORE, TransitionKind.BOOTSTRAP):
        return before
    return next(iter(successors(facts, apart_from=(swap.to,), with_incumbent=True)), None)


def _hopeless(facts: Facts, swap: Swap, why: str) -> Step:
    """Return the step when there is nobody else: the target is left to the kubelet's restarts."""
    to = facts.usable(swap.to)
    kept = to is not None and not to.suspended and facts.may_serve(to)
    record = facts.record
    if not kept:
        record = record.model_copy(update={"swap": None, "residents": ()})
    return Step(
        record=record,
        routing=without(facts.routing),
        deferred=RouteReason.NO_ELIGIBLE_FALLBACK,
        words=why,
        wait=LOOK_AGAIN,
    )


def _next(
    facts: Facts, record: RouteRecord, swap: Swap, kind: TransitionKind, to: Member, why: str
) -> Step:
    """Return the step into the swap that follows another; the outage goes on without a break."""
    active = facts.active
    serving = active is not None and not facts.routing.stopped and active.name == to.name
    if serving:
        # It ran all the time, beside the one that failed.
        kept = record.model_copy(update={"residents": (to.name,)})
        return Step(record=kept, routing=facts.routing)
    following = begun(
        record,
        kind=kind,
        to=to.name,
        from_=swap.from_ if kind is swap.kind else swap.to,
        message=why,
        now=facts.now,
        outage_from=swap.stopped_at,
    )
    return Step(record=following, routing=without(facts.routing))


def _chosen(facts: Facts, record: RouteRecord, to: str) -> RouteRecord:
    incumbent = Incumbent(model=to, primary=facts.route.spec.primary)
    return record.model_copy(update={"incumbent": incumbent})


def _is_about(manual: Manual, member: Member) -> bool:
    """Return whether a choice by hand is this member: it may have changed since the swap began."""
    found = member.evidence.id if member.evidence else ""
    return (manual.model, manual.evidence) == (member.name, found)


def _revision(facts: Facts, name: str) -> str:
    member = facts.members.get(name)
    return (member.health.revision or member.revision) if member else ""


def _begun(swap: Swap) -> datetime:
    return swap.gone_at or swap.since


def _deadline(swap: Swap, member: Member) -> datetime:
    timeout = member.model.spec.rollout.startup_timeout if member.model else timedelta(minutes=15)
    started = member.health.started_at
    began = max(started, _begun(swap)) if started else _begun(swap) + _PULL_MARGIN
    return began + timeout
