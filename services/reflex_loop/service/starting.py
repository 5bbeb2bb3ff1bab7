"""Puts the service together from its settings: the only place that makes the real parts."""

import asyncio
import logging
import os
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from reflex_loop.adapters.memory import MemoryOptions, ReflectionMemory
from reflex_loop.adapters.sandboxes import LocalSandboxes, SandboxPool
from reflex_loop.service.archive import ArchiveLimits
from reflex_loop.service.database import Database
from reflex_loop.service.decisions import SqlDecisions
from reflex_loop.service.errors import StartError
from reflex_loop.service.execution import Bench
from reflex_loop.service.factory import RepairFactory, RoutedRepairs
from reflex_loop.service.feed import Feed
from reflex_loop.service.metrics import ServiceMetrics
from reflex_loop.service.parts import Parts, Places
from reflex_loop.service.scratch import Scratch
from reflex_loop.service.serving import PolledModels
from reflex_loop.service.settings import ServiceSettings
from reflex_loop.service.store import RepairStore
from reflex_loop.service.workers import Workers
from reflex_routing.assembly import open_router
from reflex_routing.budget_sql import SqlBudgetStore
from reflex_routing.config_file import Loaded
from reflex_routing.serving import ConfiguredModels
from reflex_service.keys import KeyBook, KeyRing
from reflex_service.rates import Rate

if TYPE_CHECKING:
    from reflex_loop.adapters.routes.watch import RouteWatch

LOG: Final = logging.getLogger("reflex.service")
_STALE_POLLS: Final = 6.0
"""So many questions to an engine may stay without an answer before it is taken to serve nothing."""


def assemble(
    settings: ServiceSettings,
    loaded: Loaded,
    *,
    environ: Mapping[str, str] | None = None,
    pool: SandboxPool | None = None,
    factory: RepairFactory | None = None,
    poll_models: bool = True,
) -> Parts:
    """Return the parts, with the database's tables up to date; nothing runs yet.

    Args:
        settings: of the service.
        loaded: the routing configuration.
        environ: for the endpoints' keys.
        pool: instead of the settings' sandboxes.
        factory: instead of the real repairs.
        poll_models: ask the engines what they serve; else the configuration is believed.

    Raises:
        StartError: keys or database cannot be used; its text says what to do.
    """
    environ = os.environ if environ is None else environ
    keys = KeyRing(settings.keys_file)
    scratch = Scratch(settings.data_dir / "work", uuid.uuid4().hex)
    database = Database(settings.url)
    database.migrate()
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    metrics = ServiceMetrics(registry)
    sink = SqlDecisions(database)
    local = None
    if poll_models:
        local = PolledModels(
            loaded.reflex,
            environ=environ,
            metrics=metrics,
            poll=settings.models_poll_seconds,
            stale=settings.models_poll_seconds * _STALE_POLLS,
            clock=time.monotonic,
        )
    routes = route_watch(settings, loaded, metrics)
    engines = local or ConfiguredModels(loaded.reflex)
    budgets = SqlBudgetStore(settings.url)
    router = open_router(
        loaded,
        registry=registry,
        store=budgets,
        local=routes.models(engines) if routes else engines,
        sinks=(sink, routes) if routes else (sink,),
        listeners=(routes.breaker,) if routes else (),
        environ=environ,
    )
    store = RepairStore(database, time.time)
    feed = Feed(most=settings.listeners)
    limits = ArchiveLimits(entries=settings.upload_entries, bytes=settings.unpacked_bytes)
    pool = pool or sandboxes(settings, scratch.path / "sandboxes")
    memory_keys = _memory_keys(settings)
    memory = memory_of(settings, memory_keys, metrics)
    bench = Bench(
        store=store,
        pool=pool,
        factory=factory or RoutedRepairs(router, memory),
        feed=feed,
        metrics=metrics,
        folder=scratch.path / "repairs",
        # A tree that fitted when it came also fits when it is unpacked with what was changed.
        limits=replace(limits, bytes=2 * limits.bytes, entries=2 * limits.entries),
        max_resumes=settings.max_resumes,
        repaired=routes.repaired if routes else None,
    )
    workers = Workers(
        bench,
        holder=uuid.uuid4().hex,
        most=settings.repairs_running,
        lease=settings.lease_seconds,
        poll=settings.poll_seconds,
    )
    return Parts(
        settings=settings,
        keys=keys,
        database=database,
        store=store,
        budgets=budgets,
        sink=sink,
        router=router,
        local=local,
        routes=routes,
        workers=workers,
        feed=feed,
        metrics=metrics,
        registry=registry,
        rate=Rate(settings.rate, what="requests"),
        repair_rate=Rate(settings.repair_rate, what="repairs"),
        uploads=Places(settings.uploads),
        chats=Places(settings.chat_running),
        limits=limits,
        scratch=scratch,
        memory=memory,
        memory_keys=memory_keys,
        ending=asyncio.Event(),
        now=time.time,
    )


def _memory_keys(settings: ServiceSettings) -> KeyBook | None:
    if not settings.memory_url or settings.memory_keys_file is None:
        return None
    return KeyBook(settings.memory_keys_file)


def memory_of(
    settings: ServiceSettings, keys: KeyBook | None, metrics: ServiceMetrics
) -> ReflectionMemory | None:
    """Return the way to the reflection service; None where repairs are not remembered."""
    if keys is None:
        return None
    options = MemoryOptions(
        url=settings.memory_url,
        report=settings.memory_report,
        recall=settings.memory_recall,
        k=settings.memory_k,
    )
    return ReflectionMemory(options, key_of=keys.key, tally=metrics)


def route_watch(
    settings: ServiceSettings, loaded: Loaded, metrics: ServiceMetrics
) -> "RouteWatch | None":
    """Return what follows the routes that the settings name; None: they name none.

    Raises:
        StartError: one belongs to an endpoint that has no local model.
    """
    section, named = loaded.reflex, settings.route_of
    if not named:
        return None
    ours = {section.endpoint_of(model) for model in section.local_models}
    for endpoint in named:
        if endpoint not in ours:
            raise StartError(
                f"error: REFLEX_LOOP__ROUTES: {endpoint} is the endpoint of no local model; these"
                f" are: {', '.join(sorted(ours))}"
            )
    # Only here: a service without a cluster needs no cluster client.
    from reflex_loop.adapters.routes.watch import RouteWatch

    return RouteWatch(
        named,
        namespace=settings.routes_namespace,
        section=section,
        replica=socket.gethostname(),
        metrics=metrics,
        clock=time.monotonic,
        now=lambda: datetime.now(UTC),
    )


def sandboxes(settings: ServiceSettings, scratch: Path) -> SandboxPool:
    """Return the sandboxes that the settings name."""
    if settings.sandbox == "pods":
        # Only here: a service without a cluster needs no cluster client.
        from reflex_loop.adapters.pods.pool import PodPool, PodPoolOptions

        return PodPool(
            PodPoolOptions(
                namespace=settings.runner_namespace,
                selector=settings.runner_selector,
                cache=settings.data_dir / "crates",
            )
        )
    from reflex_runner.opening import open_local

    unsafe = settings.sandbox == "unconfined"
    if unsafe:
        LOG.warning(
            "SANDBOX=unconfined: build scripts, proc macros and tests of whoever has a key run with"
            " all rights of this service: they can read its keys, its database and all repairs"
        )
    return LocalSandboxes(
        lambda folder: open_local(folder, unsafe_no_sandbox=unsafe),
        capacity=settings.repairs_running,
        scratch=scratch,
    )
