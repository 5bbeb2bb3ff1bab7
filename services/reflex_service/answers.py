"""Errors in one shape, requests counted by route, and an OpenAPI document that tells the truth."""

import logging
import math
from typing import Any, Final, Protocol

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reflex_service.errors import ServiceError, document

LOG: Final = logging.getLogger("reflex.service")


class ErrorBody(BaseModel):
    """The inside of an error."""

    message: str
    type: str
    code: str | None
    param: str | None = None


class ErrorView(BaseModel):
    """Every error, in OpenAI's shape."""

    error: ErrorBody


class Counts(Protocol):
    """Counts what was answered."""

    def request(self, route: str, method: str, status: int) -> None:
        """Count a request by its route's template."""
        ...

    def rejected(self, code: str) -> None:
        """Count a refusal."""
        ...


def answer_in_one_shape(app: FastAPI, counts: Counts) -> None:
    """Let the application answer every error in OpenAI's shape, count, and describe itself."""
    handlers = _Handlers(counts)
    app.add_exception_handler(ServiceError, handlers.service_error)
    app.add_exception_handler(RequestValidationError, handlers.invalid)
    app.add_exception_handler(HTTPException, handlers.http)
    app.add_exception_handler(SQLAlchemyError, handlers.database)
    app.add_exception_handler(Exception, handlers.fault)
    app.add_middleware(Counting, counts=counts)
    _describe(app)


class Counting:
    """Counts requests by route; plain ASGI, for it is on the way of every piece of a stream."""

    def __init__(self, app: ASGIApp, counts: Counts) -> None:
        self._app = app
        self._counts = counts

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
            self._counts.request(getattr(route, "path", "other"), scope["method"], status)


class _Handlers:
    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def _answer(
        self, status: int, body: dict[str, Any], *, retry_after: float | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:  # fmt: skip
        told = dict(headers or {})
        if retry_after is not None:
            told["Retry-After"] = str(max(1, math.ceil(retry_after)))
        if status in (408, 413):
            told["Connection"] = "close"  # the rest of the body is not read
        if status == 401:
            told["WWW-Authenticate"] = "Bearer"
        self._counts.rejected(body["error"]["code"])
        return JSONResponse(body, status_code=status, headers=told)

    async def service_error(self, _request: Request, error: Exception) -> Response:
        assert isinstance(error, ServiceError)
        return self._answer(error.status, error.document(), retry_after=error.retry_after)

    async def invalid(self, _request: Request, error: Exception) -> Response:
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
        return self._answer(status, body)

    async def http(self, _request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = error.status_code
        kind = "not_found_error" if status == 404 else "invalid_request_error"
        code = {404: "not_found", 405: "method_not_allowed"}.get(status, "http_error")
        text = {404: "no such path: see /openapi.json", 405: "not by this method"}
        body = document(text.get(status, str(error.detail)), type_=kind, code=code)
        return self._answer(status, body, headers=dict(error.headers or {}))

    async def database(self, _request: Request, error: Exception) -> Response:
        LOG.error("the database did not take a request: %s", str(error).splitlines()[0])
        body = document(
            "the database is not there now: try again", type_="server_error", code="database"
        )
        return self._answer(503, body, retry_after=5.0)

    async def fault(self, _request: Request, _error: Exception) -> Response:
        # The server logs the traceback; a client learns nothing of it.
        text = "a fault of the service; its log says more"
        return self._answer(500, document(text, type_="server_error", code="internal"))


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
