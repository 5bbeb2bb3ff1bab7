"""What wakes people at night: repairs that hang, rows that poison, databases that are away."""

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from reflex_loop.adapters.sandboxes import LocalSandboxes
from reflex_loop.errors import CheckError
from reflex_loop.events import Checked
from reflex_loop.service.database import Database
from reflex_loop.service.records import EventRow, NewRepair, Status
from reflex_loop.service.store import RepairStore
from reflex_loop.service.tables import BLOBS, EVENTS
from reflex_loop.service.tree import Delta
from scripted_model import Scripted, always
from service_rig import (
    MANIFEST,
    RIGHT,
    SOURCE,
    IdleRunner,
    ScriptedRepairs,
    client,
    contents,
    ended,
    eventually,
    make_parts,
    post_repair,
    served,
    workspace,
)


def repairs(*, start: Callable[[str], Any] | None = None) -> ScriptedRepairs:
    return ScriptedRepairs(start or (lambda _: Scripted(always(RIGHT))))


class Gate:
    """A model that waits until the test lets it answer."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = 0
        self._then = Scripted(always(RIGHT))

    async def form(self, intent: Any) -> None:
        return None

    async def propose(self, prompt: Any) -> Any:
        self.asked += 1
        await self.open.wait()
        return await self._then.propose(prompt)

    def unusable(self, reply: Any, kind: str) -> None:
        self._then.unusable(reply, kind)


async def test_a_repair_whose_end_was_not_written_is_taken_up_though_others_run(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away when it ends; the process goes on with another repair meanwhile."""
    gate, names = Gate(), list[str]()

    def who(repair: str) -> Any:
        names.append(repair)
        return gate if repair == names[0] else Scripted(always(RIGHT))

    parts = make_parts(tmp_path, url=database_url, factory=repairs(start=who))
    finish, away = parts.store.finish, [True]

    def fails_once(*arguments: Any, **more: Any) -> None:
        if away.pop() if away else False:
            raise OperationalError("UPDATE", {}, OSError("the server closed the connection"))
        finish(*arguments, **more)

    monkeypatch.setattr(parts.store, "finish", fails_once)
    async with served(parts) as url, client(url) as http:
        busy = (await post_repair(http)).json()["id"]
        await eventually(lambda: gate.asked)
        hit = (await post_repair(http)).json()["id"]
        found = await ended(http, hit)
        assert found["status"] == "succeeded", found
        assert found["resumed"] == 1
        assert (await http.get(f"/v1/repairs/{busy}")).json()["status"] == "running"
        gate.open.set()
        await ended(http, busy)


async def test_a_row_that_cannot_be_read_ends_itself_and_no_other(
    tmp_path: Path, database_url: str
) -> None:
    """Options that an older or newer version wrote, in the middle of a rolling update."""
    parts = make_parts(tmp_path, url=database_url, factory=repairs())
    new = NewRepair(id="0" * 32, owner="alice", options='{"of_tomorrow": true}', request_sha256="0")
    parts.store.create(new, queue=8)
    async with served(parts) as url, client(url) as http:
        found = await ended(http, new.id)
        assert (found["status"], found["error"]["code"]) == ("failed", "repair_failed")
        assert "another version" in found["error"]["message"]
        again = await ended(http, (await post_repair(http)).json()["id"])
        assert again["status"] == "succeeded"


async def test_a_fault_while_claiming_does_not_end_all_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = make_parts(tmp_path, factory=repairs())
    claim, faults = parts.store.claim, [RuntimeError("of our own")]

    def faulty(*arguments: Any, **more: Any) -> Any:
        if faults:
            raise faults.pop()
        return claim(*arguments, **more)

    monkeypatch.setattr(parts.store, "claim", faulty)
    async with served(parts) as url, client(url) as http:
        assert (await ended(http, (await post_repair(http)).json()["id"]))["status"] == "succeeded"


@pytest.mark.parametrize("on_failure", ["keep", "restore"])
def test_what_was_kept_survives_a_cancellation_in_the_queue(
    database_url: str, on_failure: str
) -> None:
    """Resumed repairs wait in the queue with patches that were kept and paid for."""
    database = Database(database_url)
    database.migrate()
    store = RepairStore(database, lambda: 1000.0)
    options = json.dumps({"on_failure": on_failure})
    store.create(
        NewRepair(id="1" * 32, owner="alice", options=options, request_sha256="0"), queue=1
    )
    row = store.claim("a", seconds=10)
    assert row is not None
    event = EventRow.of(Checked(number=1, when="start", errors=1, codes=(), first=""))
    store.append(row.lease, [event], Delta(changed={"src/lib.rs": (b"x", 0o644)}))
    store.release(row.lease)
    found = store.cancel("alice", row.id)
    with database.read() as db:
        kinds = list(db.execute(select(BLOBS.c.kind)).scalars())
    assert found.status is Status.CANCELLED
    kept = on_failure == "keep"
    assert (found.changed, kinds) == ((("src/lib.rs",), ["result"]) if kept else ((), []))
    database.close()


async def test_what_was_kept_is_the_result_of_a_repair_that_is_given_up(
    tmp_path: Path, database_url: str
) -> None:
    parts = make_parts(tmp_path, url=database_url, factory=repairs(), max_resumes=0)
    store = parts.store
    store.create(NewRepair(id="1" * 32, owner="alice", options="{}", request_sha256="0"), queue=1)
    row = store.claim("dead", seconds=0.001)
    assert row is not None
    event = EventRow.of(Checked(number=1, when="start", errors=1, codes=(), first=""))
    store.append(row.lease, [event], Delta(changed={"src/lib.rs": (b"kept", 0o644)}))
    async with served(parts) as url, client(url) as http:
        found = await ended(http, row.id)
        assert (found["status"], found["changed"]) == ("failed", ["src/lib.rs"])
        files = contents((await http.get(f"/v1/repairs/{row.id}/workspace")).content)
    assert files == {"src/lib.rs": b"kept"}


