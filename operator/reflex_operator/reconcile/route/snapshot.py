"""What a decision about a route rests on and what it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reflex_operator.manifest import Manifest, ObjectRef
from reflex_operator.reconcile.plan import EngineDefaults, EventRequest


@dataclass(frozen=True, kw_only=True)
class MemberObjects:
    """The objects of one ReflexModel that a route looks at; all of them belong to the model."""

    model: Manifest | None = None
    deployment: Manifest | None = None
    pods: tuple[Manifest, ...] = ()  # engines, whatever their revision
    settings: str = ""  # digest of the verified engine's settings; "": not known
    ended: datetime | None = None  # end of the last engine whose pod was seen to go


@dataclass(frozen=True, kw_only=True)
class PeerRoute:
    """Another route of the namespace."""

    route: Manifest
    service: Manifest | None = None


@dataclass(frozen=True, kw_only=True)
class RouteSnapshot:
    """All that a decision about one ReflexRoute may rest on."""

    route: Manifest
    defaults: EngineDefaults
    service: Manifest | None = None
    members: Mapping[str, MemberObjects] = field(default_factory=dict)  # also of routes in the slot
    peers: tuple[PeerRoute, ...] = ()  # all other routes of the namespace
    bakeoffs: tuple[Manifest, ...] = ()  # ReflexBakeoffs of the members
    evidence: tuple[Manifest, ...] = ()  # evidence ConfigMaps of the members
    feedback: Manifest | None = None  # the ConfigMap of reflex-loop
    idle_since: datetime | None = None  # no request was seen since; None: not known
    nodes: Mapping[str, Manifest] = field(default_factory=dict)
    conflicts: tuple[ObjectRef, ...] = ()  # objects under our names that are somebody else's


@dataclass(frozen=True, kw_only=True)
class IdleRequest:
    """Watch the active engine's counters, to know since when nobody asks it."""

    pod_uid: str
    url: str


@dataclass(frozen=True, kw_only=True)
class RoutePlan:
    """What should be. `gone` holds for `apply`: written only when these models have no engine.

    The edge looks at the API server, and not at its store, before such a write.
    """

    apply: tuple[Manifest, ...] = ()
    gone: tuple[str, ...] = ()
    delete: tuple[ObjectRef, ...] = ()  # bakeoffs that nothing refers to any more
    idle: IdleRequest | None = None
    status: Manifest | None = None
    events: tuple[EventRequest, ...] = ()
    requeue_after: timedelta | None = None
