"""The snapshot of a route as decisions read it: members, slot, incumbent, wishes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import ValidationError

from reflex_api.bakeoff import ReflexBakeoff
from reflex_api.errors import SpecError
from reflex_api.evidence import EvidenceInputs
from reflex_api.feedback import FEEDBACK_KEY, RouteFeedback
from reflex_api.model import Activation, ReflexModel
from reflex_api.names import LABEL_BAKEOFF
from reflex_api.reasons import RouteReason
from reflex_api.route import ReflexRoute
from reflex_api.route_status import Eligibility
from reflex_operator.builders.cache import is_cached
from reflex_operator.builders.engine import revision_of
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.roofline import Roofline, roofline_of, unmeasurable
from reflex_operator.reconcile.route import membership
from reflex_operator.reconcile.route.crashes import noted, times_of
from reflex_operator.reconcile.route.evidence import (
    Evidence,
    Standing,
    judge,
    newest,
    supersedes,
)
from reflex_operator.reconcile.route.health import Health, engine_end, health_of, start_duration
from reflex_operator.reconcile.route.record import (
    Crashes,
    Incumbent,
    RouteRecord,
    Routing,
    record_of,
    routing_of,
)
from reflex_operator.reconcile.route.snapshot import MemberObjects, PeerRoute, RouteSnapshot
from reflex_operator.reconcile.route.subject import inputs_of
from reflex_operator.reconcile.route.terms import Terms
from reflex_operator.reconcile.route.wishes import Hold, Manual, hold_of, manual_of

_FEEDBACK_COUNTS: float = 900.0


@dataclass(frozen=True, kw_only=True)
class Member:
    """One model of the route. `trouble`: why it cannot be used at all, and `words` about it."""

    name: str
    health: Health
    standing: Standing
    evidence: Evidence | None = None  # that counts
    last_run: Evidence | None = None  # the same, or a later run that measured nothing
    inputs: EvidenceInputs | None = None
    model: ReflexModel | None = None
    trouble: RouteReason | None = None
    words: str = ""
    revision: str = ""  # that its Deployment would start
    replicas: int = 0  # of its Deployment
    roofline: Roofline = field(default_factory=Roofline)
    unmeasurable: str = ""  # why a bakeoff under the route's gate could only end in Error
    cached: bool = False  # its weights are there
    start: timedelta | None = None  # its last start took so long

    @property
    def usable(self) -> bool:
        """Whether the route may do anything with it."""
        return self.trouble is None

    @property
    def occupies(self) -> bool:
        """Whether it holds room: an engine is there, or may come by itself."""
        return self.health.pods > 0 or self.replicas > 0

    @property
    def eligible(self) -> bool:
        """Whether its evidence lets it serve."""
        return self.standing.eligibility is Eligibility.ELIGIBLE

    @property
    def suspended(self) -> bool:
        """Whether its own spec keeps it from running."""
        return self.model is None or self.model.spec.suspend or self.model.spec.replicas == 0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a decision about a route rests on, read from its snapshot."""

    route: ReflexRoute
    terms: Terms
    members: Mapping[str, Member]  # of this route, in the order of the spec
    strangers: tuple[str, ...]  # models of other routes that hold room in the slot
    elders: tuple[str, ...]  # those of them that belong to older routes
    neighbours: tuple[str, ...]  # all models of other routes in the slot
    room: int  # engines that the slot holds
    record: RouteRecord
    routing: Routing
    known: bool  # whether a record was there
    incumbent: str
    hold: Hold | None
    manual: Manual | None
    feedback: RouteFeedback | None
    idle_since: datetime | None
    bakeoffs: Mapping[str, tuple[Manifest, ...]]  # without evidence yet, by model, oldest first
    runs: tuple[Manifest, ...]  # all bakeoffs of the members
    ended_engines: Mapping[str, datetime]  # end of the process of engines that are being deleted
    now: datetime

    def usable(self, name: str) -> Member | None:
        """Return a member that may be used."""
        member = self.members.get(name)
        return member if member is not None and member.usable else None

    @property
    def active(self) -> Member | None:
        """The member that the Service selects, if it still is a usable one."""
        return self.usable(self.routing.model)

    def may_serve(self, member: Member) -> bool:
        """Return whether requests may be routed to a member: never to an unqualified fallback."""
        if member.name == self.incumbent or member.eligible:
            return True
        return self.route.spec.failover.allow_stale and member.standing.lenient

    def superior(self, member: Member) -> bool:
        """Return whether the member was shown to be better than the incumbent is now."""
        incumbent = self.members.get(self.incumbent)
        return (
            member.eligible
            and supersedes(member.evidence, incumbent.evidence if incumbent else None)
            and member.evidence is not None
            and self.terms.compares(member.evidence)
        )


