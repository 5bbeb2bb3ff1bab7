"""The decision about one ReflexRoute."""

from datetime import datetime, timedelta
from typing import Final

from reflex_api.errors import SpecError
from reflex_api.names import ENGINE_PORT, LABEL_ROUTE, route_service_name
from reflex_api.reasons import RouteReason
from reflex_api.route import ReflexRoute
from reflex_api.route_spec import EvaluationTime
from reflex_operator.builders.route import member_bakeoff, stable_service
from reflex_operator.manifest import Manifest, ObjectRef, ref_of
from reflex_operator.reconcile.route import windows
from reflex_operator.reconcile.route.choice import choose
from reflex_operator.reconcile.route.evidence import read
from reflex_operator.reconcile.route.facts import Facts, facts_of
from reflex_operator.reconcile.route.measuring import bakeoff_name, baseline
from reflex_operator.reconcile.route.record import to_annotation
from reflex_operator.reconcile.route.snapshot import IdleRequest, RoutePlan, RouteSnapshot
from reflex_operator.reconcile.route.status import build, refused
from reflex_operator.reconcile.route.step import Step, stay
from reflex_operator.reconcile.route.swap import progress

_KEPT_RUNS: Final = 5
"""Finished bakeoffs of a member that are kept beside those that something refers to."""


def reconcile_route(snapshot: RouteSnapshot, now: datetime) -> RoutePlan:
    """Return the next step for one route: same arguments, same plan."""
    manifest = snapshot.route
    if manifest["metadata"].get("deletionTimestamp"):
        return RoutePlan()  # the garbage collector follows the owner references
    before, generation = manifest.get("status") or {}, manifest["metadata"].get("generation", 0)
    try:
        route = ReflexRoute.parse(manifest)
    except SpecError as error:
        status, events = refused(before, generation, RouteReason.SPEC_INVALID, str(error), now)
        return RoutePlan(status=status, events=events)
    wrong = windows.unreadable(route.spec.evaluation.window)
    if wrong or snapshot.conflicts:
        reason = RouteReason.SPEC_INVALID if wrong else RouteReason.NAME_CONFLICT
        words = wrong or ", ".join(map(str, snapshot.conflicts))
        status, events = refused(before, generation, reason, words, now)
        return RoutePlan(status=status, events=events)
    facts = facts_of(snapshot, route, now)
    step = next_step(facts)
    status, events = build(facts, step)
    service = stable_service(
        route, selector=step.routing.selector, record=to_annotation(step.record)
    )
    return RoutePlan(
        apply=(service, *_bakeoff(facts, step)),
        gone=step.gone,
        delete=_outdated(snapshot, facts),
        idle=_idle(facts),
        status=status,
        events=events,
        requeue_after=_at_least(step.wait),
    )


def next_step(facts: Facts) -> Step:
    """Return the next step from what is seen alone."""
    if not facts.known:
        # What runs is noted first; who is routed to follows from it in the next pass.
        return stay(facts)
    return progress(facts) if facts.record.swap else choose(facts)


def _bakeoff(facts: Facts, step: Step) -> tuple[Manifest, ...]:
    member = facts.usable(step.measure) if step.measure else None
    if member is None:
        return ()
    return (
        member_bakeoff(
            facts.route,
            name=bakeoff_name(facts, member),
            model=member.name,
            baseline=baseline(facts, member),
        ),
    )


def _outdated(snapshot: RouteSnapshot, facts: Facts) -> tuple[ObjectRef, ...]:
    """Return own finished bakeoffs beyond the kept ones; what is referred to is never pruned."""
    told = [one for each in facts.members.values() for one in (each.evidence, each.last_run)]
    used = {one.bakeoff for one in told if one}
    baselines = {one.evidence.note.baseline for one in facts.members.values() if one.evidence}
    used |= {one.bakeoff for one in map(read, snapshot.evidence) if one and one.id in baselines}
    open_runs = {one["metadata"]["name"] for runs in facts.bakeoffs.values() for one in runs}
    used |= open_runs | {
        ((run.get("spec") or {}).get("baselineRef") or {}).get("name", "")
        for run in snapshot.bakeoffs
        if run["metadata"]["name"] in open_runs
    }
    found: list[ObjectRef] = []
    for name in facts.members:
        done = [
            one
            for one in snapshot.bakeoffs
            if ((one.get("spec") or {}).get("modelRef") or {}).get("name") == name
            and (one["metadata"].get("labels") or {}).get(LABEL_ROUTE) == facts.route.name
            and one["metadata"]["name"] not in used
        ]
        done.sort(key=lambda one: str(one["metadata"].get("creationTimestamp")))
        found += [ref_of(one) for one in done[:-_KEPT_RUNS]]
    return tuple(found)


def _idle(facts: Facts) -> IdleRequest | None:
    """Return whose counters tell whether the route is idle, when that decides anything."""
    active = facts.active
    wanted = facts.route.spec.evaluation
    if active is None or not active.health.well or facts.routing.stopped:
        return None
    if wanted.when is not EvaluationTime.IDLE or not active.health.address:
        return None
    host = f"[{active.health.address}]" if ":" in active.health.address else active.health.address
    return IdleRequest(pod_uid=active.health.pod, url=f"http://{host}:{ENGINE_PORT}/metrics")


def _at_least(wait: timedelta | None) -> timedelta | None:
    return None if wait is None else max(wait, timedelta(seconds=1))


def service_ref(route: Manifest) -> ObjectRef:
    """Return the name of a route's stable Service."""
    metadata = route["metadata"]
    return ObjectRef(
        kind="Service", namespace=metadata["namespace"], name=route_service_name(metadata["name"])
    )
