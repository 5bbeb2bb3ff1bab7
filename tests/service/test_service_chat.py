"""Chat completions: any OpenAI client gets the routing, its errors, and its pieces at once."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from reflex_loop.service.parts import Places
from scripted_openai import (
    USAGE,
    Hold,
    answer,
    cut,
    events,
    hangs,
    http,
    piece,
    scripted,
    usage_chunk,
    whole,
)
from service_rig import (
    KEYS,
    client,
    configuration,
    eventually,
    make_parts,
    served,
)

ASK: Any = {"model": "reflex", "messages": [{"role": "user", "content": "hello"}]}
CLOUD = """\
  cloud: {enabled: true, endpoint: cloud, implementer: [big]}
  budgets: {daily_usd: %s, prices: prices.yaml}
"""
PRICES = """\
version: "1"
models:
  big: {input_usd: 1, output_usd: 2, max_output_tokens: 1000}
"""


def parts_for(folder: Path, base_url: str, url: str = "", more: str = "", **settings: Any) -> Any:
    folder.mkdir(exist_ok=True)
    config = configuration(folder, base_url, more)
    return make_parts(folder, url=url, config=config, **settings)


def official(url: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{url}/v1", api_key=KEYS["alice"], max_retries=0)


async def test_the_official_client_gets_the_engines_own_answer(
    tmp_path: Path, database_url: str
) -> None:
    async with scripted(whole("right", audio=None)) as engine:
        parts = parts_for(tmp_path, engine.base_url, database_url)
        async with served(parts) as url, official(url) as ai, client(url) as plain:
            made = await ai.chat.completions.with_raw_response.create(
                **ASK, temperature=0.5, extra_body={"top_k": 3, "unknown": {"a": [1]}},
                extra_headers={"X-Reflex-Failed-Attempts": "1", "X-Reflex-Files": "src/a.rs,b.rs"},
            )  # fmt: skip
            found = made.parse()
            assert found.choices[0].message.content == "right"
            assert found.usage is not None
            assert found.usage.prompt_tokens == USAGE["prompt_tokens"]
            asked = engine.calls[-1].body
            assert asked["model"] == "tiny"
            assert asked["unknown"] == {"a": [1]}
            assert (asked["top_k"], asked["temperature"]) == (3, 0.5)
            assert "stream" not in asked
            assert made.headers["x-reflex-target"] == "local/tiny"
            request = made.headers["x-reflex-request"]
            records = await plain.get("/v1/decisions", params={"request": request})
            (record,) = records.json()["data"]
            assert record["id"] == made.headers["x-reflex-decision"]
            assert record["inputs"]["failedAttempts"] == 1
            assert record["inputs"]["risk"]["files"] == 2
            assert record["inputs"]["gates"]["local/tiny"]["reason"] == "gate_disabled"
            async with client(url, "bob") as bob:
                assert (await bob.get("/v1/decisions")).json()["data"] == []


async def test_pieces_come_as_they_are_said(tmp_path: Path) -> None:
    hold = Hold()
    reply = events(
        piece("one"), piece("two"), piece("", finish="stop"), usage_chunk(), hold=hold, hold_at=1
    )
    async with scripted(reply) as engine:
        parts = parts_for(tmp_path, engine.base_url)
        async with served(parts) as url, official(url) as ai:
            stream = await ai.chat.completions.create(**ASK, stream=True)
            said = [(await anext(stream)).choices[0].delta.content]
            await hold.reached.wait()  # the engine has not said the second piece yet
            assert said == ["one"]
            hold.release()
            rest = [chunk async for chunk in stream]
            assert [chunk.choices[0].delta.content for chunk in rest] == ["two", ""]
            assert all(chunk.choices for chunk in rest), "usage comes to who asked for it"


async def test_usage_comes_to_who_asked_for_it(tmp_path: Path) -> None:
    async with scripted(answer("right")) as engine:
        parts = parts_for(tmp_path, engine.base_url)
        async with served(parts) as url, client(url) as plain:
            asked = ASK | {"stream": True, "stream_options": {"include_usage": True}}
            text = (await plain.post("/v1/chat/completions", json=asked)).text
            lines = [line for line in text.split("\n\n") if line]
            assert lines[-1] == "data: [DONE]"
            assert lines[-2].startswith(": decision ")
            assert json.loads(lines[-3].removeprefix("data: "))["usage"] == USAGE


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (http(400, {"error": {"message": "no such option"}}), 400, "request_rejected"),
        (
            http(400, {"error": {"message": "longer than the model's context length"}}),
            400,
            "context_length_exceeded",
        ),
        (http(401, {"error": {"message": "who?"}}), 502, "upstream_auth"),
        (http(404, {"error": {"message": "what?"}}), 502, "upstream_not_served"),
        (http(429, {"error": {"message": "slow"}}, headers={"Retry-After": "7"}), 429, None),
        (http(500, {"error": {"message": "oh"}}), 503, "unavailable"),
        (http(200, {"no": "answer"}), 502, "broken_reply"),
        (hangs, 504, "timeout"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_errors_have_openais_shape(
    tmp_path: Path, reply: Any, status: int, code: str | None, stream: bool
) -> None:
    more = "  timeouts: {connect: 1, first_token: 1, total: 1, request: 2}\n  max_attempts: 1\n"
    async with scripted(reply() if callable(reply) else reply) as engine:
        parts = parts_for(tmp_path, engine.base_url, more=more)
        async with served(parts) as url, client(url) as plain:
            found = await plain.post("/v1/chat/completions", json=ASK | {"stream": stream})
            assert found.status_code == status, found.text
            error = found.json()["error"]
            assert set(error) == {"message", "type", "code", "param"}
            if code:
                assert error["code"] == code
            else:
                assert found.headers["retry-after"] == "7"
            assert found.headers["x-reflex-decision"]


async def test_an_error_after_the_first_piece_ends_the_stream(tmp_path: Path) -> None:
    async with scripted(cut(answer("right"), after=3)) as engine:
        parts = parts_for(tmp_path, engine.base_url)
        async with served(parts) as url, official(url) as ai:
            stream = await ai.chat.completions.create(**ASK, stream=True)
            with pytest.raises(openai.APIError, match=r"cut off|ended|broke"):
                [chunk async for chunk in stream]


async def test_the_budget_refuses_before_anything_is_sent(
    tmp_path: Path, database_url: str
) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES)
    async with scripted(http(500, {"error": {"message": "oh"}})) as engine:
        more = CLOUD % "0.000001"
        config = configuration(tmp_path, engine.base_url, more)
        text = config.read_text().replace(
            "endpoints: {local:",
            f"endpoints: {{cloud: {{base_url: '{engine.base_url}', dialect: openai}}, local:",
        )
        config.write_text(text)
        parts = make_parts(tmp_path, url=database_url, config=config)
        async with served(parts) as url, client(url) as plain:
            role = {"X-Reflex-Role": "implementer", "X-Reflex-Stage": "plan"}
            found = await plain.post("/v1/chat/completions", json=ASK, headers=role)
            assert found.status_code == 402
            error = found.json()["error"]
            assert (error["type"], error["code"]) == (
                "insufficient_quota", "cloud_budget_exhausted",
            )  # fmt: skip
            assert int(found.headers["retry-after"]) > 0
            assert engine.calls == []
            budget = (await plain.get("/v1/budgets")).json()
            assert [one["window"] for one in budget["data"]] == ["daily", "monthly"]
            assert budget["data"][0]["limit_usd"] == "0.000001"
            assert budget["data"][0]["spent_usd"] == "0"
            page = (await plain.get("/metrics")).text
            assert 'reflex_routing_budget_usd{what="limit",window="daily"} 1e-06' in page


async def test_an_open_breaker_says_when_to_come_again(tmp_path: Path) -> None:
    more = "  breaker: {minimum_calls: 1, window_calls: 1, cool_down_seconds: 30}\n"
    async with scripted(http(500, {"error": {"message": "oh"}})) as engine:
        parts = parts_for(tmp_path, engine.base_url, more=more)
        async with served(parts) as url, client(url) as plain:
            await plain.post("/v1/chat/completions", json=ASK)
            found = await plain.post("/v1/chat/completions", json=ASK)
            assert found.status_code == 503
            assert found.json()["error"]["code"] == "circuit_open"
            assert 1 <= int(found.headers["retry-after"]) <= 30
            (breaker,) = (await plain.get("/v1/breakers")).json()["data"]
            assert (breaker["id"], breaker["permits"]) == ("local/tiny", False)


def _is_empty(places: Places) -> bool:
    return places.taken == 0


async def test_a_client_that_leaves_ends_the_call(tmp_path: Path) -> None:
    for stream in (False, True):
        hold = Hold()
        script: Any = [hold] if not stream else events(piece("a"), piece("b"), hold=hold, hold_at=1)
        async with scripted(script) as engine:
            parts = parts_for(tmp_path / str(stream), engine.base_url)
            async with served(parts) as url, client(url) as plain:
                asked = plain.post("/v1/chat/completions", json=ASK | {"stream": stream})
                task = asyncio.create_task(asked)
                await asyncio.wait_for(hold.reached.wait(), 20)
                assert parts.chats.taken == 1
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await eventually(partial(_is_empty, parts.chats))
                found = (await plain.get("/v1/decisions")).json()["data"]
                assert [one["outcome"]["error"] for one in found] == ["cancelled"]


async def test_places_are_bounded_and_rates_kept(tmp_path: Path) -> None:
    hold = Hold()
    async with scripted([hold, *whole()], whole()) as engine:
        parts = parts_for(tmp_path, engine.base_url, chat_running=1, rate="3/minute")
        async with served(parts) as url, client(url) as plain:
            first = asyncio.create_task(plain.post("/v1/chat/completions", json=ASK))
            await asyncio.wait_for(hold.reached.wait(), 20)
            second = await plain.post("/v1/chat/completions", json=ASK)
            assert (second.status_code, second.json()["error"]["code"]) == (429, "overloaded")
            hold.release()
            assert (await first).status_code == 200
            assert (await plain.post("/v1/chat/completions", json=ASK)).status_code == 200
            fourth = await plain.post("/v1/chat/completions", json=ASK)
            assert fourth.json()["error"]["code"] == "rate_limit_exceeded"
            assert 1 <= int(fourth.headers["retry-after"]) <= 60
            async with client(url, "bob") as bob:
                assert (await bob.post("/v1/chat/completions", json=ASK)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{", 400, None),
        (b"[]", 400, None),
        (b"[" * 100_000, 400, None),
        (b'{"messages": [{}]}', 400, "model"),
        (b'{"model": "gpt-9", "messages": [{}]}', 404, "model"),
        (b'{"model": "reflex", "messages": []}', 400, "messages"),
        (b'{"model": "reflex", "messages": [1]}', 400, "messages"),
        (b'{"model": "reflex", "messages": [{}], "stream": 1}', 400, "stream"),
        (b" " * 3_000, 413, None),
    ],
)
async def test_wrong_requests_go_nowhere(
    tmp_path: Path, body: bytes, status: int, param: str | None
) -> None:
    parts = parts_for(
        tmp_path, "http://127.0.0.1:9/v1", chat_bytes=2_000 + 100_000 * (body[:2] == b"[[")
    )
    async with served(parts) as url, client(url) as plain:
        found = await plain.post("/v1/chat/completions", content=body)
        assert found.status_code == status, found.text
        assert found.json()["error"]["param"] == param


async def test_only_engines_that_serve_a_model_are_asked_for_it(tmp_path: Path) -> None:
    models: dict[str, Any] = {"object": "list", "data": [{"id": "another"}]}
    async with scripted(lambda body: http(200, models) if body is None else whole()) as engine:
        parts = parts_for(tmp_path, engine.base_url, poll_models=True, models_poll_seconds=0.02)
        async with served(parts) as url, client(url) as plain:
            found = await plain.post("/v1/chat/completions", json=ASK)
            assert (found.status_code, found.json()["error"]["code"]) == (503, "no_route")
            listed = (await plain.get("/v1/models")).json()["data"]
            assert [one["id"] for one in listed] == ["reflex", "auto"]
            assert {call.path for call in engine.calls} == {"/v1/models"}
            models["data"] = [{"id": "tiny"}]
            await eventually(lambda: parts.local.serving())
            assert (await plain.post("/v1/chat/completions", json=ASK)).status_code == 200
            listed = (await plain.get("/v1/models")).json()["data"]
            assert [one["id"] for one in listed] == ["reflex", "auto", "tiny"]
