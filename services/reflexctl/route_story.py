"""Why the active model of a route is active, and what each other member lacks. Pure."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from reflex_api.conditions import parse_time
from reflex_api.reasons import RouteReason
from reflex_api.route_spec import EvaluationTime, PromotionMode
from reflex_api.route_status import Eligibility, MemberStatus, TransitionKind
from reflex_api.verdict import Judgement
from reflexctl.bakeoff_rows import interval
from reflexctl.route_view import RouteFacts
from reflexctl.times import lasting, moment, written

_BECAUSE: Final = {
    TransitionKind.BOOTSTRAP: "it was the first that could run",
    TransitionKind.PROMOTION: "it was measured to be better than the incumbent of then",
    TransitionKind.FAILOVER: "it took over from a model that was not well, or might not serve",
    TransitionKind.FAILBACK: "the incumbent was tried again, and serves",
    TransitionKind.ROLLBACK: "a promotion was taken back within its soak time",
    TransitionKind.MANUAL: "somebody chose it by hand",
    TransitionKind.EVALUATION: "an evaluation ended",
    TransitionKind.RESTORE: "it was restored after a swap that did not succeed",
}


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One member: how it stands, what it lacks, and what comes next."""

    model: str
    role: str
    active: bool
    incumbent: bool
    eligibility: str
    says: str
    """The operator's own words."""
    evidence: str
    lacks: tuple[str, ...]
    next: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Story:
    """The whole answer."""

    route: str
    headline: str
    serving: bool
    why: tuple[str, ...]
    members: tuple[Chapter, ...]
    held_back: tuple[str, ...]
    evaluation: str

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return asdict(self)


def tell(facts: RouteFacts) -> Story:
    """Return the story of a route as it is now."""
    serving = facts.condition("Serving")
    return Story(
        route=f"{facts.route.namespace}/{facts.route.name}",
        headline=_headline(facts),
        serving=serving is not None and serving.status == "True",
        why=tuple(_why(facts)),
        members=tuple(_chapter(facts, one) for one in facts.members),
        held_back=tuple(_held_back(facts)),
        evaluation=_evaluation(facts),
    )


def _headline(facts: RouteFacts) -> str:
    serving = facts.condition("Serving")
    if serving is None:
        return "nothing is known: the operator has not spoken about this route"
    if serving.status == "True":
        return f"{facts.active} serves ({serving.reason})"
    return f"nobody serves ({serving.reason}): {serving.message}"


def _why(facts: RouteFacts) -> list[str]:
    said = []
    active = facts.status.active
    if active and active.model:
        since = f" since {moment(active.since, facts.now)}" if active.since else ""
        because = f": {_BECAUSE[active.reason]}" if active.reason else ""
        said.append(
            f"{active.model}, revision {active.revision_hash or '?'}, is active{since}{because}"
        )
    last = facts.status.last_transition
    if last is not None and last.message:
        ended = "" if last.succeeded else ", which did not succeed"
        at = f", {moment(last.at, facts.now)}" if last.at else ""
        kind = last.reason.value if last.reason else "transition"
        said.append(
            f"last {kind.lower()}{ended}: {last.from_ or 'none'} → {last.to or 'none'}{at}:"
            f" {last.message}"
        )
    if facts.active and facts.active != facts.incumbent:
        said.append(f"{facts.incumbent} is the incumbent: the route goes back to it when it may")
    for kind in ("Accepted", "Qualified", "Degraded"):
        one = facts.condition(kind)
        bad = "True" if kind == "Degraded" else "False"
        shuts_out = kind == "Accepted" and one is not None and one.reason == RouteReason.KEYS_DIFFER
        if one is not None and (one.status == bad or shuts_out):
            said.append(f"{kind}={one.status} ({one.reason}): {one.message}")
    return said


def _chapter(facts: RouteFacts, member: MemberStatus) -> Chapter:
    active = member.model == facts.active
    lacks = tuple(_lacks(facts, member))
    return Chapter(
        model=member.model,
        role=_role(facts, member),
        active=active,
        incumbent=member.model == facts.incumbent,
        eligibility=member.eligibility.value,
        says=member.message or "",
        evidence=_evidence(facts, member),
        lacks=lacks,
        next=tuple(_next(facts, member, active=active)),
    )


