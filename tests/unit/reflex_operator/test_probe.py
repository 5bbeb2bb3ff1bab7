import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from reflex_operator.keys import Keys
from reflex_operator.manifest import ObjectRef
from reflex_operator.metrics import Metrics
from reflex_operator.probe import Prober
from reflex_operator.reconcile.plan import (
    Incarnation,
    ModelKey,
    ProbeOutcome,
    ProbeRequest,
    ProbeResult,
)
from unit.reflex_operator.fakeapi import FakeApi, serving

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = ModelKey(namespace="default", name="a")
API_KEY, ADMIN_KEY = "api-s3cret", "admin-s3cret"
GOOD = {"edits": [{"path": "src/main.rs", "search": ["a"], "replace": ["b"]}]}
INFO = {
    "api_key": API_KEY,
    "admin_api_key": ADMIN_KEY,
    "version": "0.5.23",
    "internal_states": [{"memory_usage": {"token_capacity": 70000, "weight": 12.5}}],
}


class Engine:
    """A scripted engine that insists on its keys."""

    def __init__(self) -> None:
        self.served = "tiny"
        self.info_key = API_KEY
        self.content: Any = json.dumps(GOOD)
        self.chat_error: dict[str, Any] | None = None
        self.asked: list[str] = []
        self.first = asyncio.Event()
        self.hang = asyncio.Event()
        self.hang.set()

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        self.first.set()
        await self.hang.wait()
        wanted = self.info_key if request.path == "/server_info" else API_KEY
        if request.headers.get("Authorization") != f"Bearer {wanted}":
            return web.json_response({"error": {"message": "bad key"}}, status=401)
        if request.path == "/v1/models":
            return web.json_response({"data": [{"id": self.served}]})
        if request.path == "/server_info":
            return web.json_response(INFO)
        if self.chat_error:
            return web.json_response(self.chat_error, status=400)
        choice = {"finish_reason": "stop", "message": {"content": self.content}}
        return web.json_response({"choices": [choice]})


class Rig:
    def __init__(self, engine: Engine, prober: Prober, url: str, news: asyncio.Queue[Any]) -> None:
        self.engine, self.prober, self.url, self.news = engine, prober, url, news

    def request(self, restart: int = 0, url: str = "") -> ProbeRequest:
        return ProbeRequest(
            incarnation=Incarnation(pod_uid="pod", restart_count=restart),
            base_url=url or self.url,
            served_name="tiny",
            secret=ObjectRef(kind="Secret", namespace="default", name="a-keys"),
            context_length=1024,
        )

    async def ask(self, request: ProbeRequest | None = None) -> ProbeResult:
        self.prober.request(KEY, request or self.request())
        await asyncio.wait_for(self.news.get(), 5)
        (result,) = self.prober.results(KEY, {"pod"})
        return result


@asynccontextmanager
async def rig(**options: Any) -> AsyncIterator[Rig]:
    engine, fake = Engine(), FakeApi()
    data = {"api-key": API_KEY, "admin-api-key": ADMIN_KEY}
    fake.add(
        {
            "kind": "Secret",
            "metadata": {"name": "a-keys", "namespace": "default"},
            "data": {k: base64.b64encode(v.encode()).decode() for k, v in data.items()},
        }
    )
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", engine.handle)
    server = TestServer(app)
    await server.start_server()
    news: asyncio.Queue[Any] = asyncio.Queue()
    async with serving(fake) as cluster:
        prober = Prober(
            Keys(cluster, clock=lambda: 0.0),
            metrics=Metrics(),
            now=lambda: NOON,
            answered=news.put_nowait,
            **options,
        )
        try:
            yield Rig(engine, prober, str(server.make_url("")).rstrip("/"), news)
        finally:
            engine.hang.set()
            await prober.close()
            await server.close()


async def test_a_good_answer_verifies_and_memory_is_read() -> None:
    async with rig() as r:
        result = await r.ask()
        assert result.outcome is ProbeOutcome.VERIFIED
        assert result.memory is not None
        assert result.memory.kv_tokens == 70000
        assert (result.engine_version, result.failures) == ("0.5.23", 0)
        assert r.engine.asked == ["/v1/models", "/v1/chat/completions", "/server_info"]


async def test_memory_is_asked_for_with_the_admin_key_where_that_is_needed() -> None:
    async with rig() as r:
        r.engine.info_key = ADMIN_KEY
        assert (await r.ask()).memory is not None
        r.engine.info_key = "another"
        result = await r.ask()
        assert (result.outcome, result.memory) == (ProbeOutcome.VERIFIED, None)


async def test_another_model_is_not_asked_to_generate() -> None:
    async with rig() as r:
        r.engine.served = "other"
        result = await r.ask()
        assert result.outcome is ProbeOutcome.WRONG_MODEL
        assert result.evidence == "serves other, not tiny"
        assert r.engine.asked == ["/v1/models"]


async def test_failures_are_counted_for_each_incarnation() -> None:
    async with rig() as r:
        r.engine.content = "no json"
        assert [(await r.ask()).failures for _ in range(3)] == [1, 2, 3]
        assert (await r.ask(r.request(restart=1))).failures == 1
        r.engine.content = json.dumps(GOOD)
        assert (await r.ask(r.request(restart=1))).failures == 0


async def test_an_engine_that_cannot_be_reached() -> None:
    async with rig() as r:
        result = await r.ask(r.request(url="http://127.0.0.1:9"))
        assert result.outcome is ProbeOutcome.UNREACHABLE


async def test_a_silent_engine_is_given_up_after_the_timeout() -> None:
    async with rig(timeout=0.2) as r:
        r.engine.hang.clear()
        result = await r.ask()
        assert result.outcome is ProbeOutcome.UNREACHABLE


async def test_one_probe_at_a_time_and_a_new_incarnation_replaces_the_old() -> None:
    async with rig() as r:
        r.engine.hang.clear()
        for _ in range(3):
            r.prober.request(KEY, r.request())
        await asyncio.wait_for(r.engine.first.wait(), 5)
        assert r.engine.asked == ["/v1/models"]
        r.prober.request(KEY, r.request(restart=1))
        r.engine.hang.set()
        await asyncio.wait_for(r.news.get(), 5)
        (result,) = r.prober.results(KEY, {"pod"})
        assert result.incarnation.restart_count == 1
        assert r.news.empty()


async def test_answers_of_pods_that_are_gone_are_forgotten() -> None:
    async with rig() as r:
        await r.ask()
        assert r.prober.results(KEY, {"another"}) == ()
        assert r.prober.results(KEY, {"pod"}) == ()


async def test_no_key_in_evidence_or_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with rig() as r:
        words = f"invalid header Authorization: Bearer {API_KEY}"
        r.engine.chat_error = {"error": {"message": words}}
        result = await r.ask()
        assert result.outcome is ProbeOutcome.BAD_ANSWER
        assert "Bearer ***" in result.evidence
        r.engine.chat_error = None
        await r.ask()
    for secret in (API_KEY, ADMIN_KEY):
        assert secret not in caplog.text
        assert secret not in repr(result)


async def test_a_resolver_stands_in_for_every_engine() -> None:
    async with rig() as r:
        r.prober._resolver = r.url
        result = await r.ask(r.request(url="http://192.0.2.1:30000"))
        assert result.outcome is ProbeOutcome.VERIFIED
