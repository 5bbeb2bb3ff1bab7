"""A ReflexRoute with what lies around it, as `explain` reads it: typed, and tolerant of news."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from reflex_api.conditions import parse_time
from reflex_api.errors import SpecError
from reflex_api.names import ANNOTATION_HOLD, ANNOTATION_MANUAL, ANNOTATION_RECORD
from reflex_api.route import ReflexRoute
from reflex_api.route_status import MemberStatus, ReflexRouteStatus, TransitionKind
from reflex_api.status import ConditionStatusEntry
from reflexctl.errors import ConfigurationError

_MOVED: Final = (TransitionKind.PROMOTION, TransitionKind.ROLLBACK)
_COUNTED: Final = (*_MOVED, TransitionKind.FAILOVER, TransitionKind.FAILBACK)


@dataclass(frozen=True, kw_only=True)
class Move:
    """A swap of the past."""

    kind: str
    to: str
    at: datetime
    ok: bool
    from_: str = ""
    from_revision: str = ""


@dataclass(frozen=True, kw_only=True)
class RouteFacts:
    """All that is known."""

    route: ReflexRoute
    status: ReflexRouteStatus
    moves: tuple[Move, ...] = ()
    bakeoffs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By name."""
    now: datetime

    @property
    def active(self) -> str:
        """The model that the Service selects; empty: none."""
        return (self.status.active.model if self.status.active else "") or ""

    @property
    def incumbent(self) -> str:
        """Who serves when all is well."""
        return self.status.incumbent or self.route.spec.primary

    @property
    def members(self) -> tuple[MemberStatus, ...]:
        """What is known about each."""
        return self.status.members or ()

    def member(self, name: str) -> MemberStatus | None:
        """Return what is known about one."""
        return next((one for one in self.members if one.model == name), None)

    def condition(self, kind: str) -> ConditionStatusEntry | None:
        """Return a condition."""
        return next((one for one in self.status.conditions or () if one.type == kind), None)

    @property
    def hold(self) -> str:
        """Who holds the route, and why; empty: nobody."""
        annotations = self.route.annotations
        for name in (ANNOTATION_HOLD, ANNOTATION_MANUAL):
            text = annotations.get(name)
            if text is not None and (text or name == ANNOTATION_HOLD):
                return _words(text) or "no reason given"
        return ""

    @property
    def cooled_at(self) -> datetime | None:
        """When the cooldown of the last promotion or rollback ends; None: it is over."""
        last = max((one.at for one in self.moves if one.ok and one.kind in _MOVED), default=None)
        end = last + self.route.spec.promotion.cooldown if last else None
        return end if end and end > self.now else None

    @property
    def swaps_again_at(self) -> datetime | None:
        """When the hour has room for another swap; None: it has."""
        hour = timedelta(hours=1)
        recent = sorted(
            one.at for one in self.moves if one.kind in _COUNTED and self.now - one.at < hour
        )
        most = self.route.spec.failover.max_swaps_per_hour
        return recent[-most] + hour if len(recent) >= most else None

    def rolled_back(self, model: str) -> Move | None:
        """Return the rollback that took a promotion of this model back."""
        found = (
            one for one in self.moves if one.kind == TransitionKind.ROLLBACK and one.from_ == model
        )
        return max(found, key=lambda one: one.at, default=None)


def facts_of(
    route: Mapping[str, Any],
    service: Mapping[str, Any] | None,
    bakeoffs: Sequence[Mapping[str, Any]],
    now: datetime,
) -> RouteFacts:
    """Return what the objects say.

    Args:
        route: the ReflexRoute.
        service: its stable Service, which remembers past swaps; None: it could not be read.
        bakeoffs: the ReflexBakeoffs of the namespace.
        now: the time.

    Raises:
        ConfigurationError: the route cannot be read.
    """
    try:
        typed = ReflexRoute.parse(route)
        status = ReflexRouteStatus.model_validate(typed.status, extra="ignore")
    except (SpecError, ValidationError) as error:
        name = (route.get("metadata") or {}).get("name", "")
        raise ConfigurationError(f"the ReflexRoute {name} cannot be read: {error}") from error
    return RouteFacts(
        route=typed,
        status=status,
        moves=_moves(service),
        bakeoffs={one["metadata"]["name"]: one for one in bakeoffs},
        now=now,
    )


def _moves(service: Mapping[str, Any] | None) -> tuple[Move, ...]:
    """Return the past swaps; what cannot be read is left out."""
    annotations = ((service or {}).get("metadata") or {}).get("annotations") or {}
    try:
        past = json.loads(annotations.get(ANNOTATION_RECORD) or "{}").get("history") or []
    except (ValueError, AttributeError):
        return ()
    found = []
    for one in past:
        at = parse_time(one.get("at")) if isinstance(one, dict) else None
        if at is not None:
            found.append(
                Move(
                    kind=str(one.get("kind", "")),
                    to=str(one.get("to", "")),
                    at=at,
                    ok=bool(one.get("ok")),
                    from_=str(one.get("from", "")),
                    from_revision=str(one.get("from_revision", "")),
                )
            )
    return tuple(found)


def _words(text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return " ".join(text.split())
    if not isinstance(found, dict):
        return " ".join(text.split())
    choice = "@".join(str(found[key]) for key in ("model", "evidence") if found.get(key))
    said = [choice, *(str(found[key]) for key in ("actor", "reason") if found.get(key))]
    return ": ".join(part for part in said if part)
