"""Forgets: what is past its time, what is too much, and for good what was deleted long ago."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import delete, func, select

from reflex_reflection.store.database import Database
from reflex_reflection.store.memories import audit, expire, forget
from reflex_reflection.store.tables import MEMORIES


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
    """Memories of one owner; the oldest by their own time go first."""
    keep_deleted_seconds: float = 30 * 86_400.0
    """How long the text of a deleted memory stays in the file."""

    def sweep(self) -> Forgotten:
        """Forget in one transaction; each memory that goes has a line in the audit."""
        now = self.now()
        with self.database.write() as db:
            expired = expire(db, now)
            evicted = 0
            counts = select(MEMORIES.c.owner, func.count()).where(MEMORIES.c.deleted_at.is_(None))
            for owner, count in db.execute(counts.group_by(MEMORIES.c.owner)).all():
                oldest = (
                    select(MEMORIES)
                    .where(MEMORIES.c.owner == owner, MEMORIES.c.deleted_at.is_(None))
                    .order_by(MEMORIES.c.ts_seconds, MEMORIES.c.id)
                    .limit(max(0, count - self.max_per_owner))
                )
                for row in db.execute(oldest).mappings().all():
                    forget(db, now, row, actor="retention", action="evict")
                    evicted += 1
            old = MEMORIES.c.deleted_at <= now - self.keep_deleted_seconds
            gone = db.execute(select(MEMORIES).where(old)).mappings().all()
            for row in gone:
                audit(db, now, row["owner"], "retention", "purge", row["id"], row["content_sha256"])
            db.execute(delete(MEMORIES).where(old))
        return Forgotten(expired=expired, evicted=evicted, purged=len(gone))
