"""A small API server for one ReflexRoute and its feedback ConfigMap, over real HTTP."""

import asyncio
import contextlib
import copy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from reflex_api.feedback import FEEDBACK_KEY, RouteFeedback
from route_manifests import route

NAMESPACE = "models"


class FakeRoutes:
    """The objects, with versions, conflicts and watches.

    Attributes:
        route: None when there is none.
        config: None when nobody made it.
        broken: status codes of the next answers, before anything is looked at; 0 cuts the
            connection.
        requests: verb and kind of all calls, in order.
        before_patch: called before a patch is looked at: another replica may write first.
    """

    def __init__(self) -> None:
        self.route: dict[str, Any] | None = route()
        self.config: dict[str, Any] | None = {
            "metadata": {"name": "coder.feedback", "resourceVersion": "1"}
        }
        self.broken: list[int] = []
        self.down = False
        self.requests: list[str] = []
        self.before_patch: list[dict[str, str]] = []
        self._watchers: list[asyncio.Queue[dict[str, Any] | None]] = []

    def set(self, manifest: dict[str, Any] | None) -> None:
        """Change the route, or delete it; watchers hear of it."""
        kind = "MODIFIED" if manifest else "DELETED"
        event = {"type": kind, "object": manifest or self.route}
        self.route = manifest
        for queue in self._watchers:
            queue.put_nowait(event)

    def end_watches(self) -> None:
        for queue in self._watchers:
            queue.put_nowait(None)

    @property
    def watched(self) -> bool:
        return bool(self._watchers)

    @property
    def data(self) -> dict[str, str]:
        found: dict[str, str] = (self.config or {}).get("data") or {}
        return found

    @property
    def feedback(self) -> RouteFeedback | None:
        """What the operator would read."""
        text = self.data.get(FEEDBACK_KEY)
        return RouteFeedback.model_validate_json(text) if text else None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        kind, name = request.match_info["kind"], request.match_info.get("name", "")
        verb = "watch" if "watch" in request.query else request.method.lower()
        self.requests.append(f"{verb} {kind}")
        if self.down or self.broken:
            code = 0 if self.down else self.broken.pop(0)
            if code:
                return _status(code)
            assert request.transport is not None
            request.transport.abort()
        if verb == "watch":
            assert request.query["fieldSelector"] == "metadata.name=coder"
            return await self._watch(request)
        found = self.route if kind == "reflexroutes" else self.config
        if found is None or name != found["metadata"]["name"]:
            return _status(404)
        if verb == "patch":
            return self._patch(json.loads(await request.read()))
        return web.json_response(found)

    def _patch(self, patch: dict[str, Any]) -> web.Response:
        assert self.config is not None
        metadata = self.config["metadata"]
        if self.before_patch:
            metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
            self.config["data"] = {**self.data, **self.before_patch.pop(0)}
        if patch["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
            return _status(409)
        merged = {**self.data, **patch["data"]}
        self.config["data"] = {key: text for key, text in merged.items() if text is not None}
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
        return web.json_response(self.config)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        if self.route is not None:
            queue.put_nowait({"type": "ADDED", "object": copy.deepcopy(self.route)})
        self._watchers.append(queue)
        try:
            while (event := await queue.get()) is not None:
                await response.write(json.dumps(event).encode() + b"\n")
        except ConnectionResetError:
            pass
        finally:
            self._watchers.remove(queue)
        return response


@asynccontextmanager
async def api_server(objects: FakeRoutes) -> AsyncIterator[str]:
    """Serve the objects and yield the base URL."""
    app = web.Application()
    for path in ("/apis/reflexstack.dev/v1alpha1", "/api/v1"):
        base = f"{path}/namespaces/{NAMESPACE}/{{kind}}"
        app.router.add_route("*", base, objects.handle)
        app.router.add_route("*", base + "/{name}", objects.handle)
    server = TestServer(app, handler_cancellation=True)
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        objects.end_watches()
        with contextlib.suppress(asyncio.CancelledError):
            await server.close()


def kubeconfig(folder: Path, server: str) -> Path:
    """Write the way to a server."""
    path = folder / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "here",
                "clusters": [{"name": "here", "cluster": {"server": server}}],
                "users": [{"name": "me", "user": {}}],
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
            }
        )
    )
    return path


def _status(code: int) -> web.Response:
    return web.json_response({"kind": "Status", "message": "scripted"}, status=code)
