"""How much an owner has, and how the process is."""

import asyncio
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from reflex_reflection.service.parts import Owner, Parts, parts_of
from reflex_reflection.service.views import HealthView, StatsView
from reflex_reflection.store.tables import OWNERS

router = APIRouter()
_DATABASE_SECONDS: Final = 3.0
"""Less than a probe or a scrape waits: the answer says what is wrong, instead of being none."""


@router.get("/v1/stats", tags=["memories"], summary="How much this key has")
async def stats(request: Request, owner: Owner) -> StatsView:
    """Count the memories of this key."""
    parts = parts_of(request)
    found = await parts.database.run(parts.memories.stats, owner)
    return StatsView(**found, limit=parts.settings.memories)


@router.get("/healthz", tags=["process"], summary="Whether the process lives")
async def healthz() -> HealthView:
    """Answer, whatever the database does."""
    return HealthView(status="ok")


@router.get(
    "/readyz",
    tags=["process"],
    summary="Whether it takes work",
    responses={503: {"model": HealthView, "description": "not now; `checks` says why"}},
)
async def readyz(request: Request, response: Response) -> HealthView:
    """Look at the database, and whether the process is about to end."""
    parts = parts_of(request)
    try:
        async with asyncio.timeout(_DATABASE_SECONDS):
            await parts.database.run(parts.database.ping)
        database = "ok"
    except (SQLAlchemyError, TimeoutError):
        database = "unreachable"
    process = "draining" if parts.life.draining else "ok"
    ready = database == process == "ok"
    if not ready:
        response.status_code = 503
    checks = {"database": database, "process": process}
    return HealthView(status="ok" if ready else "unavailable", checks=checks)


@router.get("/metrics", tags=["process"], response_class=Response, summary="For Prometheus")
async def metrics(request: Request) -> Response:
    """Return what is counted, with the number of memories as it is now."""
    parts = parts_of(request)
    try:
        async with asyncio.timeout(_DATABASE_SECONDS):
            parts.metrics.held(await parts.database.run(_held, parts))
    except (SQLAlchemyError, TimeoutError):
        # The counters are worth more than the gauges of a database that is away.
        parts.metrics.database(there=False)
    else:
        parts.metrics.database(there=True)
    return Response(generate_latest(parts.registry), media_type=CONTENT_TYPE_LATEST)


def _held(parts: Parts) -> int:
    with parts.database.read() as db:
        return int(db.scalar(select(func.coalesce(func.sum(OWNERS.c.memories), 0))) or 0)