def _role(facts: RouteFacts, member: MemberStatus) -> str:
    if member.role == "Primary":
        return "primary"
    names = facts.route.spec.fallbacks
    place = f" {names.index(member.model) + 1}" if member.model in names else ""
    return f"fallback{place}"


def _evidence(facts: RouteFacts, member: MemberStatus) -> str:
    found = member.evidence
    if found is None:
        return "none"
    parts = [f"{found.bakeoff} (id {found.id}): {found.verdict.value if found.verdict else '?'}"]
    if found.pass_at1:
        parts.append(f"pass@1 {_percent(found.pass_at1)}{_interval(facts, found.bakeoff or '')}")
    if found.superiority is not None:
        parts.append(f"superiority {found.superiority.value}")
    if found.expires_at is not None:
        word = "expired" if found.expires_at <= facts.now else "expires"
        parts.append(f"{word} {moment(found.expires_at, facts.now)}")
    if found.simulated:
        parts.append("SIMULATED: of no real model")
    return ", ".join(parts)


def _lacks(facts: RouteFacts, member: MemberStatus) -> list[str]:
    """Return what keeps a member from serving, or from becoming the incumbent."""
    suite = facts.route.spec.gate.suite
    incumbent = member.model == facts.incumbent
    match member.eligibility:
        case Eligibility.UNQUALIFIED:
            lacks = [f"a bakeoff on {suite} that passes"]
        case Eligibility.EVALUATING:
            lacks = [f"the end of its bakeoff{_under_way(facts, member)}"]
        case Eligibility.REJECTED:
            lacks = [
                "a passing bakeoff: the verdict stands until weights, arguments, engine, GPU or"
                " the gate change"
            ]
        case Eligibility.INCONCLUSIVE:
            lacks = [
                "a decided bakeoff: after its last look nothing was shown, which is no pass, and"
                " stands until weights, arguments, engine, GPU or the gate change"
            ]
        case Eligibility.STALE:
            lacks = [f"a bakeoff on {suite} of what it is now"]
            if not facts.route.spec.failover.allow_stale:
                lacks.append("failover.allowStale, were it stale by age or driver only")
        case Eligibility.UNFIT:
            lacks = [f"an engine that starts: kubectl describe rm {member.model}"]
        case Eligibility.ELIGIBLE:
            lacks = []
    if incumbent and lacks:
        lacks.append("until then it serves unqualified: as the incumbent it may")
    if not incumbent and member.eligibility is Eligibility.ELIGIBLE:
        lacks += _promotion(facts, member)
    return lacks


def _promotion(facts: RouteFacts, member: MemberStatus) -> list[str]:
    """Return what an eligible member lacks to become the incumbent."""
    wanted = facts.route.spec.promotion
    if wanted.mode is PromotionMode.DISABLED:
        return ["for a promotion: promotion.mode is Disabled"]
    found = member.evidence
    if wanted.mode is PromotionMode.MANUAL:
        choice = f"{member.model}@{found.id if found else '?'}"
        return [
            "for a promotion: somebody's choice (promotion.mode is Manual): kubectl annotate rr"
            f" {facts.route.name} reflexstack.dev/manual={choice}"
        ]
    superiority = found.superiority if found else None
    if superiority is None:
        return [f"for a promotion: a comparison with {_baseline(facts, member)}"]
    if superiority is not Judgement.PASS:
        return [
            f"for a promotion: to be shown better than {facts.incumbent} by"
            f" {_points(wanted.min_benefit)} points; compared with its present evidence:"
            f" {superiority.value}"
        ]
    missing = [f"for a promotion: {one}" for one in _held_back(facts)]
    if back := facts.rolled_back(member.model):
        missing.append(
            f"for a promotion: another revision, if it is still the one that was taken back"
            f" {moment(back.at, facts.now)}"
        )
    return missing


