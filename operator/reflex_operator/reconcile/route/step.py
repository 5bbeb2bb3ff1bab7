"""One step of a route: what is remembered and routed next, and the story of it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from reflex_api.reasons import RouteReason
from reflex_operator.reconcile.route.facts import Facts, Member
from reflex_operator.reconcile.route.record import RouteRecord, Routing

LOOK_AGAIN: Final = timedelta(minutes=1)
"""While something that is due cannot happen."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What follows from the facts. Without a change of `record` and `routing` nothing is written.

    `deferred` says why something that is due does not happen. `gone`: models without any engine,
    looked at once more before the write. `measure`: a member that gets a bakeoff.
    """

    record: RouteRecord
    routing: Routing
    gone: tuple[str, ...] = ()
    measure: str = ""
    deferred: RouteReason | None = None
    words: str = ""
    wait: timedelta | None = None


def stay(
    facts: Facts,
    *,
    deferred: RouteReason | None = None,
    words: str = "",
    wait: timedelta | None = None,
) -> Step:
    """Return the step that changes nothing."""
    return Step(
        record=facts.record, routing=facts.routing, deferred=deferred, words=words, wait=wait
    )


def sooner(step: Step, wait: timedelta | None) -> Step:
    """Return the step with another moment at which to look again, if that is earlier."""
    waits = [one for one in (step.wait, wait) if one is not None]
    return replace(step, wait=min(waits, default=None))


def others(facts: Facts, apart_from: str) -> tuple[str, ...]:
    """Return the models that hold room in the slot, but for one."""
    own = [
        one.name
        for one in facts.members.values()
        if one.occupies or one.name in facts.record.residents
    ]
    return tuple(dict.fromkeys(name for name in [*own, *facts.strangers] if name != apart_from))


def has_room(facts: Facts, member: Member) -> bool:
    """Return whether an engine of the member fits beside all that hold room now."""
    return len(others(facts, member.name)) < facts.room


def absent(facts: Facts, residents: tuple[str, ...]) -> tuple[str, ...]:
    """Return the models of the slot that are taken to have no engine."""
    there = {*residents, *facts.strangers}
    there |= {one.name for one in facts.members.values() if one.occupies}
    listed = dict.fromkeys([*facts.members, *facts.neighbours])
    return tuple(name for name in listed if name not in there)
