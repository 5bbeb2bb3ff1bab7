"""What a route remembers, on its stable Service: nowhere else is a swap known to be in progress.

The selector says who is active, an annotation the rest. Both are one object, so a step of a swap is
one write, and after a crash at any point the next pass reads which step was the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reflex_api.names import ANNOTATION_RECORD, LABEL_MODEL, LABEL_REVISION, LABEL_STOPPED
from reflex_api.route_status import TransitionKind
from reflex_operator.manifest import Manifest

_REMEMBERED: Final = timedelta(hours=48)
"""As long as the longest delay of a failback counts, and more."""
_LEAST: Final = 8
_MOST: Final = 80


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Swap(_Part):
    """A change of the active model that is in progress."""

    kind: TransitionKind
    to: str
    since: datetime
    from_: str = Field(default="", alias="from")
    message: str = ""
    ended_at: datetime | None = None  # the old engine's process
    gone_at: datetime | None = None  # its pod; from here on the new one may start
    outage_from: datetime | None = None  # when routing stopped, if before `since`

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    @property
    def stopped_at(self) -> datetime:
        """When routing stopped."""
        return self.outage_from or self.since


class Past(_Part):
    """A swap that ended. `ok`: its target serves, or was measured."""

    kind: TransitionKind
    to: str
    at: datetime
    ok: bool
    from_: str = Field(default="", alias="from")
    to_revision: str = ""
    from_revision: str = ""
    message: str = ""
    drain: int | None = None
    stop: int | None = None
    start: int | None = None
    downtime: int | None = None

    model_config = ConfigDict(frozen=True, populate_by_name=True)


class Crashes(_Part):
    """How often the engine in a pod was restarted, and when its last runs ended."""

    pod: str  # uid
    count: int = 0
    times: tuple[datetime, ...] = ()


class Incumbent(_Part):
    """Who serves when all is well, as decided while this was spec.primary."""

    model: str
    primary: str


class RouteRecord(_Part):
    """The annotation's content."""

    residents: tuple[str, ...] = ()
    """Models that may have engines: nothing else starts one."""
    incumbent: Incumbent | None = None
    manual: str = ""  # the last choice by hand that was followed
    swap: Swap | None = None
    history: tuple[Past, ...] = ()  # oldest first
    crashes: tuple[Crashes, ...] = ()  # of the members' pods that are there


@dataclass(frozen=True, kw_only=True)
class Routing:
    """The Service's selector: who is active, and whether requests get there."""

    model: str = ""
    revision: str = ""
    stopped: bool = False

    @property
    def selector(self) -> dict[str, str]:
        """Return it as a selector; without a model nothing is ever selected."""
        labels = {LABEL_MODEL: self.model, LABEL_REVISION: self.revision}
        kept = {key: value for key, value in labels.items() if value}
        if self.stopped or not (self.model and self.revision):
            kept[LABEL_STOPPED] = "true"
        return kept


def routing_of(service: Manifest | None) -> Routing:
    """Return what a stable Service selects."""
    selector = ((service or {}).get("spec") or {}).get("selector") or {}
    return Routing(
        model=selector.get(LABEL_MODEL, ""),
        revision=selector.get(LABEL_REVISION, ""),
        stopped=LABEL_STOPPED in selector or not selector,
    )


def record_of(service: Manifest | None) -> RouteRecord | None:
    """Return what a stable Service remembers; None: there is none, or it cannot be read."""
    metadata = (service or {}).get("metadata") or {}
    text = (metadata.get("annotations") or {}).get(ANNOTATION_RECORD)
    try:
        return RouteRecord.model_validate_json(text) if text else None
    except ValidationError:
        return None


def to_annotation(record: RouteRecord) -> str:
    """Return the annotation's value: the same record gives the same text."""
    return record.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True)


def remembered(history: Sequence[Past], new: Past) -> tuple[Past, ...]:
    """Return the history with a new entry, and without what no decision rests on any more."""
    kept = [*history, new][-_MOST:]
    recent = [one for one in kept if new.at - one.at < _REMEMBERED]
    return tuple(recent if len(recent) >= _LEAST else kept[-_LEAST:])


def begun(
    record: RouteRecord,
    *,
    kind: TransitionKind,
    to: str,
    from_: str,
    message: str,
    now: datetime,
    outage_from: datetime | None = None,
) -> RouteRecord:
    """Return the record with a swap that begins; who leaves is no resident from here on."""
    swap = Swap(
        kind=kind,
        to=to,
        since=_whole(now),
        from_=from_,
        message=message[:200],
        outage_from=outage_from,
    )
    kept = tuple(one for one in record.residents if one == to)
    return record.model_copy(update={"swap": swap, "residents": kept})


def ended(
    record: RouteRecord,
    *,
    ok: bool,
    to_revision: str,
    from_revision: str,
    message: str,
    now: datetime,
) -> RouteRecord:
    """Return the record with its swap as the last entry of the history."""
    swap = record.swap
    if swap is None:
        return record
    now = _whole(now)
    gone, over = swap.gone_at, swap.ended_at
    past = Past(
        kind=swap.kind,
        to=swap.to,
        at=now,
        ok=ok,
        from_=swap.from_,
        to_revision=to_revision,
        from_revision=from_revision,
        message=message[:200] or swap.message,
        drain=_seconds(swap.stopped_at, over),
        stop=_seconds(over or swap.stopped_at, gone),
        start=_seconds(gone, now) if ok else None,
        downtime=_seconds(swap.stopped_at, now) if ok else None,
    )
    return record.model_copy(update={"swap": None, "history": remembered(record.history, past)})


def with_swap(record: RouteRecord, **changes: object) -> RouteRecord:
    """Return the record with parts of its swap replaced."""
    if record.swap is None:
        return record
    return record.model_copy(update={"swap": record.swap.model_copy(update=changes)})


def without(routing: Routing) -> Routing:
    """Return a routing that sends nobody there, and still says who was active."""
    return replace(routing, stopped=True)


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _seconds(begin: datetime | None, end: datetime | None) -> int | None:
    return max(0, int((end - begin).total_seconds())) if begin and end else None
