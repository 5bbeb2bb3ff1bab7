"""One run of one repair: from its upload and last checkpoint to its end, or until it is let go."""

import asyncio
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from reflex_loop.adapters.sandboxes import NoSandboxError, SandboxPool
from reflex_loop.errors import LoopError
from reflex_loop.events import Event, Judged, Stopped, SuggestionsTried
from reflex_loop.options import RepairOptions
from reflex_loop.result import Result
from reflex_loop.service import blobs
from reflex_loop.service.archive import ArchiveLimits, unpack
from reflex_loop.service.decisions import OWNER, cost_of
from reflex_loop.service.errors import LeaseLostError, ServiceError, document
from reflex_loop.service.factory import RepairFactory, RunningRepair
from reflex_loop.service.feed import Feed
from reflex_loop.service.metrics import ServiceMetrics
from reflex_loop.service.records import Earlier, EventRow, RepairRow, Status, earlier
from reflex_loop.service.store import RepairStore
from reflex_loop.service.tree import Delta, Tree
from reflex_loop.settings import OnFailure
from reflex_loop.stopping import Stop
from reflex_runner.errors import RunnerError

LOG: Final = logging.getLogger("reflex.service.repair")
_RETRY_SECONDS: Final = 1.0
_SLACK_SECONDS: Final = 240.0
"""Beyond a repair's own limit, which is looked at between questions: one check and one reply."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What executions work with."""

    store: RepairStore
    pool: SandboxPool
    factory: RepairFactory
    feed: Feed
    metrics: ServiceMetrics
    folder: Path
    limits: ArchiveLimits
    max_resumes: int
    repaired: Callable[[Result], None] | None = None
    """Hears of each result."""


