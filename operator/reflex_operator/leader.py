"""What the leader runs: the first LIST, the workers, the periodic LIST, and kopf's watches."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Final

import kopf

from reflex_api.catalogue import Catalogue
from reflex_api.harness import Harness
from reflex_operator import handlers
from reflex_operator.apply import Applier
from reflex_operator.autopsy import Autopsies
from reflex_operator.cluster import Cluster
from reflex_operator.collector import Collector
from reflex_operator.controller import Controller
from reflex_operator.endings import Endings
from reflex_operator.errors import ClusterError
from reflex_operator.idleness import IdleWatcher
from reflex_operator.keys import Keys
from reflex_operator.metrics import Metrics
from reflex_operator.observe import Observer
from reflex_operator.observe_routes import RouteObserver
from reflex_operator.passes import Passes
from reflex_operator.probe import Prober
from reflex_operator.progress import ProgressReader
from reflex_operator.reconcile.plan import AnyKey, EngineDefaults, ModelKey
from reflex_operator.relations import BAKEOFF, ROUTE
from reflex_operator.route_metrics import BakeoffMetrics, RouteMetrics
from reflex_operator.settings import OperatorSettings
from reflex_operator.store import Store
from reflex_operator.workqueue import WorkQueue

_log = logging.getLogger(__name__)
_DRAIN_SECONDS: Final = 3.0


class Leader:
    """Made only while the Lease is held; a standby has no store and no watches."""

    def __init__(
        self,
        settings: OperatorSettings,
        cluster: Cluster,
        catalogue: Catalogue,
        harness: Harness,
        *,
        metrics: Metrics,
        rng: Random,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._store = Store()
        self._queue: WorkQueue[AnyKey] = WorkQueue(metrics=metrics, rng=rng)
        self._ready = asyncio.Event()
        self._workers: asyncio.Task[None] | None = None
        keys = Keys(cluster, clock=time.monotonic)
        defaults = EngineDefaults(
            image_cuda=settings.engine_image_cuda,
            image_cpu=settings.engine_image_cpu,
            operator_namespace=settings.namespace,
            catalogue=catalogue,
            image_weights=settings.weights_image,
            hub_endpoint=settings.hub_endpoint,
            image_bakeoff=settings.bakeoff_image,
            image_runner=settings.runner_image,
            harness=harness,
        )
        self._prober = Prober(
            keys,
            metrics=metrics,
            now=now,
            answered=self._probed,
            resolver=settings.engine_resolver,
        )
        self._autopsies = Autopsies(cluster, done=self._queue.add)
        self._progress = ProgressReader(
            now=now, answered=self._queue.add, resolver=settings.engine_resolver
        )
        endings = Endings()
        self._idle = IdleWatcher(
            now=now, answered=self._queue.add, resolver=settings.engine_resolver
        )
        self._collector = Collector(
            answered=self._queue.add, now=now, resolver=settings.engine_resolver
        )
        observer = Observer(self._store, keys, cluster, defaults)
        applier = Applier(
            cluster,
            self._store,
            keys,
            identity=settings.identity,
            now=now,
            wake=self._queue.add,
        )
        passes = Passes(
            store=self._store,
            queue=self._queue,
            observer=observer,
            routes=RouteObserver(self._store, endings, self._idle, self._prober, defaults),
            applier=applier,
            idle=self._idle,
            collector=self._collector,
            metrics=metrics,
            now=now,
        )
        self._controller = Controller(
            store=self._store,
            queue=self._queue,
            cluster=cluster,
            keys=keys,
            observer=observer,
            applier=applier,
            passes=passes,
            endings=endings,
            prober=self._prober,
            autopsies=self._autopsies,
            progress=self._progress,
            metrics=metrics,
            rng=rng,
            now=now,
        )
        metrics.export_conditions(self._store.condition_rows)
        metrics.export(RouteMetrics(lambda: self._store.all_of(ROUTE)))
        metrics.export(BakeoffMetrics(lambda: self._store.all_of(BAKEOFF)))
        if settings.engine_resolver:
            _log.warning(
                "SIMULATED ENGINE: every engine is replaced by %s; results say nothing about "
                "real ones",
                settings.engine_resolver,
            )

    @property
    def waits_for(self) -> str:
        """Why the leader does not work yet, or nothing."""
        if not self._store.synced:
            return "the first list of the cluster"
        return "" if self._ready.is_set() else "watches"

    def _probed(self, key: ModelKey) -> None:
        """Wake the model, and whose evidence may be about other settings than the engine's."""
        for one in (key, *self._store.followers(key)):
            self._queue.add(one)

    async def run(self, take_signals: Callable[[], None]) -> None:
        """Work until cancelled, or until kopf or the workers end by themselves.

        Args:
            take_signals: takes SIGTERM and SIGINT back: kopf installs handlers of its own.
        """
        await self._first_list()
        # kopf, when it stops, cancels every task that is younger than itself: ours come first.
        async with asyncio.TaskGroup() as group:
            self._workers = group.create_task(
                self._queue.run(self._controller.reconcile_once, self._settings.workers)
            )
            group.create_task(self._controller.relist_forever(self._settings.relist_seconds))
            await asyncio.sleep(0)
            await self._watch(take_signals)
            raise RuntimeError("kopf ended by itself")

    async def drain(self) -> bool:
        """Take no more work and end the passes in progress; return whether they ended.

        Afterwards nothing here writes, so the Lease can go to the next leader.
        """
        self._queue.close()
        if self._workers is None:
            return True
        _, pending = await asyncio.wait([self._workers], timeout=_DRAIN_SECONDS)
        return not pending

    async def stop(self, work: asyncio.Task[None]) -> None:
        """Stop watches, probes and the reading of logs."""
        work.cancel()
        await asyncio.wait([work])
        await self._prober.close()
        await self._autopsies.close()
        await self._progress.close()
        await self._idle.close()
        await self._collector.close()

    async def _first_list(self) -> None:
        """List everything before anything is decided: until then, absence means nothing."""
        while True:
            try:
                await self._controller.relist()
            except ClusterError as error:
                _log.warning("the first list failed: %s; again in 2 s", error)
                await asyncio.sleep(2)
            else:
                return

    async def _watch(self, take_signals: Callable[[], None]) -> None:
        """Run kopf's tasks. `kopf.operator` would do, but for its signal handlers."""
        existing = asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(
            registry=handlers.registry(self._controller, self._cluster.configuration),
            settings=handlers.settings(),
            clusterwide=True,
            standalone=True,
            ready_flag=self._ready,
        )
        take_signals()
        await kopf.run_tasks(tasks, ignored=existing)
