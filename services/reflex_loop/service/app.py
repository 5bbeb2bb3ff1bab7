"""The FastAPI application: routes, errors in one shape, and the life of the background tasks."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reflex_loop.service import chat, decisions, insight, repairs
from reflex_loop.service.errors import ServiceError, StartError, document
from reflex_loop.service.parts import Parts, parts_of
from reflex_loop.service.views import ErrorView

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
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(Exception, _fault)
    app.add_middleware(Counting, parts=parts)
    _describe(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    if parts.local is not None:
        await parts.local.start()
    await parts.workers.start()
    tasks = [
        asyncio.create_task(parts.sink.run()),
        asyncio.create_task(_housekeeping(parts)),
        asyncio.create_task(_keys(parts)),
    ]
    try:
        yield
    finally:
        await parts.workers.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
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
    """Delete what is kept no longer, until cancelled."""
    settings = parts.settings
    while True:
        try:
            await parts.database.run(
                lambda: parts.store.prune(
                    keep=settings.keep_repairs, seconds=settings.keep_days * 86_400
                )
            )
            await parts.database.run(
                lambda: decisions.prune(parts.database, keep=settings.keep_decisions)
            )
        except SQLAlchemyError as error:
            LOG.error("nothing old can be deleted: %s", str(error).splitlines()[0])
        await asyncio.sleep(_HOUSEKEEPING_SECONDS)


async def _keys(parts: Parts) -> None:
    """Follow the keys' files, until cancelled; a wrong file leaves the old keys in force."""
    told = ""
    while True:
        await asyncio.sleep(_KEYS_SECONDS)
        try:
            if await asyncio.to_thread(parts.keys.refresh):
                LOG.info("the keys were read again")
            told = ""
        except StartError as error:
            if str(error) != told:
                LOG.error("%s; the old keys stay", error)
            told = str(error)


class Counting:
    """Counts requests by route; plain ASGI, for it is on the way of every piece of a stream."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app = app
        self._metrics = parts.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            route = scope.get("route")
            self._metrics.request(getattr(route, "path", "other"), scope["method"], status)


def _answer(
    request: Request, status: int, body: dict[str, Any], *, retry_after: float | None = None,
    headers: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    told = dict(headers or {})
    if retry_after is not None:
        told["Retry-After"] = str(max(1, math.ceil(retry_after)))
    if status in (408, 413):
        told["Connection"] = "close"  # the rest of the body is not read
    if status == 401:
        told["WWW-Authenticate"] = "Bearer"
    parts_of(request).metrics.rejected(body["error"]["code"])
    return JSONResponse(body, status_code=status, headers=told)


async def _service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return _answer(request, error.status, error.document(), retry_after=error.retry_after)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    param = place[-1] if len(place) > 1 else None
    where = " ".join(place)
    # A path that cannot be an id is one of nothing.
    status, kind, code = (400, "invalid_request_error", "invalid_request")
    if place[0] == "path":
        status, kind, code = (404, "not_found_error", "not_found")
    body = document(f"{where}: {first['msg']}", type_=kind, code=code, param=param)
    return _answer(request, status, body)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    kind = "not_found_error" if status == 404 else "invalid_request_error"
    code = {404: "not_found", 405: "method_not_allowed"}.get(status, "http_error")
    text = {404: "no such path: see /openapi.json", 405: "not by this method"}
    body = document(text.get(status, str(error.detail)), type_=kind, code=code)
    return _answer(request, status, body, headers=dict(error.headers or {}))


async def _database(request: Request, error: Exception) -> Response:
    LOG.error("the database did not take a request: %s", str(error).splitlines()[0])
    body = document(
        "the database is not there now: try again", type_="server_error", code="database"
    )
    return _answer(request, 503, body, retry_after=5.0)


async def _fault(request: Request, _error: Exception) -> Response:
    # The server logs the traceback; a client learns nothing of it.
    text = "a fault of the service; its log says more"
    body = document(text, type_="server_error", code="internal")
    return _answer(request, 500, body)


def _describe(app: FastAPI) -> None:
    """Make the OpenAPI document tell the truth: our errors, and where a key is needed."""
    made = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = made()
            bearer = HTTPBearer().model.model_dump(by_alias=True, exclude_none=True)
            found["components"]["securitySchemes"] = {"bearer": bearer | {"type": "http"}}
            for path, methods in found["paths"].items():
                for operation in methods.values():
                    operation["responses"].pop("422", None)
                    if path.startswith("/v1/"):
                        operation["security"] = [{"bearer": []}]
            for name in ("HTTPValidationError", "ValidationError"):
                found["components"]["schemas"].pop(name, None)
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
