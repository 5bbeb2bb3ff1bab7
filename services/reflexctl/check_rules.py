"""Does the evidence of a model let it serve today? Nothing fails open. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from reflex_api.route_status import Eligibility, MemberStatus, ReflexRouteStatus
from reflex_api.verdict import Judgement
from reflexctl.bakeoff_rows import Row
from reflexctl.times import lasting

MET: Final = "All thresholds met"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What evidence has to meet beside its own verdict.

    Attributes:
        age: the oldest that counts; None: until it expires.
        samples: the fewest items.
        simulated: whether numbers of no real model count, for trying things out.
    """

    age: timedelta | None
    samples: int
    simulated: bool = False


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model to check; `member` is what its route says about it, if it has one."""

    model: str
    route: str = ""
    member: MemberStatus | None = None


@dataclass(frozen=True, kw_only=True)
class Checked:
    """The answer about one model."""

    model: str
    route: str
    passes: bool
    reason: str
    evidence: Row | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "model": self.model,
            "route": self.route,
            "passes": self.passes,
            "reason": self.reason,
            "evidence": self.evidence.to_json() if self.evidence else None,
        }


def subjects(routes: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> list[Subject]:
    """Return the models to check: those that are named, else those that answer for the routes.

    Args:
        routes: the ReflexRoutes of the namespace.
        wanted: names of ReflexModels; none: the active model of each route, or its incumbent.
    """
    members: dict[str, Subject] = {}
    serving: list[str] = []
    for route in routes:
        name = str(route["metadata"]["name"])
        primary = str((route.get("spec") or {}).get("primary") or "")
        try:
            status = ReflexRouteStatus.model_validate(route.get("status") or {}, extra="ignore")
        except ValidationError:
            status = ReflexRouteStatus()
        for one in status.members or ():
            members[one.model] = Subject(model=one.model, route=name, member=one)
        active = (status.active.model if status.active else None) or status.incumbent or primary
        members.setdefault(active, Subject(model=active, route=name))
        serving.append(active)
    return [members.get(one) or Subject(model=one) for one in (wanted or serving)]


def check(subject: Subject, rows: Sequence[Row], limits: Limits, now: datetime) -> Checked:
    """Return whether the newest evidence of a model passes.

    As for the operator, a run that measured nothing (`Error`) replaces no evidence.

    Args:
        subject: the model.
        rows: all runs of the namespace.
        limits: see there.
        now: the time.
    """
    own = [one for one in rows if one.model == subject.model and one.finished]
    measured = [one for one in own if one.verdict != Judgement.ERROR.value]
    newest = max(measured or own, key=lambda one: (one.at, one.name), default=None)
    reason = _why_not(subject, newest, limits, now)
    return Checked(
        model=subject.model,
        route=subject.route,
        passes=not reason,
        reason=reason or MET,
        evidence=newest,
    )


def _why_not(subject: Subject, found: Row | None, limits: Limits, now: datetime) -> str:
    """Return the first rule that is not met; empty: all are."""
    if found is None:
        return f"no evidence: no bakeoff of {subject.model} has ended"
    if found.verdict != Judgement.PASS.value:
        return f"verdict {found.verdict} of {found.name}"
    if not (found.evidence and found.evidence_key):
        return f"the evidence of {found.name} was not kept"
    if found.expires_at is None or found.expires_at <= now:
        return f"the evidence {found.evidence_id} has expired"
    if limits.age is not None and now - found.at > limits.age:
        return (
            f"the evidence is {lasting(now - found.at)} old, wanted at most {lasting(limits.age)}"
        )
    if found.items < limits.samples:
        return f"Insufficient samples: {found.items} < {limits.samples} required"
    if found.simulated and not limits.simulated:
        return f"the numbers of {found.name} are simulated: they come from no real model"
    member = subject.member
    if not subject.route:
        return ""
    if member is None:
        return f"the route {subject.route} says nothing about {subject.model}"
    if member.eligibility is not Eligibility.ELIGIBLE:
        return f"{subject.model} is {member.eligibility.value} now: {member.message or ''}".rstrip(
            ": "
        )
    if member.evidence is None or member.evidence.id != found.evidence_id:
        said = member.evidence.id if member.evidence else "none"
        return f"{found.name} is not what the route rests on, which is the evidence {said}"
    return ""
