"""How well a memory answers words: BM25, each word counted once, in whole numbers.

A rare word is worth more than a common one, and a short memory more than a long one that holds the
same words. How often a memory repeats a word does not count: neither index can say that cheaply.
Rarity and length are measured over the owner's own memories, so nobody's words are felt by others.
"""

import math
from typing import Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    bindparam,
    cast,
    func,
    select,
    text,
)

from reflex_reflection.store import owners
from reflex_reflection.store import words as index
from reflex_reflection.store.tables import MEMORIES

_MICRO: Final = 1_000_000
_MANY: Final = 1000
"""Memories from which on a word that most of them hold is passed over, where others are asked."""


def best(
    db: Connection, owner: str, query: str, *, where: ColumnElement[bool], first: float, limit: int
) -> dict[int, float]:
    """Return the best memories and their scores.

    Args:
        db: a transaction.
        owner: whose memories.
        query: plain text.
        where: which of them.
        first: memories from this time on come before all others.
        limit: how many at most.
    """
    asked = index.tokens(query, most=index.MAX_QUERY_WORDS)
    if not asked or limit < 1:
        return {}
    held = owners.holding(db, owner)
    weights = _weights(index.counts(db, owner, asked), held.memories)
    if not weights:
        return {}
    dialect = db.dialect.name
    hits = " UNION ALL ".join(
        index.holders(dialect, number, f"CAST(:weight{number} AS BIGINT) AS weight")
        for number in range(len(weights))
    )
    parameters: dict[str, str | int] = {**index.matches(dialect, owner, list(weights))}
    parameters |= {f"weight{number}": one for number, one in enumerate(weights.values())}
    made = text(hits).columns(seq=BigInteger, weight=BigInteger).bindparams(**parameters)
    found = made.subquery("hit")
    total = cast(func.sum(found.c.weight), BigInteger)
    summed = select(found.c.seq, total.label("weight")).group_by(found.c.seq).subquery("summed")
    score = _score(summed.c.weight, held).label("score")
    chosen = (
        select(MEMORIES.c.seq, score)
        .join(summed, summed.c.seq == MEMORIES.c.seq)
        .where(where)
        .order_by(MEMORIES.c.ts_seconds < first, score.desc(), MEMORIES.c.id)
        .limit(limit)
    )
    return {seq: points / _MICRO for seq, points in db.execute(chosen)}


def _weights(counts: dict[str, int], memories: int) -> dict[str, int]:
    """Return what each word is worth, in millionths; words that nobody holds are left out."""
    held = {token: count for token, count in counts.items() if count}
    if memories >= _MANY:
        telling = {token: count for token, count in held.items() if 2 * count <= memories}
        held = telling or held
    return {
        token: round(_MICRO * math.log1p((memories - count + 0.5) / (count + 0.5)))
        for token, count in held.items()
    }


def _score(weight: "ColumnElement[int]", held: owners.Holding) -> "ColumnElement[int]":
    """Return BM25 with k1 = 1.2 and b = 0.75 over `1 = tf`, multiplied out to whole numbers."""
    mean = max(1, (20 * held.words + held.memories) // (2 * max(1, held.memories)))
    """Words of a memory on average, in tenths."""
    numerator = weight * cast(bindparam("mean22", 22 * mean), BigInteger)
    denominator = cast(bindparam("mean13", 13 * mean), BigInteger) + 90 * MEMORIES.c.words
    return numerator.op("/", precedence=8, return_type=BigInteger())(denominator)
