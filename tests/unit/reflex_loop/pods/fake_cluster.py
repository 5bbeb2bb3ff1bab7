"""A small API server for pods, and a scripted agent, both over real HTTP.

The agent stands in for `python -m reflex_runner`; its answers are scripted, nothing is compiled.
"""

import asyncio
import base64
import contextlib
import copy
import io
import json
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from reflex_loop.adapters.pods.podview import KIND_LABEL, STATE_LABEL

Object = dict[str, Any]
NAMESPACE = "runners"


class FakePods:
    """Pods with versions, conflicts, label selectors left out, watches, and a replica set's habit.

    Attributes:
        refill: make a new idle pod for each that leaves the pool, as a ReplicaSet does.
        broken: the next answers, as status codes, before anything is looked at.
        requests: verb and name of all calls, in order.
    """

    def __init__(self, *, refill: bool = False) -> None:
        self.pods: dict[str, Object] = {}
        self.refill = refill
        self.broken: list[int] = []
        self.requests: list[tuple[str, str]] = []
        self.claims: list[str] = []
        self._version = 100
        self._watchers: list[asyncio.Queue[Object | None]] = []
        self._history: list[Object] = []

    def add(self, name: str, kind: str = "check", *, ready: bool = True, **metadata: Any) -> Object:
        """Put a pod there as its ReplicaSet would."""
        pod: Object = {
            "kind": "Pod",
            "metadata": {
                "name": name,
                "uid": f"uid-{name}-{self._version}",
                "labels": {KIND_LABEL: kind, STATE_LABEL: "idle"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": kind, "uid": "rs"}],
                **metadata,
            },
            "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": []},
        }
        self.pods[name] = pod
        self.touch(name, ready=ready, event="ADDED")
        return pod

    def touch(self, name: str, *, ready: bool = True, event: str = "MODIFIED") -> None:
        """Change a pod's status, as a kubelet does."""
        status = [{"type": "Ready", "status": str(ready)}]
        self.pods[name]["status"]["conditions"] = status
        self._publish(event, self.pods[name])

    def remove(self, name: str) -> None:
        """Delete a pod."""
        self._publish("DELETED", self.pods.pop(name))

    def end_watches(self) -> None:
        """End the open watches, as the server does every few minutes."""
        for queue in self._watchers:
            queue.put_nowait(None)

    def _publish(self, event: str, pod: Object) -> None:
        self._version += 1
        pod["metadata"]["resourceVersion"] = str(self._version)
        happened = {"type": event, "object": copy.deepcopy(pod)}
        self._history.append(happened)
        for queue in self._watchers:
            queue.put_nowait(happened)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        name = request.match_info.get("name", "")
        body = json.loads(await request.read() or b"null")
        verb = "watch" if "watch" in request.query else request.method.lower()
        self.requests.append((verb, name))
        if self.broken:
            return _status(self.broken.pop(0), "scripted")
        if verb == "watch":
            return await self._watch(request)
        if not name:
            items = [copy.deepcopy(each) for each in self.pods.values()]
            return web.json_response(
                {"metadata": {"resourceVersion": str(self._version)}, "items": items}
            )
        pod = self.pods.get(name)
        if pod is None:
            return _status(404, f"{name} not found")
        if verb == "patch":
            return self._patch(pod, body)
        if verb == "delete":
            if body["preconditions"]["uid"] != pod["metadata"]["uid"]:
                return _status(409, "uid")
            self.remove(name)
        return web.json_response(pod)

    def _patch(self, pod: Object, body: Object) -> web.Response:
        wanted = body["metadata"]
        for field in ("resourceVersion", "uid"):
            if wanted.get(field, pod["metadata"][field]) != pod["metadata"][field]:
                return _status(409, "the object has been modified")
        pod["metadata"]["labels"].update(wanted["labels"])
        pod["metadata"].setdefault("annotations", {}).update(wanted["annotations"])
        if wanted["ownerReferences"] is None:
            pod["metadata"].pop("ownerReferences", None)
        self.claims.append(pod["metadata"]["name"])
        self._publish("MODIFIED", pod)
        if self.refill:
            self.add(f"new-{self._version}", pod["metadata"]["labels"][KIND_LABEL])
        return web.json_response(pod)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        queue: asyncio.Queue[Object | None] = asyncio.Queue()
        since = int(request.query["resourceVersion"])
        for happened in self._history:
            if int(happened["object"]["metadata"]["resourceVersion"]) > since:
                queue.put_nowait(happened)
        self._watchers.append(queue)
        try:
            while (event := await queue.get()) is not None:
                await response.write(json.dumps(event).encode() + b"\n")
        except ConnectionResetError:
            pass
        finally:
            self._watchers.remove(queue)
        return response


