"""A small API server over HTTP: enough of lists, server-side apply and conflicts for the edges.

Server-side apply is modelled for one manager: an apply replaces what the manager applied before.
"""

import copy
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from reflex_operator.cluster import KINDS, Cluster
from reflex_operator.metrics import Metrics

Object = dict[str, Any]
_TERM = re.compile(r"([^=,()\s]+)(?:=([^,]*)| in \(([^)]*)\))")


def _selected(labels: dict[str, str], selector: str) -> bool:
    """Return whether labels fit `a=b,c in (d,e)`."""
    return all(
        labels.get(label) in (several.split(",") if several else [one])
        for label, one, several in _TERM.findall(selector)
    )


async def no_sleep(_: float) -> None:
    """Stand in for a wait between two attempts."""


class FakeApi:
    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.version = 100
        self.answers: list[web.Response] = []  # sent before anything is looked at
        self.logs: dict[tuple[str, bool], str] = {}  # by pod and whether the previous run's
        self.refused: dict[str, str] = {}  # plural: why applies to it are forbidden
        self.creates_nothing_in = ""  # a namespace that is being deleted
        self._applied: dict[tuple[str, str, str, str], Object] = {}

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [one for one in self.requests if one[0] != "GET"]

    def add(self, manifest: Object) -> Object:
        """Put an object there as if somebody had created it."""
        manifest = copy.deepcopy(manifest)
        metadata = manifest["metadata"]
        self.version += 1
        metadata.setdefault("uid", f"uid-{self.version}")
        metadata["resourceVersion"] = str(self.version)
        plural = KINDS[manifest["kind"]].plural
        self.objects[plural, metadata.get("namespace", ""), metadata["name"]] = manifest
        return manifest

    def get(self, kind: str, name: str, namespace: str = "default") -> Object:
        return self.objects[KINDS[kind].plural, namespace, name]

    def events(self) -> list[Object]:
        """Return the Events in the order of their names, as a list of the real server is."""
        return [one for key, one in sorted(self.objects.items()) if key[0] == "events"]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        body = json.loads(await request.read() or b"null")
        self.bodies.append(body)
        if self.answers:
            return self.answers.pop(0)
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if parts[0] == "namespaces":
            namespace, parts = parts[1], parts[2:]
        plural, name, sub = [*parts, "", ""][:3]
        if not name:
            return self._collection(request, plural, namespace, body)
        if sub == "log":
            return self._log(request, name)
        key = (plural, namespace, name)
        live = self.objects.get(key)
        if request.method == "PATCH" and "apply" in request.headers["Content-Type"]:
            return self._apply(key, sub, body)
        if live is None:
            return _status(404, f"{plural} {name} not found")
        if request.method == "GET":
            return web.json_response(live)
        if request.method == "DELETE":
            if (uid := body["preconditions"]["uid"]) != live["metadata"]["uid"]:
                return _status(409, f"uid {uid} is not the object's")
            del self.objects[key]
            return web.json_response({"kind": "Status"})
        if request.method == "PUT":
            if body["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"]:
                return _status(409, "the object has been modified")
            return self._store(key, body)
        return self._patch_conditions(key, live, body)

    def _log(self, request: web.Request, pod: str) -> web.Response:
        previous = request.query.get("previous") == "true"
        text = self.logs.get((pod, previous))
        if text is None:
            words = f'previous terminated container "engine" in pod "{pod}" not found'
            return _status(400, words)
        tail = text.splitlines(keepends=True)[-int(request.query["tailLines"]) :]
        return web.Response(text="".join(tail))

    def _collection(
        self, request: web.Request, plural: str, namespace: str, body: Any
    ) -> web.Response:
        if request.method == "POST":
            if namespace == self.creates_nothing_in:
                return _ending(plural, namespace)
            key = (plural, namespace, body["metadata"]["name"])
            if key in self.objects:
                return _status(409, "already exists")
            body["metadata"]["uid"] = f"uid-{self.version + 1}"
            return self._store(key, body, status=201)
        wanted = request.query.get("labelSelector", "")
        found = []
        for (one, _, _), manifest in sorted(self.objects.items()):
            labels = manifest["metadata"].get("labels") or {}
            if one == plural and _selected(labels, wanted):
                found.append({k: v for k, v in manifest.items() if k not in ("kind", "apiVersion")})
        start, size = int(request.query.get("continue", 0)), int(request.query["limit"])
        metadata = {"resourceVersion": str(self.version)}
        if start + size < len(found):
            metadata["continue"] = str(start + size)
        return web.json_response({"metadata": metadata, "items": found[start : start + size]})

    def _apply(self, key: tuple[str, str, str], sub: str, body: Object) -> web.Response:
        live = self.objects.get(key)
        if key[0] in self.refused:
            return _status(403, self.refused[key[0]])
        if live is None and sub:
            return _status(404, "not found")
        if live is None and key[1] == self.creates_nothing_in:
            return _ending(key[0], key[1])
        uid = body["metadata"].pop("uid", None)
        if live is not None and uid is not None and uid != live["metadata"]["uid"]:
            return _status(409, "uid mismatch")
        version = body["metadata"].pop("resourceVersion", None)
        if live is not None and version not in (None, live["metadata"]["resourceVersion"]):
            return _status(409, "the object has been modified")
        new = copy.deepcopy(live) if live else {"metadata": {"uid": f"uid-{self.version + 1}"}}
        _remove(new, self._applied.get((*key, sub), {}), body)
        _merge(new, copy.deepcopy(body))
        self._applied[*key, sub] = copy.deepcopy(body)
        if new == live:
            return web.json_response(live)
        return self._store(key, new, status=200 if live else 201)

    def _patch_conditions(
        self, key: tuple[str, str, str], live: Object, body: Object
    ) -> web.Response:
        if body["metadata"]["uid"] != live["metadata"]["uid"]:
            return _status(409, "uid mismatch")
        new = copy.deepcopy(live)
        conditions = {c["type"]: c for c in new.setdefault("status", {}).get("conditions") or []}
        for condition in body["status"]["conditions"]:
            conditions[condition["type"]] = condition
        new["status"]["conditions"] = list(conditions.values())
        return self._store(key, new)

    def _store(self, key: tuple[str, str, str], new: Object, *, status: int = 200) -> web.Response:
        self.version += 1
        new["metadata"]["resourceVersion"] = str(self.version)
        self.objects[key] = new
        return web.json_response(new, status=status)


@asynccontextmanager
async def serving(fake: FakeApi, metrics: Metrics | None = None) -> AsyncIterator[Cluster]:
    """Serve `fake` and yield a client of it."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    server = TestServer(app)
    await server.start_server()
    configuration = Configuration()
    configuration.host = str(server.make_url("")).rstrip("/")
    cluster = Cluster(
        configuration, metrics=metrics or Metrics(), rng=Random(1), timeout=5, sleep=no_sleep
    )
    try:
        yield cluster
    finally:
        await cluster.close()
        await server.close()


def _status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code)


def _ending(plural: str, namespace: str) -> web.Response:
    body = {
        "kind": "Status",
        "code": 403,
        "message": f"{plural} is forbidden: unable to create new content in namespace {namespace}"
        " because it is being terminated",
        "details": {"causes": [{"reason": "NamespaceTerminating"}]},
    }
    return web.json_response(body, status=403)


def _merge(into: Object, new: Object) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _remove(from_: Object, before: Object, now: Object) -> None:
    for key, value in before.items():
        if key not in now:
            from_.pop(key, None)
        elif isinstance(value, dict) and isinstance(from_.get(key), dict):
            _remove(from_[key], value, now[key])
