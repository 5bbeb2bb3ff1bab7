"""Process entry: the HTTP site, the Lease, and the leader's work while it is held.

Exit codes: 0 after SIGTERM or SIGINT, 1 when the work or the Lease failed, 2 for wrong settings or
a wrong catalogue.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Final, NoReturn

from reflex_api.catalogue import Catalogue
from reflex_api.harness import Harness
from reflex_operator import __version__, logs
from reflex_operator.catalogue import load_catalogue, load_harness
from reflex_operator.cluster import Cluster, connect
from reflex_operator.errors import CatalogueError, LeaseLostError
from reflex_operator.leader import Leader
from reflex_operator.lease import Lease
from reflex_operator.metrics import Metrics
from reflex_operator.settings import OperatorSettings, SettingsError, load_settings
from reflex_operator.site import Health, Site

_log = logging.getLogger("reflex_operator")

_STOPPED: Final = 0
_FAILED: Final = 1
_MISUSED: Final = 2
_STOP_SECONDS: Final = 5.0


class Process:
    """One operator process, from start to exit code."""

    def __init__(
        self, settings: OperatorSettings, catalogue: Catalogue, harness: Harness | None = None
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._harness = harness or Harness()
        self._metrics = Metrics()
        self._stop = asyncio.Event()
        self._leader: Leader | None = None
        self._work: asyncio.Task[None] | None = None
        self._rng = Random()  # jitter only

    async def run(self) -> int:
        """Serve until told to stop; return the exit code."""
        self._take_signals()
        site = Site(self._metrics.registry, self._health)
        await site.start(self._settings.http_host, self._settings.http_port)
        cluster = Cluster(await connect(), metrics=self._metrics, rng=self._rng)
        lease = self._lease(cluster)
        cluster.may_write = lambda: self._leader is None or lease.fresh
        try:
            acquired = asyncio.create_task(lease.acquire())
            await self._first_of(acquired)
            if not lease.held:
                acquired.cancel()
                with suppress(asyncio.CancelledError):
                    await acquired
                return _STOPPED
            return await self._lead(cluster, lease)
        finally:
            await lease.release()
            await cluster.close()
            await site.close()

    async def _lead(self, cluster: Cluster, lease: Lease) -> int:
        self._metrics.leader.set(1)
        leader = self._leader = Leader(
            self._settings,
            cluster,
            self._catalogue,
            self._harness,
            metrics=self._metrics,
            rng=self._rng,
            now=_now,
        )
        holding = asyncio.create_task(lease.hold(), name="lease")
        work = self._work = asyncio.create_task(leader.run(self._take_signals), name="leader")
        await self._first_of(holding, work)
        if holding.done():
            _die(holding.exception())
        failure = work.exception() if work.done() and not work.cancelled() else None
        if failure is not None:
            _log.error("the operator's work failed", exc_info=failure)
        # The Lease is renewed until the last pass is over: two leaders must never write.
        if not await leader.drain():
            _die(TimeoutError("a pass did not end in time; the Lease is left to expire"))
        if holding.done():
            _die(holding.exception())
        holding.cancel()
        with suppress(asyncio.CancelledError, LeaseLostError):
            await holding
        await lease.release()
        self._metrics.leader.set(0)
        code = _STOPPED if self._stop.is_set() else _FAILED
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await leader.stop(work)
        except TimeoutError:
            _log.warning("watches did not end within %.0f s", _STOP_SECONDS)
            logging.shutdown()
            os._exit(code)
        return code

    async def _first_of(self, *tasks: asyncio.Task[None]) -> None:
        """Wait until one of the tasks ends or the process is told to stop."""
        told = asyncio.create_task(self._stop.wait())
        await asyncio.wait([told, *tasks], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, self._stop.set)

    def _lease(self, cluster: Cluster) -> Lease:
        settings = self._settings
        return Lease(
            cluster,
            namespace=settings.namespace,
            name=settings.lease_name,
            identity=settings.identity,
            duration=settings.lease_duration,
            renew_deadline=settings.renew_deadline,
            retry_period=settings.retry_period,
            clock=time.monotonic,
            now=_now,
            rng=self._rng,
        )

    def _health(self) -> Health:
        if self._leader is None:
            return Health(role="standby")
        ended = self._work is not None and self._work.done() and not self._stop.is_set()
        problem = "the operator's work has ended" if ended else ""
        return Health(role="leader", problem=problem, waits_for=self._leader.waits_for)


def _die(reason: BaseException | None) -> NoReturn:
    """End the process at once: another one may lead already, so nothing is finished or cleaned.

    An orderly shutdown could hang past the Lease's expiry; every pass can be cut anywhere.
    """
    _log.critical("no longer leading: %s", reason)
    logging.shutdown()
    os._exit(_FAILED)


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> int:
    """Read arguments and settings, and run."""
    parser = argparse.ArgumentParser(
        prog="python -m reflex_operator",
        description="The Reflex operator. Settings are environment variables REFLEX_*.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.parse_args()
    try:
        settings = load_settings()
        catalogue = load_catalogue(settings.catalogue)
        harness = load_harness(settings.harness, runner_image=settings.runner_image)
    except (SettingsError, CatalogueError) as error:
        sys.stderr.write(f"{error}\n")
        return _MISUSED
    logs.configure(settings.log_level, settings.log_format)
    _log.info("reflex-operator %s, identity %s", __version__, settings.identity)
    try:
        return asyncio.run(Process(settings, catalogue, harness).run())
    except Exception:
        _log.exception("the operator cannot run")
        return _FAILED


if __name__ == "__main__":
    sys.exit(main())
