"""Forgets: what is past its time, what is too much, and for good what was deleted long ago."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, or_, select

from reflex_reflection.store import owners
from reflex_reflection.store.database import Database
from reflex_reflection.store.forgetting import audit, evict, expire
from reflex_reflection.store.tables import AUDIT, MEMORIES, OWNERS


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """What one sweep did."""

    expired: int
    evicted: int
    purged: int


@dataclass(frozen=True, kw_only=True)
class Retention:
    """The rules of forgetting."""

    database: Database
    now: Callable[[], float]
    max_per_owner: int = 10_000
    """Memories of one owner, the oldest by their own time go first; as many deleted ones stay."""
    keep_deleted_seconds: float = 30 * 86_400.0
    """How long the text of a deleted memory stays in the database, at most."""
    keep_audit: int = 1_000_000
    """Lines of the audit, of all owners together; the oldest go first."""

    def sweep(self) -> Forgotten:
        """Forget in one transaction an owner; each memory that goes has a line in the audit."""
        with self.database.read() as db:
            names = db.scalars(select(OWNERS.c.owner).order_by(OWNERS.c.owner)).all()
        expired = evicted = purged = 0
        for owner in names:
            now = self.now()
            with self.database.write() as db:
                owners.hold(db, owner)
                expired += expire(db, now, owner)
                evicted += evict(db, now, owner, most=self.max_per_owner)
                purged += self._purge(db, now, owner)
        with self.database.write() as db:
            last = db.scalar(select(func.max(AUDIT.c.seq))) or 0
            db.execute(delete(AUDIT).where(AUDIT.c.seq <= last - self.keep_audit))
        return Forgotten(expired=expired, evicted=evicted, purged=purged)

    def _purge(self, db: Connection, now: float, owner: str) -> int:
        deleted = (MEMORIES.c.owner == owner) & MEMORIES.c.deleted_at.is_not(None)
        newest = select(MEMORIES.c.seq).where(deleted)
        newest = newest.order_by(MEMORIES.c.deleted_at.desc(), MEMORIES.c.seq.desc())
        old = MEMORIES.c.deleted_at <= now - self.keep_deleted_seconds
        beyond = MEMORIES.c.seq.not_in(newest.limit(self.max_per_owner).scalar_subquery())
        chosen = select(MEMORIES.c.seq, MEMORIES.c.id, MEMORIES.c.content_sha256)
        gone = db.execute(chosen.where(deleted, or_(old, beyond)).order_by(MEMORIES.c.seq)).all()
        for seq, name, digest in gone:
            audit(db, now, owner, "retention", "purge", name, digest)
            db.execute(delete(MEMORIES).where(MEMORIES.c.seq == seq))
        return len(gone)
