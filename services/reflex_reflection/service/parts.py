"""What the service is made of: put together at start, handed to whoever answers requests."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends
from prometheus_client import CollectorRegistry
from starlette.requests import HTTPConnection

from reflex_reflection.config import ReflectionConfig
from reflex_reflection.reflect import LoadFixtures, Redact
from reflex_reflection.service.metrics import ServiceMetrics
from reflex_reflection.service.settings import ServiceSettings
from reflex_reflection.step import Log
from reflex_reflection.store.database import Database
from reflex_reflection.store.embeddings import Embeddings
from reflex_reflection.store.memories import Memories
from reflex_reflection.store.retention import Retention
from reflex_reflection.store.search import Search
from reflex_service.keys import KeyRing
from reflex_service.rates import Rate

LOG: Final = logging.getLogger("reflex.reflection")


@dataclass
class Life:
    """What changes while the process lives."""

    draining: bool = False
    imports: int = 0


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything; used by one event loop."""

    settings: ServiceSettings
    config: ReflectionConfig
    keys: KeyRing
    rate: Rate
    database: Database
    memories: Memories
    search: Search
    retention: Retention
    embeddings: Embeddings | None
    """Of a real model, where there is one."""
    redact: Redact
    load: LoadFixtures
    log: Log
    steady: bool
    metrics: ServiceMetrics
    registry: CollectorRegistry
    now: Callable[[], float]
    clock: Callable[[], float]
    life: Life = field(default_factory=Life)

    def of(self, owner: str) -> Memories:
        """Return the memories, to which an owner's are added."""
        return Memories(
            self.database, now=self.now, ttl_seconds=self.settings.ttl_seconds, owner=owner,
            most=self.settings.memories, longest=self.settings.memory_characters,
        )  # fmt: skip

    async def drain(self) -> None:
        """Say that the process is about to end, and give everyone time to hear it."""
        self.life.draining = True
        await asyncio.sleep(self.settings.grace_seconds)


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
    known: str | None = getattr(connection.state, "owner", None)
    if known is not None:
        return known  # asked before the body was read
    parts = parts_of(connection)
    owner = parts.keys.owner(connection.headers.get("authorization"))
    await parts.rate.hit(owner)
    return owner


Owner = Annotated[str, Depends(owner_of)]
