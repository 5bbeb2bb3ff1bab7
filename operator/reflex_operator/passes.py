"""One pass over a route or a bakeoff: snapshot, decision, plan, carried out.

Passes over a route and over the routed models of its namespace take turns: what a route's Service
says of who may run must not change between a model's look at it and the write that follows.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from reflex_operator.apply import Applier, Outcome
from reflex_operator.collector import Collector
from reflex_operator.idleness import IdleWatcher
from reflex_operator.manifest import Manifest, ObjectRef
from reflex_operator.metrics import Metrics
from reflex_operator.observe import Observer
from reflex_operator.observe_routes import RouteObserver
from reflex_operator.reconcile.bakeoff.decide import reconcile_bakeoff
from reflex_operator.reconcile.plan import AnyKey, BakeoffKey, RouteKey
from reflex_operator.reconcile.route.decide import reconcile_route
from reflex_operator.store import Store
from reflex_operator.workqueue import WorkQueue

_CONFLICT_WAIT: Final = 15.0

OwnKey = RouteKey | BakeoffKey


class Passes:
    """Owns what is remembered about routes and bakeoffs between passes."""

    def __init__(
        self,
        *,
        store: Store,
        queue: WorkQueue[AnyKey],
        observer: Observer,
        routes: RouteObserver,
        applier: Applier,
        idle: IdleWatcher,
        collector: Collector,
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._queue = queue
        self._observer = observer
        self._routes = routes
        self._applier = applier
        self._idle = idle
        self._collector = collector
        self._metrics = metrics
        self._now = now
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._conflicts: dict[OwnKey, tuple[ObjectRef, ...]] = {}
        self._refusals: dict[OwnKey, str] = {}

    def turn(self, namespace: str) -> asyncio.Lock:
        """Return the lock that passes over a namespace's routes and routed models hold."""
        return self._turns[namespace]

    def wanted(self, namespace: str, model: str) -> bool | None:
        """Return whether a route wants a model to run; to be asked in its turn."""
        return self._routes.wanted(namespace, model)

    async def route(self, key: RouteKey) -> str:
        """Make one pass over a route; return what came of it."""
        async with self.turn(key.namespace):
            route = self._store.owner(key)
            if route is None:
                self._forget(key)
                self._idle.forget(key)
                return "unchanged"
            conflicts = await self._still(key, route)
            plan = reconcile_route(self._routes.route(route, conflicts), self._now())
            if plan.gone and any(
                one["kind"] == "Service" and self._applier.would_write(route, one)
                for one in plan.apply
            ):
                await self._applier.confirm_gone(key.namespace, plan.gone)
            outcome = await self._applier.carry_out_for(
                route,
                apply=plan.apply,
                delete=plan.delete,
                status=plan.status,
                events=plan.events,
            )
        self._idle.watch(key, plan.idle)
        return self._after(key, outcome, plan.requeue_after)

    async def bakeoff(self, key: BakeoffKey) -> str:
        """Make one pass over a bakeoff; return what came of it."""
        bakeoff = self._store.owner(key)
        if bakeoff is None:
            self._forget(key)
            self._collector.forget(key)
            return "unchanged"
        conflicts = await self._still(key, bakeoff)
        pods = {pod["metadata"]["uid"] for pod in self._store.run_pods(key)}
        snapshot = self._routes.bakeoff(
            bakeoff,
            collected=self._collector.found(key, pods),
            told=self._collector.told(key, pods),
            conflicts=conflicts,
            refusal=self._refusals.get(key, ""),
        )
        plan = reconcile_bakeoff(snapshot, self._now())
        outcome = await self._applier.carry_out_for(
            bakeoff, apply=plan.apply, delete=plan.delete, status=plan.status, events=plan.events
        )
        if plan.collect is not None:
            self._collector.request(key, plan.collect)
        return self._after(key, outcome, plan.requeue_after)

    async def _still(self, key: OwnKey, owner: Manifest) -> tuple[ObjectRef, ...]:
        conflicts = self._conflicts.get(key, ())
        if conflicts:
            conflicts = await self._observer.still_in_conflict(conflicts, owner)
            self._conflicts[key] = conflicts
            self._queue.add_after(key, _CONFLICT_WAIT)
        return conflicts

    def _after(self, key: OwnKey, outcome: Outcome, wait: timedelta | None) -> str:
        if wait is not None:
            self._queue.add_after(key, wait.total_seconds())
        words = str(outcome.refusal) if outcome.refusal else ""
        if words != self._refusals.get(key, ""):
            self._refusals[key] = words
            self._queue.add(key)  # to say so in the status
        elif outcome.refusal is not None:
            raise outcome.refusal
        if outcome.conflicts:
            self._conflicts[key] = outcome.conflicts
            self._queue.add(key)
        if outcome.held is not None:
            if outcome.held.begins:
                self._metrics.writes_held.labels(outcome.held.kind).inc()
            self._queue.add_after(key, outcome.held.seconds)
        if outcome.again:
            self._queue.add(key)
        if outcome.held is not None:
            return "restless"
        return "written" if outcome.writes else "unchanged"

    def _forget(self, key: OwnKey) -> None:
        self._conflicts.pop(key, None)
        self._refusals.pop(key, None)
        self._applier.forget(key)
        self._queue.forget(key)