async def test_uploads_that_found_no_place_are_not_kept(tmp_path: Path, database_url: str) -> None:
    """`reflexctl` comes again to a full queue with the same key, and sends everything each time."""

    class Nothing(LocalSandboxes):
        def free(self) -> int:
            return 0

    async def idle(_: Path) -> IdleRunner:
        return IdleRunner()

    pool = Nothing(idle, capacity=1, scratch=tmp_path / "s")
    parts = make_parts(tmp_path, url=database_url, factory=repairs(), pool=pool, repairs_queued=1)
    async with served(parts) as url, client(url) as http:
        first = await post_repair(http, key="first")
        assert first.status_code == 202

        def uploads() -> int:
            with parts.database.read() as db:
                query = select(func.count(func.distinct(BLOBS.c.repair)))
                return int(db.execute(query).scalar_one())

        for number in range(3):
            assert (await post_repair(http, key=f"other-{number}")).status_code == 429
        # Two at once with one key, and one that passed the look at the queue before it was full.
        assert (await post_repair(http, key="first")).json()["id"] == first.json()["id"]
        room, parts.store.room = parts.store.room, lambda queue: None  # type: ignore[method-assign]
        assert (await post_repair(http, key="late")).status_code == 429
        parts.store.room = room  # type: ignore[method-assign]
        assert uploads() == 1


def test_what_clients_sent_is_in_no_error_of_the_database(database_url: str) -> None:
    """Errors are logged with their traceback; prompts, sources and diffs are parameters."""
    database = Database(database_url)
    database.migrate()
    row = {"repair": "1" * 32, "number": 1, "kind": "x", "body": "fn secret_of_a_client() {}"}
    with pytest.raises(IntegrityError) as refused, database.write() as db:
        db.execute(insert(EVENTS), [row, row])
    assert "secret_of_a_client" not in str(refused.value)
    database.close()


async def test_a_database_that_says_nothing_is_told_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that swallows packets: no error comes, and probes and scrapes have a limit."""
    monkeypatch.setattr("reflex_loop.service.insight._DATABASE_SECONDS", 0.05)
    parts = make_parts(tmp_path, factory=repairs())
    going = threading.Event()
    async with served(parts) as url, client(url) as http:
        try:
            monkeypatch.setattr(parts.database, "ping", going.wait)
            monkeypatch.setattr(parts.store, "counts", going.wait)
            ready = await http.get("/readyz")
            assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "unreachable")
            told = (await http.get("/metrics")).text
            assert "reflex_loop_database_up 0.0" in told
            assert "reflex_loop_sandboxes_free 8.0" in told
        finally:
            going.set()
            monkeypatch.undo()
        assert "reflex_loop_database_up 1.0" in (await http.get("/metrics")).text


async def test_a_folder_that_cannot_be_removed_costs_no_result(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Stuck(IdleRunner):
        def close(self) -> None:
            raise PermissionError(13, "hostile code left this")

    async def stuck(_: Path) -> Stuck:
        return Stuck()

    pool = LocalSandboxes(stuck, capacity=1, scratch=tmp_path / "s")
    parts = make_parts(tmp_path, factory=repairs(), pool=pool)
    async with served(parts) as url, client(url) as http:
        assert (await ended(http, (await post_repair(http)).json()["id"]))["status"] == "succeeded"
    assert "hostile code left this" in caplog.text


async def test_a_look_at_the_leases_while_the_end_is_written_takes_nothing_for_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    parts = make_parts(tmp_path, factory=repairs(), lease_seconds=0.5)
    finish, beat, ending = parts.store.finish, parts.store.heartbeat, threading.Event()
    beats = threading.Semaphore(0)

    def slow(*arguments: Any, **more: Any) -> None:
        finish(*arguments, **more)
        ending.set()
        assert all(beats.acquire(timeout=20) for _ in range(2))

    def counted(*arguments: Any, **more: Any) -> Any:
        found = beat(*arguments, **more)
        if ending.is_set():
            beats.release()
        return found

    monkeypatch.setattr(parts.store, "finish", slow)
    monkeypatch.setattr(parts.store, "heartbeat", counted)
    async with served(parts) as url, client(url) as http:
        await ended(http, (await post_repair(http)).json()["id"])
        await eventually(lambda: not parts.workers.running)
        told = (await http.get("/metrics")).text
    assert "is lost" not in caplog.text
    assert 'reflex_loop_repairs_total{status="succeeded",stop="fixed"} 1.0' in told


async def test_a_journal_in_an_upload_is_left_out(tmp_path: Path) -> None:
    parts = make_parts(tmp_path, factory=repairs())
    files = {"Cargo.toml": MANIFEST, "src/lib.rs": SOURCE, ".reflex-journal/journal.json": "{}"}
    async with served(parts) as url, client(url) as http:
        found = await ended(http, (await post_repair(http, workspace(files))).json()["id"])
    assert found["status"] == "succeeded", found


async def test_a_client_does_not_learn_where_the_service_keeps_things(tmp_path: Path) -> None:
    class Odd:
        async def check(self, root: Path, *, seconds: float) -> Any:
            raise CheckError(f"{root}/src/lib.rs is odd")

    factory = repairs()
    factory.checker = Odd
    parts = make_parts(tmp_path, factory=factory)
    async with served(parts) as url, client(url) as http:
        found = await ended(http, (await post_repair(http)).json()["id"])
        assert found["error"]["message"] == "the workspace/src/lib.rs is odd"
        events = await http.get(f"/v1/repairs/{found['id']}/events")
    assert str(tmp_path) not in events.text
