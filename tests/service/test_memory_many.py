"""A hundred thousand memories of one owner: found, paged and bounded."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from reflex_reflection.embedding import MODEL, embed, pack
from reflex_reflection.ids import content_hash, memory_id
from reflex_reflection.store import words
from reflex_reflection.store.database import Database
from reflex_reflection.store.memories import Memories
from reflex_reflection.store.retention import Retention
from reflex_reflection.store.rows import Memory, Seen
from reflex_reflection.store.search import Search
from reflex_reflection.store.tables import MEMORIES, OWNERS

MANY = 100_000


def said(number: int) -> str:
    return f"fixed e0382 in crate c{number % 97} at line l{number} of file f{number % 1009}"


def fill(opened: Database, many: int) -> None:
    """Put so many memories of one owner into an empty store, faster than one by one."""
    rows = []
    for number in range(many):
        told = said(number)
        rows.append({
            "seq": number + 1, "owner": "A", "agent": "A",
            "id": memory_id(agent="A", turn=number, slot=0, text=told),
            "ts": "2026-01-01T00:00:00Z", "ts_seconds": 1.0 + number, "kind": "summary",
            "tags": "[]", "text": told, "content_sha256": content_hash(told), "words": 10,
            "vector": pack(embed(told)), "seen": 1, "created_at": 0.0,
        })  # fmt: skip
    with opened.write() as db:
        db.execute(insert(OWNERS).values(owner="A", memories=many, words=10 * many))
        db.execute(insert(MEMORIES), rows)
        words.add(db, "A", {number + 1: said(number) for number in range(many)})
        if opened.dialect == "postgresql":
            db.execute(text("SELECT setval('reflex_memory_seq_seq', :n)"), {"n": many})


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    fill(opened, MANY)
    yield opened
    opened.close()


def instructions(database: Database) -> int:
    """Write one more memory into SQLite; return how many thousand instructions that took it."""
    memories = Memories(database, now=lambda: 0.0)
    told = "something that nobody has said yet"
    name = memory_id(agent="A", turn=MANY, slot=0, text=told)
    seen = Seen(memory_id=name, turn_id=MANY, input_sha256="0" * 64, snippet_ids=())
    row = Memory(
        seq=0, owner="A", agent="A", id=name, ts="2026-01-01T00:00:00Z", kind="summary", tags=(),
        text=told, vector=embed(told), seen=1,
    )  # fmt: skip
    ticks = 0

    def tick() -> int:
        nonlocal ticks
        ticks += 1
        return 0

    with database.write() as db:
        driver = db.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(tick, 1000)
        assert memories.put(db, row, (seen,), actor="A")
        driver.set_progress_handler(None, 0)
    return ticks


def test_what_is_there_already_does_not_slow_a_write_down(tmp_path: Path) -> None:
    """PostgreSQL plans by statistics; SQLite has none and must be led."""
    opened = Database(tmp_path / "memories.db")
    fill(opened, 10_000)
    assert instructions(opened) <= 5
    opened.close()


def test_a_hundred_thousand(database: Database) -> None:
    search = Search(database=database, now=lambda: 0.0)
    rare = search.by_words("A", "Fixed E0382 in L4711?", limit=3)
    assert rare[0].memory.text == said(4711)
    group = search.by_words("A", "file f77", limit=200)
    assert {one.memory.text.split()[-1] for one in group} == {"f77"}
    assert len(group) == len(range(77, MANY, 1009))
    assert [one.memory.id for one in group] == sorted(one.memory.id for one in group)
    assert len(search.by_words("A", "fixed e0382", limit=7)) == 7
    (same, *_) = search.by_vector("A", embed(said(99_999)), model=MODEL, limit=5)
    assert (same.memory.text, same.score) == (said(99_999), 1.0)
    memories = Memories(database, now=lambda: 0.0)
    last = memories.newest("A", limit=3)
    assert [one.text for one in last] == [said(99_999), said(99_998), said(99_997)]
    swept = Retention(database=database, now=lambda: 0.0, max_per_owner=MANY - 10).sweep()
    assert swept.evicted == 10
    assert memories.stats("A")["memories"] == MANY - 10
    assert search.by_words("A", "l3") == []
