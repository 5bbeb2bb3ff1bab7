"""One pass over one model: snapshot, decision, Plan, carried out."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from random import Random
from time import perf_counter
from typing import Final

from reflex_api.conditions import Reason
from reflex_api.model import Activation
from reflex_api.names import MANAGED_SELECTOR
from reflex_operator.apply import Applier
from reflex_operator.autopsy import Autopsies
from reflex_operator.cluster import Cluster
from reflex_operator.endings import Endings
from reflex_operator.errors import (
    ClusterError,
    ConflictError,
    NamespaceEndingError,
    NotFoundError,
    PredecessorError,
)
from reflex_operator.keys import Keys
from reflex_operator.manifest import Manifest, ObjectRef
from reflex_operator.metrics import Metrics
from reflex_operator.observe import Observer
from reflex_operator.passes import Passes
from reflex_operator.probe import Prober
from reflex_operator.progress import ProgressReader
from reflex_operator.reconcile.model import reconcile
from reflex_operator.reconcile.plan import (
    AnyKey,
    BakeoffKey,
    EventRequest,
    ModelKey,
    Plan,
    RouteKey,
    SecretState,
)
from reflex_operator.store import WATCHED_KINDS, Store
from reflex_operator.workqueue import WorkQueue

_log = logging.getLogger(__name__)

UNFILTERED: Final = {"ReflexModel", "ReflexRoute", "ReflexBakeoff", "Node"}
"""Kinds of which all objects are watched; of the others, those with our label."""

_PREDECESSOR_WAIT: Final = 1.0
_CONFLICT_WAIT: Final = 15.0
"""How often a name that somebody else holds is looked at: no watch shows foreign objects."""
_RESYNC_SPREAD: Final = 60.0
_SETTLING: Final = (2.0, 5.0, 15.0)
"""Seconds between the lists after the start, when kopf's watches open one after the other."""


