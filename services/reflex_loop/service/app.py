"""The FastAPI application: routes, and the life of the background tasks."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from reflex_loop.service import chat, decisions, insight, repairs
from reflex_loop.service.parts import Parts
from reflex_service.answers import ErrorView, answer_in_one_shape
from reflex_service.chores import Refreshable, follow_keys, regularly

LOG: Final = logging.getLogger("reflex.service")
_HOUSEKEEPING_SECONDS: Final = 60.0
_KEYS_SECONDS: Final = 5.0
_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": ErrorView, "description": text}
    for code, text in {
        400: "The request is wrong.",
        401: "No key, or an unknown one.",
        402: "The cloud budget is used up.",
        404: "Not there, or somebody else's.",
        408: "The body came too slowly.",
        409: "Not in this state, or an Idempotency-Key that was used for something else.",
        413: "Too large.",
        415: "A type that is not read here.",
        429: "Too often, or no room; see Retry-After.",
        502: "The model's server answered badly.",
        503: "Not now; see Retry-After.",
        504: "The model did not answer in time.",
    }.items()
}


def create_app(parts: Parts) -> FastAPI:
    """Return the application around these parts; it starts and stops them."""
    app = FastAPI(
        title="Reflex loop",
        summary="Repairs Rust that does not compile, and routes chat completions by the same rules",
        version="1",
        lifespan=_lifespan,
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        responses=_ERRORS,
    )
    app.state.parts = parts
    app.include_router(repairs.router)
    app.include_router(chat.router)
    app.include_router(insight.router)
    answer_in_one_shape(app, parts.metrics)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    if parts.local is not None:
        await parts.local.start()
    if parts.routes is not None:
        await parts.routes.start(parts.router.parts.breakers)
    await parts.workers.start()
    tasks = [
        asyncio.create_task(parts.sink.run()),
        asyncio.create_task(
            regularly(
                lambda: _housekeeping(parts),
                seconds=_HOUSEKEEPING_SECONDS, complaint="nothing old can be deleted", log=LOG,
            )
        ),
        asyncio.create_task(follow_keys(_key_files(parts), seconds=_KEYS_SECONDS, log=LOG)),
    ]  # fmt: skip
    if parts.memory is not None:
        tasks.append(asyncio.create_task(parts.memory.run()))
    try:
        yield
    finally:
        await parts.workers.close()
        if parts.memory is not None:
            await parts.memory.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if parts.routes is not None:
            await parts.routes.close()
        if parts.local is not None:
            await parts.local.close()
        await parts.router.close()
        try:
            await parts.sink.flush()
        except SQLAlchemyError:
            LOG.exception("the last decision records are lost")
        await asyncio.to_thread(parts.budgets.dispose)
        await asyncio.to_thread(parts.database.close)


async def _housekeeping(parts: Parts) -> None:
    """Delete what is kept no longer."""
    settings = parts.settings
    await parts.database.run(
        lambda: parts.store.prune(keep=settings.keep_repairs, seconds=settings.keep_days * 86_400)
    )
    await parts.database.run(lambda: decisions.prune(parts.database, keep=settings.keep_decisions))


def _key_files(parts: Parts) -> dict[str, Refreshable]:
    files: dict[str, Refreshable] = {"the keys": parts.keys}
    if parts.memory_keys is not None:
        files["the reflection service's keys"] = parts.memory_keys
    return files
