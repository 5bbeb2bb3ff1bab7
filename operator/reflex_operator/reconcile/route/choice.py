"""What a route does when no swap is in progress: the first rule that applies."""

from datetime import timedelta

from reflex_api.reasons import RouteReason
from reflex_api.route_status import Eligibility, TransitionKind
from reflex_operator.reconcile.route import guards, measuring
from reflex_operator.reconcile.route.candidates import promotable, startable, successors
from reflex_operator.reconcile.route.facts import Facts, Member
from reflex_operator.reconcile.route.record import (
    Incumbent,
    Past,
    Routing,
    remembered,
    without,
)
from reflex_operator.reconcile.route.step import LOOK_AGAIN, Step, absent, has_room, sooner, stay
from reflex_operator.reconcile.route.swap import begin
from reflex_operator.reconcile.route.wishes import refusal


def choose(facts: Facts) -> Step:
    """Return what follows while no swap is in progress."""
    active = facts.active
    if active is None:
        return _without_active(facts)
    if len(facts.elders) >= facts.room:
        return _yield(facts)
    if active.name not in facts.record.residents:
        return _readmit(facts, active)
    rules = (_manual, _rollback, _failover, _follow, _held, _failback, _promotion)
    wait: timedelta | None = None
    for rule in rules:
        step = rule(facts, active)
        if step is None:
            continue
        if step.record != facts.record or step.routing != facts.routing or step.deferred:
            return sooner(step, wait)
        wait = min((one for one in (wait, step.wait) if one is not None), default=None)
        if rule is _held:
            return sooner(step, wait)
    if facts.hold is not None:
        return stay(facts, wait=wait)
    return sooner(measuring.measure(facts, active), wait)


def _without_active(facts: Facts) -> Step:
    """Return the way to a first active model: what runs already, else the incumbent."""
    running = [
        one
        for name in facts.record.residents
        if (one := facts.usable(name)) and facts.may_serve(one) and not one.suspended
    ]
    incumbent = facts.usable(facts.incumbent)
    chosen = next(iter(running), None)
    if chosen is None and incumbent and startable(facts, incumbent):
        chosen = incumbent
    if chosen is None:
        chosen = next(iter(successors(facts, apart_from=(), with_incumbent=False)), None)
    if chosen is None and incumbent and not incumbent.suspended:
        chosen = incumbent  # it is all there is: it may wait for its weights, or be tried again
    if chosen is None:
        record = facts.record.model_copy(update={"residents": ()})
        return Step(
            record=record,
            routing=facts.routing,
            deferred=RouteReason.NO_ELIGIBLE_FALLBACK,
            words="no member can be started",
            wait=LOOK_AGAIN,
        )
    first = not facts.record.history and not facts.routing.model
    kind = TransitionKind.BOOTSTRAP if first else TransitionKind.RESTORE
    words = "the first model" if first else f"{facts.routing.model or 'none'} is no member now"
    if chosen not in running and not has_room(facts, chosen) and facts.strangers:
        return stay(
            facts,
            deferred=RouteReason.SLOT_HELD,
            words=f"{', '.join(facts.strangers)} of another route",
        )
    return begin(facts, kind=kind, to=chosen, message=words)


def _yield(facts: Facts) -> Step:
    """Leave a slot that older routes fill: an edit put more into it than fits."""
    record = facts.record.model_copy(update={"residents": ()})
    return Step(
        record=record,
        routing=without(facts.routing),
        deferred=RouteReason.SLOT_HELD,
        words=f"{', '.join(facts.elders)} of an older route",
    )


def _readmit(facts: Facts, active: Member) -> Step:
    """Return the step that lets the active model run, when there is room for it."""
    if active.health.pods or active.replicas or has_room(facts, active):
        residents = (active.name,)
        record = facts.record.model_copy(update={"residents": residents})
        return Step(record=record, routing=facts.routing, gone=absent(facts, residents))
    return stay(facts, deferred=RouteReason.SLOT_HELD, words=", ".join(facts.strangers))


