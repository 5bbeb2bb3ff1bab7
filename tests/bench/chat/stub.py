"""A stub engine: OpenAI's chat completions over HTTP, as fast as one Python process writes them.

    python -m bench.chat.stub --port PORT

No model is behind it. `max_tokens` is the number of pieces of a stream, `seed` the milliseconds
between them; each piece carries the time at which it was sent (`t=`, monotonic nanoseconds), which
every process of one machine reads alike.
"""

import argparse
import asyncio
import json
import time
from typing import Any, Final

MODEL: Final = "reflex-tiny"
REPLY: Final = json.dumps(
    {"edits": [{"path": "src/lib.rs", "search": ["    totl"], "replace": ["    total"]}]}
)
_USAGE: Final = {
    "prompt_tokens": 1200, "completion_tokens": 40, "total_tokens": 1240,
    "prompt_tokens_details": {"cached_tokens": 1100},
}  # fmt: skip
_INFO: Final[dict[str, Any]] = {
    "/v1/models": {
        "object": "list",
        "data": [{"id": MODEL, "object": "model", "created": 1, "owned_by": "stub"}],
    },
    "/get_model_info": {"model_path": MODEL, "is_generation": True},
    "/model_info": {"model_path": MODEL, "is_generation": True},
    "/get_server_info": {"model_path": MODEL, "served_model_name": MODEL, "version": "stub"},
    "/server_info": {"model_path": MODEL, "served_model_name": MODEL, "version": "stub"},
}
_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


class Connection(asyncio.Protocol):
    """One connection; requests are answered in their order."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].decode("latin-1")
            length = 0
            for line in head.split("\r\n")[1:]:
                name, _, value = line.partition(":")
                if name.lower() == "content-length":
                    length = int(value)
            if len(self._data) < end + 4 + length:
                return
            body = self._data[end + 4 : end + 4 + length]
            self._data = self._data[end + 4 + length :]
            self._answer(head.split(" ", 2)[1].partition("?")[0], body)

    def _answer(self, path: str, body: bytes) -> None:
        if path != "/v1/chat/completions":
            self._send(json.dumps(_INFO.get(path, {"status": "ok"})).encode())
            return
        request = json.loads(body)
        if request.get("stream"):
            # sglang-router renames the limit.
            pieces = request.get("max_tokens") or request.get("max_completion_tokens")
            self._begin(int(pieces), int(request.get("seed") or 0))
            return
        self._send(json.dumps(_whole()).encode())

    def _send(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        self._write(head.encode() + b"\r\n\r\n" + body)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _begin(self, pieces: int, pace_ms: int) -> None:
        self._write(_STREAM_HEAD)
        if pace_ms == 0:
            self._write(b"".join(_chunk(_piece()) for _ in range(pieces)) + _END)
        else:
            self._continue(pieces, pace_ms / 1000)

    def _continue(self, left: int, pace: float) -> None:
        if left == 0:
            self._write(_END)
            return
        self._write(_chunk(_piece()))
        asyncio.get_running_loop().call_later(pace, self._continue, left - 1, pace)


def _whole() -> dict[str, Any]:
    message = {"role": "assistant", "content": REPLY}
    return {
        "id": "chat-1", "object": "chat.completion", "created": 1, "model": MODEL,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": _USAGE,
    }  # fmt: skip


def _piece(finish: str | None = None) -> bytes:
    delta = {} if finish else {"role": "assistant", "content": f"t={time.monotonic_ns()} "}
    return _data(
        {
            "id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
    )  # fmt: skip


def _data(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


_LAST = {"id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
_END: Final = (
    _chunk(_piece("stop"))
    + _chunk(_data({**_LAST, "choices": [], "usage": _USAGE}))
    + _chunk(b"data: [DONE]\n\n")
    + b"0\r\n\r\n"
)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