class FakeAgent:
    """One agent for all pods: what was sent to it, and scripted answers.

    Attributes:
        answers: what the next jobs answer: a status code, `lost` (the connection is cut), or
            nothing for exit code 0.
        trees: the workspaces it was sent, as name to content.
    """

    def __init__(self) -> None:
        self.answers: list[int | str] = []
        self.claim_answers: list[int] = []
        self.fetch_code = 0
        self.tokens: list[str] = []
        self.calls: list[str] = []
        self.trees: list[dict[str, bytes | None]] = []
        self.registries: list[bytes] = []
        self.jobs: list[Object] = []
        self.running = asyncio.Event()
        self.left = asyncio.Event()
        self.hold = asyncio.Event()
        self.hold.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        path = request.path.removeprefix("/v1/")
        self.calls.append(f"{request.method} {path}")
        token = request.headers["Authorization"].removeprefix("Bearer ")
        raw = await request.read()
        if path == "claim":
            if self.claim_answers:
                return _refused(self.claim_answers.pop(0))
            self.tokens.append(token)
            return web.json_response({})
        if token not in self.tokens:
            return _refused(401)
        if path == "workspace":
            self.trees.append(_tree(raw))
            return web.json_response({})
        if path == "registry" and request.method == "PUT":
            self.registries.append(raw)
            return web.json_response({})
        if path == "registry":
            return web.Response(body=b"crates " * 1000)
        if path == "fetch":
            return _outcome(self.fetch_code, stderr=b"error: no such crate")
        return await self._job(request, json.loads(raw))

    async def _job(self, request: web.Request, job: Object) -> web.StreamResponse:
        self.jobs.append(job)
        self.running.set()
        try:
            await self.hold.wait()
        except asyncio.CancelledError:
            self.left.set()
            raise
        answer = self.answers.pop(0) if self.answers else 0
        if answer == "lost":
            assert request.transport is not None
            request.transport.abort()
        if isinstance(answer, int) and answer:
            return _refused(answer)
        return _outcome(0, stdout=b"checked")


@asynccontextmanager
async def serving(handle: Any, *routes: str) -> AsyncIterator[str]:
    """Serve a handler and yield the base URL."""
    app = web.Application(client_max_size=1 << 30)
    for route in routes:
        app.router.add_route("*", route, handle)
    server = TestServer(app, handler_cancellation=True)
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await server.close()


@asynccontextmanager
async def api_server(pods: FakePods) -> AsyncIterator[Configuration]:
    """Serve the pods and yield the connection to them."""
    base = f"/api/v1/namespaces/{NAMESPACE}/pods"
    async with serving(pods.handle, base, base + "/{name}") as url:
        configuration = Configuration()
        configuration.host = url
        try:
            yield configuration
        finally:
            pods.end_watches()


def agent_server(agent: FakeAgent) -> Any:
    """Serve the agent and yield its address."""
    return serving(agent.handle, "/v1/{tail:.*}")


def _status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "message": message}, status=code)


def _refused(code: int) -> web.Response:
    error = {"code": "scripted", "message": "scripted refusal"}
    return web.json_response({"error": error}, status=code)


def _outcome(code: int, *, stdout: bytes = b"", stderr: bytes = b"") -> web.Response:
    return web.json_response(
        {
            "code": code,
            "stdout": base64.b64encode(stdout).decode(),
            "stderr": base64.b64encode(stderr).decode(),
            "workspace": "/work/workspace",
            "timed_out": False,
            "overflowed": False,
            "seconds": 0.1,
        }
    )


def _tree(raw: bytes) -> dict[str, bytes | None]:
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        found: dict[str, bytes | None] = {}
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            found[member.name] = file.read() if file else None
        return found