def facts_of(snapshot: RouteSnapshot, route: ReflexRoute, now: datetime) -> Facts:
    """Return the facts about a route."""
    routes = [snapshot.route, *(peer.route for peer in snapshot.peers)]
    sharing = membership.same_slot(snapshot.route, snapshot.peers)
    record = record_of(snapshot.service)
    crashes = noted(record.crashes if record else (), _pods(snapshot, route))
    terms = Terms.of(route, snapshot.bakeoffs)
    members = {
        name: _member(snapshot, route, name, routes, crashes, terms, now)
        for name in route.spec.members
    }
    incumbent = _incumbent(record, route)
    strangers = _strangers(snapshot, sharing, members)
    manual = manual_of(route.annotations)
    noted_now: dict[str, object] = {"crashes": crashes}
    if manual is None:
        noted_now["manual"] = ""  # withdrawn: the same choice made again is another one
    return Facts(
        route=route,
        terms=terms,
        members=members,
        strangers=tuple(strangers),
        elders=tuple(name for name, older in strangers.items() if older),
        neighbours=_neighbours(sharing, members),
        room=membership.room_of([snapshot.route, *(peer.route for peer in sharing)]),
        record=(record or _recovered(members)).model_copy(update=noted_now),
        routing=routing_of(snapshot.service),
        known=record is not None,
        incumbent=incumbent,
        hold=hold_of(route.annotations),
        manual=manual,
        feedback=_feedback(snapshot, now),
        idle_since=snapshot.idle_since,
        bakeoffs=_bakeoffs(snapshot, members),
        runs=snapshot.bakeoffs,
        ended_engines=_ended_engines(snapshot, members),
        now=now,
    )


def _member(
    snapshot: RouteSnapshot,
    route: ReflexRoute,
    name: str,
    routes: list[Manifest],
    crashes: tuple[Crashes, ...],
    terms: Terms,
    now: datetime,
) -> Member:
    objects = snapshot.members.get(name) or MemberObjects()
    restarts = times_of(crashes, objects.pods)
    health = health_of(objects.model, objects.deployment, objects.pods, restarts, now)
    unknown = Standing(eligibility=Eligibility.UNQUALIFIED, message="not usable")
    owner = membership.owner_of(name, routes)
    model, trouble, words = None, None, ""
    if owner is not None and owner is not snapshot.route:
        older = owner["metadata"]["name"]
        trouble, words = RouteReason.MEMBER_CONFLICT, f"{name} belongs to the older route {older}"
    elif objects.model is None:
        trouble, words = RouteReason.MEMBER_NOT_FOUND, name
    else:
        try:
            model = ReflexModel.parse(objects.model)
        except SpecError as error:
            trouble, words = RouteReason.MEMBER_NOT_FOUND, f"{name} cannot be read: {error}"
        else:
            if model.spec.activation is not Activation.ROUTED:
                trouble, words = RouteReason.MEMBER_NOT_ROUTED, name
    deployment = objects.deployment
    replicas = int(deployment["spec"].get("replicas", 1)) if deployment else 0
    if model is None or trouble is not None:
        return Member(
            name=name,
            health=health,
            standing=unknown,
            trouble=trouble,
            words=words,
            replicas=replicas if objects.model is not None else 0,
        )
    inputs = inputs_of(
        model,
        deployment,
        snapshot.nodes,
        suite=route.spec.gate.suite,
        harness=snapshot.defaults.harness,
        tries=route.spec.gate.quality.tries,
    )
    roofline = roofline_of(model, snapshot.nodes, snapshot.defaults.catalogue)
    evidence, last_run = newest(snapshot.evidence, name, counts=lambda one: not terms.other(one))
    evidence = terms.bounded(evidence) if evidence else None
    settings = objects.settings if health.well else ""
    other = terms.other(evidence) if evidence else ()
    standing = judge(evidence, inputs, health.image_id, now, settings=settings, other=other)
    if health.hopeless and not health.well:
        words = health.reason or health.hopeless
        standing = Standing(eligibility=Eligibility.UNFIT, message=words[:256])
    return Member(
        name=name,
        health=health,
        standing=standing,
        evidence=evidence,
        last_run=last_run,
        inputs=inputs,
        model=model,
        revision=revision_of(deployment) if deployment else "",
        roofline=roofline,
        unmeasurable=unmeasurable(route.spec.gate, roofline),
        replicas=replicas,
        cached=not is_cached(model.spec.source) or _downloaded(objects.model),
        start=start_duration(objects.model),
    )


