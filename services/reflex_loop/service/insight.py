"""What one may look at: decisions, budgets, breakers, models, and how the process is."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from reflex_loop.service import decisions
from reflex_loop.service.chat import names_of
from reflex_loop.service.parts import Parts, owner_of, parts_of
from reflex_loop.service.views import (
    BreakerList,
    BreakerView,
    BudgetList,
    DecisionList,
    HealthView,
    ModelList,
    ModelView,
    WindowView,
)
from reflex_routing.budget import resets_at
from reflex_routing.prices import usd

router = APIRouter(tags=["insight"])
Owner = Annotated[str, Depends(owner_of)]
_DATABASE_SECONDS: Final = 3.0
"""Less than a probe or a scrape waits: the answer says what is wrong, instead of being none."""


@router.get("/v1/decisions", summary="Why each question went where it went")
async def decision_records(
    request: Request,
    owner: Owner,
    repair: Annotated[str, Query(pattern=r"^([0-9a-f]{32})?$")] = "",
    request_id: Annotated[str, Query(alias="request", pattern=r"^([0-9a-f]{32})?$")] = "",
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DecisionList:
    """Return the records of this key, the newest first."""
    parts = parts_of(request)
    await parts.sink.flush()
    found, more = await parts.database.run(
        lambda: decisions.page(
            parts.database, owner, repair=repair, request=request_id, before=before, limit=limit
        )
    )
    last = found[-1]["seq"] if found else None
    return DecisionList(data=found, has_more=more, next_before=last)


@router.get("/v1/budgets", summary="What the cloud may cost, and has cost")
async def budgets(request: Request, owner: Owner) -> BudgetList:  # noqa: ARG001
    """Return the daily and the monthly window, of all keys together."""
    ledger = parts_of(request).router.parts.ledger
    now = datetime.now(UTC)
    limits = ledger.limits
    shown = []
    for window in await ledger.windows():
        limit = limits.of(window.kind)
        shown.append(
            WindowView(
                window=window.kind.value,
                key=window.key,
                limit_usd=None if limit is None else usd(limit),
                spent_usd=usd(window.spent),
                reserved_usd=usd(window.reserved),
                resets_at=int(resets_at(window.kind, now).timestamp()),
            )
        )
    return BudgetList(warn_percent=limits.warn_percent, data=shown)


@router.get("/v1/breakers", summary="Which endpoints are passed over")
async def breakers(request: Request, owner: Owner) -> BreakerList:  # noqa: ARG001
    """Return the breakers of the process that answers; each replica has its own."""
    views = parts_of(request).router.parts.breakers.views()
    return BreakerList(
        data=[
            BreakerView(
                id=view.breaker_id,
                state=view.state.value,
                permits=view.permits,
                calls=view.calls,
                failure_rate=view.failure_rate,
                slow_rate=view.slow_rate,
                retry_after_seconds=view.retry_after_seconds,
            )
            for view in views
        ]
    )


@router.get("/v1/models", summary="The names that `model` may have")
async def models(request: Request, owner: Owner) -> ModelList:  # noqa: ARG001
    """Return the aliases, the configured local models that serve, and those of the cloud."""
    router_parts = parts_of(request).router.parts
    section = router_parts.section
    serving = {one.model for one in router_parts.local.serving() if not one.away}
    asleep = set(section.local_models) - serving
    return ModelList(
        data=[
            ModelView(id=name, created=0, owned_by=owner_name)
            for name, owner_name in names_of(section).items()
            if name not in asleep
        ]
    )


@router.get("/healthz", tags=["process"], summary="Whether the process lives")
async def healthz() -> HealthView:
    """Answer, whatever the database and the sandboxes do."""
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
    checks = {
        "database": await _database(parts),
        # That there can be one was proved at start; without a free one repairs wait in the queue.
        "sandbox": parts.workers.sandboxes(),
        "process": "draining" if parts.workers.draining else "ok",
    }
    if parts.routes is not None:
        # For people: without its routes the service works as one that has none.
        checks |= {f"route {name}": words for name, words in parts.routes.standing().items()}
    ready = checks["database"] == checks["process"] == "ok"
    if not ready:
        response.status_code = 503
    return HealthView(status="ok" if ready else "unavailable", checks=checks)


@router.get("/metrics", tags=["process"], response_class=Response, summary="For Prometheus")
async def metrics(request: Request) -> Response:
    """Return what is counted, with the budget and the queue as they are now."""
    parts = parts_of(request)
    routing = parts.router.parts
    parts.metrics.seen(
        here=parts.workers.running,
        listeners=parts.feed.listeners,
        dropped=parts.sink.dropped,
        sandboxes=parts.workers.free(),
    )
    try:
        async with asyncio.timeout(_DATABASE_SECONDS):
            counts = await parts.database.run(parts.store.counts)
            windows = await routing.ledger.windows()
    except (SQLAlchemyError, TimeoutError):
        # The counters are worth more than the gauges of a database that is away.
        parts.metrics.database(there=False)
    else:
        parts.metrics.database(there=True)
        parts.metrics.queue(counts)
        routing.metrics.budget_windows(windows, routing.ledger.limits)
    return Response(generate_latest(parts.registry), media_type=CONTENT_TYPE_LATEST)


async def _database(parts: Parts) -> str:
    try:
        async with asyncio.timeout(_DATABASE_SECONDS):
            await parts.database.run(parts.database.ping)
    except (SQLAlchemyError, TimeoutError):
        return "unreachable"
    return "ok"
