"""Repairs in the database: each method is one short transaction, called from threads.

Whoever works on a repair holds a lease on it. Every write of a worker names that lease, so one that
was away too long, and whose repair somebody else has taken over, writes nothing any more.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from reflex_loop.events import Stopped
from reflex_loop.service import blobs, rows
from reflex_loop.service.archive import pack
from reflex_loop.service.database import Database
from reflex_loop.service.errors import (
    LeaseLostError,
)
from reflex_loop.service.records import EventRow, Lease, NewRepair, RepairRow, Status
from reflex_loop.service.tables import EVENTS
from reflex_loop.service.tables import REPAIRS as R
from reflex_loop.service.tree import Delta

_ALL: Final = 1_000_000


class RepairStore:
    """See the module.

    Args:
        database: where.
        now: seconds since 1970. Replicas compare them: their clocks must agree within a part of
            the lease, as NTP holds them.
    """

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self.database = database
        self._now = now

    # --- what clients do

    def room(self, queue: int) -> None:
        """Look whether the queue has room, before an upload is read.

        Raises:
            QueueFullError: it has not.
        """
        with self.database.read() as db:
            rows.room(db, queue)

    def replayed(self, owner: str, key: str) -> RepairRow | None:
        """Return the repair that this idempotency key has made."""
        with self.database.read() as db:
            return rows.by_key(db, owner, key)

    def create(self, new: NewRepair, *, queue: int) -> tuple[RepairRow, bool]:
        """Queue a repair; return it, and whether it is new and not what its key made before.

        Raises:
            QueueFullError: too many wait.
            IdempotencyError: the key was used for another request.
        """
        with self.database.write() as db:
            self.database.one_at_a_time(db)
            if new.idempotency_key is not None:
                known = rows.by_key(db, new.owner, new.idempotency_key)
                if known is not None:
                    return rows.same(known, new.request_sha256), False
            rows.room(db, queue)
            db.execute(
                insert(R).values(
                    id=new.id,
                    owner=new.owner,
                    status=Status.QUEUED.value,
                    created_at=self._now(),
                    not_before=0.0,
                    options=new.options,
                    idempotency_key=new.idempotency_key,
                    request_sha256=new.request_sha256,
                    cancel_requested=False,
                    holder="",
                    lease_until=0.0,
                    claims=0,
                    crashes=0,
                    events=0,
                    changed="[]",
                    deleted="[]",
                )
            )
            return rows.get(db, new.id), True

    def forget(self, repair: str) -> None:
        """Delete an upload that no repair was made of."""
        with self.database.write() as db:
            blobs.drop(db, {repair})

    def get(self, owner: str, repair: str) -> RepairRow:
        """Return a repair of this owner.

        Raises:
            NotFoundError: there is none, or it is somebody else's.
        """
        with self.database.read() as db:
            return rows.owned(db, owner, repair)

    def page(self, owner: str, *, limit: int, after: str = "") -> tuple[list[RepairRow], bool]:
        """Return the newest repairs of an owner, and whether there are more.

        Args:
            owner: whose.
            limit: at most.
            after: the last id of the page before.
        """
        query = select(R).where(R.c.owner == owner)
        query = query.order_by(R.c.created_at.desc(), R.c.id.desc()).limit(limit + 1)
        with self.database.read() as db:
            if after:
                last = rows.owned(db, owner, after)
                older = R.c.created_at < last.created_at
                same_moment = and_(R.c.created_at == last.created_at, R.c.id < last.id)
                query = query.where(or_(older, same_moment))
            found = [RepairRow.of(row) for row in db.execute(query).mappings()]
        return found[:limit], len(found) > limit

    def cancel(self, owner: str, repair: str) -> RepairRow:
        """End a repair that waits; ask for the end of one that runs; leave one that has ended.

        Raises:
            NotFoundError: there is none, or it is somebody else's.
        """
        with self.database.write() as db:
            row = rows.owned(db, owner, repair, lock=True)
            if row.status is Status.QUEUED:
                stopped = Stopped(
                    number=row.events + 1, why="cancelled", fixed=False, errors=0,
                    detail="cancelled before a compiler ran" if not row.claims else "cancelled",
                )  # fmt: skip
                rows.add_events(db, row.id, [EventRow.of(stopped)])
                if rows.restores(row):
                    db.execute(update(R).where(R.c.id == repair).values(**rows.names(Delta())))
                else:
                    blobs.promote(db, row.id, "checkpoint", "result")
                self._end(db, row.id, Status.CANCELLED, events=stopped.number)
            elif row.status is Status.RUNNING:
                db.execute(update(R).where(R.c.id == repair).values(cancel_requested=True))
            return rows.get(db, repair)

    def events(self, repair: str, *, after: int = 0, limit: int = _ALL) -> list[EventRow]:
        """Return the events behind this number, in order."""
        query = select(EVENTS.c.number, EVENTS.c.kind, EVENTS.c.body)
        query = query.where(EVENTS.c.repair == repair, EVENTS.c.number > after)
        with self.database.read() as db:
            found = db.execute(query.order_by(EVENTS.c.number).limit(limit)).all()
        return [EventRow(number=row.number, kind=row.kind, body=row.body) for row in found]

    def last_event(self, repair: str) -> EventRow | None:
        """Return the newest event; None when there is none, or no such repair any more."""
        query = select(EVENTS.c.number, EVENTS.c.kind, EVENTS.c.body)
        query = query.where(EVENTS.c.repair == repair).order_by(EVENTS.c.number.desc()).limit(1)
        with self.database.read() as db:
            row = db.execute(query).first()
        return None if row is None else EventRow(number=row.number, kind=row.kind, body=row.body)

    # --- what workers do

    def claim(self, holder: str, *, seconds: float) -> RepairRow | None:
        """Take the oldest repair that waits or whose worker is gone; None when there is none."""
        now = self._now()
        waits = and_(R.c.status == Status.QUEUED.value, R.c.not_before <= now)
        left = and_(R.c.status == Status.RUNNING.value, R.c.lease_until < now)
        query = select(R).where(or_(waits, left)).order_by(R.c.created_at, R.c.id).limit(1)
        with self.database.read() as db:
            if db.execute(query.with_only_columns(R.c.id)).first() is None:
                return None  # the usual answer, without waiting for any writer
        with self.database.write() as db:
            found = db.execute(query.with_for_update(skip_locked=True)).mappings().first()
            if found is None:
                return None
            row = RepairRow.of(found)
            db.execute(
                update(R)
                .where(R.c.id == row.id)
                .values(
                    status=Status.RUNNING.value,
                    started_at=row.started_at or now,
                    holder=holder,
                    lease_until=now + seconds,
                    claims=row.claims + 1,
                    crashes=row.crashes + (row.status is Status.RUNNING),
                )
            )
            return rows.get(db, row.id)

    def heartbeat(
        self, holder: str, *, seconds: float, repairs: Collection[str]
    ) -> dict[str, tuple[int, bool]]:
        """Prolong the holder's leases on these; return each one's claim and whether to cancel.

        Another claim than the holder's own says that it is somebody else's by now; the same one
        stays there while the holder writes the end.

        Only on what is really worked on: a repair whose end could not be written is to be taken
        up again, however busy its process is with others.
        """
        these = R.c.id.in_(repairs)
        mine = and_(R.c.holder == holder, R.c.status == Status.RUNNING.value, these)
        with self.database.write() as db:
            db.execute(update(R).where(mine).values(lease_until=self._now() + seconds))
            found = db.execute(select(R.c.id, R.c.claims, R.c.cancel_requested).where(these)).all()
        return {row.id: (row.claims, bool(row.cancel_requested)) for row in found}

    def append(self, lease: Lease, events: Sequence[EventRow], tree: Delta | None) -> None:
        """Keep events, and with them the state of the tree that they tell of.

        Raises:
            LeaseLostError: somebody else works on it now; nothing was kept.
        """
        values: dict[str, Any] = {"events": events[-1].number}
        with self.database.write() as db:
            if tree is not None:
                values |= rows.names(tree)
            self._hold(db, lease, values)
            rows.add_events(db, lease.repair, events)
            if tree is not None:
                blobs.replace(db, lease.repair, "checkpoint", pack(tree.changed), now=self._now())

    def finish(
        self, lease: Lease, status: Status, events: Sequence[EventRow], *,
        result: str | None = None, error: str | None = None, tree: Delta | None = None,
    ) -> None:  # fmt: skip
        """End a repair: its last events, its result and its tree are seen together or not at all.

        Without a tree it is what was kept last.

        Raises:
            LeaseLostError: somebody else works on it now; nothing was kept.
        """
        with self.database.write() as db:
            values: dict[str, Any] = {"result": result, "error": error}
            if tree is not None:
                values |= rows.names(tree)
            self._hold(db, lease, values)
            rows.add_events(db, lease.repair, events)
            if tree is not None:
                blobs.replace(db, lease.repair, "result", pack(tree.changed), now=self._now())
            else:
                blobs.promote(db, lease.repair, "checkpoint", "result")
            self._end(db, lease.repair, status, events=events[-1].number)

    def release(self, lease: Lease, *, wait: float = 0.0) -> None:
        """Put a repair back into the queue, at its old place, to be resumed by anyone.

        Args:
            lease: what is given up.
            wait: seconds before anyone should try again.

        Raises:
            LeaseLostError: somebody else works on it already.
        """
        with self.database.write() as db:
            values = {
                "status": Status.QUEUED.value,
                "holder": "",
                "lease_until": 0.0,
                "not_before": self._now() + wait if wait else 0.0,
            }
            self._hold(db, lease, values)

    def counts(self) -> dict[Status, int]:
        """Return how many repairs wait and run, in all replicas."""
        unended = (Status.QUEUED.value, Status.RUNNING.value)
        query = select(R.c.status, func.count()).where(R.c.status.in_(unended)).group_by(R.c.status)
        with self.database.read() as db:
            found = {Status(status): count for status, count in db.execute(query).all()}
        return {status: found.get(status, 0) for status in (Status.QUEUED, Status.RUNNING)}

    def prune(self, *, keep: int, seconds: float, batch: int = 100) -> int:
        """Delete the oldest ended repairs beyond `keep` or older than `seconds`; return how many.

        Uploads that belong to no repair, because their request broke off, go after an hour.
        """
        ended = R.c.finished_at.is_not(None)
        newest = R.c.finished_at.desc()
        beyond = select(R.c.id).where(ended).order_by(newest).offset(keep).limit(batch)
        old = select(R.c.id).where(ended, R.c.finished_at < self._now() - seconds).limit(batch)
        with self.database.read() as db:
            gone = {row.id for query in (beyond, old) for row in db.execute(query)}
        if gone:
            with self.database.write() as db:
                blobs.drop(db, gone)
                db.execute(delete(EVENTS).where(EVENTS.c.repair.in_(gone)))
                db.execute(delete(R).where(R.c.id.in_(gone)))
        with self.database.write() as db:
            blobs.drop_orphans(db, before=self._now() - 3600)
        return len(gone)

    def _hold(self, db: Connection, lease: Lease, values: dict[str, Any]) -> None:
        held = and_(
            R.c.id == lease.repair,
            R.c.holder == lease.holder,
            R.c.claims == lease.claims,
            R.c.status == Status.RUNNING.value,
        )
        if not db.execute(update(R).where(held).values(**values)).rowcount:
            raise LeaseLostError(f"repair {lease.repair} was taken over by another process")

    def _end(self, db: Connection, repair: str, status: Status, *, events: int) -> None:
        db.execute(
            update(R)
            .where(R.c.id == repair)
            .values(
                status=status.value,
                finished_at=self._now(),
                holder="",
                lease_until=0.0,
                events=events,
            )
        )
        blobs.drop(db, {repair}, kinds=("upload", "checkpoint"))
