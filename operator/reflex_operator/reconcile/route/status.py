"""The status of a ReflexRoute, rebuilt on every pass from what the cluster shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from reflex_api.conditions import Condition, ConditionStatus, carry_over
from reflex_api.names import route_service_name
from reflex_api.reasons import RouteCondition, RouteReason
from reflex_api.route_spec import EvaluationTime
from reflex_api.route_status import Eligibility, TransitionKind
from reflex_operator.builders.secret import secret_name
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.plan import EventRequest
from reflex_operator.reconcile.route.evidence import supersedes
from reflex_operator.reconcile.route.facts import Facts, Member
from reflex_operator.reconcile.route.record import Past
from reflex_operator.reconcile.route.step import Step
from reflex_operator.reconcile.route.text import message
from reflex_operator.reconcile.route.wishes import refusal

_TROUBLES: Final = (
    RouteReason.MEMBER_CONFLICT,
    RouteReason.MEMBER_NOT_FOUND,
    RouteReason.MEMBER_NOT_ROUTED,
)
_NORMAL: Final = {
    RouteReason.PRIMARY_SERVING,
    RouteReason.SWAPPING,
    RouteReason.EVALUATING,
    RouteReason.HOLD,
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """A condition before its words."""

    status: ConditionStatus
    reason: RouteReason
    evidence: str = ""


def build(facts: Facts, step: Step) -> tuple[Manifest, tuple[EventRequest, ...]]:
    """Return the whole status and the events of what changed in it. It holds no clock."""
    route = facts.route
    seen = _conditions(route.status, route.generation, _told(facts, step), facts.now)
    status: Manifest = {
        "observedGeneration": route.generation,
        "incumbent": _incumbent(facts, step),
        "endpoint": f"http://{route_service_name(route.name)}.{route.namespace}.svc/v1",
        "members": [_member(facts, step, one) for one in facts.members.values()],
        "conditions": [one.to_manifest() for one in seen],
    }
    if active := _active(step):
        status["active"] = active
    last = step.record.history[-1] if step.record.history else None
    if last is not None:
        status["lastTransition"] = _transition(last)
    if manual := _manual(facts, step):
        status["manual"] = manual
    return status, _events(route.status, status, seen)


def refused(
    before: Mapping[str, Any], generation: int, reason: RouteReason, words: str, now: datetime
) -> tuple[Manifest, tuple[EventRequest, ...]]:
    """Return the status of a route that cannot be carried out: what it said before stays."""
    wrong = Told(status="False", reason=reason, evidence=words)
    told = {RouteCondition.ACCEPTED: wrong, RouteCondition.READY: wrong}
    seen = _conditions(before, generation, told, now)
    kept = {key: value for key, value in before.items() if key != "conditions"}
    status = {
        **kept,
        "observedGeneration": generation,
        "conditions": [one.to_manifest() for one in seen],
    }
    return status, _events(before, status, seen)


def _conditions(
    before: Mapping[str, Any],
    generation: int,
    told: Mapping[RouteCondition, Told],
    now: datetime,
) -> tuple[Condition, ...]:
    seen = (
        Condition(
            type=kind,
            status=one.status,
            reason=one.reason,
            message=message(one.reason, one.evidence),
            observed_generation=generation,
            last_transition_time=now.replace(microsecond=0),
        )
        for kind, one in told.items()
    )
    return carry_over(before.get("conditions") or [], seen)


def _told(facts: Facts, step: Step) -> dict[RouteCondition, Told]:
    accepted, serving = _accepted(facts), _serving(facts, step)
    return {
        RouteCondition.ACCEPTED: accepted,
        RouteCondition.SERVING: serving,
        RouteCondition.QUALIFIED: _qualified(facts, step),
        RouteCondition.DEGRADED: _degraded(facts, step, serving),
        RouteCondition.READY: _ready(facts, step, accepted, serving),
    }


def _accepted(facts: Facts) -> Told:
    for trouble in _TROUBLES:
        words = [one.words for one in facts.members.values() if one.trouble is trouble]
        if words:
            return Told(status="False", reason=trouble, evidence=", ".join(words))
    wrong = [one.unmeasurable for one in facts.members.values() if one.usable and one.unmeasurable]
    if wrong and facts.route.spec.evaluation.when is not EvaluationTime.MANUAL:
        # Each member's own words stand in its line of status.members.
        return Told(status="False", reason=RouteReason.GATE_NOT_MEASURABLE, evidence=wrong[0])
    # By name: what Secrets hold is not read here, and each owned one is random.
    keys = {secret_name(one.model): None for one in facts.members.values() if one.model}
    if len(keys) > 1:
        return Told(status="True", reason=RouteReason.KEYS_DIFFER, evidence=", ".join(keys))
    return Told(status="True", reason=RouteReason.ACCEPTED)


def _serving(facts: Facts, step: Step) -> Told:
    active = facts.usable(step.routing.model)
    ready = active is not None and active.health.well
    if active and ready and not step.routing.stopped:
        primary = active.name == facts.route.spec.primary
        reason = RouteReason.PRIMARY_SERVING if primary else RouteReason.FALLBACK_SERVING
        return Told(status="True", reason=reason, evidence=active.name)
    swap = step.record.swap
    if step.deferred is not None:
        return Told(status="False", reason=step.deferred, evidence=step.words)
    if swap is not None:
        evaluating = swap.kind is TransitionKind.EVALUATION
        reason = RouteReason.EVALUATING if evaluating else RouteReason.SWAPPING
        words = swap.to if evaluating else f"{swap.kind.value} to {swap.to}: {swap.message}"
        return Told(status="False", reason=reason, evidence=words)
    words = f"{active.name}: {active.health.reason}" if active else "none is active"
    return Told(status="False", reason=RouteReason.ENGINE_NOT_READY, evidence=words)


def _qualified(facts: Facts, step: Step) -> Told:
    member = facts.members.get(step.routing.model) or facts.members.get(facts.incumbent)
    if member is None:
        return Told(status="Unknown", reason=RouteReason.UNQUALIFIED)
    words = f"{member.name}: {member.standing.message}"
    reason = {
        Eligibility.ELIGIBLE: RouteReason.QUALIFIED,
        Eligibility.REJECTED: RouteReason.INCUMBENT_REJECTED,
        Eligibility.STALE: RouteReason.EVIDENCE_STALE,
    }.get(member.standing.eligibility, RouteReason.UNQUALIFIED)
    return Told(status="True" if member.eligible else "False", reason=reason, evidence=words)


def _degraded(facts: Facts, step: Step, serving: Told) -> Told:
    """Return whether something is not as it should be, though it may serve."""
    active = facts.usable(step.routing.model)
    feedback = facts.feedback
    if active and feedback and feedback.model == active.name:
        if feedback.circuit == "Open":
            return _bad(RouteReason.CIRCUIT_OPEN, feedback.message)
        if feedback.quality == "Regressed":
            return _bad(RouteReason.QUALITY_REGRESSED, feedback.message)
    if active and active.standing.eligibility is Eligibility.REJECTED:
        return _bad(RouteReason.INCUMBENT_REJECTED, active.standing.message)
    if active and active.name != _incumbent(facts, step):
        if active.standing.lenient and not active.eligible:
            return _bad(RouteReason.EVIDENCE_STALE, f"{active.name}: {active.standing.message}")
        if serving.status == "True":
            return _bad(RouteReason.FALLBACK_SERVING, f"{active.name} for {facts.incumbent}")
    if step.deferred is not None:
        return _bad(step.deferred, step.words)
    return Told(status="False", reason=RouteReason.AS_WANTED, evidence=_incumbent(facts, step))


def _bad(reason: RouteReason, words: str) -> Told:
    return Told(status="True", reason=reason, evidence=words)


def _ready(facts: Facts, step: Step, accepted: Told, serving: Told) -> Told:
    if accepted.status != "True":
        return accepted
    if serving.status == "True" and step.deferred is not None:
        return Told(status="True", reason=step.deferred, evidence=step.words)
    if serving.status == "True" and facts.hold is not None:
        return Told(status="True", reason=RouteReason.HOLD, evidence=facts.hold.words)
    return serving


def _incumbent(facts: Facts, step: Step) -> str:
    chosen = step.record.incumbent
    if chosen and chosen.primary == facts.route.spec.primary:
        return chosen.model if chosen.model in facts.members else facts.incumbent
    return facts.route.spec.primary


def _active(step: Step) -> Manifest | None:
    if not step.routing.model:
        return None
    active: Manifest = {"model": step.routing.model, "revisionHash": step.routing.revision}
    came = [one for one in step.record.history if one.ok and one.to == step.routing.model]
    came = [one for one in came if one.kind is not TransitionKind.EVALUATION]
    if came:
        active |= {"since": _time(came[-1].at), "reason": came[-1].kind.value}
    return active


def _member(facts: Facts, step: Step, member: Member) -> Manifest:
    standing = member.standing
    eligibility, words = standing.eligibility, standing.message
    if member.trouble is not None:
        words = message(member.trouble, member.words)
    elif eligibility is not Eligibility.ELIGIBLE and facts.bakeoffs.get(member.name):
        eligibility = Eligibility.EVALUATING
        words = f"bakeoff {facts.bakeoffs[member.name][0]['metadata']['name']}"
    elif member.unmeasurable and member.evidence is None:
        words = f"the route's gate cannot be measured: {member.unmeasurable}"[:256]
    entry: Manifest = {
        "model": member.name,
        "role": "Primary" if member.name == facts.route.spec.primary else "Fallback",
        "eligibility": eligibility.value,
        "message": words,
    }
    if member.name == _incumbent(facts, step):
        entry["incumbent"] = True
    if member.evidence is not None:
        entry["evidence"] = _evidence(facts, member)
    return entry


def _evidence(facts: Facts, member: Member) -> Manifest:
    evidence = member.evidence
    if evidence is None:
        return {}
    found: Manifest = {
        "bakeoff": evidence.bakeoff,
        "id": evidence.id,
        "verdict": evidence.qualification.value,
        "key": evidence.note.key,
        "passAt1": evidence.pass_at1,
        "expiresAt": _time(evidence.note.expires_at),
    }
    incumbent = facts.members.get(facts.incumbent)
    current = incumbent.evidence if incumbent else None
    about_it = current is not None and evidence.note.baseline == current.id
    if evidence.superiority is not None and (about_it or supersedes(evidence, current)):
        found["superiority"] = evidence.superiority.value
    if evidence.simulated:
        found["simulated"] = True
    return {key: value for key, value in found.items() if value != ""}


def _transition(past: Past) -> Manifest:
    found: Manifest = {
        "from": past.from_ or None,
        "to": past.to,
        "reason": past.kind.value,
        "succeeded": past.ok,
        "message": past.message or None,
        "drainSeconds": past.drain,
        "stopSeconds": past.stop,
        "startSeconds": past.start,
        "downtimeSeconds": past.downtime,
        "at": _time(past.at),
    }
    return {key: value for key, value in found.items() if value is not None}


def _manual(facts: Facts, step: Step) -> str:
    manual = facts.manual
    if manual is None:
        return ""
    if step.record.manual == manual.text:
        return f"followed: {manual.text}"[:256]
    member = facts.usable(manual.model)
    why = refusal(manual, member.evidence if member else None, member.standing if member else None)
    return f"refused: {why}"[:256] if why else f"accepted: {manual.text}"[:256]


def _events(
    before: Mapping[str, Any], status: Manifest, seen: Sequence[Condition]
) -> tuple[EventRequest, ...]:
    """Return the events of this change: of Ready's reason, a transition, a choice by hand."""
    found = []
    ready = next(one for one in seen if one.type is RouteCondition.READY)
    earlier = next(
        (one for one in before.get("conditions") or [] if one.get("type") == "Ready"), None
    )
    if earlier is None or earlier.get("reason") != ready.reason.value:
        found.append(_event(ready.reason in _NORMAL, ready.reason.value, ready.message))
    last, known = status.get("lastTransition"), before.get("lastTransition")
    if last and before.get("conditions") and last != known:
        words = f"{last.get('from', 'none')} → {last['to']}: {last.get('message', '')}"
        if not last["succeeded"]:
            words = f"did not succeed: {words}"
        found.append(_event(last["succeeded"], last["reason"], words))
    manual = status.get("manual", "")
    if manual.startswith("refused") and manual != before.get("manual"):
        found.append(_event(False, "ManualRefused", manual))
    return tuple(found)


def _event(fine: object, reason: str, words: str) -> EventRequest:
    level: Literal["Normal", "Warning"] = "Normal" if fine else "Warning"
    return EventRequest(type=level, reason=reason, message=words)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
