"""Writes, lists and deletes the memories of owners."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    func,
    insert,
    or_,
    select,
    text,
    update,
)  # fmt: skip

from reflex_reflection import embedding
from reflex_reflection.ids import content_hash
from reflex_reflection.store.database import Database
from reflex_reflection.store.rows import Memory, memory_of, seconds_of
from reflex_reflection.store.tables import AUDIT, EVIDENCE, MEMORIES, WORDS
from reflex_reflection.text import storable, words
from reflex_reflection.writer import MemoryRow

MAX_EVIDENCE: Final = 100
"""Turns that are named for one memory; later ones are counted only."""
_PAGE: Final = 500


class Memories:
    """The memories in a database; it is a `MemorySink`.

    Args:
        database: where they are.
        now: the time in seconds since 1970; for expiry and the audit, never for what is kept.
        ttl_seconds: after which a memory is not found any more; None: never.
    """

    def __init__(
        self, database: Database, *, now: Callable[[], float], ttl_seconds: float | None = None
    ) -> None:
        self._database = database
        self._now = now
        self._ttl = ttl_seconds

    def add(self, row: MemoryRow) -> bool:
        """Keep a memory in one transaction, with its evidence and a line of the audit.

        What the owner's memories say already is counted and its evidence kept, not written again;
        a memory that was deleted does not come back by a rerun of its turn.

        Returns:
            whether there is a new memory now.

        Raises:
            StoreError: its time is no time.
            SQLAlchemyError: nothing was kept.
        """
        now = self._now()
        entry = row.entry
        owner, name, said = storable(entry.owner), storable(row.id), storable(entry.text)
        digest = content_hash(said)
        values = {
            "owner": owner, "id": name, "ts": entry.ts, "ts_seconds": seconds_of(entry.ts),
            "kind": entry.kind, "tags": json.dumps(list(entry.tags)), "text": said,
            "content_sha256": digest, "seen": 1, "created_at": now,
            "vector": None if entry.vec_full is None else embedding.pack(entry.vec_full),
            "vector_model": None if entry.vec_full is None else embedding.MODEL,
            "expires_at": None if self._ttl is None else now + self._ttl,
        }  # fmt: skip
        with self._database.write() as db:
            if _made_before(db, owner, name):
                return False
            expire(db, now, owner)
            same = (MEMORIES.c.owner == owner) & (MEMORIES.c.content_sha256 == digest)
            known = db.scalar(select(MEMORIES.c.seq).where(same, MEMORIES.c.deleted_at.is_(None)))
            if known is None:
                made = insert(MEMORIES).values(values).returning(MEMORIES.c.seq)
                seq = db.execute(made).scalar_one()
                _index(db, seq, owner, said)
            else:
                seq = known
                again = {"seen": MEMORIES.c.seen + 1, "expires_at": values["expires_at"]}
                db.execute(update(MEMORIES).where(MEMORIES.c.seq == seq).values(again))
            _witness(db, seq, name, row)
            audit(db, now, owner, "turn", "add" if known is None else "repeat", name, digest)
        return known is None

    def get(self, owner: str, memory_id: str) -> Memory | None:
        """Return a memory with its evidence, None where the owner has none of this id."""
        with self._database.read() as db:
            live = self._live(owner) & (MEMORIES.c.id == storable(memory_id))
            row = db.execute(select(MEMORIES).where(live)).mappings().one_or_none()
            return None if row is None else memory_of(row, _evidence(db, row["seq"]))

    def page(self, owner: str, *, after: int = 0, limit: int = 100) -> list[Memory]:
        """Return memories in the order of writing, after the one with this `seq`."""
        with self._database.read() as db:
            chosen = select(MEMORIES).where(self._live(owner), MEMORIES.c.seq > after)
            rows = db.execute(chosen.order_by(MEMORIES.c.seq).limit(limit)).mappings().all()
            return [memory_of(row, _evidence(db, row["seq"])) for row in rows]

    def export(self, owner: str) -> Iterator[bytes]:
        """Yield each memory of the owner as a line of JSON (NDJSON)."""
        after = 0
        while page := self.page(owner, after=after, limit=_PAGE):
            for memory in page:
                line = json.dumps(memory.to_json(), ensure_ascii=False)
                yield line.encode("utf-8", "backslashreplace") + b"\n"
            after = page[-1].seq

    def delete(self, owner: str, memory_id: str, *, actor: str) -> bool:
        """Delete a memory: it is not found any more, and purged later; returns if there was one."""
        now = self._now()
        with self._database.write() as db:
            live = self._live(owner) & (MEMORIES.c.id == storable(memory_id))
            row = db.execute(select(MEMORIES).where(live)).mappings().one_or_none()
            if row is None:
                return False
            forget(db, now, row, actor=actor, action="delete")
            return True

    def stats(self, owner: str) -> dict[str, int]:
        """Return the number of memories, of times they were made, and of characters."""
        with self._database.read() as db:
            count, seen, size = db.execute(
                select(
                    func.count(),
                    func.coalesce(func.sum(MEMORIES.c.seen), 0),
                    func.coalesce(func.sum(func.length(MEMORIES.c.text)), 0),
                ).where(self._live(owner))
            ).one()
            return {"memories": count, "seen": seen, "characters": size}

    def history(self, owner: str) -> list[tuple[str, str, str]]:
        """Return (actor, action, id) of every change to the owner's memories, oldest first."""
        with self._database.read() as db:
            chosen = select(AUDIT.c.actor, AUDIT.c.action, AUDIT.c.memory_id)
            rows = db.execute(chosen.where(AUDIT.c.owner == storable(owner)).order_by(AUDIT.c.seq))
            return [(actor, action, name) for actor, action, name in rows]

    def _live(self, owner: str) -> ColumnElement[bool]:
        return live(owner, self._now())


