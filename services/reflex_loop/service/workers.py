"""Works off the queue: claims repairs, keeps their leases, lets them go when the process ends."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from reflex_loop.service.errors import LeaseLostError
from reflex_loop.service.execution import Bench, Execution
from reflex_loop.service.records import RepairRow

LOG: Final = logging.getLogger("reflex.service.workers")
_LETTING_GO_SECONDS: Final = 30.0


class Workers:
    """The repairs of this process, at most `most` at once.

    Args:
        bench: what they work with.
        holder: this process, unlike any before and beside it.
        most: at once.
        lease: seconds without a sign of life after which others take over.
        poll: seconds between looks for work.
        clock: monotonic seconds.
    """

    def __init__(
        self, bench: Bench, *, holder: str, most: int, lease: float, poll: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._bench = bench
        self._holder = holder
        self._most = most
        self._lease = lease
        self._poll = poll
        self._clock = clock
        self._running: dict[str, tuple[Execution, asyncio.Task[None], int]] = {}
        self._wake = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._renewed = clock()
        self.draining = False

    @property
    def running(self) -> int:
        """Return how many repairs this process works on."""
        return len(self._running)

    def free(self) -> int | None:
        """Return how many sandboxes could be lent now; None: not known."""
        return self._bench.pool.free()

    def sandboxes(self) -> str:
        """Return `ok`, or `busy` when none could be lent now."""
        return "busy" if self.free() == 0 else "ok"

    async def start(self) -> None:
        """Begin to work.

        Raises:
            NoSandboxError: there will never be a sandbox here.
        """
        await self._bench.pool.start()
        self._loops = [asyncio.create_task(self._claim()), asyncio.create_task(self._beat())]

    def wake(self) -> None:
        """Look for work now: some was queued."""
        self._wake.set()

    def cancel(self, repair: str) -> None:
        """End a repair of this process soon; others see the wish in the database."""
        if found := self._running.get(repair):
            found[0].cancel()

    async def drain(self, grace: float) -> None:
        """Take nothing new, give what runs `grace` seconds, and let the rest go to be resumed."""
        self.draining = True
        self._wake.set()
        tasks = {task for _, task, _ in self._running.values()}
        if tasks and grace:
            LOG.info("%d repairs have %g s to end", len(tasks), grace)
            await asyncio.wait(tasks, timeout=grace)
        left = {task for task in tasks if not task.done()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_LETTING_GO_SECONDS)

    async def close(self) -> None:
        """Stop everything."""
        await self.drain(0.0)
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._bench.pool.close()

    async def _claim(self) -> None:
        """Claim what waits while there is room, until cancelled."""
        store = self._bench.store
        while True:
            try:
                while self._has_room():
                    row = await store.database.run(
                        lambda: store.claim(self._holder, seconds=self._lease)
                    )
                    if row is None:
                        break
                    self._begin(row)
            except SQLAlchemyError as error:
                LOG.error("no work can be claimed: %s", str(error).splitlines()[0])
            except Exception:
                # One row that cannot be read must not end the work on all others.
                LOG.exception("work was not claimed for a fault of our own")
            try:
                async with asyncio.timeout(self._poll):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    def _has_room(self) -> bool:
        free = self._bench.pool.free()
        return not self.draining and len(self._running) < self._most and (free is None or free > 0)

    def _begin(self, row: RepairRow) -> None:
        LOG.info("repair %s of %s begins (claim %d)", row.id, row.owner, row.claims)
        waited = (row.started_at or row.created_at) - row.created_at
        crashed = row.crashes > 0
        self._bench.metrics.began(waited=waited, claims=row.claims, crashed=crashed)
        self._abandon([row.id])  # our own lease ran out, and this process was the first to see it
        execution = Execution(row, self._bench)
        task = asyncio.create_task(self._run(row, execution))
        self._running[row.id] = (execution, task, row.claims)

    async def _run(self, row: RepairRow, execution: Execution) -> None:
        try:
            await execution.run()
        except (OperationalError, InterfaceError, PoolTimeoutError) as error:
            LOG.error(
                "repair %s is left to be taken up again, the database is away: %s",
                row.id, str(error).splitlines()[0],
            )  # fmt: skip
        except LeaseLostError as error:
            LOG.warning("%s: nothing more is written about it here", error)
        except asyncio.CancelledError:
            LOG.info("repair %s is let go, to be resumed", row.id)
        except Exception:
            # The lease runs out and somebody takes it up again.
            LOG.exception("repair %s could not be concluded", row.id)
        finally:
            found = self._running.get(row.id)
            if found is not None and found[0] is execution:
                del self._running[row.id]
            self._wake.set()

    async def _beat(self) -> None:
        """Prolong the leases and hear of cancellations, until cancelled."""
        store = self._bench.store
        while True:
            await asyncio.sleep(self._lease / 5)
            if not self._running:
                self._renewed = self._clock()
                continue
            asked = self._clock()
            before = {key: found[2] for key, found in self._running.items()}
            try:
                held = await store.database.run(
                    lambda now=tuple(before): store.heartbeat(
                        self._holder, seconds=self._lease, repairs=now
                    )
                )
            except SQLAlchemyError as error:
                LOG.error("leases cannot be prolonged: %s", str(error).splitlines()[0])
                if self._clock() - self._renewed > self._lease:
                    self._abandon(list(before))
                continue
            self._renewed = asked
            for repair, claims in before.items():
                claimed, cancel = held.get(repair, (0, False))
                if claimed != claims:
                    self._abandon([repair])
                elif cancel:
                    self.cancel(repair)

    def _abandon(self, repairs: list[str]) -> None:
        """Stop working on what belongs, or may belong, to somebody else now."""
        for repair in repairs:
            if found := self._running.get(repair):
                LOG.warning("the lease on repair %s is lost", repair)
                found[1].cancel()
