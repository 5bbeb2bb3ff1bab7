"""`/v1/chat/completions`: any OpenAI client gets the same routing as the repairs.

The hot path: the body is parsed once, nothing of it is validated that the router or the engine
looks at themselves, and every piece of a stream is sent on as it comes.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from reflex_loop.service import facts
from reflex_loop.service.decisions import OWNER
from reflex_loop.service.errors import (
    BusyError,
    InvalidRequestError,
    ModelNotFoundError,
    document,
)
from reflex_loop.service.parts import Parts, owner_of, parts_of
from reflex_loop.service.routing_errors import answer_of
from reflex_routing.config import ReflexSection
from reflex_routing.decision import DecisionRecord
from reflex_routing.errors import RoutingError
from reflex_routing.policy import Role
from reflex_routing.request import Answer
from reflex_routing.request import Request as Question
from reflex_routing.risk import RiskFacts
from reflex_routing.wire import Delta
from reflex_service.bodies import into_memory

router = APIRouter(tags=["chat"])

ALIASES: Final = ("reflex", "auto")
"""Names that stand for whoever the rules choose."""
_BODY_SECONDS: Final = 60.0
_FIELDS: Final = frozenset({"model", "messages", "stream", "stream_options"})


def names_of(section: ReflexSection) -> dict[str, str]:
    """Return every name that `model` may have, with who stands behind it."""
    found = dict.fromkeys(ALIASES, "reflex")
    if section.cloud.enabled:
        cloud = (*section.cloud.implementer, *section.cloud.judge)
        found |= dict.fromkeys(cloud, section.cloud.endpoint)
    return found | {model: section.endpoint_of(model) for model in section.local_models}


_SCHEMA: Final[dict[str, Any]] = {
    "security": [{"bearer": []}],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {
            "type": "object",
            "required": ["model", "messages"],
            "properties": {
                "model": {"type": "string", "example": "reflex"},
                "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
                "stream": {"type": "boolean"},
                "stream_options": {
                    "type": "object", "properties": {"include_usage": {"type": "boolean"}},
                },
            },
            "additionalProperties": True,
        }}},
    },
    "parameters": [
        {"name": name, "in": "header", "required": False, "description": text, "schema": schema}
        for name, text, schema in (
            ("X-Reflex-Role", "who asks", {"enum": [role.value for role in Role]}),
            ("X-Reflex-Stage", "only `implement` may be answered locally", {"type": "string"}),
            ("X-Reflex-Failed-Attempts", "local attempts at the same task that failed",
             {"type": "integer", "minimum": 0, "maximum": 1000}),
            ("X-Reflex-Files", "paths the task may touch, by comma: for the risk rule",
             {"type": "string"}),
        )
    ],
}  # fmt: skip


@router.post(
    "/v1/chat/completions",
    summary="Complete a chat, by whoever the rules choose",
    response_class=Response,
    openapi_extra=_SCHEMA,
    responses={200: {
        "description": "OpenAI's chat completion, or server-sent chunks with `stream`. "
        "`X-Reflex-Request` finds its decisions.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    }},
)  # fmt: skip
async def complete(request: Request) -> Response:
    """Answer a chat completion; unknown fields go to the engine as they are."""
    parts = parts_of(request)
    owner = await owner_of(request)
    body = _parsed(
        await into_memory(request, limit=parts.settings.chat_bytes, seconds=_BODY_SECONDS)
    )
    stream = body.get("stream") is True
    question = _question(request.headers, body, parts, whole=not stream)
    if not parts.chats.take():
        raise BusyError(f"{parts.chats.most} completions are under way already", retry_after=1.0)
    parts.metrics.chat(1)
    OWNER.set(owner)
    headers = {"X-Reflex-Request": question.request_id}
    if not stream:
        try:
            return await _whole(request, parts, question, headers)
        finally:
            _leave(parts)
    options = body.get("stream_options")
    usage = isinstance(options, dict) and options.get("include_usage") is True
    pieces = _pieces(parts, question, usage=usage)
    try:
        first = await anext(pieces)
    except RoutingError as error:
        return answer_of(error, parts.metrics, headers)
    except BaseException:
        await pieces.aclose()
        raise
    return StreamingResponse(
        _behind(first, pieces),
        media_type="text/event-stream",
        headers={**headers, "Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _whole(
    request: Request, parts: Parts, question: Question, headers: dict[str, str]
) -> Response:
    """Return the answer in one piece; a client that leaves ends the call."""
    asking = asyncio.ensure_future(parts.router.complete(question))
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({asking, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            return Response(status_code=499)  # nobody reads it
        answer = asking.result()
    except RoutingError as error:
        return answer_of(error, parts.metrics, headers)
    finally:
        for task in (asking, leaving):
            task.cancel()
        if not asking.done():
            await asyncio.wait({asking})
    return Response(
        json.dumps(answer.completion.raw, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "surrogatepass"
        ),
        media_type="application/json",
        headers=headers | _how(answer.decisions),
    )


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _pieces(parts: Parts, question: Question, *, usage: bool) -> AsyncGenerator[bytes, None]:
    """Yield the chunks as server-sent events, as they come.

    Raises:
        RoutingError: before the first piece; after it an error is a piece of the stream.
    """
    said = False
    try:
        async with aclosing(parts.router.stream(question)) as answers:
            async for piece in answers:
                if isinstance(piece, Delta):
                    raw = piece.raw
                    if not usage and not raw.get("choices") and raw.get("usage"):
                        continue  # asked for by the router, not by the client
                    said = True
                    yield b"data: " + _dumped(raw) + b"\n\n"
                elif isinstance(piece, Answer):
                    # A comment: the decision is only made whole when the answer is.
                    yield f": decision {piece.decisions[-1].id}\n\ndata: [DONE]\n\n".encode()
    except RoutingError as error:
        if not said:
            raise
        told = document(str(error), type_="server_error", code=error.code)
        yield b"data: " + _dumped(told) + b"\n\n"
    finally:
        _leave(parts)


async def _behind(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        await rest.aclose()


def _leave(parts: Parts) -> None:
    parts.chats.give()
    parts.metrics.chat(-1)


def _dumped(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidRequestError("the body is no JSON") from None
    if not isinstance(body, dict):
        raise InvalidRequestError("the body is no JSON object")
    return body


def _question(
    headers: Mapping[str, str], body: dict[str, Any], parts: Parts, *, whole: bool
) -> Question:
    model, messages = body.get("model"), body.get("messages")
    known = names_of(parts.router.parts.section)
    if not isinstance(model, str) or not model:
        raise InvalidRequestError(f"model: wanted one of {', '.join(known)}", param="model")
    if model not in known:
        raise ModelNotFoundError(
            f"no model {model[:100]!a}: known are {', '.join(known)}", param="model"
        )
    if not isinstance(messages, list) or not messages:
        raise InvalidRequestError("messages: wanted a list of at least one", param="messages")
    if not all(isinstance(one, dict) for one in messages):
        raise InvalidRequestError("messages: each is an object", param="messages")
    if not isinstance(body.get("stream", False), bool | None):
        raise InvalidRequestError("stream: wanted true or false", param="stream")
    return Question(
        messages=messages,
        parameters={key: value for key, value in body.items() if key not in _FIELDS},
        role=facts.role(headers),
        stage=facts.stage(headers),
        facts=RiskFacts(files=facts.files(headers)),
        failed_attempts=facts.failed_attempts(headers),
        request_id=uuid.uuid4().hex,
        whole=whole,
    )


def _how(decisions: tuple[DecisionRecord, ...]) -> dict[str, str]:
    """Return headers that say who answered and why."""
    last = decisions[-1]
    found = {"X-Reflex-Decision": last.id, "X-Reflex-Reason": last.decision.reason.value}
    if last.decision.target is not None:
        found["X-Reflex-Target"] = _printable(str(last.decision.target))
    return found


def _printable(text: str) -> str:
    return text if text.isascii() and text.isprintable() else ascii(text)
