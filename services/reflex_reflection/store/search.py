"""Finds memories of one owner: by words, by the nearness of vectors, or by both. Exact, always.

The databases say which memories hold a word; what that is worth is whole numbers, so both give the
same scores. Order: the recent tier first, then by score, then by id.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, func, select

from reflex_reflection import embedding
from reflex_reflection.ids import content_hash
from reflex_reflection.store import reading, scoring
from reflex_reflection.store.database import Database
from reflex_reflection.store.forgetting import live
from reflex_reflection.store.ranking import Found, fused, nearest, ordered
from reflex_reflection.store.rows import seconds_of
from reflex_reflection.store.tables import EMBEDDINGS, MEMORIES
from reflex_reflection.text import storable

_DIGITS: Final = 6
"""Scores are rounded, so that the last bits of a sum never decide an order."""
_ALWAYS: Final = -1e300


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which of an owner's memories are looked at."""

    kind: str | None = None
    since: str | None = None
    """ISO time: older ones are not found."""
    recent: str | None = None
    """ISO time: memories from then on are the first tier, and come before older ones."""

    @property
    def first(self) -> float:
        """Return where the first tier begins, in seconds; without one every memory is in it.

        Raises:
            StoreError: `recent` is no time.
        """
        return _ALWAYS if self.recent is None else seconds_of(self.recent)

    def condition(self, owner: str, now: float) -> ColumnElement[bool]:
        """Return what holds for the memories that are looked at.

        Raises:
            StoreError: `since` is no time.
        """
        found = live(owner, now)
        if self.kind is not None:
            found &= MEMORIES.c.kind == storable(self.kind)
        if self.since is not None:
            found &= MEMORIES.c.ts_seconds >= seconds_of(self.since)
        return found


ALL: Final = Scope()


@dataclass(frozen=True, kw_only=True)
class Search:
    """Searches a database."""

    database: Database
    now: Callable[[], float]
    """Seconds since 1970: what is expired by then is not found."""

    def by_words(
        self, owner: str, query: str, *, limit: int = 10, scope: Scope = ALL
    ) -> list[Found]:
        """Return the memories that hold any word of the query, best first; see `scoring`.

        Args:
            owner: whose memories.
            query: plain text; nothing in it is an operator.
            limit: how many at most.
            scope: which of them.

        Raises:
            StoreError: a time of the scope is none.
        """
        mine, first = scope.condition(owner, self.now()), scope.first
        with self.database.read() as db:
            scored = scoring.best(
                db, storable(owner), query, where=mine, first=first, limit=limit
            )  # fmt: skip
            return _whole(db, scored, first)

    def by_vector(
        self, owner: str, vector: Sequence[float], *, model: str = embedding.MODEL,
        limit: int = 10, scope: Scope = ALL,
    ) -> list[Found]:  # fmt: skip
        """Return the memories with the nearest vectors of the same model, by exact cosine.

        Every vector of the owner is looked at. With the hash embedding only equal texts are near.

        Raises:
            StoreError: a time of the scope is none.
        """
        mine, first = scope.condition(owner, self.now()), scope.first
        with self.database.read() as db:
            rows = db.execute(_vectors(model, len(vector)).where(mine)).all()
            if not rows or limit < 1:
                return []
            data = b"".join(row[3] for row in rows)
            matrix = np.frombuffer(data, dtype="<f4").reshape(len(rows), len(vector))
            keys = [(seq, name, at >= first) for seq, name, at, _packed in rows]
            best = nearest(keys, cosines(matrix, vector), limit=limit)
            return _whole(db, best, first)

    def by_content(self, owner: str, said: str, *, scope: Scope = ALL) -> list[Found]:
        """Return the memory that says exactly this, if there is one.

        Raises:
            StoreError: a time of the scope is none.
        """
        same = MEMORIES.c.content_sha256 == content_hash(storable(said))
        mine = scope.condition(owner, self.now()) & same
        with self.database.read() as db:
            seq = db.scalar(select(MEMORIES.c.seq).where(mine))
            return [] if seq is None else _whole(db, {seq: 1.0}, scope.first)


def hybrid(ways: Sequence[Sequence[Found]], *, limit: int) -> list[Found]:
    """Return the best of several ways of searching, by reciprocal rank fusion."""
    return ordered(fused(ways))[:limit]


def cosines(matrix: "np.ndarray", vector: Sequence[float]) -> list[float]:
    """Return the cosine of each row, summed column by column: in one order on every machine."""
    asked = np.asarray(vector, dtype=np.float64)
    dot = np.zeros(len(matrix))
    length = np.zeros(len(matrix))
    for place in range(matrix.shape[1]):
        numbers = matrix[:, place].astype(np.float64)
        dot += numbers * asked[place]
        length += numbers * numbers
    norm = np.sqrt(length) * float(np.sqrt(sum(float(one) * float(one) for one in vector)))
    cosine = np.divide(dot, norm, out=np.zeros_like(dot), where=norm > 0)
    return [round(float(one), _DIGITS) for one in cosine]


def _vectors(model: str, dimensions: int) -> "Select[int, str, float, bytes]":
    columns = (MEMORIES.c.seq, MEMORIES.c.id, MEMORIES.c.ts_seconds)
    if model == embedding.MODEL:
        held = MEMORIES.c.vector
        return select(*columns, held).where(func.length(held) == dimensions * 4)
    held = EMBEDDINGS.c.vector
    joined = select(*columns, held).join(EMBEDDINGS, EMBEDDINGS.c.memory == MEMORIES.c.seq)
    return joined.where(EMBEDDINGS.c.model == model, func.length(held) == dimensions * 4)


def _whole(db: Connection, scores: dict[int, float], first: float) -> list[Found]:
    """Return the memories of these scores, in order."""
    memories = reading.chosen(db, MEMORIES.c.seq.in_(scores), order=())
    return ordered(
        [
            Found(
                memory=memory,
                score=scores[memory.seq],
                recent=seconds_of(memory.ts) >= first,
            )
            for memory in memories
        ]
    )
