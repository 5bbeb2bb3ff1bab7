"""Puts a router together from a configuration: the only place that reads clocks and randomness."""

import asyncio
import logging
import os
import random
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from prometheus_client import CollectorRegistry

from reflex_routing.attempt import Sleep
from reflex_routing.breaker import Clock, Listener, StateChange
from reflex_routing.breakers import Breakers
from reflex_routing.budget_store import BudgetStore, MemoryBudgetStore
from reflex_routing.capture import Capture, Redactor
from reflex_routing.config import BREAKER_MODES
from reflex_routing.config_file import Loaded
from reflex_routing.connections import Connections
from reflex_routing.decision import DecisionSink
from reflex_routing.ledger import Ledger
from reflex_routing.lookout import Parts
from reflex_routing.metrics import RoutingMetrics
from reflex_routing.retry import Random
from reflex_routing.router import Router
from reflex_routing.serving import ConfiguredModels, LocalModels

LOG: Final = logging.getLogger("reflex.routing.breaker")


def open_router(
    loaded: Loaded, *, registry: CollectorRegistry, store: BudgetStore | None = None,
    local: LocalModels | None = None, sinks: tuple[DecisionSink, ...] = (),
    listeners: tuple[Listener, ...] = (), environ: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC), clock: Clock = time.monotonic,
    uniform: Random = random.random, sleep: Sleep = asyncio.sleep,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> Router:  # fmt: skip
    """Return a router for a checked configuration.

    Args:
        loaded: from `config_file.load`.
        registry: where its metrics go.
        store: where budgets are kept; without one they last as long as this process.
        local: which local models serve; without one the configuration is believed.
        sinks: take a record of each decision.
        listeners: hear of each breaker's changes, beside the log and the metrics.
        environ: instead of the process's own: keys, and SPEC_OPS_ALLOW_BUDGET_OVERFLOW.
        now: wall clock, for windows, evidence and records.
        clock: monotonic seconds, for breakers and deadlines.
        uniform: for the jitter of retries.
        sleep: waits between retries.
        new_id: unique, at most 64 characters.
    """
    environ = os.environ if environ is None else environ
    section = loaded.reflex
    metrics = RoutingMetrics(registry)
    connections = Connections(section.endpoints, environ=environ)
    breakers = Breakers(
        section.breaker_config(),
        clock=clock,
        listeners=(_log_change, metrics.breaker_changed, *listeners),
        initial=BREAKER_MODES[section.breaker.mode],
    )
    redactor = Redactor(section.redaction(), secrets=connections.secrets())
    capture = section.capture
    ledger = Ledger(
        store or MemoryBudgetStore(),
        limits=section.limits(),
        prices=loaded.prices,
        now=now,
        new_id=new_id,
        environ=environ,
        on_warning=metrics.budget_warning,
    )
    return Router(
        Parts(
            section=section,
            connections=connections,
            breakers=breakers,
            ledger=ledger,
            local=local or ConfiguredModels(section),
            capture=Capture(mode=capture.mode, redactor=redactor, max_bytes=capture.max_bytes),
            sinks=sinks,
            metrics=metrics,
            now=now,
            clock=clock,
            random=uniform,
            sleep=sleep,
            new_id=new_id,
        )
    )


def _log_change(change: StateChange) -> None:
    LOG.warning(
        "breaker %s: %s -> %s (%s)",
        change.breaker_id, change.previous_state, change.current_state, change.reason,
        extra={"event": change.payload()},
    )  # fmt: skip
