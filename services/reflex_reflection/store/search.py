"""Finds memories of one owner: by words, or by the nearness of vectors, exactly."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import RowMapping, column, func, literal_column, select, table

from reflex_reflection import embedding
from reflex_reflection.store.database import Database
from reflex_reflection.store.memories import live, owner_word
from reflex_reflection.store.ranking import Found, ordered
from reflex_reflection.store.rows import memory_of, seconds_of
from reflex_reflection.store.tables import MEMORIES, WORDS
from reflex_reflection.text import words

MAX_QUERY_WORDS: Final = 64
_DIGITS: Final = 6
"""Scores are rounded, so that the last bits of a sum never decide an order."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """Searches a database."""

    database: Database
    now: Callable[[], float]
    """Seconds since 1970: what is expired by then is not found."""

    def by_words(
        self, owner: str, query: str, *, limit: int = 10, since: str | None = None
    ) -> list[Found]:
        """Return the memories that hold any word of the query, best first (BM25).

        Args:
            owner: whose memories.
            query: plain text; nothing in it is an operator.
            limit: how many at most.
            since: ISO time; memories from then on are the first tier, and come before older ones.

        Raises:
            StoreError: `since` is no time.
        """
        asked = list(dict.fromkeys(words(query)))[:MAX_QUERY_WORDS]
        if not asked or limit < 1:
            return []
        any_word = " OR ".join(f'"{word}"' for word in asked)
        match = f'owner : "{owner_word(owner)}" AND words : ({any_word})'
        score = func.round(-literal_column(f"bm25({WORDS}, 0.0, 1.0)"), _DIGITS).label("score")
        index = table(WORDS, column("rowid"))
        first = _first(since)
        chosen = (
            select(MEMORIES, score)
            .join_from(index, MEMORIES, index.c.rowid == MEMORIES.c.seq)
            .where(literal_column(WORDS).op("MATCH")(match), live(owner, self.now()))
            .order_by(MEMORIES.c.ts_seconds < first, score.desc(), MEMORIES.c.id)
            .limit(limit)
        )
        with self.database.read() as db:
            rows = db.execute(chosen).mappings().all()
        return [_found(row, row["score"], first) for row in rows]

    def by_vector(
        self,
        owner: str,
        vector: Sequence[float],
        *,
        model: str = embedding.MODEL,
        limit: int = 10,
        since: str | None = None,
    ) -> list[Found]:
        """Return the memories with the nearest vectors of the same model, by exact cosine.

        Every vector of the owner is looked at. With the hash embedding only equal texts are near.

        Raises:
            StoreError: `since` is no time.
        """
        mine = live(owner, self.now()) & (MEMORIES.c.vector_model == model)
        columns = select(
            MEMORIES.c.seq, MEMORIES.c.id, MEMORIES.c.ts_seconds, MEMORIES.c.vector
        ).where(mine, func.length(MEMORIES.c.vector) == len(vector) * 4)
        first = _first(since)
        with self.database.read() as db:
            rows = db.execute(columns).all()
            if not rows:
                return []
            data = b"".join(packed for *_, packed in rows)
            matrix = np.frombuffer(data, dtype="<f4").reshape(len(rows), len(vector))
            keys = [
                (at < first, -score, name, seq)
                for (seq, name, at, _), score in zip(rows, _cosines(matrix, vector), strict=True)
            ]
            best = {key[-1]: -key[1] for key in heapq.nsmallest(limit, keys)}
            chosen = select(MEMORIES).where(MEMORIES.c.seq.in_(best))
            whole = db.execute(chosen).mappings().all()
        return ordered([_found(row, best[row["seq"]], first) for row in whole])


def _first(since: str | None) -> float:
    """Return where the first tier begins, in seconds; without one every memory is in it."""
    return -1e300 if since is None else seconds_of(since)


def _found(row: RowMapping, score: float, first: float) -> Found:
    return Found(memory=memory_of(row), score=score, recent=row["ts_seconds"] >= first)


def _cosines(matrix: "np.ndarray", vector: Sequence[float]) -> list[float]:
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