def _pods(snapshot: RouteSnapshot, route: ReflexRoute) -> list[Manifest]:
    there = (snapshot.members.get(name) for name in route.spec.members)
    return [pod for one in there if one for pod in one.pods]


def _downloaded(model: Manifest | None) -> bool:
    """Return whether the weights are there; a status that is being rebuilt says so in a moment."""
    return any(
        one.get("type") == "ModelCached" and one.get("status") == "True"
        for one in ((model or {}).get("status") or {}).get("conditions") or []
    )


def _incumbent(record: RouteRecord | None, route: ReflexRoute) -> str:
    chosen: Incumbent | None = record.incumbent if record else None
    if chosen and chosen.primary == route.spec.primary and chosen.model in route.spec.members:
        return chosen.model
    return route.spec.primary


def _recovered(members: Mapping[str, Member]) -> RouteRecord:
    """Return the record of a route whose Service was lost: what runs is what was wanted."""
    running = [one for one in members.values() if one.usable and one.replicas > 0]
    running.sort(key=lambda one: not one.health.well)
    return RouteRecord(residents=tuple(one.name for one in running[:1]))


def _strangers(
    snapshot: RouteSnapshot, sharing: tuple[PeerRoute, ...], own: Mapping[str, Member]
) -> dict[str, bool]:
    """Return the models of other routes that hold room, and whether their route is older."""
    routes = [snapshot.route, *(peer.route for peer in snapshot.peers)]
    found: dict[str, bool] = {}
    for peer in sharing:
        residents = membership.residents_of(peer)
        for name in membership.names_in(peer.route):
            if name in own and own[name].trouble is not RouteReason.MEMBER_CONFLICT:
                continue
            objects = snapshot.members.get(name) or MemberObjects()
            if membership.owner_of(name, routes) is not peer.route:
                continue
            live = objects.deployment
            runs = live is not None and int(live["spec"].get("replicas", 1)) > 0
            if name in residents or runs or objects.pods:
                found[name] = membership.is_older(peer.route, snapshot.route)
    return found


def _ended_engines(snapshot: RouteSnapshot, members: Mapping[str, Member]) -> dict[str, datetime]:
    found = {
        name: engine_end(objects.pods) or objects.ended
        for name in members
        if (objects := snapshot.members.get(name)) is not None
    }
    return {name: moment for name, moment in found.items() if moment is not None}


def _neighbours(sharing: tuple[PeerRoute, ...], own: Mapping[str, Member]) -> tuple[str, ...]:
    listed = (name for peer in sharing for name in membership.names_in(peer.route))
    return tuple(dict.fromkeys(name for name in listed if name not in own))


def _feedback(snapshot: RouteSnapshot, now: datetime) -> RouteFeedback | None:
    text = ((snapshot.feedback or {}).get("data") or {}).get(FEEDBACK_KEY)
    try:
        found = RouteFeedback.model_validate_json(text, extra="ignore") if text else None
    except ValidationError:
        return None
    if found is None or found.at.tzinfo is None:
        return None
    return found if (now - found.at).total_seconds() < _FEEDBACK_COUNTS else None


def _bakeoffs(
    snapshot: RouteSnapshot, members: Mapping[str, Member]
) -> dict[str, tuple[Manifest, ...]]:
    """Return the runs that are to be made. Over is what has evidence: a status may be lost."""
    over = {(one["metadata"].get("labels") or {}).get(LABEL_BAKEOFF) for one in snapshot.evidence}
    found: dict[str, list[Manifest]] = {name: [] for name in members}
    for one in sorted(snapshot.bakeoffs, key=_created):
        metadata = one["metadata"]
        name = ((one.get("spec") or {}).get("modelRef") or {}).get("name")
        if name not in found or metadata["name"] in over or metadata.get("deletionTimestamp"):
            continue
        if _is_runnable(one, members[name]):
            found[name].append(one)
    return {name: tuple(runs) for name, runs in found.items()}


def _is_runnable(bakeoff: Manifest, member: Member) -> bool:
    """Return whether a run gets a Job: nothing is stopped or waited for in favour of another."""
    try:
        gate = ReflexBakeoff.parse(bakeoff).spec.gate
    except SpecError:
        return False
    return not unmeasurable(gate, member.roofline)


def _created(manifest: Manifest) -> tuple[str, str]:
    metadata = manifest["metadata"]
    return str(metadata.get("creationTimestamp") or ""), str(metadata["name"])
