"""A scripted OpenAI-compatible server over real sockets; what is tested with it is our side only.

Each request takes the next reply of the script; `Reply`s are made by the functions below. Bytes are
written by hand so that a reply can be cut, delayed or left hanging at any place.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 30,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 100},
}


@dataclass
class Call:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: Any
    connection: int
    """Number of the TCP connection, from 1."""


class Hold:
    """A place where a reply waits: until `release`, or for ever."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let the reply go on."""
        self._released.set()

    async def wait(self) -> None:
        """Wait in the reply."""
        self.reached.set()
        await self._released.wait()


Part = bytes | Hold
Reply = list[Part]
"""Bytes to write and places to wait; then the connection is kept if `Content-Length` says so."""


@dataclass
class ScriptedServer:
    """Answers by script; the last reply repeats."""

    script: list[Reply | Callable[[Any], Reply]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    base_url: str = ""

    def next_reply(self, body: Any) -> Reply:
        """Return what to answer; a callable reply sees the request's body."""
        index = min(len(self.calls), len(self.script)) - 1
        reply = self.script[index]
        return reply(body) if callable(reply) else reply


@asynccontextmanager
async def scripted(*script: Reply | Callable[[Any], Reply]) -> AsyncIterator[ScriptedServer]:
    """Run a server on a free port of the loopback."""
    scripted_server = ScriptedServer(script=list(script))
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        scripted_server.connections += 1
        try:
            await _serve(scripted_server, scripted_server.connections, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    scripted_server.base_url = f"http://{host}:{port}/v1"
    try:
        yield scripted_server
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(
    server: ScriptedServer, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        data = await reader.readexactly(int(headers.get("content-length", "0")))
        body = json.loads(data) if data else None
        path = head[0].split(" ")[1]
        server.calls.append(Call(path=path, headers=headers, body=body, connection=number))
        reply = server.next_reply(body)
        for part in reply:
            if isinstance(part, Hold):
                await part.wait()
            else:
                writer.write(part)
                await writer.drain()
        if b"Connection: close" in b"".join(p for p in reply if isinstance(p, bytes)):
            return


def http(
    status: int, body: Any, *, headers: Mapping[str, str] | None = None, content_type: str = ""
) -> Reply:
    """A whole HTTP answer; a body that is no text is sent as JSON."""
    data = body if isinstance(body, str) else json.dumps(body)
    kind = content_type or ("text/plain" if isinstance(body, str) else "application/json")
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Type: {kind}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += [f"Content-Length: {len(data.encode())}", "", ""]
    return ["\r\n".join(lines).encode() + data.encode()]


def events(*chunks: Any, done: bool = True, hold: Hold | None = None, hold_at: int = 0) -> Reply:
    """A stream of SSE chunks in HTTP chunked coding; with `hold` it waits before that chunk.

    Without `done` the stream ends properly as HTTP, but without `[DONE]`.
    """
    reply: Reply = [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    ]
    texts = [f"data: {one if isinstance(one, str) else json.dumps(one)}\n\n" for one in chunks]
    if done:
        texts.append("data: [DONE]\n\n")
    for index, text in enumerate(texts):
        if hold is not None and index == hold_at:
            reply.append(hold)
        reply.append(_chunk(text.encode()))
    reply.append(b"0\r\n\r\n")
    return reply


def cut(reply: Reply, *, after: int) -> Reply:
    """The first parts of a reply; then the server closes the connection."""
    first = reply[0]
    assert isinstance(first, bytes)
    return [first.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1), *reply[1:after]]


def piece(
    content: str | None = None, *, reasoning: str | None = None, finish: str | None = None
) -> dict[str, Any]:
    """One chunk of a stream as SGLang sends it."""
    delta = {"content": content, "reasoning_content": reasoning}
    return {
        "id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": "served",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }  # fmt: skip


def usage_chunk(usage: Mapping[str, Any] = USAGE) -> dict[str, Any]:
    """The last chunk under `stream_options.include_usage`."""
    return {"id": "chat-1", "object": "chat.completion.chunk", "choices": [], "usage": usage}


def answer(text: str = "right", *, finish: str = "stop", reasoning: str | None = None) -> Reply:
    """A right answer in three pieces, then its usage."""
    half = len(text) // 2
    chunks = [piece("")]
    if reasoning is not None:
        chunks.append(piece(None, reasoning=reasoning))
    chunks += [piece(text[:half]), piece(text[half:]), piece("", finish=finish), usage_chunk()]
    return events(*chunks)


def whole(text: str = "right", **message: Any) -> Reply:
    """A right answer in one piece."""
    return http(
        200,
        {
            "id": "chat-1", "object": "chat.completion", "created": 1, "model": "served",
            "choices": [{
                "index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": text, **message},
            }],
            "usage": USAGE,
        },
    )  # fmt: skip


def hangs() -> Reply:
    """Reads the request and never says a word."""
    return [Hold()]


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
