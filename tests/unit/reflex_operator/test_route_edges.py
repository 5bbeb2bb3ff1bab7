"""What is read for routes and bakeoffs: counters of engines, artefacts and ends of pods."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from reflex_api.bakeoff_job import ITEMS_LIMIT, BakeoffProgress
from reflex_api.names import LABEL_MODEL
from reflex_operator import idleness
from reflex_operator.collector import Collector
from reflex_operator.endings import Endings
from reflex_operator.idleness import IdleWatcher
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.bakeoff.snapshot import Collected, CollectRequest, Told
from reflex_operator.reconcile.plan import BakeoffKey, ModelKey, RouteKey
from reflex_operator.reconcile.route.snapshot import IdleRequest

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUN = BakeoffKey(namespace="default", name="run")
ROUTE = RouteKey(namespace="default", name="r")
METRICS = """# HELP
sglang:num_running_reqs{{model_name="a"}} {running}
sglang:num_queue_reqs{{model_name="a"}} 0.0
sglang:num_requests_total{{model_name="a"}} {total}
"""


class Server:
    """Answers by path; what is not there is a 404."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.deleted = 0
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        if request.method == "DELETE":
            self.deleted += 1
            return web.Response()
        body = self.bodies.get(request.path)
        return web.Response(body=body) if body is not None else web.Response(status=404)


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    made, app = Server(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    async with TestServer(app) as running:
        made.url = str(running.make_url("/")).rstrip("/")
        yield made


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, asyncio.Event]]:
    answered = asyncio.Event()
    collector = Collector(answered=lambda _: answered.set(), now=lambda: NOON)
    try:
        yield collector, answered
    finally:
        await collector.close()


async def collected(
    collector: Collector, answered: asyncio.Event, server: Server, what: str = "final"
) -> Collected | None:
    answered.clear()
    request = CollectRequest(pod_uid="p", url=server.url, what=what)  # type: ignore[arg-type]
    collector.request(RUN, request)
    async with asyncio.timeout(10):
        await answered.wait()
    return collector.found(RUN, {"p"})


async def test_artefacts_are_fetched_as_they_are() -> None:
    async with serving() as server, collecting() as (collector, answered):
        server.bodies = {"/verdict.json": b"{}", "/items.json.gz": b"\x1f\x8b"}
        found = await collected(collector, answered, server)
        assert found == Collected(pod_uid="p", final=True, verdict=b"{}", items=b"\x1f\x8b")
        assert collector.found(RUN, {"another"}) is None


async def test_what_is_missing_or_too_large_is_not_kept_and_tries_are_counted() -> None:
    async with serving() as server, collecting() as (collector, answered):
        server.bodies = {"/verdict.json": b"{}", "/items.json.gz": b"x" * (ITEMS_LIMIT + 1)}
        for number in (1, 2, 3):
            found = await collected(collector, answered, server)
            assert found is not None
            assert (found.items, found.tries) == (None, number)


async def test_progress_is_asked_for_and_what_is_none_is_told_too() -> None:
    async with serving() as server, collecting() as (collector, answered):
        wanted = CollectRequest(pod_uid="p", url=server.url, what="progress")

        async def ask() -> Told | None:
            answered.clear()
            collector.request(RUN, wanted)
            async with asyncio.timeout(10):
                await answered.wait()
            return collector.told(RUN, {"p"})

        assert await ask() == Told(pod_uid="p", at=NOON)
        server.bodies["/progress.json"] = b'{"part": "repairs", "done": 37, "total": 100}'
        progress = BakeoffProgress(part="repairs", done=37, total=100)
        assert await ask() == Told(pod_uid="p", at=NOON, progress=progress)
        server.bodies["/progress.json"] = b'{"percent": 12}'
        assert await ask() == Told(pod_uid="p", at=NOON)
        assert collector.told(RUN, {"another"}) is None
        assert collector.found(RUN, {"p"}) is None, "it is no artefact"


async def test_of_an_aborted_run_only_the_items_are_fetched() -> None:
    async with serving() as server, collecting() as (collector, answered):
        server.bodies = {"/items.json.gz": b"some"}
        found = await collected(collector, answered, server, "partial")
        assert found == Collected(pod_uid="p", final=False, items=b"some")


async def test_a_pod_is_released_once() -> None:
    async with serving() as server, collecting() as (collector, _):
        request = CollectRequest(pod_uid="p", url=server.url, what="release")
        for _ in range(3):
            collector.request(RUN, request)
            async with asyncio.timeout(10):
                while not server.deleted or collector._requests.get(RUN):
                    await asyncio.sleep(0.005)
        assert server.deleted == 1


async def test_an_engine_is_idle_since_its_counters_stood_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idleness, "_EVERY", 0.01)
    now = [NOON]
    watcher = IdleWatcher(now=lambda: now[0], answered=lambda _: None)

    async def until(expected: datetime | None) -> None:
        async with asyncio.timeout(10):
            while watcher.since(ROUTE) != expected:
                await asyncio.sleep(0.005)

    async with serving() as server:
        try:
            server.bodies = {"/metrics": METRICS.format(running=0.0, total=3.0).encode()}
            watcher.watch(ROUTE, IdleRequest(pod_uid="p", url=f"{server.url}/metrics"))
            await until(NOON)
            now[0] = NOON + timedelta(minutes=1)
            server.bodies = {"/metrics": METRICS.format(running=0.0, total=4.0).encode()}
            await until(now[0])  # somebody asked in between
            now[0] = NOON + timedelta(minutes=2)
            server.bodies = {"/metrics": METRICS.format(running=1.0, total=4.0).encode()}
            await until(now[0])
            server.bodies = {"/metrics": b"nothing that says so"}
            await until(None)
            watcher.watch(ROUTE, None)
            assert watcher.since(ROUTE) is None
        finally:
            await watcher.close()


def pod(*, ended: int | None, leaving: bool = True) -> Manifest:
    over = {"finishedAt": f"2026-01-01T12:00:{ended or 0:02}Z"}
    state = {"running": {}} if ended is None else {"terminated": over}
    return {
        "kind": "Pod",
        "metadata": {
            "name": "p",
            "namespace": "default",
            "uid": "p",
            "labels": {LABEL_MODEL: "a"},
            **({"deletionTimestamp": "2026-01-01T12:00:00Z"} if leaving else {}),
        },
        "status": {"containerStatuses": [{"restartCount": 0, "state": state}]},
    }


def test_the_end_of_an_engine_is_known_after_its_pod_is_gone() -> None:
    key = ModelKey(namespace="default", name="a")
    seen = Endings()
    seen.observe("MODIFIED", pod(ended=7))  # the pod itself says so as long as it is there
    seen.observe("DELETED", pod(ended=None))
    assert seen.of(key) is None
    seen.observe("DELETED", pod(ended=9))
    assert seen.of(key) == NOON + timedelta(seconds=9)
    seen.forget(key)
    assert seen.of(key) is None
