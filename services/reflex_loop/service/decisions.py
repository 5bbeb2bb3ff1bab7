"""Decision records in the database: bounded, and each visible to its owner only."""

import asyncio
import json
import logging
from collections import deque
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import delete, func, insert, select

from reflex_loop.service.database import Database
from reflex_loop.service.tables import DECISIONS as D
from reflex_routing.decision import DecisionRecord
from reflex_routing.prices import NANO

_TOGETHER_SECONDS: Final = 0.1
"""Between two batches: under load many records share a transaction."""
LOG: Final = logging.getLogger("reflex.service.decisions")

OWNER: Final[ContextVar[str]] = ContextVar("reflex_owner", default="")
"""Whose request this task works for; the router carries it to the sink without knowing."""


class SqlDecisions:
    """A DecisionSink: takes records without waiting, and writes them in batches.

    What the database does not take in time is dropped, the oldest first, and counted: an answer to
    a client never waits for the record of why it was given.
    """

    def __init__(self, database: Database, *, held: int = 10_000) -> None:
        self._database = database
        self._held: deque[tuple[str, DecisionRecord]] = deque()
        self._most = held
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self.dropped = 0

    def record(self, record: DecisionRecord) -> None:
        """See `DecisionSink`."""
        if len(self._held) >= self._most:
            self._held.popleft()
            self.dropped += 1
        self._held.append((OWNER.get(), record))
        self._wake.set()

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.flush()
                await asyncio.sleep(_TOGETHER_SECONDS)
            except Exception:
                LOG.exception("decision records could not be written; they are tried again")
                self._wake.set()
                await asyncio.sleep(1.0)

    async def flush(self) -> None:
        """Write what is held; afterwards it can be read."""
        async with self._writing:
            while self._held:
                batch = [self._held[index] for index in range(min(len(self._held), 200))]
                dropped = self.dropped
                await self._database.run(self._write, batch)
                # Those dropped meanwhile were the first of this batch.
                for _ in range(max(0, len(batch) - (self.dropped - dropped))):
                    self._held.popleft()

    def _write(self, batch: list[tuple[str, DecisionRecord]]) -> None:
        with self._database.write() as db:
            db.execute(insert(D), [_row(owner, record) for owner, record in batch])


def page(
    database: Database, owner: str, *, repair: str, request: str, before: int | None, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """Return the newest records of an owner, each with its `seq`, and whether there are more."""
    query = select(D.c.seq, D.c.body).where(D.c.owner == owner)
    if repair:
        query = query.where(D.c.repair == repair)
    if request:
        query = query.where(D.c.request == request)
    if before is not None:
        query = query.where(D.c.seq < before)
    with database.read() as db:
        rows = db.execute(query.order_by(D.c.seq.desc()).limit(limit + 1)).all()
    return [{"seq": row.seq, **json.loads(row.body)} for row in rows[:limit]], len(rows) > limit


def cost_of(database: Database, repair: str) -> Decimal:
    """Return what a repair has cost so far, in USD."""
    query = select(func.coalesce(func.sum(D.c.cost), 0)).where(D.c.repair == repair)
    with database.read() as db:
        return Decimal(int(db.execute(query).scalar_one())) / NANO


def prune(database: Database, *, keep: int) -> None:
    """Delete the oldest records beyond `keep`."""
    with database.read() as db:
        newest = db.execute(select(func.max(D.c.seq))).scalar_one()
    if newest is not None and newest > keep:
        with database.write() as db:
            db.execute(delete(D).where(D.c.seq <= newest - keep))


def _row(owner: str, record: DecisionRecord) -> dict[str, Any]:
    return {
        "id": record.id[:64],
        "owner": owner,
        "repair": record.task_id[:32],
        "request": record.request_id[:64],
        "at": record.at.timestamp(),
        "cost": record.outcome.cost,
        "body": json.dumps(record.document()),
    }
