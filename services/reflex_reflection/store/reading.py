"""Reads memories of one owner, with their evidence."""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, RowMapping, select

from reflex_reflection.store.rows import Memory, memory_of
from reflex_reflection.store.tables import EVIDENCE, MEMORIES

_AT_ONCE: Final = 500
"""Places in one statement; SQLite has a limit of them."""


def chosen(
    db: Connection, where: ColumnElement[bool], *, order: Sequence[ColumnElement[object]],
    limit: int | None = None,
) -> list[Memory]:  # fmt: skip
    """Return the memories that a condition holds for, in an order."""
    query = select(MEMORIES).where(where).order_by(*order)
    rows = db.execute(query if limit is None else query.limit(limit)).mappings().all()
    return with_evidence(db, rows)


def with_evidence(db: Connection, rows: Sequence[RowMapping]) -> list[Memory]:
    """Return the memories of these rows, each with what it was made from."""
    found: dict[int, list[RowMapping]] = {row["seq"]: [] for row in rows}
    for some in _parts(list(found)):
        query = select(EVIDENCE).where(EVIDENCE.c.memory.in_(some))
        order = (EVIDENCE.c.memory, EVIDENCE.c.turn_id, EVIDENCE.c.memory_id)
        for one in db.execute(query.order_by(*order)).mappings():
            found[one["memory"]].append(one)
    return [memory_of(row, found[row["seq"]]) for row in rows]


def _parts(seqs: list[int]) -> Iterable[list[int]]:
    return (seqs[start : start + _AT_ONCE] for start in range(0, len(seqs), _AT_ONCE))
