"""Questions to a download pod: one at a time, off the worker, whatever it answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from reflex_api.weights import WeightsProgress
from reflex_operator.progress import ProgressReader
from reflex_operator.reconcile.plan import ModelKey, WeightsReport, WeightsRequest

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = ModelKey(namespace="default", name="a")
GOOD = WeightsProgress(bytes_done=5, bytes_total=10, bytes_per_second=1)


class Rig:
    def __init__(self, reader: ProgressReader, url: str, answered: asyncio.Event) -> None:
        self.reader, self.url, self.answered = reader, url, answered
        self.asked = 0
        self.answer = web.Response(text=GOOD.model_dump_json())
        self.hang = asyncio.Event()
        self.hang.set()

    async def handle(self, _: web.Request) -> web.Response:
        self.asked += 1
        await self.hang.wait()
        return self.answer

    async def ask(self, uid: str = "pod") -> WeightsReport | None:
        self.answered.clear()
        self.reader.request(KEY, WeightsRequest(pod_uid=uid, url=f"{self.url}/progress"))
        async with asyncio.timeout(10):
            await self.answered.wait()
        return self.reader.report(KEY, {uid})

    def answers(self, progress: WeightsProgress) -> None:
        self.answer = web.Response(text=progress.model_dump_json())


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    answered = asyncio.Event()
    reader = ProgressReader(now=lambda: NOON, answered=lambda _: answered.set(), timeout=0.5)
    made = Rig(reader, "", answered)
    app = web.Application()
    app.router.add_get("/progress", made.handle)
    server = TestServer(app)
    await server.start_server()
    made.url = str(server.make_url("")).rstrip("/")
    try:
        yield made
    finally:
        made.hang.set()
        await reader.close()
        await server.close()


async def test_an_answer_is_kept_with_its_time() -> None:
    async with rig() as r:
        assert await r.ask() == WeightsReport(pod_uid="pod", progress=GOOD, at=NOON)


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=500),
        web.Response(text="no json"),
        web.Response(text='{"bytesDone": -1}'),
        web.Response(status=302, headers={"Location": "http://127.0.0.1:1/progress"}),
        web.Response(body=b"[" * (1 << 17)),
    ],
    ids=["500", "text", "negative", "redirect", "huge"],
)
async def test_what_is_no_answer_leaves_the_last_one(answer: web.Response) -> None:
    async with rig() as r:
        r.answer = answer
        first = await r.ask()
        assert first is not None
        assert first.progress is None
        r.answers(GOOD)
        await r.ask()
        r.answer = web.Response(status=500)
        last = await r.ask()
        assert last is not None
        assert last.progress == GOOD


async def test_silence_ends_in_time() -> None:
    async with rig() as r:
        r.hang.clear()
        report = await r.ask()
        assert report is not None
        assert report.progress is None


async def test_one_pod_is_asked_once_at_a_time() -> None:
    async with rig() as r:
        r.hang.clear()
        request = WeightsRequest(pod_uid="pod", url=f"{r.url}/progress")
        for _ in range(3):
            r.reader.request(KEY, request)
        while not r.asked:
            await asyncio.sleep(0.005)
        r.hang.set()
        await r.ask()
        assert r.asked <= 2


async def test_another_pods_answer_is_forgotten() -> None:
    async with rig() as r:
        await r.ask("old")
        assert r.reader.report(KEY, {"new"}) is None
        assert r.reader.report(KEY, {"old"}) is None


async def test_a_trouble_that_lasts_keeps_its_first_words() -> None:
    async with rig() as r:
        for words in ("attempt 1", "attempt 2"):
            r.answers(GOOD.model_copy(update={"failure": "SourceUnreachable", "message": words}))
            report = await r.ask()
        assert report is not None
        assert report.progress is not None
        assert report.progress.message == "attempt 1"
        r.answers(GOOD)
        report = await r.ask()
        assert report is not None
        assert report.progress == GOOD


async def test_the_test_profile_asks_the_scripted_server() -> None:
    async with rig() as r:
        reader = ProgressReader(
            now=lambda: NOON, answered=lambda _: r.answered.set(), resolver=r.url
        )
        reader.request(KEY, WeightsRequest(pod_uid="pod", url="http://10.0.0.1:8090/progress"))
        async with asyncio.timeout(10):
            await r.answered.wait()
        report = reader.report(KEY, {"pod"})
        assert report is not None
        assert report.progress == GOOD
        await reader.close()


async def test_a_model_that_is_gone_is_not_asked_any_more() -> None:
    async with rig() as r:
        r.hang.clear()
        r.reader.request(KEY, WeightsRequest(pod_uid="pod", url=f"{r.url}/progress"))
        while not r.asked:
            await asyncio.sleep(0.005)
        r.reader.forget(KEY)
        r.hang.set()
        await asyncio.sleep(0)
        assert r.reader.report(KEY, {"pod"}) is None
