"""Tables, leases and decision records on both databases."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from reflex_loop.events import Checked, Stopped
from reflex_loop.service import decisions
from reflex_loop.service.database import Database
from reflex_loop.service.decisions import OWNER, SqlDecisions
from reflex_loop.service.errors import LeaseLostError, QueueFullError, StartError
from reflex_loop.service.migrations import VERSION_TABLE, together
from reflex_loop.service.records import EventRow, NewRepair, Status
from reflex_loop.service.store import RepairStore
from reflex_loop.service.tree import Delta
from reflex_routing.budget_sql import SqlBudgetStore


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    found.migrate()
    yield found
    found.close()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def new(number: int, **more: Any) -> NewRepair:
    given = {"id": f"{number:032x}", "owner": "alice", "options": "{}", "request_sha256": "0"}
    return NewRepair(**(given | more))


def checked(number: int) -> EventRow:
    return EventRow.of(Checked(number=number, when="start", errors=1, codes=(), first=""))


def test_models_and_migrations_agree(database: Database) -> None:
    with database.write() as db:
        context = MigrationContext.configure(
            db, opts={"compare_type": True, "version_table": VERSION_TABLE}
        )
        assert compare_metadata(context, together()) == []


def test_a_step_back_and_again(database: Database) -> None:
    with database.write() as db:
        command.downgrade(database.alembic(db), "base")
        left = set(inspect(db).get_table_names())
        assert left == {
            VERSION_TABLE, "reflex_budget_window", "reflex_budget_reservation",
            "reflex_budget_override",
        }  # fmt: skip
    database.migrate()
    RepairStore(database, Clock()).create(new(1), queue=1)


def test_many_replicas_start_at_once(database_url: str) -> None:
    """Processes, for Alembic keeps its state in globals."""
    program = (
        "import sys; from reflex_loop.service.database import Database; sys.stdin.read(1);"
        "found = Database(sys.argv[1]); found.migrate(); found.ping(); found.close()"
    )
    path = os.pathsep.join(one for one in sys.path if one)
    replicas = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url],
            env={"PYTHONPATH": path, "PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for _ in range(4)
    ]  # fmt: skip
    for one in replicas:
        assert one.stdin is not None
        one.stdin.write(b"!")
        one.stdin.flush()
    told = [one.communicate(timeout=60)[0].decode() for one in replicas]
    assert [one.returncode for one in replicas] == [0] * 4, told


def test_a_budget_that_was_there_before(database_url: str) -> None:
    budgets = SqlBudgetStore(database_url)
    budgets.create_tables()
    budgets.dispose()
    found = Database(database_url)
    found.migrate()
    found.close()


def test_a_database_that_cannot_be_used_is_named_without_its_password() -> None:
    for url in ("sqlite:////no/such/folder/x.db", "postgresql+psycopg://u:hunter2@127.0.0.1:1/x"):
        found = Database(url)
        with pytest.raises(StartError) as refused:
            found.migrate()
        assert "hunter2" not in str(refused.value)
        found.close()
    with pytest.raises(StartError):
        Database("nonsense")


def test_only_the_last_claim_writes(database: Database) -> None:
    clock = Clock()
    store = RepairStore(database, clock)
    store.create(new(1), queue=1)
    first = store.claim("a", seconds=10)
    assert first is not None
    assert store.claim("b", seconds=10) is None
    store.append(first.lease, [checked(1)], Delta(changed={"src/lib.rs": (b"x", 0o644)}))
    clock.now += 9
    assert store.heartbeat("a", seconds=10, repairs=[first.id]) == {first.id: (1, False)}
    clock.now += 9
    assert store.claim("b", seconds=10) is None
    clock.now += 2
    second = store.claim("b", seconds=10)
    assert second is not None
    assert (second.claims, second.crashes, second.changed) == (2, 1, ("src/lib.rs",))
    writes: list[Callable[[], None]] = [
        lambda: store.append(first.lease, [checked(2)], None),
        lambda: store.finish(first.lease, Status.FAILED, [checked(2)]),
        lambda: store.release(first.lease),
    ]
    for write in writes:
        with pytest.raises(LeaseLostError):
            write()
    assert store.heartbeat("a", seconds=10, repairs=[first.id]) == {first.id: (2, False)}
    assert [row.number for row in store.events(first.id)] == [1]
    with pytest.raises(LeaseLostError):
        store.append(second.lease, [checked(1)], None)  # a number twice
    store.release(second.lease, wait=5)
    assert store.claim("a", seconds=10) is None
    clock.now += 6
    third = store.claim("a", seconds=10)
    assert third is not None
    assert (third.claims, third.crashes) == (3, 1)
    stopped = EventRow.of(Stopped(number=2, why="fixed", fixed=True, errors=0, detail=""))
    store.finish(third.lease, Status.SUCCEEDED, [stopped], result="{}", tree=Delta())
    assert store.get("alice", third.id).status is Status.SUCCEEDED
    assert store.claim("a", seconds=10) is None


def test_each_repair_is_claimed_once(database: Database) -> None:
    store = RepairStore(database, Clock())
    for number in range(24):
        store.create(new(number), queue=100)

    def work(holder: str) -> list[str]:
        found = []
        while (row := store.claim(holder, seconds=100)) is not None:
            found.append(row.id)
        return found

    with ThreadPoolExecutor(6) as pool:
        claimed = [one for part in pool.map(work, "abcdef") for one in part]
    assert len(claimed) == len(set(claimed)) == 24


def test_the_queue_is_never_longer_than_it_may_be(database: Database) -> None:
    store = RepairStore(database, Clock())

    def queue(number: int) -> bool:
        try:
            store.create(new(number), queue=5)
        except QueueFullError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(queue, range(64))) == 5
    assert store.counts()[Status.QUEUED] == 5


def record(number: int, repair: str = "") -> Any:
    from reflex_routing.capture import Captured, CaptureMode
    from reflex_routing.decision import CallOutcome, DecisionRecord
    from reflex_routing.policy import Decision, Mode, Reason, Role, RoutingState
    from reflex_routing.risk import Risk

    state = RoutingState(
        role=Role.IMPLEMENTER, stage="implement\0", failed_attempts=0, risk=Risk(), local=(),
        cloud=(),
    )  # fmt: skip
    return DecisionRecord(
        id=f"d{number}",
        request_id="r",
        task_id=repair,
        at=datetime.now(UTC),
        state=state,
        max_attempts=1,
        decision=Decision(
            mode=Mode.NONE,
            reason=Reason.NO_LOCAL_MODEL,
            target=None,
            revision="",
            is_fallback=False,
            alternatives=(),
        ),
        standings=(),
        outcome=CallOutcome(cost=7),
        captured=Captured(mode=CaptureMode.NONE),
    )


async def test_decisions_are_kept_for_their_owner_and_bounded(database: Database) -> None:
    sink = SqlDecisions(database, held=50)
    OWNER.set("alice")
    for number in range(60):
        sink.record(record(number, repair="x" if number % 2 else ""))
    assert sink.dropped == 10
    OWNER.set("bob")
    await sink.flush()
    page: Any = {"repair": "", "request": "", "before": None, "limit": 30}
    found, more = decisions.page(database, "alice", **page)
    assert [one["id"] for one in found] == [f"d{number}" for number in range(59, 29, -1)]
    assert more
    rest, more = decisions.page(database, "alice", **(page | {"before": found[-1]["seq"]}))
    assert [one["id"] for one in rest] == [f"d{number}" for number in range(29, 9, -1)]
    assert not more
    assert decisions.page(database, "bob", **page) == ([], False)
    assert int(decisions.cost_of(database, "x") * 10**9) == 25 * 7
    decisions.prune(database, keep=10)
    assert len(decisions.page(database, "alice", **(page | {"limit": 200}))[0]) == 10


async def test_decisions_wait_for_a_database_that_is_away(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'later.db'}")
    sink = SqlDecisions(database)
    writing = asyncio.create_task(sink.run())
    sink.record(record(1))
    await asyncio.sleep(0)
    with pytest.raises(Exception, match="no such table"):
        await sink.flush()
    database.migrate()
    await sink.flush()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    with database.read() as db:
        assert db.exec_driver_sql("SELECT count(*) FROM reflex_decision").scalar_one() == 1
    database.close()
