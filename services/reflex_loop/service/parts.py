"""What the service is made of: put together at start, handed to whoever answers requests."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from starlette.requests import HTTPConnection

from reflex_loop.adapters.memory import ReflectionMemory
from reflex_loop.service.archive import ArchiveLimits
from reflex_loop.service.database import Database
from reflex_loop.service.decisions import SqlDecisions
from reflex_loop.service.feed import Feed
from reflex_loop.service.metrics import ServiceMetrics
from reflex_loop.service.scratch import Scratch
from reflex_loop.service.serving import PolledModels
from reflex_loop.service.settings import ServiceSettings
from reflex_loop.service.store import RepairStore
from reflex_loop.service.workers import Workers
from reflex_routing.budget_sql import SqlBudgetStore
from reflex_routing.router import Router
from reflex_service.keys import KeyBook, KeyRing
from reflex_service.rates import Rate

if TYPE_CHECKING:
    from reflex_loop.adapters.routes.watch import RouteWatch


class Places:
    """A bounded number of things at once; who finds none is sent away, nobody waits."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0

    def take(self) -> bool:
        """Take a place if there is one."""
        if self.taken >= self.most:
            return False
        self.taken += 1
        return True

    def give(self) -> None:
        """Give one back."""
        self.taken -= 1


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything; used by one event loop."""

    settings: ServiceSettings
    keys: KeyRing
    database: Database
    store: RepairStore
    budgets: SqlBudgetStore
    sink: SqlDecisions
    router: Router
    local: PolledModels | None
    routes: "RouteWatch | None"
    workers: Workers
    feed: Feed
    metrics: ServiceMetrics
    registry: CollectorRegistry
    rate: Rate
    repair_rate: Rate
    uploads: Places
    chats: Places
    limits: ArchiveLimits
    scratch: Scratch
    memory: ReflectionMemory | None
    memory_keys: KeyBook | None
    ending: asyncio.Event
    """Set when the process is about to end: streams end, so that their readers go elsewhere."""
    now: Callable[[], float]


def parts_of(connection: HTTPConnection) -> Parts:
    """Return the parts of the service that a request came to."""
    parts: Parts = connection.app.state.parts
    return parts


async def owner_of(connection: HTTPConnection) -> str:
    """Return whose request it is, and count it.

    Raises:
        AuthenticationError: nobody's.
        RateLimitError: one too many.
    """
    parts = parts_of(connection)
    owner = parts.keys.owner(connection.headers.get("authorization"))
    await parts.rate.hit(owner)
    return owner