def _manual(facts: Facts, active: Member) -> Step | None:
    """Follow a choice by hand, once, if its evidence is the current one."""
    manual = facts.manual
    if manual is None or facts.record.manual == manual.text:
        return None
    member = facts.usable(manual.model)
    refused = refusal(
        manual, member.evidence if member else None, member.standing if member else None
    )
    if refused or member is None or not (member.name == active.name or startable(facts, member)):
        return None
    if member.name == active.name:
        incumbent = Incumbent(model=member.name, primary=facts.route.spec.primary)
        record = facts.record.model_copy(update={"incumbent": incumbent, "manual": manual.text})
        return Step(record=record, routing=facts.routing)
    words = f"chosen by hand: {manual.text} {manual.words}".strip()
    return begin(facts, kind=TransitionKind.MANUAL, to=member, message=words)


def _rollback(facts: Facts, active: Member) -> Step | None:
    """Take a promotion back that turns out badly soon."""
    last = _last_promotion(facts)
    soak = facts.route.spec.promotion.soak
    if last is None or last.to != active.name or facts.now - last.at >= soak:
        return None
    before = facts.usable(last.from_)
    trouble = _trouble(facts, active)
    if before is None or not startable(facts, before):
        return None
    if before.standing.eligibility is Eligibility.REJECTED:
        return None  # it would become the incumbent again; others may be qualified
    if trouble.words and trouble.wait is None:
        words = f"within the soak time: {trouble.words}"
        return begin(facts, kind=TransitionKind.ROLLBACK, to=before, message=words)
    return stay(facts, wait=trouble.wait or last.at + soak - facts.now)


def _failover(facts: Facts, active: Member) -> Step | None:
    """Let another member take over from one that is not well, or may not serve."""
    trouble = _trouble(facts, active)
    if not trouble.words:
        return None
    if trouble.wait is not None:
        return stay(facts, wait=trouble.wait)
    away = facts.incumbent != active.name
    found = successors(facts, apart_from=(active.name,), with_incumbent=away)
    if not found:
        words = f"{trouble.words}; no other member may take over"
        illegal = not facts.may_serve(active)
        return Step(
            record=facts.record,
            routing=without(facts.routing) if illegal else facts.routing,
            # A rejected incumbent that is well serves on; that is told as Degraded.
            deferred=None
            if active.health.well and not illegal
            else RouteReason.NO_ELIGIBLE_FALLBACK,
            words=words,
            wait=LOOK_AGAIN,
        )
    to = found[0]
    waits = (_restart_wait(facts, active, to), guards.swap_wait(facts))
    if waits[0] is not None:
        return stay(facts, wait=waits[0])
    if waits[1] is not None:
        limit = facts.route.spec.failover.max_swaps_per_hour
        return Step(
            record=facts.record,
            routing=facts.routing if facts.may_serve(active) else without(facts.routing),
            deferred=RouteReason.SWAP_DEFERRED,
            words=f"{trouble.words}; {limit} swaps within the last hour",
            wait=waits[1],
        )
    kind = TransitionKind.FAILOVER
    if to.name == facts.incumbent and active.health.well:
        kind = TransitionKind.FAILBACK
    return begin(facts, kind=kind, to=to, message=trouble.words)


def _follow(facts: Facts, active: Member) -> Step | None:
    """Route to the active model's present revision, once it is verified."""
    if not active.health.well or not facts.may_serve(active):
        return None
    wanted = Routing(model=active.name, revision=active.health.revision)
    return None if wanted == facts.routing else Step(record=facts.record, routing=wanted)


def _held(facts: Facts, active: Member) -> Step | None:
    if facts.hold is None or (facts.hold.by_choice and active.name != facts.incumbent):
        return None
    return stay(facts)


