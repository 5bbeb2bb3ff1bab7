"""A client that costs little: keep-alive connections, a closed loop, times of arrival."""

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bench.chat.stub import MODEL
from reflex_loop.patch import SCHEMA
from reflex_loop.render_full import SYSTEM

_SENT_AT: Final = re.compile(rb"t=(\d+)")
_QUESTION: Final = (
    "error[E0425]: cannot find value `totl` in this scope\n --> src/lib.rs:7:5\n" * 40
)
_WITHIN: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is asked for: whole or in so many pieces, with a pause between them."""

    name: str
    pieces: int = 0  # 0: whole
    pace_ms: int = 0

    def body(self) -> bytes:
        """Return a question as the loop writes it: rules, errors and the schema."""
        request = {
            "model": MODEL,
            "messages": [
                {"role": "system", "content": SYSTEM}, {"role": "user", "content": _QUESTION},
            ],
            "temperature": 0.0, "max_tokens": self.pieces or 2048,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "patch", "schema": SCHEMA, "strict": True},
            },
        }  # fmt: skip
        if self.pieces:
            request |= {"stream": True, "seed": self.pace_ms}
        return json.dumps(request).encode()


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request: seconds to the first and to the last byte, and how late each piece came."""

    first: float
    last: float
    delays: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Round:
    """Requests of one kind to one target, one after the other on each of several connections."""

    exchanges: tuple[Exchange, ...]
    seconds: float


async def play(
    base_url: str, kind: Kind, *, at_once: int, requests: int, headers: Mapping[str, str]
) -> Round:
    """Send the requests and return what they took.

    Raises:
        AssertionError: an answer is no 200, or a stream has not the pieces that were sent.
    """
    address = urlsplit(base_url)
    host, port = address.hostname or "", address.port or 80
    body = kind.body()
    lines = [
        f"POST {address.path}/chat/completions HTTP/1.1", f"Host: {host}:{port}",
        "Content-Type: application/json", f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()), "", "",
    ]  # fmt: skip
    message = "\r\n".join(lines).encode() + body
    left, exchanges = requests, []

    async def one_connection() -> None:
        nonlocal left
        reader, writer = await asyncio.open_connection(host, port)
        try:
            while left > 0:
                left -= 1
                async with asyncio.timeout(_WITHIN):
                    exchanges.append(await _exchange(reader, writer, message, kind))
        finally:
            writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one_connection() for _ in range(at_once)))
    return Round(exchanges=tuple(exchanges), seconds=time.perf_counter() - began)


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes, kind: Kind
) -> Exchange:
    began = time.perf_counter()
    writer.write(message)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head + await reader.read(2000)
    fields = head.lower()
    if b"content-length:" in fields:
        length = int(fields.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        text = await reader.readexactly(length)
        last = time.perf_counter() - began
        assert kind.pieces == 0, "a whole answer to a question for a stream"
        assert b"edits" in text, text[:500]
        return Exchange(first=last, last=last)
    return await _stream(reader, began, kind)


async def _stream(reader: asyncio.StreamReader, began: float, kind: Kind) -> Exchange:
    first, delays, text = 0.0, [], b""
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        data = (await reader.readexactly(size + 2))[:-2]
        now = time.monotonic_ns()
        if size == 0:
            break
        text += data
        sent = _SENT_AT.findall(data)
        if sent and not first:
            first = time.perf_counter() - began
        delays += [(now - int(at)) / 1e9 for at in sent]
    last = time.perf_counter() - began
    if kind.pieces == 0:
        assert b"edits" in text, text[:500]
        return Exchange(first=last, last=last)
    assert len(delays) == kind.pieces, f"{len(delays)} of {kind.pieces} pieces: {text[:500]!r}"
    return Exchange(first=first, last=last, delays=tuple(delays) if kind.pace_ms else ())
