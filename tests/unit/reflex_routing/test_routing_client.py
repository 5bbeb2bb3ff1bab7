"""One call over real sockets: answers, errors in every shape, deadlines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from openai import AsyncOpenAI

import scripted_openai as api
from reflex_routing.client import CallLimits, list_models, stream_chat, whole_chat
from reflex_routing.config import EndpointSection
from reflex_routing.connections import Connections
from reflex_routing.errors import (
    AuthError,
    BadSchemaError,
    BrokenReplyError,
    CallError,
    CallTimeoutError,
    ContextTooLongError,
    NotServedError,
    QuotaExhaustedError,
    RateLimitedError,
    RequestRejectedError,
    UnavailableError,
)
from reflex_routing.wire import Completion, Delta, FinishReason
from scripted_openai import Reply, ScriptedServer

PATIENT = CallLimits(connect=30, first_token=30, total=30)
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}


@asynccontextmanager
async def client_of(server: ScriptedServer, key: str = "") -> AsyncIterator[AsyncOpenAI]:
    section = EndpointSection(base_url=server.base_url, api_key_env="KEY" if key else "")
    connections = Connections({"e": section}, environ={"KEY": key})
    async with connections.lease("e", "") as client:
        yield client
    await connections.close()


async def streamed(
    reply: Reply, limits: CallLimits = PATIENT
) -> tuple[list[Delta], Completion | None, CallError | None]:
    deltas: list[Delta] = []
    completion = None
    async with api.scripted(reply) as server, client_of(server) as client:
        try:
            async for one in stream_chat(client, dict(BODY), limits=limits, target="e/m"):
                if isinstance(one, Delta):
                    deltas.append(one)
                else:
                    completion = one
        except CallError as error:
            return deltas, completion, error
    return deltas, completion, None


async def failure(reply: Reply, limits: CallLimits = PATIENT) -> CallError:
    _, completion, error = await streamed(reply, limits)
    assert completion is None
    assert error is not None
    assert "e/m: " in str(error)
    return error


async def test_pieces_come_as_they_are_and_add_up() -> None:
    deltas, completion, error = await streamed(api.answer("an answer"))
    assert error is None
    assert completion is not None
    assert "".join(delta.content for delta in deltas) == completion.content == "an answer"
    assert completion.finish_reason is FinishReason.STOP
    assert completion.usage.prompt_tokens == 120
    assert completion.usage.cached_tokens == 100
    assert completion.usage.reported
    assert completion.raw["choices"][0]["message"] == {"role": "assistant", "content": "an answer"}


async def test_reasoning_is_kept_apart_from_content() -> None:
    _, completion, _ = await streamed(api.answer('{"a":1}', reasoning="let me think"))
    assert completion is not None
    assert (completion.content, completion.reasoning) == ('{"a":1}', "let me think")


async def test_a_cut_answer_says_length_and_is_no_error() -> None:
    _, completion, error = await streamed(api.answer('{"edits":[', finish="length"))
    assert error is None
    assert completion is not None
    assert completion.truncated


async def test_tool_calls_are_put_together() -> None:
    def call(arguments: str, **more: str) -> dict[str, object]:
        function = {"arguments": arguments, **more}
        delta = {"tool_calls": [{"index": 0, "id": "t1", "function": function}]}
        return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}

    end = api.piece(None, finish="tool_calls")
    deltas, completion, _ = await streamed(api.events(call('{"x"', name="f"), call(":1}"), end))
    assert completion is not None
    message = completion.raw["choices"][0]["message"]
    assert message["tool_calls"] == [
        {"type": "function", "id": "t1", "function": {"name": "f", "arguments": '{"x":1}'}}
    ]
    assert deltas[0].said


async def test_an_answer_in_one_piece() -> None:
    reply = api.whole("all", reasoning_content="r")
    async with api.scripted(reply) as server, client_of(server) as client:
        completion = await whole_chat(client, dict(BODY), limits=PATIENT, target="e/m")
    assert (completion.content, completion.reasoning) == ("all", "r")
    assert completion.usage.cached_tokens == 100
    assert completion.raw["id"] == "chat-1"


FLAT = {
    "object": "error", "message": "bad temperature", "type": "BadRequestError", "param": None,
    "code": 400,
}  # fmt: skip
LONG = "The input (9000 tokens) is longer than the model's context length (8192 tokens)."


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (api.http(400, FLAT), RequestRejectedError, "bad temperature"),
        (api.http(400, {**FLAT, "message": LONG}), ContextTooLongError, "9000 tokens"),
        (api.http(400, {"error": {"message": "x", "code": "context_length_exceeded"}}),
         ContextTooLongError, "x"),
        (api.http(400, {**FLAT, "message": "Failed to compile json grammar: oops"}),
         BadSchemaError, "oops"),
        (api.http(401, {"error": "Unauthorized"}), AuthError, "Unauthorized"),
        (api.http(403, {"error": "Forbidden"}), AuthError, "Forbidden"),
        (api.http(404, {"error": {"message": "no such model", "code": "model_not_found"}}),
         NotServedError, "no such model"),
        (api.http(405, {"detail": "Method Not Allowed"}), NotServedError, "Method Not Allowed"),
        (api.http(413, "too large"), ContextTooLongError, "too large"),
        (api.http(422, {"detail": [{"msg": "field required"}]}), RequestRejectedError, "required"),
        (api.http(402, {"error": {"message": "pay"}}), QuotaExhaustedError, "pay"),
        (api.http(429, {"error": {"message": "empty", "code": "insufficient_quota"}}),
         QuotaExhaustedError, "empty"),
        (api.http(429, {"error": {"message": "slow down"}}), RateLimitedError, "slow down"),
        (api.http(500, {"error": {"message": "native"}}), UnavailableError, "native"),
        (api.http(503, {"object": "error", "message": "The request queue is full."}),
         UnavailableError, "queue is full"),
        (api.http(502, "<html>bad gateway</html>"), UnavailableError, "bad gateway"),
    ],
)  # fmt: skip
async def test_each_error_shape_has_its_type(
    reply: Reply, kind: type[CallError], words: str
) -> None:
    error = await failure(reply)
    assert type(error) is kind
    assert words in str(error)
    assert not error.may_be_billed


async def test_retry_after_is_read() -> None:
    error = await failure(api.http(429, "later", headers={"Retry-After": "7"}))
    assert (type(error), error.status, error.retry_after) == (RateLimitedError, 429, 7.0)


@pytest.mark.parametrize(
    ("chunk", "kind"),
    [
        ({"error": {"message": "CUDA error", "code": 500}}, UnavailableError),
        ({"error": {"message": LONG, "type": "BadRequestError", "code": 400}}, ContextTooLongError),
        ({"error": {"message": "no code"}}, UnavailableError),
        ({"object": "error", "message": "flat", "code": 400}, RequestRejectedError),
        ({"error": "just text"}, UnavailableError),
    ],
)
async def test_an_error_after_http_200_is_an_error(
    chunk: dict[str, object], kind: type[CallError]
) -> None:
    error = await failure(api.events(chunk))
    assert type(error) is kind
    assert not error.may_be_billed


async def test_an_error_in_the_middle_of_a_stream_may_be_billed() -> None:
    deltas, _, error = await streamed(
        api.events(api.piece("half an"), {"error": {"message": "died"}})
    )
    assert [delta.content for delta in deltas] == ["half an"]
    assert isinstance(error, UnavailableError)
    assert error.may_be_billed


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(api.events(api.piece("half"), done=False), id="ends without a reason"),
        pytest.param(api.events(api.piece("half")), id="done without a finish_reason"),
        pytest.param(api.cut(api.answer("half"), after=3), id="the connection closes"),
        pytest.param(api.events("{not json"), id="no JSON"),
        pytest.param(api.events("[1]"), id="no object"),
        pytest.param(api.whole(), id="one piece although a stream was asked for"),
        pytest.param(api.http(200, "<html>hello</html>"), id="a web page"),
    ],
)
async def test_a_reply_that_is_no_complete_answer_is_broken(reply: Reply) -> None:
    error = await failure(reply)
    assert type(error) is BrokenReplyError
    assert error.may_be_billed


async def test_a_hanging_server_meets_the_first_token_deadline() -> None:
    error = await failure(api.hangs(), CallLimits(connect=30, first_token=0.05, total=30))
    assert isinstance(error, CallTimeoutError)
    assert (error.phase, error.may_be_billed) == ("first_token", True)


async def test_pieces_without_words_do_not_extend_the_first_token_deadline() -> None:
    reply = api.events(api.piece(""), api.piece("late"), hold=api.Hold(), hold_at=1)
    error = await failure(reply, CallLimits(connect=30, first_token=0.05, total=30))
    assert isinstance(error, CallTimeoutError)
    assert error.phase == "first_token"


async def test_an_answer_in_one_piece_has_only_the_total_deadline() -> None:
    limits = CallLimits(connect=30, first_token=0.01, total=0.2)
    async with api.scripted(api.hangs()) as server, client_of(server) as client:
        with pytest.raises(CallTimeoutError) as caught:
            await whole_chat(client, dict(BODY), limits=limits, target="e/m")
    assert caught.value.phase == "total"


async def test_a_stalling_stream_meets_the_total_deadline() -> None:
    reply = api.events(api.piece("begun"), api.piece("never"), hold=api.Hold(), hold_at=1)
    deltas, _, error = await streamed(reply, CallLimits(connect=30, first_token=30, total=3))
    assert [delta.content for delta in deltas] == ["begun"]
    assert isinstance(error, CallTimeoutError)
    assert error.phase == "total"


async def test_no_connection_is_unavailable_and_costs_nothing() -> None:
    async with api.scripted(api.answer()) as server:
        pass  # closed again: nobody listens on its port
    async with client_of(server) as client:
        with pytest.raises(UnavailableError) as caught:
            async for _ in stream_chat(client, dict(BODY), limits=PATIENT, target="e/m"):
                pass
    assert not caught.value.may_be_billed


async def test_the_key_is_sent_only_where_there_is_one() -> None:
    async with api.scripted(api.whole()) as server:
        for key in ("", "k-123"):
            async with client_of(server, key) as client:
                await whole_chat(client, dict(BODY), limits=PATIENT, target="e/m")
    sent = [call.headers.get("authorization") for call in server.calls]
    assert sent == [None, "Bearer k-123"]


async def test_the_environment_of_the_package_is_not_told_to_a_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-of-the-cloud")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    async with api.scripted(api.whole()) as server, client_of(server) as client:
        await whole_chat(client, dict(BODY), limits=PATIENT, target="e/m")
    told = " ".join(f"{name}: {value}" for name, value in server.calls[0].headers.items())
    assert "secret-of-the-cloud" not in told
    assert "org-1" not in told
    assert "proj-1" not in told


async def test_models_are_listed() -> None:
    listing = api.http(200, {"object": "list", "data": [{"id": "gpt-oss-20b"}]})
    async with api.scripted(listing) as server, client_of(server) as client:
        assert await list_models(client, limits=PATIENT, target="e") == [{"id": "gpt-oss-20b"}]
    assert server.calls[0].path == "/v1/models"
