"""Several processes, killed ones, and a full disk."""

import hashlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from postgres_server import postgres
from reflection_turns import reflector, turn
from reflex_reflection.bundle import MemoryEntry
from reflex_reflection.ids import memory_id
from reflex_reflection.step import Turn
from reflex_reflection.store.database import Database
from reflex_reflection.store.memories import Memories
from reflex_reflection.writer import Evidence, MemoryRow


def writer(url: str, agent: str, first: int, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "memory_writer", url, agent, str(first), str(count)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_eight_processes_lose_and_double_nothing(database_url: str) -> None:
    # Two for each agent with half of their turns in common; all of them make the tables at once.
    started = [writer(database_url, f"A{n % 4}", 10 * (n // 4), 20) for n in range(8)]
    for one in started:
        one.communicate(timeout=300)
    assert [one.returncode for one in started] == [0] * 8
    database = Database(database_url)
    memories = Memories(database, now=lambda: 0.0)
    for agent in ("A0", "A1", "A2", "A3"):
        found = [memory.text for memory in memories.page(agent, limit=1000)]
        assert sorted(found) == sorted(f"turn {n}" for n in range(30))
        assert [action for _, action, _ in memories.history(agent)] == ["add"] * 30
    database.close()


def test_a_killed_writer_leaves_what_it_said_it_kept(database_url: str, tmp_path: Path) -> None:
    process = writer(database_url, "A", 0, 100_000)
    assert process.stdout is not None
    try:
        told = [int(process.stdout.readline()) for _ in range(25)]
    finally:
        process.kill()
    rest, _ = process.communicate(timeout=60)
    told += [int(line) for line in rest.splitlines()]
    assert process.returncode == -signal.SIGKILL
    database = Database(database_url)
    memories = Memories(database, now=lambda: 0.0)
    kept = memories.page("A", limit=1_000_000)
    # At most the one whose line was not printed yet is there besides.
    assert len(told) <= len(kept) <= len(told) + 1
    assert [memory.text for memory in kept] == [f"turn {n}" for n in range(len(kept))]
    assert all(len(memory.evidence) == 1 for memory in kept)
    assert len(memories.history("A")) == len(kept)
    database.close()
    if database.dialect == "sqlite":
        check = sqlite3.connect(tmp_path / "reflex.db")
        assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        check.close()


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_costs_the_memory_not_the_turn_and_is_told(tmp_path: Path) -> None:
    file = tmp_path / "memory.sqlite"
    database = Database(file)
    memories = Memories(database, now=lambda: 0.0)
    writer = reflector(sink=memories)
    wal = file.with_name(file.name + "-wal")
    with files_no_longer_than(wal.stat().st_size + 4096):
        outcomes = [
            writer.after_turn(Turn(bundle=turn(f"turn {n} " + "x" * 900, number=n)))
            for n in range(10)
        ]
    written = [outcome.written.ops_written for outcome in outcomes if outcome]
    assert 0 in written
    assert len(memories.page("AgentA")) == sum(written)
    failed = outcomes[written.index(0)]
    assert failed is not None
    assert failed.record.reason == "partial_failure"
    again = writer.after_turn(Turn(bundle=turn("there is room again", number=99)))
    assert again is not None
    assert again.written.ops_written == 1
    database.close()


def long_memory(number: int) -> MemoryRow:
    """Return a memory of about half a megabyte that does not get smaller when packed."""
    said = "".join(hashlib.sha512(f"{number} {part}".encode()).hexdigest() for part in range(4000))
    entry = MemoryEntry(owner="A", ts="2026-01-01T00:00:00Z", text=said)
    name = memory_id(agent="A", turn=number, slot=0, text=said)
    evidence = Evidence(turn_id=number, snippet_ids=(), input_sha256="0" * 64)
    return MemoryRow(id=name, entry=entry, evidence=evidence)


def fill(memories: Memories, kept: list[str]) -> None:
    for number in range(100):
        row = long_memory(number)
        assert memories.add(row)
        kept.append(row.id)


def test_a_full_disk_of_the_server_is_an_error_and_nothing_is_half_kept() -> None:
    with ExitStack() as stack:
        # No file of the server may grow beyond this; those of its log are 16 MiB long anyway.
        with files_no_longer_than(17 * 1024 * 1024):
            folder = stack.enter_context(postgres())
        database = Database(f"postgresql+psycopg://postgres@/postgres?host={folder}")
        stack.callback(database.close)
        memories = Memories(database, now=lambda: 0.0)
        kept: list[str] = []
        with pytest.raises(SQLAlchemyError, match="File too large"):
            fill(memories, kept)
        assert len(kept) > 3
        assert [memory.id for memory in memories.page("A")] == kept
        assert len(memories.history("A")) == len(kept)
        assert memories.stats("A")["memories"] == len(kept)
        outcome = reflector(sink=memories).after_turn(Turn(bundle=turn("small", agent="A")))
        assert outcome is not None
        assert outcome.written.ops_written == 1