def _baseline(facts: RouteFacts, member: MemberStatus) -> str:
    """Return what a member would be compared with, and whether that can pay."""
    incumbent = facts.member(facts.incumbent)
    theirs = incumbent.evidence.pass_at1 if incumbent and incumbent.evidence else None
    if theirs is None:
        return f"{facts.incumbent}, which has no evidence to compare with"
    ours = member.evidence.pass_at1 if member.evidence else None
    words = f"the present evidence of {facts.incumbent} (pass@1 {_percent(theirs)})"
    try:
        gain = float(ours or 0) - float(theirs)
    except ValueError:
        return words
    least = facts.route.spec.promotion.min_benefit
    if gain < float(least):
        return f"{words}; with {_percent(ours or '0')} it gains less than {_points(least)} points"
    return words


def _next(facts: RouteFacts, member: MemberStatus, *, active: bool) -> list[str]:
    """Return what happens with a member by itself."""
    said = []
    if member.eligibility in (Eligibility.UNQUALIFIED, Eligibility.STALE):
        said.append(f"measured {_evaluation(facts)}")
    if active or member.eligibility is not Eligibility.ELIGIBLE:
        return said
    if member.model == facts.incumbent:
        wait = written(facts.route.spec.failover.failback_after)
        held = " once the hold is removed" if facts.hold else ""
        return [*said, f"tried again after {wait}, doubling with each failure{held}"]
    said.append("may take over when the active model fails")
    superior = member.evidence is not None and member.evidence.superiority is Judgement.PASS
    gated = facts.route.spec.promotion.mode is PromotionMode.GATED
    if superior and gated and not _promotion(facts, member):
        said.append("is promoted as soon as it can be started")
    return said


def _held_back(facts: RouteFacts) -> list[str]:
    """Return what keeps the whole route from moving by itself."""
    said = []
    if facts.hold:
        said.append(f"the end of the hold ({facts.hold})")
    if end := facts.cooled_at:
        said.append(f"the end of the cooldown, {moment(end, facts.now)}")
    if again := facts.swaps_again_at:
        most = facts.route.spec.failover.max_swaps_per_hour
        said.append(f"fewer than {most} swaps within an hour: from {moment(again, facts.now)}")
    return said


def _evaluation(facts: RouteFacts) -> str:
    """Return when members are measured."""
    wanted = facts.route.spec.evaluation
    if facts.hold:
        return "once the hold is removed"
    window = wanted.window
    opens = f"`{window.schedule}` UTC, for {written(window.duration)}" if window else ""
    match wanted.when:
        case EvaluationTime.IMMEDIATELY:
            return "as soon as the slot can be taken"
        case EvaluationTime.MANUAL:
            return "only when somebody creates a ReflexBakeoff of it"
        case EvaluationTime.WINDOW:
            return f"in the next window ({opens})"
        case EvaluationTime.IDLE:
            also = f", or in the window ({opens})" if opens else ""
            limit = written(wanted.max_outage)
            return f"when nobody has asked for {written(wanted.idle_for)} and it fits {limit}{also}"


def _under_way(facts: RouteFacts, member: MemberStatus) -> str:
    """Return how the newest unfinished run of a member stands."""
    runs = [
        one
        for one in facts.bakeoffs.values()
        if ((one.get("spec") or {}).get("modelRef") or {}).get("name") == member.model
        and not (one.get("status") or {}).get("verdict")
    ]
    if not runs:
        return ""
    run = max(runs, key=lambda one: str(one["metadata"].get("creationTimestamp") or ""))
    status = run.get("status") or {}
    said = next((one for one in status.get("conditions") or [] if one["type"] == "Complete"), None)
    began = parse_time(status.get("startedAt"))
    since = f", for {lasting(facts.now - began)}" if began else ""
    words = f": {said['reason']}: {said['message']}" if said else ""
    return f" {run['metadata']['name']}{since}{words}"


def _interval(facts: RouteFacts, bakeoff: str) -> str:
    found = interval(facts.bakeoffs.get(bakeoff) or {})
    return f" ({found})" if found else ""


def _percent(text: str) -> str:
    try:
        return f"{100 * float(text):.1f} %"
    except ValueError:
        return text


def _points(share: object) -> str:
    return f"{100 * float(str(share)):g}"
