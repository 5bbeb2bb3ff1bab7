"""The FastAPI application: routes, and the life of the background tasks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from reflex_reflection.errors import EmbeddingError
from reflex_reflection.service import exchanging, finding, insight, keeping, reflecting
from reflex_reflection.service.parts import LOG, Parts
from reflex_reflection.store.embeddings import Embeddings
from reflex_service.answers import ErrorView, answer_in_one_shape
from reflex_service.chores import follow_keys, regularly

_HOUSEKEEPING_SECONDS: Final = 60.0
_KEYS_SECONDS: Final = 5.0
_EMBEDDED_AT_ONCE: Final = 32
_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": ErrorView, "description": text}
    for code, text in {
        400: "The request is wrong.",
        401: "No key, or an unknown one.",
        404: "Not there, or somebody else's.",
        408: "The body came too slowly.",
        413: "Too large.",
        429: "Too often, or no room; see Retry-After.",
        503: "Not now; see Retry-After.",
    }.items()
}


def create_app(parts: Parts) -> FastAPI:
    """Return the application around these parts; it starts and stops them."""
    app = FastAPI(
        title="Reflex reflection",
        summary="Remembers finished turns, deterministically, and finds them again",
        version="1",
        lifespan=_lifespan,
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        responses=_ERRORS,
    )
    app.state.parts = parts
    # Paths with a fixed last word come before those with an id.
    for router in (reflecting, finding, exchanging, keeping, insight):
        app.include_router(router.router)
    answer_in_one_shape(app, parts.metrics)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    chores = (
        regularly(
            lambda: _housekeeping(parts),
            seconds=_HOUSEKEEPING_SECONDS, complaint="nothing old can be deleted", log=LOG,
        ),
        follow_keys({"the keys": parts.keys}, seconds=_KEYS_SECONDS, log=LOG),
    )  # fmt: skip
    tasks = [asyncio.create_task(chore) for chore in chores]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(parts.database.close)


async def _housekeeping(parts: Parts) -> None:
    """Forget what is to be forgotten, and embed what has no vector yet."""
    gone = await parts.database.run(parts.retention.sweep)
    for how, count in (
        ("expired", gone.expired), ("evicted", gone.evicted), ("purged", gone.purged),
    ):  # fmt: skip
        parts.metrics.forgotten(how, count)
    if parts.embeddings is not None:
        await parts.database.run(_embed_some, parts, parts.embeddings)


def _embed_some(parts: Parts, embeddings: Embeddings) -> None:
    """Embed what came by an import, or before there was a model; so much that nobody waits."""
    try:
        while count := embeddings.fill(_EMBEDDED_AT_ONCE):
            parts.metrics.embedded(count)
            if parts.life.draining:
                return
    except (EmbeddingError, SQLAlchemyError) as error:
        parts.metrics.not_embedded()
        LOG.error("memories are without vectors for now: %s", str(error).splitlines()[0])
