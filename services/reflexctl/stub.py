"""STUB: a server that speaks OpenAI's protocol and holds no model; for `reflexctl e2e`.

It answers by the name of the model that is asked for, and remembers what it was asked.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

RIGHT: Final = "stub-right"
FAILING: Final = "stub-failing"
CLOUD: Final = "stub-cloud"
PATCH: Final = json.dumps(
    {
        "edits": [
            {
                "path": "src/main.rs",
                "search": ["    let count = 1;"],
                "replace": ["    let mut count = 1;"],
            }
        ]
    }
)
_USAGE: Final = {"prompt_tokens": 120, "completion_tokens": 40, "total_tokens": 160}
_LARGEST_BODY: Final = 16 * 1024 * 1024


@dataclass
class Stub:
    """A running stub: where it is, and which models were asked for, in order."""

    base_url: str = ""
    asked: list[str] = field(default_factory=list)


Answer = tuple[int, Mapping[str, Any]]


@asynccontextmanager
async def running() -> AsyncIterator[Stub]:
    """Run a stub on a free port of the loopback until the block ends."""
    stub = Stub()
    open_: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_.add(task)
        try:
            await _serve(stub, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass  # the client left, or talks something else
        except asyncio.CancelledError:
            pass  # the stub is closed
        finally:
            open_.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    stub.base_url = f"http://{host}:{port}/v1"
    try:
        yield stub
    finally:
        server.close()
        for task in list(open_):
            task.cancel()
        await asyncio.gather(*open_, return_exceptions=True)


async def _serve(stub: Stub, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one connection's requests, each with `Content-Length`, until it closes."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        fields = dict(line.lower().split(":", 1) for line in head[1:] if ":" in line)
        length = int(fields.get("content-length", "0"))
        if length > _LARGEST_BODY:
            return
        body = await reader.readexactly(length)
        status, document = _answer(stub, path, json.loads(body) if body else None)
        if status == 200 and "choices" in document and json.loads(body).get("stream"):
            writer.write(_streamed(document))
        else:
            writer.write(_whole(status, document))
        await writer.drain()


def _answer(stub: Stub, path: str, body: Any) -> Answer:  # noqa: ANN401 - foreign JSON
    if path.endswith("/models"):
        names = (RIGHT, FAILING, CLOUD)
        listed = [{"id": name, "object": "model", "owned_by": "stub"} for name in names]
        return 200, {"object": "list", "data": listed}
    model = str(body.get("model")) if isinstance(body, dict) else ""
    stub.asked.append(model)
    if model == FAILING:
        return 503, {"error": {"message": "this stub always fails", "code": 503}}
    message = {"role": "assistant", "content": PATCH}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return 200, {
        "id": f"stub-{len(stub.asked)}", "object": "chat.completion", "created": 0,
        "model": model, "choices": [choice], "usage": _USAGE,
    }  # fmt: skip


def _whole(status: int, document: Mapping[str, Any]) -> bytes:
    data = json.dumps(document).encode()
    head = f"HTTP/1.1 {status} Stub\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


def _streamed(document: Mapping[str, Any]) -> bytes:
    """Return the answer as a stream of two pieces and the usage."""
    common = {name: document[name] for name in ("id", "created", "model")}
    common["object"] = "chat.completion.chunk"
    text = document["choices"][0]["message"]["content"]
    half = len(text) // 2

    def chunk(content: str, finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
        return {**common, "choices": [choice]}

    usage = {**common, "choices": [], "usage": document["usage"]}
    events = [chunk(text[:half]), chunk(text[half:], "stop"), usage]
    lines = [f"data: {json.dumps(event)}\n\n" for event in events] + ["data: [DONE]\n\n"]
    data = "".join(lines).encode()
    head = "HTTP/1.1 200 Stub\r\nContent-Type: text/event-stream\r\n"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data