def live(owner: str, now: float) -> ColumnElement[bool]:
    """Return the condition of an owner's memories that are neither deleted nor expired."""
    return and_(
        MEMORIES.c.owner == storable(owner),
        MEMORIES.c.deleted_at.is_(None),
        or_(MEMORIES.c.expires_at.is_(None), MEMORIES.c.expires_at > now),
    )


def expire(db: Connection, now: float, owner: str | None = None) -> int:
    """Delete what is past its time, of one owner or of all; return how many."""
    past = MEMORIES.c.deleted_at.is_(None) & (MEMORIES.c.expires_at <= now)
    if owner is not None:
        past &= MEMORIES.c.owner == owner
    rows = db.execute(select(MEMORIES).where(past)).mappings().all()
    for row in rows:
        forget(db, now, row, actor="retention", action="expire")
    return len(rows)


def forget(db: Connection, now: float, row: RowMapping, *, actor: str, action: str) -> None:
    """Mark a memory as deleted, take it out of the index, and write the audit."""
    seq = row["seq"]
    db.execute(update(MEMORIES).where(MEMORIES.c.seq == seq).values(deleted_at=now))
    db.execute(text(f"DELETE FROM {WORDS} WHERE rowid = :seq"), {"seq": seq})  # noqa: S608
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


def _made_before(db: Connection, owner: str, name: str) -> bool:
    """Return whether this very memory of this turn was written or counted before."""
    own = select(MEMORIES.c.seq).where(MEMORIES.c.owner == owner)
    if db.scalar(own.where(MEMORIES.c.id == name)) is not None:
        return True
    made = select(EVIDENCE.c.memory).where(EVIDENCE.c.memory_id == name)
    return db.scalar(made.where(EVIDENCE.c.memory.in_(own))) is not None


def _index(db: Connection, seq: int, owner: str, said: str) -> None:
    values = {"seq": seq, "owner": owner_word(owner), "words": " ".join(words(said))}
    db.execute(
        text(f"INSERT INTO {WORDS} (rowid, owner, words) VALUES (:seq, :owner, :words)"),  # noqa: S608
        values,
    )


def owner_word(owner: str) -> str:
    """Return an owner's name as one word, so that the index itself keeps owners apart."""
    return "o" + content_hash(owner)


def _witness(db: Connection, seq: int, name: str, row: MemoryRow) -> None:
    known = select(func.count()).select_from(EVIDENCE).where(EVIDENCE.c.memory == seq)
    if (db.scalar(known) or 0) < MAX_EVIDENCE:
        db.execute(
            insert(EVIDENCE).values(
                memory=seq, memory_id=name, turn_id=row.evidence.turn_id,
                input_sha256=row.evidence.input_sha256,
                snippet_ids=json.dumps(list(row.evidence.snippet_ids)),
            )
        )  # fmt: skip


def _evidence(db: Connection, seq: int) -> Sequence[RowMapping]:
    chosen = select(EVIDENCE).where(EVIDENCE.c.memory == seq)
    return db.execute(chosen.order_by(EVIDENCE.c.turn_id, EVIDENCE.c.memory_id)).mappings().all()
