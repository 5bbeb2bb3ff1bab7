"""The steps that transactions about repairs are made of."""

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from reflex_loop.service.errors import (
    IdempotencyError,
    LeaseLostError,
    NotFoundError,
    QueueFullError,
)
from reflex_loop.service.records import EventRow, RepairRow, Status
from reflex_loop.service.tables import EVENTS
from reflex_loop.service.tables import REPAIRS as R
from reflex_loop.service.tree import Delta
from reflex_loop.settings import OnFailure

_FULL_SECONDS: Final = 10.0


def same(known: RepairRow, request_sha256: str) -> RepairRow:
    """Return what an idempotency key has made, for the same request again.

    Raises:
        IdempotencyError: it is another request.
    """
    if known.request_sha256 != request_sha256:
        raise IdempotencyError(
            "this Idempotency-Key was used for another workspace or other options: take a new one",
            param="Idempotency-Key",
        )
    return known


def room(db: Connection, queue: int) -> None:
    """Raise QueueFullError when so many wait already."""
    waiting = db.execute(select(func.count()).where(R.c.status == Status.QUEUED.value)).scalar_one()
    if waiting >= queue:
        raise QueueFullError(
            f"{waiting} repairs wait already: try later", retry_after=_FULL_SECONDS
        )


def get(db: Connection, repair: str) -> RepairRow:
    """Return a repair that is there."""
    return RepairRow.of(db.execute(select(R).where(R.c.id == repair)).mappings().one())


def owned(db: Connection, owner: str, repair: str, *, lock: bool = False) -> RepairRow:
    """Return a repair of this owner, or raise NotFoundError."""
    query = select(R).where(R.c.id == repair, R.c.owner == owner)
    found = db.execute(query.with_for_update() if lock else query).mappings().first()
    if found is None:
        raise NotFoundError("no such repair of this key: it never was, or is no longer kept")
    return RepairRow.of(found)


def by_key(db: Connection, owner: str, key: str) -> RepairRow | None:
    """Return what this idempotency key has made."""
    query = select(R).where(R.c.owner == owner, R.c.idempotency_key == key)
    found = db.execute(query).mappings().first()
    return RepairRow.of(found) if found else None


def add_events(db: Connection, repair: str, events: Sequence[EventRow]) -> None:
    """Keep events; raise LeaseLostError when one of these numbers is there already."""
    rows = [
        {"repair": repair, "number": each.number, "kind": each.kind, "body": each.body}
        for each in events
    ]
    try:
        db.execute(insert(EVENTS), rows)
    except IntegrityError as error:  # a number that is there already: two workers
        raise LeaseLostError(f"repair {repair} has these events already") from error


def restores(row: RepairRow) -> bool:
    """Return whether its owner wants nothing of a repair that does not succeed."""
    return bool(json.loads(row.options).get("on_failure") == OnFailure.RESTORE.value)


def names(tree: Delta) -> dict[str, str]:
    """Return the columns that name what has changed."""
    return {
        "changed": json.dumps(sorted(tree.changed)),
        "deleted": json.dumps(list(tree.deleted)),
    }