class Execution:
    """One claimed repair; `run` is called once and ends with the lease given up or lost."""

    def __init__(self, row: RepairRow, bench: Bench) -> None:
        self._row = row
        self._bench = bench
        self._options = RepairOptions()
        self._outbox: list[EventRow] = []
        self._checkpoint: Delta | None = None
        self._sending: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()
        self._earlier = Earlier()
        self._stopped: Stopped | None = None
        self._tree: Tree | None = None
        self._repair: RunningRepair | None = None
        self._cancelled = row.cancel_requested
        self._root = bench.folder / f"{row.id}-{row.claims}"

    def _unwanted(self) -> bool:
        """Return whether its owner wants it to end."""
        return self._cancelled

    def cancel(self) -> None:
        """End the repair soon, as its owner wished."""
        self._cancelled = True
        if self._repair is not None:
            self._repair.cancel()

    async def run(self) -> None:
        """Run it; a cancelled task rolls back what is not judged and lets the repair go.

        Raises:
            LeaseLostError: somebody else has it; nothing more is written here.
            SQLAlchemyError: the database is away; what was kept until then is not lost.
            CancelledError: see above.
        """
        OWNER.set(self._row.owner)
        try:
            self._options = _options(self._row)
            await self._run()
        except NoSandboxError as error:
            if error.retry_after is None:
                await self._fail("no_sandbox", str(error))
            else:
                LOG.warning("repair %s waits for a sandbox: %s", self._row.id, error)
                self._bench.metrics.waited()
                await self._release(wait=error.retry_after)
        except ServiceError as error:
            await self._fail(error.code, str(error))
        except TimeoutError:
            await self._fail("timeout", "the repair did not come to its end in time")
        except (LoopError, RunnerError) as error:
            await self._fail("repair_failed", str(error))
        except asyncio.CancelledError:
            await self._release(wait=0.0)
            raise
        except (LeaseLostError, OperationalError, InterfaceError, PoolTimeoutError):
            raise  # nothing can be written: the lease runs out, and somebody goes on with it
        except Exception:
            LOG.exception("repair %s failed for a fault of our own", self._row.id)
            await self._fail("internal", "a fault of the service; its log says more")
        finally:
            await asyncio.to_thread(shutil.rmtree, self._root, ignore_errors=True)

    async def _run(self) -> None:
        row, bench = self._row, self._bench
        if self._unwanted():
            self._earlier = await self._look_back()
            tree = Delta() if self._options.on_failure is OnFailure.RESTORE else None
            await self._finish(Status.CANCELLED, Stop.CANCELLED.value, tree=tree)
            return
        if row.crashes > bench.max_resumes:
            raise LoopError(f"given up: the process that worked on it died {row.crashes} times")
        self._earlier = await self._look_back()
        left = max(1.0, self._options.seconds - self._earlier.seconds)
        async with bench.pool.claim(row.id, seconds=left + _SLACK_SECONDS) as runner:
            root = await bench.store.database.run(self._prepare)
            self._repair = bench.factory(
                root,
                runner=runner,
                options=self._options.model_copy(update={"seconds": left}),
                listener=self._hear,
                repair_id=row.id,
                progress=self._earlier.progress,
            )
            if self._unwanted():
                self._repair.cancel()
            result = await self._watched(self._repair, left + _SLACK_SECONDS)
        if bench.repaired is not None:
            bench.repaired(result)
        await self._conclude(result)

    async def _look_back(self) -> Earlier:
        """Read what went on before this run."""
        database, store = self._bench.store.database, self._bench.store
        if self._row.claims == 1:
            return Earlier()
        rows = await database.run(store.events, self._row.id)
        return earlier(rows, cost_usd=await database.run(cost_of, database, self._row.id))

    def _prepare(self) -> Path:
        """Unpack the upload and, over it, what was kept so far. Called in a thread."""
        bench, row = self._bench, self._row
        shutil.rmtree(self._root, ignore_errors=True)
        self._root.mkdir(parents=True)
        tree, archive = self._root / "workspace", self._root / "archive"
        blobs.fetch(bench.store.database, row.id, "upload", archive)
        unpack(archive, tree, bench.limits)
        self._tree = Tree(tree)
        if row.changed or row.deleted:
            self._tree.apply(_kept(bench, row, archive))
        archive.unlink()
        return tree

    async def _watched(self, repair: RunningRepair, seconds: float) -> Result:
        """Run the loop while its events are written; whichever fails ends both."""
        writing = asyncio.create_task(self._write())
        running = asyncio.create_task(repair.run())
        try:
            async with asyncio.timeout(seconds):
                await asyncio.wait({writing, running}, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                running.cancel()
                await asyncio.wait({running})
                writing.result()
            return running.result()
        finally:
            for task in (running, writing):
                task.cancel()
            await asyncio.gather(running, writing, return_exceptions=True)

    def _hear(self, event: Event) -> None:
        """Take an event of the loop, in its own task: nothing is waited for here.

        A kept patch is read from the disk now: the next one is not on it yet.
        """
        before = self._earlier
        event = replace(
            event,
            number=event.number + before.events,
            seconds=round(event.seconds + before.seconds, 3),
        )
        if isinstance(event, Stopped):
            self._stopped = event  # told with the result, or a client would look for it in vain
            return
        kept = isinstance(event, Judged) and event.verdict != "rejected"
        kept = kept or (isinstance(event, SuggestionsTried) and event.kept)
        if kept and self._tree is not None:
            self._checkpoint = self._tree.delta()
        self._outbox.append(EventRow.of(event))
        self._wake.set()

    async def _write(self) -> None:
        """Write events as they come, in batches, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._flush()
            except SQLAlchemyError as error:
                LOG.error("events wait for the database: %s", str(error).splitlines()[0])
                await asyncio.sleep(_RETRY_SECONDS)
                self._wake.set()

    async def _flush(self) -> None:
        bench = self._bench
        await self._settled()
        if not self._outbox:
            return
        events, tree = list(self._outbox), self._checkpoint
        self._checkpoint = None

        def done(sending: asyncio.Future[None]) -> None:
            if sending.exception() is None:
                del self._outbox[: len(events)]
                bench.feed.ring(self._row.id)
            else:
                self._checkpoint = self._checkpoint or tree

        step = bench.store.database.run(bench.store.append, self._row.lease, events, tree)
        self._sending = asyncio.ensure_future(step)
        self._sending.add_done_callback(done)
        await asyncio.shield(self._sending)

    async def _settled(self) -> None:
        """Wait for what is being written: a thread goes on when the one who waits is cancelled.

        Without this, what it has written would be written once more.
        """
        if self._sending is not None:
            await asyncio.wait({self._sending})

    async def _conclude(self, result: Result) -> None:
        assert self._tree is not None
        restored = self._options.on_failure is OnFailure.RESTORE and not result.fixed
        database = self._bench.store.database
        tree = Delta() if restored else await database.run(self._tree.delta)
        diff = "" if restored else await database.run(self._tree.diff)
        stop = result.stop
        if stop is Stop.NOTHING_TO_DO and diff:
            stop = Stop.FIXED  # it was repaired by the run before this one
        status = Status.SUCCEEDED if result.fixed else Status.FAILED
        if stop is Stop.CANCELLED:
            status = Status.CANCELLED
        before = self._earlier
        shown = result.to_json() | {"stop": stop.value, "diff": diff}
        shown["rustfix_edits"] += before.suggestions
        if before.errors_first is not None:
            shown["errors_before"] = before.errors_first
        await self._finish(status, stop.value, result=result, shown=shown, tree=tree)

    async def _fail(self, code: str, message: str) -> None:
        kept = None
        if self._options.on_failure is OnFailure.RESTORE:
            kept = Delta()
        elif self._tree is not None:
            kept = await self._bench.store.database.run(self._tree.delta)
        # Where this process keeps things is nobody's affair, and tells the client nothing.
        message = message.replace(str(self._root / "workspace"), "the workspace")
        error = document(message, type_="server_error", code=code)["error"]
        await self._finish(Status.FAILED, "error", error=error, tree=kept)

    async def _finish(
        self, status: Status, stop: str, *, result: Result | None = None,
        shown: dict[str, Any] | None = None, error: dict[str, Any] | None = None,
        tree: Delta | None = None,
    ) -> None:  # fmt: skip
        """Write the last events and the end, in one step."""
        bench = self._bench
        await self._settled()
        number = self._outbox[-1].number if self._outbox else 0
        if not number:
            rows = await bench.store.database.run(bench.store.events, self._row.id)
            number = rows[-1].number if rows else 0
        stopped = replace(
            self._stopped or Stopped(why=stop, fixed=False, errors=self._earlier.errors_last,
                                     detail=error["message"] if error else ""),
            number=number + 1,
            why=stop,
        )  # fmt: skip
        events = [*self._outbox, EventRow.of(stopped)]
        end: Callable[[], None] = lambda: bench.store.finish(  # noqa: E731 - arguments by name
            self._row.lease,
            status,
            events,
            result=json.dumps(shown) if shown is not None else None,
            error=json.dumps(error) if error is not None else None,
            tree=tree,
        )
        await bench.store.database.run(end)
        bench.metrics.ended(status, stop, result)
        bench.feed.ring(self._row.id)
        LOG.info("repair %s of %s %s (%s)", self._row.id, self._row.owner, status.value, stop)

    async def _release(self, *, wait: float) -> None:
        """Let the repair go, with all that was told so far, to be resumed."""
        bench = self._bench
        await self._flush()
        await bench.store.database.run(lambda: bench.store.release(self._row.lease, wait=wait))


def _options(row: RepairRow) -> RepairOptions:
    try:
        return RepairOptions.model_validate_json(row.options)
    except ValidationError as error:
        raise LoopError(
            f"its options are of another version of the service: {error.errors()[0]['msg']};"
            " send it again"
        ) from error


def _kept(bench: Bench, row: RepairRow, archive: Path) -> Delta:
    """Return what the runs before this one have kept."""
    found = bench.folder / f"{row.id}-{row.claims}" / "kept"
    changed: dict[str, tuple[bytes, int]] = {}
    if row.changed:
        blobs.fetch(bench.store.database, row.id, "checkpoint", archive)
        unpack(archive, found, bench.limits)
        for path in row.changed:
            file = found / path
            changed[path] = (file.read_bytes(), file.stat().st_mode & 0o777)
        shutil.rmtree(found)
    return Delta(changed=changed, deleted=row.deleted)
