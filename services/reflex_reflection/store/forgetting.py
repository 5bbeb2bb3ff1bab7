"""How memories go: deleted, past their time, or too many. Each leaves a line in the audit."""

from typing import Final

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, insert, or_, select, update

from reflex_reflection.store import owners, words
from reflex_reflection.store.tables import AUDIT, MEMORIES
from reflex_reflection.text import storable

_NEEDED: Final = (
    MEMORIES.c.seq, MEMORIES.c.owner, MEMORIES.c.words, MEMORIES.c.id, MEMORIES.c.content_sha256,
)  # fmt: skip
"""To forget a memory; all of an owner's may go at once, so their texts are not read."""


def live(owner: str, now: float) -> ColumnElement[bool]:
    """Return the condition of an owner's memories that are neither deleted nor expired."""
    return and_(
        MEMORIES.c.owner == storable(owner),
        MEMORIES.c.deleted_at.is_(None),
        or_(MEMORIES.c.expires_at.is_(None), MEMORIES.c.expires_at > now),
    )


def expire(db: Connection, now: float, owner: str) -> int:
    """Delete what is past its time; return how many. The caller holds the owner."""
    mine = (MEMORIES.c.owner == owner) & MEMORIES.c.deleted_at.is_(None)
    chosen = select(*_NEEDED).where(mine, MEMORIES.c.expires_at <= now)
    rows = db.execute(chosen.order_by(MEMORIES.c.seq)).mappings().all()
    for row in rows:
        forget(db, now, row, actor="retention", action="expire")
    return len(rows)


def evict(db: Connection, now: float, owner: str, *, most: int) -> int:
    """Delete the oldest by their own time until at most so many are left; return how many went.

    The caller holds the owner.
    """
    excess = owners.holding(db, owner).memories - most
    if excess <= 0:
        return 0
    mine = (MEMORIES.c.owner == owner) & MEMORIES.c.deleted_at.is_(None)
    oldest = select(*_NEEDED).where(mine).order_by(MEMORIES.c.ts_seconds, MEMORIES.c.id)
    rows = db.execute(oldest.limit(excess)).mappings().all()
    for row in rows:
        forget(db, now, row, actor="retention", action="evict")
    return len(rows)


def forget(db: Connection, now: float, row: RowMapping, *, actor: str, action: str) -> None:
    """Mark a memory as deleted, take it out of the index, and write the audit."""
    seq = row["seq"]
    db.execute(update(MEMORIES).where(MEMORIES.c.seq == seq).values(deleted_at=now))
    words.remove(db, seq)
    owners.change(db, row["owner"], memories=-1, words=-row["words"])
    audit(db, now, row["owner"], actor, action, row["id"], row["content_sha256"])


def audit(
    db: Connection, now: float, owner: str, actor: str, action: str, name: str, digest: str
) -> None:
    """Write who did what to which memory; what it said is not in it."""
    db.execute(
        insert(AUDIT).values(
            at=now, owner=owner, actor=storable(actor), action=action, memory_id=name,
            content_sha256=digest,
        )
    )  # fmt: skip
