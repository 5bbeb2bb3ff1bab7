"""What a decision about a bakeoff rests on and what it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from reflex_api.bakeoff_job import BakeoffProgress
from reflex_operator.manifest import Manifest, ObjectRef
from reflex_operator.reconcile.plan import EngineDefaults, EventRequest
from reflex_operator.reconcile.route.snapshot import MemberObjects


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What a bakeoff's pod served. None: it did not answer, or more than it may hold."""

    pod_uid: str
    final: bool  # asked for after `measure` had ended
    verdict: bytes | None = None
    items: bytes | None = None
    tries: int = 1


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a bakeoff's pod said of its progress. None: it did not answer."""

    pod_uid: str
    at: datetime
    progress: BakeoffProgress | None = None


@dataclass(frozen=True, kw_only=True)
class CollectRequest:
    """Ask a bakeoff's pod how far it is, for its artefacts, or tell it that they are safe."""

    pod_uid: str
    url: str  # http://IP:PORT
    what: Literal["progress", "partial", "final", "release"]


@dataclass(frozen=True, kw_only=True)
class BakeoffSnapshot:
    """All that a decision about one ReflexBakeoff may rest on."""

    bakeoff: Manifest
    defaults: EngineDefaults
    model: MemberObjects = field(default_factory=MemberObjects)
    kept: bool = True  # whether a routed model runs in order to be measured, or to serve
    nodes: Mapping[str, Manifest] = field(default_factory=dict)
    evidence: Manifest | None = None  # the ConfigMap of our evidence's name
    baseline: Manifest | None = None  # that of the baseline
    partial: Manifest | None = None
    jobs: tuple[Manifest, ...] = ()
    pods: tuple[Manifest, ...] = ()  # of these Jobs
    collected: Collected | None = None
    told: Told | None = None
    conflicts: tuple[ObjectRef, ...] = ()
    refusal: str = ""


@dataclass(frozen=True, kw_only=True)
class BakeoffPlan:
    """What should be."""

    apply: tuple[Manifest, ...] = ()
    delete: tuple[ObjectRef, ...] = ()
    collect: CollectRequest | None = None
    status: Manifest | None = None
    events: tuple[EventRequest, ...] = ()
    requeue_after: timedelta | None = None
