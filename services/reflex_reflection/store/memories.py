"""Writes, lists and deletes the memories of owners."""

import json
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, or_, select, update

from reflex_reflection import embedding
from reflex_reflection.document import MAX_AGENT
from reflex_reflection.errors import StoreError, TooLongError
from reflex_reflection.ids import content_hash
from reflex_reflection.store import owners, reading
from reflex_reflection.store import words as index
from reflex_reflection.store.database import Database
from reflex_reflection.store.forgetting import audit, evict, expire, forget, live
from reflex_reflection.store.rows import Memory, Seen, seconds_of
from reflex_reflection.store.tables import AUDIT, EVIDENCE, MEMORIES
from reflex_reflection.text import storable, words
from reflex_reflection.writer import MemoryRow

MAX_EVIDENCE: Final = 100
"""Turns that are named for one memory; later ones are counted only."""
MAX_SNIPPET_LETTERS: Final = 16_384
"""Of the snippets that are named for one memory, all its turns together."""


class Memories:
    """The memories in a database; it is a `MemorySink`.

    Args:
        database: where they are.
        now: the time in seconds since 1970; for expiry and the audit, never for what is kept.
        ttl_seconds: after which a memory is not found any more; None: never.
        owner: whose memories are added; None: those of the turn's agent.
        most: of one owner; the oldest by their own time make room. None: no limit.
        longest: characters of a memory; a longer one is refused. None: no limit.
    """

    def __init__(
        self, database: Database, *, now: Callable[[], float], ttl_seconds: float | None = None,
        owner: str | None = None, most: int | None = None, longest: int | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._now = now
        self._ttl = ttl_seconds
        self._owner = owner
        self._most = most
        self._longest = longest

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
        entry, evidence = row.entry, row.evidence
        memory = Memory(
            seq=0,
            owner=storable(entry.owner if self._owner is None else self._owner),
            agent=storable(entry.owner),
            id=storable(row.id),
            ts=entry.ts,
            kind=entry.kind,
            tags=entry.tags,
            text=storable(entry.text),
            vector=entry.vec_full,
            seen=1,
        )
        seen = Seen(
            memory_id=memory.id,
            turn_id=evidence.turn_id,
            input_sha256=evidence.input_sha256,
            snippet_ids=evidence.snippet_ids,
        )
        with self._database.write() as db:
            return self.put(db, memory, (seen,), actor="turn")

    def put_all(self, memories: Sequence[Memory], *, actor: str) -> int:
        """Keep memories with their evidence in one transaction; return how many are new.

        Raises:
            StoreError: the time of one is no time; nothing was kept.
        """
        if not memories:
            return 0
        with self._database.write() as db:
            return sum(self.put(db, one, one.evidence, actor=actor) for one in memories)

    def put(
        self, db: Connection, memory: Memory, evidence: tuple[Seen, ...], *, actor: str
    ) -> bool:
        """Keep a memory in the caller's transaction; see `add`. Texts are storable.

        Raises:
            StoreError: its time is no time, a name is too long, or the text is.
        """
        now, owner, name = self._now(), memory.owner, memory.id
        if max(len(owner), len(memory.agent)) > MAX_AGENT:
            raise StoreError(f"owner and agent have {MAX_AGENT} letters at most")
        if self._longest is not None and len(memory.text) > self._longest:
            raise TooLongError(f"a memory has {self._longest} characters at most")
        digest = content_hash(memory.text)
        length = sum(1 for _ in words(memory.text))
        values = {
            "owner": owner, "agent": memory.agent, "id": name,
            "ts": memory.ts, "ts_seconds": seconds_of(memory.ts),
            "kind": memory.kind, "tags": json.dumps(list(memory.tags)), "text": memory.text,
            "content_sha256": digest, "words": length,
            "vector": None if memory.vector is None else embedding.pack(memory.vector),
            "seen": memory.seen, "created_at": now,
            "expires_at": None if self._ttl is None else now + self._ttl,
        }  # fmt: skip
        owners.hold(db, owner)
        if _made_before(db, owner, name):
            return False
        expire(db, now, owner)
        same = (MEMORIES.c.owner == owner) & (MEMORIES.c.content_sha256 == digest)
        known = db.scalar(select(MEMORIES.c.seq).where(same, MEMORIES.c.deleted_at.is_(None)))
        if known is None:
            made = insert(MEMORIES).values(values).returning(MEMORIES.c.seq)
            seq = db.execute(made).scalar_one()
            index.add(db, owner, {seq: memory.text})
            owners.change(db, owner, memories=1, words=length)
        else:
            seq = known
            again = {"seen": MEMORIES.c.seen + memory.seen, "expires_at": values["expires_at"]}
            db.execute(update(MEMORIES).where(MEMORIES.c.seq == seq).values(again))
        _witness(db, seq, evidence)
        audit(db, now, owner, actor, "add" if known is None else "repeat", name, digest)
        if self._most is not None:
            evict(db, now, owner, most=self._most)
        return known is None

    def get(self, owner: str, memory_id: str) -> Memory | None:
        """Return a memory with its evidence, None where the owner has none of this id."""
        mine = self._live(owner) & (MEMORIES.c.id == storable(memory_id))
        with self._database.read() as db:
            return next(iter(reading.chosen(db, mine, order=())), None)

    def page(self, owner: str, *, after: int = 0, limit: int = 100) -> list[Memory]:
        """Return memories in the order of writing, after the one with this `seq`."""
        mine = self._live(owner) & (MEMORIES.c.seq > after)
        with self._database.read() as db:
            return reading.chosen(db, mine, order=(MEMORIES.c.seq,), limit=limit)

    def newest(self, owner: str, *, after: str | None = None, limit: int = 100) -> list[Memory]:
        """Return memories, the newest by their own time first, equals by id.

        Args:
            owner: whose.
            after: the id of a memory behind which to go on; it may be deleted by now.
            limit: how many at most.

        Raises:
            KeyError: the owner never had the memory `after`, or it is purged.
        """
        mine = self._live(owner)
        with self._database.read() as db:
            if after is not None:
                mine &= _behind(db, owner, storable(after))
            order = (MEMORIES.c.ts_seconds.desc(), MEMORIES.c.id)
            return reading.chosen(db, mine, order=order, limit=limit)

    def delete(self, owner: str, memory_id: str, *, actor: str) -> bool:
        """Delete a memory: it is not found any more, and purged later; returns if there was one."""
        now = self._now()
        with self._database.write() as db:
            owners.hold(db, storable(owner))
            mine = self._live(owner) & (MEMORIES.c.id == storable(memory_id))
            row = db.execute(select(MEMORIES).where(mine)).mappings().one_or_none()
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
            return {"memories": count, "seen": int(seen), "characters": size}

    def history(self, owner: str) -> list[tuple[str, str, str]]:
        """Return (actor, action, id) of every change to the owner's memories, oldest first."""
        with self._database.read() as db:
            chosen = select(AUDIT.c.actor, AUDIT.c.action, AUDIT.c.memory_id)
            rows = db.execute(chosen.where(AUDIT.c.owner == storable(owner)).order_by(AUDIT.c.seq))
            return [(actor, action, name) for actor, action, name in rows]

    def _live(self, owner: str) -> ColumnElement[bool]:
        return live(owner, self._now())


def _made_before(db: Connection, owner: str, name: str) -> bool:
    """Return whether this very memory of this turn was written or counted before."""
    own = select(MEMORIES.c.seq).where(MEMORIES.c.owner == owner)
    if db.scalar(own.where(MEMORIES.c.id == name)) is not None:
        return True
    # Not as a join: SQLite would begin with all that the owner has.
    its = select(MEMORIES.c.seq).where(MEMORIES.c.seq == EVIDENCE.c.memory)
    made = select(EVIDENCE.c.memory).where(EVIDENCE.c.memory_id == name)
    mine = exists(its.where(MEMORIES.c.owner == owner))
    return db.scalar(made.where(mine).limit(1)) is not None


def _behind(db: Connection, owner: str, name: str) -> ColumnElement[bool]:
    mine = (MEMORIES.c.owner == storable(owner)) & (MEMORIES.c.id == name)
    last = db.execute(select(MEMORIES.c.ts_seconds).where(mine)).scalar_one_or_none()
    if last is None:
        raise KeyError(name)
    at = MEMORIES.c.ts_seconds
    return or_(at < last, and_(at == last, MEMORIES.c.id > name))


def _witness(db: Connection, seq: int, evidence: tuple[Seen, ...]) -> None:
    """Name the turns that made a memory, and their snippets, as far as there is room."""
    known = select(EVIDENCE.c.memory_id, func.length(EVIDENCE.c.snippet_ids))
    held = {row[0]: row[1] for row in db.execute(known.where(EVIDENCE.c.memory == seq))}
    room = MAX_SNIPPET_LETTERS - sum(held.values())
    for one in evidence:
        if len(held) < MAX_EVIDENCE and one.memory_id not in held:
            named = json.dumps(_fitting(one.snippet_ids, room))
            held[one.memory_id] = len(named)
            room -= len(named)
            db.execute(
                insert(EVIDENCE).values(
                    memory=seq, memory_id=one.memory_id, turn_id=one.turn_id,
                    input_sha256=one.input_sha256, snippet_ids=named,
                )
            )  # fmt: skip


def _fitting(names: Sequence[str], room: int) -> list[str]:
    """Return the first names whose JSON fits."""
    sizes = accumulate(len(json.dumps(one)) + 2 for one in names)
    return [one for one, size in zip(names, sizes, strict=True) if size <= room]
