"""The store: what is kept, once, for whom, and how it goes."""

import json
import sqlite3
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, inspect, text

from reflection_turns import Lines, reflector, turn
from reflex_reflection.bundle import ReflectionBundle
from reflex_reflection.embedding import embed
from reflex_reflection.errors import StoreError
from reflex_reflection.step import Turn
from reflex_reflection.store import owners
from reflex_reflection.store.database import Database
from reflex_reflection.store.exchange import export
from reflex_reflection.store.memories import MAX_EVIDENCE, MAX_SNIPPET_LETTERS, Memories
from reflex_reflection.store.migrations import VERSION_TABLE
from reflex_reflection.store.retention import Forgotten, Retention
from reflex_reflection.store.rows import seconds_of
from reflex_reflection.store.tables import METADATA, WORDS
from reflex_reflection.writer import MemoryRow, WriteReport


class Clock:
    """Shows the time it was set to."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memories(database: Database, clock: Clock) -> Memories:
    return Memories(database, now=clock, ttl_seconds=100)


def keep(memories: Memories, bundle: ReflectionBundle) -> WriteReport:
    outcome = reflector(sink=memories).after_turn(Turn(bundle=bundle))
    assert outcome is not None
    assert not outcome.written.errors
    return outcome.written


def texts(memories: Memories, owner: str = "AgentA") -> list[str]:
    return [memory.text for memory in memories.page(owner)]


def test_the_migrations_make_the_tables(database: Database) -> None:
    with database.read() as db:
        options = {
            "version_table": VERSION_TABLE,
            "include_name": lambda name, kind, _: kind != "table" or not name.startswith(WORDS),
        }
        difference = compare_metadata(MigrationContext.configure(db, opts=options), METADATA)
        if database.dialect == "sqlite":
            assert db.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    assert difference == []


def test_the_file_is_its_users_only(tmp_path: Path) -> None:
    file = tmp_path / "own.sqlite"
    Database(file).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"no database at all" * 100, None])
def test_a_file_that_is_no_store_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / ("none/x" if content is None else "x")
    if content:
        file.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be used"):
        Database(file)


def test_a_store_of_a_newer_version_is_left_alone(database: Database, database_url: str) -> None:
    with database.write() as db:
        db.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError, match="made by another version"):
        Database(database_url)


def test_a_memory_comes_back_as_it_was_written_with_its_evidence(memories: Memories) -> None:
    bundle = replace(turn("Hello there!", "Alpha", number=7), snippet_ids=("m1",))
    assert keep(memories, bundle).ops_written == 1
    (memory,) = memories.page("AgentA")
    found = memories.get("AgentA", memory.id)
    assert found == memory
    document = memory.to_json()
    assert document["text"] == "hello there alpha"
    assert memory.vector == embed("hello there alpha")
    assert document["vec_model"] == "shake256-32"
    (evidence,) = document["evidence"]
    assert (evidence["turn"], evidence["snippet_ids"]) == (7, ["m1"])
    assert len(evidence["input_sha256"]) == 64


def test_what_is_said_again_is_counted_and_witnessed_not_written(memories: Memories) -> None:
    reports = [keep(memories, turn("Same words!", number=number)) for number in (1, 2, 3)]
    assert [report.ops_written for report in reports] == [1, 0, 0]
    assert [report.duplicates for report in reports] == [0, 1, 1]
    (memory,) = memories.page("AgentA")
    assert memory.seen == 3
    assert [one.turn_id for one in memory.evidence] == [1, 2, 3]


def test_the_log_says_that_a_repeat_was_not_written(memories: Memories) -> None:
    lines = Lines()
    for number in (1, 2):
        reflector(sink=memories, log=lines).after_turn(Turn(bundle=turn("x", number=number)))
    assert [json.loads(line)["ops_written"] for line in lines.data.splitlines()] == [1, 0]


def test_a_rerun_of_a_turn_changes_nothing(memories: Memories) -> None:
    for number in (1, 2):
        keep(memories, turn("Same words!", number=number))
    before = list(export(memories, "AgentA"))
    for number in (1, 2):
        keep(memories, turn("Same words!", number=number))
    assert list(export(memories, "AgentA")) == before


def test_evidence_is_bounded(memories: Memories) -> None:
    for number in range(MAX_EVIDENCE + 3):
        keep(memories, turn("again", number=number))
    (memory,) = memories.page("AgentA")
    assert (memory.seen, len(memory.evidence)) == (MAX_EVIDENCE + 3, MAX_EVIDENCE)


def test_what_evidence_names_is_bounded(memories: Memories) -> None:
    names = tuple(f"{number:0200}" for number in range(1000))
    for number in range(3):
        keep(memories, replace(turn("the same", number=number), snippet_ids=names))
    (memory,) = memories.page("AgentA")
    found = [one.snippet_ids for one in memory.evidence]
    assert found[0] == names[: MAX_SNIPPET_LETTERS // 204]
    assert found[1:] == [(), ()]
    assert memory.seen == 3


def test_owners_do_not_see_or_touch_each_other(memories: Memories) -> None:
    keep(memories, turn("secret plans", agent="A"))
    keep(memories, turn("secret plans", agent="B"))
    (mine,), (other,) = memories.page("A"), memories.page("B")
    assert mine.owner == "A"
    assert memories.get("A", other.id) is None
    assert memories.delete("A", other.id, actor="A") is False
    assert b"B" not in b"".join(export(memories, "A"))
    assert memories.stats("A")["memories"] == 1
    assert all(name == mine.id for _, _, name in memories.history("A"))


def test_anothers_evidence_does_not_stand_in_the_way(database: Database) -> None:
    for owner in ("A", "B"):
        memories = Memories(database, now=lambda: 0.0, owner=owner)
        # The second turn is only named as evidence of the first one's memory.
        assert [keep(memories, turn("same", number=n)).duplicates for n in (1, 2)] == [0, 1]
        (memory,) = memories.page(owner)
        assert (memory.seen, [one.turn_id for one in memory.evidence]) == (2, [1, 2])


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_writers_of_one_owner_wait_for_each_other(memories: Memories, database: Database) -> None:
    """SQLite has one writer anyway."""
    keep(memories, turn("first"))
    waits = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with ThreadPoolExecutor(1) as executor:
        with database.write() as db:
            owners.hold(db, "AgentA")
            other = executor.submit(keep, memories, turn("second", number=2))
            ends = time.monotonic() + 60
            while not other.done() and time.monotonic() < ends:
                with database.read() as looking:
                    if looking.scalar(waits):
                        break
            assert not other.done()
        assert other.result(timeout=60).ops_written == 1


def test_a_memory_whose_audit_fails_is_not_kept(memories: Memories, database: Database) -> None:
    with database.write() as db:
        db.execute(text("ALTER TABLE reflex_memory_audit RENAME TO aside"))
    outcome = reflector(sink=memories).after_turn(Turn(bundle=turn("half")))
    assert outcome is not None
    assert (outcome.record.ops_written, outcome.record.reason) == (0, "partial_failure")
    with database.write() as db:
        db.execute(text("ALTER TABLE aside RENAME TO reflex_memory_audit"))
    assert texts(memories) == []
    assert keep(memories, turn("half")).ops_written == 1


def test_the_audit_is_bounded(memories: Memories, database: Database, clock: Clock) -> None:
    for number in range(5):
        keep(memories, turn(f"note {number}", number=number))
    last = memories.history("AgentA")[-2:]
    assert Retention(database=database, now=clock, keep_audit=2).sweep().expired == 0
    assert memories.history("AgentA") == last


def test_a_deleted_memory_is_gone_and_does_not_come_back_by_its_own_turn(
    memories: Memories,
) -> None:
    keep(memories, turn("wrong", number=1))
    (memory,) = memories.page("AgentA")
    assert memories.delete("AgentA", memory.id, actor="bob") is True
    assert memories.delete("AgentA", memory.id, actor="bob") is False
    assert keep(memories, turn("wrong", number=1)).ops_written == 0
    assert (texts(memories), memories.get("AgentA", memory.id)) == ([], None)
    assert memories.history("AgentA") == [
        ("turn", "add", memory.id),
        ("bob", "delete", memory.id),
    ]
    assert keep(memories, turn("wrong", number=2)).ops_written == 1


def test_a_memory_is_not_found_past_its_time_and_is_swept(
    memories: Memories, database: Database, clock: Clock
) -> None:
    keep(memories, turn("old", number=1))
    clock.now += 90
    keep(memories, turn("newer", number=2))
    clock.now += 10
    assert texts(memories) == ["newer"]
    retention = Retention(database=database, now=clock, keep_deleted_seconds=50)
    assert retention.sweep() == Forgotten(expired=1, evicted=0, purged=0)
    clock.now += 50
    assert retention.sweep() == Forgotten(expired=0, evicted=0, purged=1)
    actions = [action for _, action, _ in memories.history("AgentA")]
    assert actions == ["add", "add", "expire", "purge"]


def test_forgetting_reads_no_texts(memories: Memories, database: Database, clock: Clock) -> None:
    """What came by one import goes at one time: its texts together may be larger than memory."""
    keep(memories, turn("one", number=1))
    keep(memories, turn("two", number=2))
    said: list[str] = []

    def note(_db: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        Retention(database=database, now=clock, max_per_owner=1).sweep()
        clock.now += 101
        swept = Retention(database=database, now=clock).sweep()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert swept.expired == 1
    assert "reflex_memory.deleted_at IS NULL" in " ".join(said)
    assert not [one for one in said if "reflex_memory.text" in one]


def test_a_repeat_renews_the_time(memories: Memories, clock: Clock) -> None:
    keep(memories, turn("kept", number=1))
    clock.now += 60
    keep(memories, turn("kept", number=2))
    clock.now += 60
    assert texts(memories) == ["kept"]


def test_the_oldest_by_their_own_time_go_when_there_are_too_many(
    memories: Memories, database: Database, clock: Clock
) -> None:
    for number in (3, 1, 2, 4):
        bundle = turn(f"note {number}", number=number)
        when = replace(bundle.ctx, now_iso=f"2026-01-0{number}T00:00:00Z")
        keep(memories, replace(bundle, ctx=when))
    keep(memories, turn("other", agent="B"))
    swept = Retention(database=database, now=clock, max_per_owner=2).sweep()
    assert swept == Forgotten(expired=0, evicted=2, purged=0)
    assert texts(memories) == ["note 3", "note 4"]
    assert texts(memories, "B") == ["other"]


def test_a_purged_memory_leaves_no_text_in_any_table(
    memories: Memories, database: Database, clock: Clock
) -> None:
    keep(memories, turn("xyzzy"))
    memories.delete("AgentA", memories.page("AgentA")[0].id, actor="me")
    Retention(database=database, now=clock, keep_deleted_seconds=0).sweep()
    with database.read() as db:
        driver = db.connection.driver_connection
        if isinstance(driver, sqlite3.Connection):
            assert not any("xyzzy" in line for line in driver.iterdump())
        else:
            for name in inspect(db).get_table_names():
                rows = db.execute(text(f"SELECT CAST(t AS text) FROM {name} AS t"))
                assert not any("xyzzy" in line for (line,) in rows), name
        assert db.execute(text("SELECT count(*) FROM reflex_memory_evidence")).scalar() == 0


def test_paging_and_export_go_through_all(memories: Memories) -> None:
    for number in range(7):
        keep(memories, turn(f"note {number}", number=number))
    first = memories.page("AgentA", limit=4)
    rest = memories.page("AgentA", after=first[-1].seq, limit=4)
    assert [memory.text for memory in first + rest] == [f"note {n}" for n in range(7)]
    exported = [json.loads(line) for line in export(memories, "AgentA")]
    assert [one["text"] for one in exported] == [f"note {n}" for n in range(7)]
    assert memories.stats("AgentA") == {"memories": 7, "seen": 7, "characters": 42}


@pytest.fixture(params=["UTC", "America/St_Johns"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as here:
        here.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("zone")
def test_times_mean_the_same_everywhere_and_are_never_guessed() -> None:
    assert seconds_of("1970-01-01T00:01:01.500Z") == 61.5
    assert seconds_of("1970-01-01T01:01:01.500+01:00") == seconds_of("1970-01-01T00:01:01.500")
    with pytest.raises(StoreError, match="no ISO 8601 time"):
        seconds_of("0000-00-00T00:00:00Z")


NASTY = st.sampled_from(
    ["'; DROP TABLE reflex_memory; --", '" OR owner:"', "a\nb", "a\0b", "\ud800", "%", "😀" * 200]
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=50) | NASTY, st.text(max_size=50) | NASTY, st.text(max_size=20) | NASTY)
def test_no_text_breaks_a_statement_or_the_export(
    memories: Memories, utter: str, agent: str, snippet_id: str
) -> None:
    bundle = replace(turn(utter + " word", agent=agent or "x"), snippet_ids=(snippet_id,))
    before = memories.stats(agent or "x")["memories"]
    written = keep(memories, bundle).ops_written
    lines = list(export(memories, agent or "x"))
    assert len(lines) == before + written >= 1
    for line in lines:
        assert line.count(b"\n") == 1
        name = json.loads(line)["id"]
        assert memories.get(agent or "x", name) is not None


def test_a_row_without_a_time_is_refused_and_the_turn_lives(memories: Memories) -> None:
    bundle = turn()
    broken = replace(bundle, ctx=replace(bundle.ctx, now_iso="yesterday"))
    outcome = reflector(sink=memories, log=Lines()).after_turn(Turn(bundle=broken))
    assert outcome is not None
    assert outcome.written.errors == ("add_error[0]:StoreError",)
    assert outcome.record.ops_written == 0


def test_it_is_a_sink(memories: Memories, database: Database) -> None:
    rows: list[MemoryRow] = []

    class Tee:
        def add(self, row: MemoryRow) -> bool:
            rows.append(row)
            return memories.add(row)

    reflector(sink=Tee()).after_turn(Turn(bundle=turn()))
    assert memories.add(rows[0]) is False
