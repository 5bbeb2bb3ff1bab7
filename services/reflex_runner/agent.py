"""HTTP in front of a box: one claim, one workspace, one job at a time."""

import asyncio
import contextlib
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from reflex_runner import wire
from reflex_runner.box import REGISTRY, WORKSPACE, Box
from reflex_runner.errors import JobError, LeftoverError, RunnerError, TreeError
from reflex_runner.job import Outcome

_LOG: Final = logging.getLogger(__name__)
_JSON_BYTES: Final = 64 * 1024
_CHUNK: Final = 256 * 1024
_TAR_OVERHEAD: Final = 1024
"""Bytes of headers and padding that an entry may bring besides its content."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """An answer other than 200."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


class Agent:
    """What an agent knows besides its box: who claimed it, and whether it works.

    Attributes:
        finished: set when the process is to end; `exit_code` says how.
    """

    def __init__(self, box: Box) -> None:
        self.finished = asyncio.Event()
        self.exit_code = 0
        self._box = box
        self._fault = "the confinement is being tested"
        self._token = ""
        self._busy = asyncio.Lock()

    async def prove(self) -> None:
        """Test the confinement; until it has passed every call is answered 503."""
        try:
            await self._box.prove()
        except RunnerError as error:
            self._fault = str(error)
            _LOG.error("no job will be run: %s", error)
        else:
            self._fault = ""

    def application(self) -> web.Application:
        """Return the HTTP surface."""
        app = web.Application(client_max_size=_JSON_BYTES, middlewares=[self._answer])
        app.router.add_get("/healthz", self._health)
        app.router.add_put("/v1/claim", self._claim)
        app.router.add_delete("/v1/claim", self._release)
        app.router.add_put("/v1/workspace", self._workspace)
        app.router.add_put("/v1/registry", self._put_registry)
        app.router.add_get("/v1/registry", self._get_registry)
        app.router.add_post("/v1/jobs", self._job)
        app.router.add_post("/v1/fetch", self._fetch)
        return app

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check who asks, and turn what went wrong into an answer."""
        try:
            if request.path != "/healthz":
                self._admit(request)
            return await handler(request)
        except Refusal as no:
            return _error(no.status, no.code, str(no))
        except TreeError as error:
            return _error(413 if error.code == "too_large" else 400, error.code, str(error))
        except JobError as error:
            return _error(400, "job", str(error))
        except LeftoverError as error:
            self._end(1)
            return _error(500, "leftover", str(error))
        except RunnerError as error:
            return _error(500, "runner", str(error))
        except ValueError as error:
            return _error(400, "body", str(error)[:1000])

    def _admit(self, request: web.Request) -> None:
        if self._fault:
            raise Refusal(503, "not_confined", self._fault)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or len(token) < wire.TOKEN_CHARACTERS:
            raise Refusal(
                401, "token", f"a bearer token of {wire.TOKEN_CHARACTERS} characters or more"
            )
        claiming = request.method == "PUT" and request.path == "/v1/claim"
        if not self._token and not claiming:
            raise Refusal(403, "not_claimed", "claim this sandbox first: PUT /v1/claim")
        if self._token and not hmac.compare_digest(token.encode(), self._token.encode()):
            if claiming:
                raise Refusal(409, "claimed", "this sandbox is used for another repair")
            raise Refusal(403, "token", "this sandbox was claimed with another token")

    async def _health(self, _: web.Request) -> web.Response:
        if self._fault:
            return _error(503, "not_confined", self._fault)
        state = "busy" if self._busy.locked() else "claimed" if self._token else "idle"
        return web.json_response(
            {
                "state": state,
                "rustc": self._box.toolchain.version,
                "confinement": list(self._box.layers),
                "mode": self._box.mode,
            }
        )

    async def _claim(self, request: web.Request) -> web.Response:
        body = wire.ClaimBody.model_validate_json(await request.read())
        if not self._token:
            self._token = request.headers["Authorization"].partition(" ")[2]
            _LOG.info("claimed for %s, for %.0f s", body.repair, body.seconds)
            asyncio.get_running_loop().call_later(body.seconds, self._end, 0)
        return web.json_response({"state": "claimed"})

    async def _release(self, _: web.Request) -> web.Response:
        self._end(0)
        return web.json_response({"state": "ending"})

    async def _workspace(self, request: web.Request) -> web.Response:
        async with self._alone():
            most = WORKSPACE.bytes + _TAR_OVERHEAD * WORKSPACE.entries
            archive = await self._spooled(request, most)
            return web.json_response({"written": await self._box.replace_workspace(archive)})

    async def _put_registry(self, request: web.Request) -> web.Response:
        self._only("check")
        async with self._alone():
            most = REGISTRY.bytes + _TAR_OVERHEAD * REGISTRY.entries
            await self._box.replace_registry(await self._spooled(request, most))
            return web.json_response({})

    async def _get_registry(self, _: web.Request) -> web.StreamResponse:
        self._only("fetch")
        async with self._alone():
            archive = self._box.base / "fetched.tar"
            await self._box.pack_fetched(archive)
            return web.FileResponse(archive, headers={"Content-Type": "application/x-tar"})

    async def _job(self, request: web.Request) -> web.Response:
        self._only("check")
        job = wire.load_job(await request.read())
        async with self._alone():
            return _outcome(await self._box.run(job))

    async def _fetch(self, request: web.Request) -> web.Response:
        self._only("fetch")
        body = wire.FetchBody.model_validate_json(await request.read() or b"{}")
        async with self._alone():
            return _outcome(await self._box.fetch(seconds=body.seconds))

    def _only(self, mode: str) -> None:
        if self._box.mode != mode:
            raise Refusal(
                409, "mode", f"this sandbox is for {self._box.mode}, and this call for {mode}"
            )

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        if self._busy.locked():
            raise Refusal(409, "busy", "another call is being served: one at a time")
        async with self._busy:
            yield

    async def _spooled(self, request: web.Request, most: int) -> Path:
        """Write a body to disk, for it may be larger than memory."""
        path = self._box.base / "body.tar"
        left = most
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        with await asyncio.to_thread(path.open, "wb") as file:
            async for chunk in request.content.iter_chunked(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise Refusal(413, "too_large", f"more than {most} bytes")
                await asyncio.to_thread(file.write, chunk)
        return path

    def _end(self, code: int) -> None:
        self.exit_code = max(self.exit_code, code)
        self.finished.set()


async def serve(box: Box, host: str, port: int, *, started: Callable[[int], None]) -> int:
    """Serve until the claim ends; return the exit code.

    Args:
        box: what is served.
        host: to listen on.
        port: 0 for any.
        started: called with the port.
    """
    agent = Agent(box)
    runner = web.AppRunner(
        agent.application(), handler_cancellation=True, shutdown_timeout=1.0, access_log=None
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        started(int(runner.addresses[0][1]))
        await agent.prove()
        await agent.finished.wait()
    finally:
        await runner.cleanup()
    return agent.exit_code


def _outcome(outcome: Outcome) -> web.Response:
    return web.Response(body=wire.dump_outcome(outcome), content_type="application/json")


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