class Controller:
    """Wires the parts; owns what is remembered between passes."""

    def __init__(
        self,
        *,
        store: Store,
        queue: WorkQueue[AnyKey],
        cluster: Cluster,
        keys: Keys,
        observer: Observer,
        applier: Applier,
        prober: Prober,
        autopsies: Autopsies,
        progress: ProgressReader,
        metrics: Metrics,
        passes: Passes,
        endings: Endings,
        rng: Random,
        now: Callable[[], datetime],
    ) -> None:
        self._passes = passes
        self._endings = endings
        self._store = store
        self._queue = queue
        self._cluster = cluster
        self._keys = keys
        self._observer = observer
        self._applier = applier
        self._prober = prober
        self._autopsies = autopsies
        self._progress = progress
        self._metrics = metrics
        self._rng = rng
        self._now = now
        self._conflicts: dict[ModelKey, tuple[ObjectRef, ...]] = {}
        self._refusals: dict[ModelKey, str] = {}
        self._told: dict[ModelKey, str] = {}  # refusals that no condition shows
        self._doomed: dict[ModelKey, str] = {}  # uid of a model whose namespace is being deleted

    def observe(self, event_type: str | None, manifest: Manifest) -> None:
        """Take in a watch event and wake the models that it concerns."""
        kind = manifest["kind"]
        self._metrics.watch_events.labels(kind).inc()
        self._metrics.watch_last_event.labels(kind).set(self._now().timestamp())
        if kind == "Pod":
            self._endings.observe(event_type, manifest)
        change = self._store.observe(event_type, manifest)
        for key in change.keys:
            self._queue.add(key, urgent=change.urgent)

    async def reconcile_once(self, key: AnyKey) -> None:
        """Make one pass; every foreseen error ends in a time to look again."""
        started = perf_counter()
        try:
            result = await self._turn(key)
        except PredecessorError as error:
            _log.info("%s waits: %s", key, error)
            self._queue.add_after(key, _PREDECESSOR_WAIT)
            result = "unchanged"
        except NamespaceEndingError as error:
            # It cannot be taken back: the model's own deletion is on its way, and ends this.
            _log.info("%s: %s", key, error)
            if isinstance(key, ModelKey):
                self._doom(key)
            result = "unchanged"
        except (ConflictError, NotFoundError) as error:
            # The object changed or went away under us; the event that says so may be on its way.
            _log.info("%s: %s; looking again", key, error)
            self._queue.add_rate_limited(key)
            result = "conflict"
        except ClusterError as error:
            delay = self._queue.add_rate_limited(key)
            _log.warning("%s: %s; again in %.1f s", key, error, delay)
            result = "error"
        except Exception:
            delay = self._queue.add_rate_limited(key)
            _log.exception("%s: the pass failed; again in %.1f s", key, delay)
            result = "error"
        else:
            self._queue.forget(key)
        self._metrics.reconciles.labels(result).inc()
        self._metrics.reconcile_seconds.observe(perf_counter() - started)

    async def _turn(self, key: AnyKey) -> str:
        if isinstance(key, RouteKey):
            return await self._passes.route(key)
        if isinstance(key, BakeoffKey):
            return await self._passes.bakeoff(key)
        if is_routed(self._store.model(key)):
            async with self._passes.turn(key.namespace):
                return await self._pass(key)
        return await self._pass(key)

    async def _pass(self, key: ModelKey) -> str:
        model = self._store.model(key)
        if model is None:
            self._forget(key)
            return "unchanged"
        if self._doomed.get(key) == model["metadata"]["uid"]:
            return "unchanged"
        conflicts = self._conflicts.get(key, ())
        if conflicts:
            conflicts = await self._observer.still_in_conflict(conflicts, model)
            self._set_conflicts(key, conflicts)
        pods = {pod["metadata"]["uid"] for pod in self._store.pods(key)}
        probes = self._prober.results(key, pods)
        seen = await self._observer.snapshot(model, probes, conflicts)
        report = self._progress.report(key, {p["metadata"]["uid"] for p in seen.weights_pods})
        snapshot = replace(
            seen,
            refusal=self._refusals.get(key, ""),
            autopsies=self._autopsies.results(key, pods),
            weights_report=report,
            wanted=self._passes.wanted(key.namespace, key.name) if is_routed(model) else False,
        )
        plan = reconcile(snapshot, self._now())
        outcome = await self._applier.carry_out(model, plan)
        if plan.probe is not None:
            self._prober.request(key, plan.probe)
        if plan.log is not None:
            self._autopsies.request(key, plan.log)
        if plan.weights is not None:
            self._progress.request(key, plan.weights)
        if plan.requeue_after is not None:
            self._queue.add_after(key, plan.requeue_after.total_seconds())
        if conflicts or snapshot.secret is SecretState.NOT_OURS:
            self._queue.add_after(key, _CONFLICT_WAIT)
        words = str(outcome.refusal) if outcome.refusal else ""
        if words != self._refusals.get(key, ""):
            self._refusals[key] = words
            self._queue.add(key)  # to say so in the status
            return "written" if outcome.writes else "unchanged"
        if outcome.refusal is not None:
            await self._complain(key, model, plan, words)
            raise outcome.refusal
        self._told.pop(key, None)
        if outcome.conflicts:
            self._set_conflicts(key, outcome.conflicts)
            self._queue.add(key)  # to say so in the status
            return "unchanged"
        if outcome.held is not None:
            if outcome.held.begins:
                self._metrics.writes_held.labels(outcome.held.kind).inc()
            self._queue.add_after(key, outcome.held.seconds)
        if outcome.again:
            # Until a pass has nothing left to write. Own writes are folded into the store, so
            # their watch events are no news and wake nobody.
            self._queue.add(key)
        if outcome.held is not None:
            return "restless"
        return "written" if outcome.writes else "unchanged"

    async def _complain(self, key: ModelKey, model: Manifest, plan: Plan, words: str) -> None:
        """Tell once of a refusal that no condition shows: the engine serves as before."""
        if self._told.get(key) == words:
            return
        self._told[key] = words
        conditions = (plan.status or {}).get("conditions") or []
        if all(one["reason"] != Reason.APPLY_FAILED for one in conditions):
            event = EventRequest(type="Warning", reason=Reason.APPLY_FAILED.value, message=words)
            await self._applier.tell(model, event)

    def _doom(self, key: ModelKey) -> None:
        model = self._store.model(key)
        if model is not None:
            self._doomed[key] = model["metadata"]["uid"]

    def _set_conflicts(self, key: ModelKey, conflicts: tuple[ObjectRef, ...]) -> None:
        if conflicts:
            self._conflicts[key] = conflicts
        else:
            self._conflicts.pop(key, None)

    def _forget(self, key: ModelKey) -> None:
        self._conflicts.pop(key, None)
        self._refusals.pop(key, None)
        self._told.pop(key, None)
        self._doomed.pop(key, None)
        self._applier.forget(key)
        self._endings.forget(key)
        self._prober.forget(key)
        self._autopsies.forget(key)
        self._progress.forget(key)
        self._queue.forget(key)

    async def relist(self) -> None:
        """Replace the store by a LIST of each kind and wake whom that concerns.

        Raises:
            ClusterError: the API server did not answer; the store is as it was for that kind.
        """
        first = not self._store.synced
        woken: set[AnyKey] = set()
        for kind in WATCHED_KINDS:
            selector = "" if kind in UNFILTERED else MANAGED_SELECTOR
            manifests, version = await self._cluster.list_all(kind, selector, self._store.trim)
            change = self._store.replace(kind, manifests, version)
            woken |= change.keys
            if change.news and not first:
                self._metrics.watch_missed.labels(kind).inc()
                _log.info("the periodic list of %s had news for %d models", kind, len(change.keys))
        for key in sorted(woken, key=str):
            self._queue.add(key)

    async def relist_forever(self, seconds: float) -> None:
        """Relist now and then; in between, have every model looked at once, spread out.

        What is deleted between our first LIST and kopf's own is told by no event: kopf lists
        before it watches, and compares with nothing. So the first lists follow each other closely.
        """
        for pause in _SETTLING:
            await asyncio.sleep(pause)
            try:
                await self.relist()
            except ClusterError as error:
                _log.warning("the list after the start failed: %s", error)
        while True:
            await asyncio.sleep(seconds * (0.9 + 0.2 * self._rng.random()))
            try:
                await self.relist()
            except ClusterError as error:
                self._metrics.relists.labels("failed").inc()
                _log.warning("the periodic list failed: %s", error)
                continue
            self._metrics.relists.labels("done").inc()
            self._keys.forget_all()  # Secrets are not watched: a deleted one is found here
            for key in self._store.owner_keys():
                self._queue.add_after(key, self._rng.uniform(0, min(_RESYNC_SPREAD, seconds / 2)))


def is_routed(model: Manifest | None) -> bool:
    """Return whether a route decides when the model runs."""
    return ((model or {}).get("spec") or {}).get("activation") == Activation.ROUTED
