"""One call to one OpenAI-compatible server, over the official `openai` package.

The package builds requests and reads SSE; retries, deadlines and the shapes of errors are ours, so
that local engines and the cloud behave alike. Bodies go in and come out as plain JSON.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream, Omit, RequestOptions

from reflex_routing import failures
from reflex_routing.errors import BrokenReplyError, CallTimeoutError, UnavailableError
from reflex_routing.retry import read_retry_after
from reflex_routing.wire import JSON, Completion, Delta, StreamState, read_completion

NO_KEY: Final = "none"
"""In place of a key: the package wants one, but none is sent."""
_PATH: Final = "/chat/completions"


@dataclass(frozen=True, kw_only=True)
class CallLimits:
    """Seconds after which one call is given up."""

    connect: float
    first_token: float
    total: float


@dataclass
class _Progress:
    """How far a call came; decides what a timeout or a broken connection means."""

    end: float
    """When it is given up, by the event loop's clock."""
    begun: bool = False


async def stream_chat(
    client: AsyncOpenAI, body: JSON, *, limits: CallLimits, target: str
) -> AsyncGenerator[Delta | Completion, None]:
    """Yield the pieces of an answer as they come, and the whole at the end.

    Raises:
        CallError: also after some pieces; what was yielded is then no answer.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    end = started + limits.total
    first = min(started + limits.first_token, end)
    state, progress = StreamState(), _Progress(end=end)
    async with _typed_errors(limits, progress, target):
        async with asyncio.timeout_at(first):
            stream = await client.post(
                _PATH,
                body=body,
                cast_to=object,
                stream=True,
                stream_cls=AsyncStream[object],
                options=_options(client, limits),
            )
        try:
            chunks = aiter(stream)
            while True:
                async with asyncio.timeout_at(end if progress.begun else first):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                if not isinstance(chunk, dict):
                    raise failures.broken("a chunk is no JSON object", target=target)
                if failures.is_error(chunk):
                    raise failures.from_stream(chunk, begun=progress.begun, target=target)
                delta = state.feed(chunk)
                progress.begun = state.begun
                yield delta
        finally:
            await stream.close()
    completion = state.completion()
    if completion is None:
        raise failures.broken("the stream ended in the middle of the answer", target=target)
    yield completion


async def whole_chat(
    client: AsyncOpenAI, body: JSON, *, limits: CallLimits, target: str
) -> Completion:
    """Return an answer that comes in one piece; `limits.first_token` does not apply.

    Raises:
        CallError: there was none.
    """
    end = asyncio.get_running_loop().time() + limits.total
    async with _typed_errors(limits, _Progress(end=end), target), asyncio.timeout_at(end):
        document = await client.post(
            _PATH, body=body, cast_to=object, options=_options(client, limits)
        )
    if isinstance(document, dict) and failures.is_error(document):
        raise failures.from_stream(document, begun=False, target=target)
    completion = read_completion(document)
    if completion is None:
        raise failures.broken("the reply is no chat completion", target=target)
    return completion


async def list_models(client: AsyncOpenAI, *, limits: CallLimits, target: str) -> list[JSON]:
    """Return the entries of `/models`.

    Raises:
        CallError: the server did not answer properly.
    """
    end = asyncio.get_running_loop().time() + limits.total
    async with _typed_errors(limits, _Progress(end=end), target), asyncio.timeout_at(end):
        document: Any = await client.get(
            "/models", cast_to=object, options=_options(client, limits)
        )
    entries = document.get("data") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise failures.broken("the reply is no list of models", target=target)
    return [entry for entry in entries if isinstance(entry, dict)]


@asynccontextmanager
async def _typed_errors(
    limits: CallLimits, progress: _Progress, target: str
) -> AsyncIterator[None]:
    try:
        yield
    except openai.APIStatusError as error:
        raise _from_answer(error, target) from error
    except openai.APITimeoutError as error:
        # Only connecting has a timeout inside the package; the others are ours.
        raise CallTimeoutError("connect", seconds=limits.connect, target=target) from error
    except openai.APIConnectionError as error:
        raise _from_connection(error, progress, target) from error
    except openai.APIError as error:  # the package saw an error in the stream
        raise failures.from_stream(error.body, begun=progress.begun, target=target) from error
    except TimeoutError as error:
        if progress.begun or asyncio.get_running_loop().time() >= progress.end:
            raise CallTimeoutError("total", seconds=limits.total, target=target) from error
        raise CallTimeoutError("first_token", seconds=limits.first_token, target=target) from error
    except ValueError as error:  # JSON or UTF-8 that is none
        raise BrokenReplyError("the reply is no JSON", target=target) from error


def _from_answer(error: openai.APIStatusError, target: str) -> Exception:
    response = error.response
    try:
        body: Any = response.json()
    except ValueError:
        body = response.text
    wish = read_retry_after(response.headers, now=datetime.now(UTC))
    return failures.from_status(error.status_code, body, retry_after=wish, target=target)


def _from_connection(
    error: openai.APIConnectionError, progress: _Progress, target: str
) -> Exception:
    cause = error.__cause__
    what = str(cause) if cause is not None and str(cause) else "the connection broke"
    if progress.begun:
        return BrokenReplyError(f"cut off: {what}", target=target)
    unavailable = UnavailableError(what, target=target)
    # Without a connection nothing was sent; otherwise the server may have begun.
    unavailable.may_be_billed = not isinstance(cause, httpx2.ConnectError)
    return unavailable


def _options(client: AsyncOpenAI, limits: CallLimits) -> RequestOptions:
    timeout = httpx2.Timeout(None, connect=limits.connect, pool=limits.connect)
    key = Omit() if client.api_key == NO_KEY else f"Bearer {client.api_key}"
    return {"timeout": timeout, "headers": {"Authorization": key}}
