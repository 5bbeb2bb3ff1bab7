"""What the service keeps about a repair, as values; `store` reads and writes them."""

import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import RowMapping

from reflex_loop.events import Event, from_json
from reflex_loop.protocols import Usage
from reflex_loop.stopping import Progress


class Status(StrEnum):
    """Where a repair is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self not in (Status.QUEUED, Status.RUNNING)


@dataclass(frozen=True, kw_only=True)
class NewRepair:
    """A repair that is to be queued; its upload is in the database already."""

    id: str
    owner: str
    options: str
    request_sha256: str
    idempotency_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class RepairRow:
    """A repair as it is kept."""

    id: str
    owner: str
    status: Status
    created_at: float
    started_at: float | None
    finished_at: float | None
    options: str
    request_sha256: str
    cancel_requested: bool
    holder: str
    claims: int
    crashes: int
    events: int
    changed: tuple[str, ...]
    deleted: tuple[str, ...]
    result: str | None
    error: str | None

    @classmethod
    def of(cls, row: RowMapping) -> "RepairRow":
        """Return the value of a database row."""
        return cls(
            id=row["id"],
            owner=row["owner"],
            status=Status(row["status"]),
            created_at=row["created_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            options=row["options"],
            request_sha256=row["request_sha256"],
            cancel_requested=bool(row["cancel_requested"]),
            holder=row["holder"],
            claims=row["claims"],
            crashes=row["crashes"],
            events=row["events"],
            changed=tuple(json.loads(row["changed"])),
            deleted=tuple(json.loads(row["deleted"])),
            result=row["result"],
            error=row["error"],
        )

    @property
    def lease(self) -> "Lease":
        """Return the right to write about it."""
        return Lease(repair=self.id, holder=self.holder, claims=self.claims)


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The right to write about a repair; a later claim makes it void."""

    repair: str
    holder: str
    claims: int


@dataclass(frozen=True, kw_only=True)
class EventRow:
    """One event as it is kept: `body` is the JSON that is sent."""

    number: int
    kind: str
    body: str

    @classmethod
    def of(cls, event: Event) -> "EventRow":
        """Return the row of a numbered event."""
        return cls(number=event.number, kind=event.kind, body=json.dumps(event.to_json()))


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What went on before a repair was taken up again, as its events tell.

    Attributes:
        events: number of the last one.
        seconds: since it began; time in which nobody worked on it is not counted.
        errors: of the first check, and of the last.
        suggestions: rounds of the compiler's suggestions that were kept.
    """

    events: int = 0
    seconds: float = 0.0
    progress: Progress = field(default_factory=Progress)
    errors_first: int | None = None
    errors_last: int = 0
    suggestions: int = 0


def earlier(rows: list[EventRow], *, cost_usd: Decimal = Decimal(0)) -> Earlier:
    """Return where a repair stands after these events.

    A question counts as an attempt when it was asked, whether or not anything came of it.
    """
    found = Earlier(progress=Progress(cost_usd=cost_usd))
    attempts = kept = in_row = suggestions = 0
    usage = Usage()
    for row in rows:
        event: Any = from_json(json.loads(row.body))
        found = replace(found, events=row.number, seconds=event.seconds)
        if row.kind == "checked":
            first = event.errors if found.errors_first is None else found.errors_first
            found = replace(found, errors_first=first, errors_last=event.errors)
        elif row.kind == "suggestions_tried" and event.kept:
            suggestions += len(event.labels)
        elif row.kind == "asked":
            attempts += 1
            in_row += 1
        elif row.kind == "answered":
            usage += Usage(prompt=event.prompt, cached=event.cached, completion=event.completion)
        elif row.kind == "judged" and event.verdict != "rejected":
            kept += 1
            in_row = 0
    progress = replace(
        found.progress,
        attempts=attempts,
        failures=attempts - kept,
        failures_in_row=in_row,
        usage=usage,
    )
    return replace(found, progress=progress, suggestions=suggestions)