def _failback(facts: Facts, active: Member) -> Step | None:
    """Try the incumbent again, each time after a longer wait."""
    if active.name == facts.incumbent:
        return None
    incumbent = facts.usable(facts.incumbent)
    if incumbent is None or not startable(facts, incumbent):
        wait = guards.retry_wait(facts, incumbent) if incumbent else None
        return stay(facts, wait=wait)
    if incumbent.standing.eligibility is Eligibility.REJECTED and active.eligible:
        return None
    waits = (guards.failback_wait(facts, incumbent), guards.swap_wait(facts))
    wait = max((one for one in waits if one is not None), default=None)
    if wait is not None:
        return stay(facts, wait=wait)
    return begin(
        facts, kind=TransitionKind.FAILBACK, to=incumbent, message="the incumbent is tried again"
    )


def _promotion(facts: Facts, active: Member) -> Step | None:
    """Make a member the incumbent that was measured to be better than it."""
    better = [
        one
        for one in facts.members.values()
        if promotable(facts, one) and (one.name == active.name or startable(facts, one))
    ]
    if not better:
        return None
    best = max(better, key=lambda one: float(one.evidence.pass_at1 or 0) if one.evidence else 0)
    cooldown = guards.cooldown_wait(facts)
    words = f"better than {facts.incumbent} by evidence {best.evidence.id if best.evidence else ''}"
    if cooldown is not None:
        return _later(facts, f"promotion of {best.name} waits for its cooldown", cooldown)
    if best.name == active.name:
        past = Past(
            kind=TransitionKind.PROMOTION,
            to=best.name,
            at=facts.now.replace(microsecond=0),
            ok=True,
            from_=facts.incumbent,
            to_revision=best.health.revision,
            message=words,
        )
        update = {
            "incumbent": Incumbent(model=best.name, primary=facts.route.spec.primary),
            "history": remembered(facts.record.history, past),
        }
        return Step(record=facts.record.model_copy(update=update), routing=facts.routing)
    if (wait := guards.swap_wait(facts)) is not None:
        return _later(facts, f"promotion of {best.name} waits for maxSwapsPerHour", wait)
    return begin(facts, kind=TransitionKind.PROMOTION, to=best, message=words)


def _later(facts: Facts, words: str, wait: timedelta) -> Step:
    return stay(facts, deferred=RouteReason.SWAP_DEFERRED, words=words, wait=wait)


def _trouble(facts: Facts, active: Member) -> Step:
    """Return, as words, why the active model should be left; with a wait: not yet."""
    health, after = active.health, facts.route.spec.failover.unhealthy_after
    feedback = facts.feedback
    if active.suspended:
        return stay(facts, words=f"{active.name} is suspended or scaled to zero")
    if not facts.may_serve(active):
        return stay(facts, words=f"{active.name} may not serve: {active.standing.message}")
    if not health.well:
        if health.at_once:
            return stay(facts, words=f"{active.name}: {health.at_once}")
        since = health.since or facts.now
        words = f"{active.name} is not well{f': {health.reason}' if health.reason else ''}"
        left = since + after - facts.now
        return stay(facts, words=words, wait=left if left > timedelta(0) else None)
    if active.standing.eligibility is Eligibility.REJECTED:
        return stay(facts, words=f"{active.name} is rejected: {active.standing.message}")
    if feedback and feedback.model == active.name and feedback.circuit == "Open":
        return stay(facts, words=f"{active.name}: CircuitOpen {feedback.message}".strip())
    if feedback and feedback.model == active.name and feedback.quality == "Regressed":
        return stay(facts, words=f"{active.name}: QualityRegressed {feedback.message}".strip())
    return stay(facts)


def _restart_wait(facts: Facts, active: Member, to: Member) -> timedelta | None:
    """Return how long the active engine's restart takes, when waiting for it is the shorter way."""
    if active.health.at_once or active.model is None or to.start is None:
        return None
    if active.start is None or active.health.started_at is None or active.health.well:
        return None
    left = active.health.started_at + active.start - facts.now
    return left if timedelta(0) < left < to.start else None


def _last_promotion(facts: Facts) -> Past | None:
    done = [one for one in facts.record.history if one.ok and one.kind in guards.COUNTED]
    last = done[-1] if done else None
    return last if last and last.kind is TransitionKind.PROMOTION else None
