"""The scripted server in a thread of its own, for programs that bring their own event loop."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scripted_openai import Reply, ScriptedServer, http, scripted


@contextmanager
def served(*script: Reply | Callable[[Any], Reply]) -> Iterator[ScriptedServer]:
    """Run a scripted server until the block ends."""
    started: list[ScriptedServer] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def work() -> None:
        async with scripted(*script) as server:
            started.append(server)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(work()), daemon=True)
    thread.start()
    assert ready.wait(10), "the scripted server does not start"
    try:
        yield started[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()


def listing(*models: str, context: int | None = None) -> Reply:
    """What `/models` answers."""
    entry: dict[str, Any] = {"object": "model", "owned_by": "test"}
    if context is not None:
        entry["max_model_len"] = context
    return http(200, {"object": "list", "data": [{"id": name, **entry} for name in models]})


def model(
    name: str, *replies: Reply | Callable[[Any], Reply], context: int | None = None
) -> Callable[[Any], Reply]:
    """A script for a server with one model: its replies in turn, the last one repeated."""
    left = list(replies)

    def answer(body: Any) -> Reply:
        if body is None:
            return listing(name, context=context)
        reply = left.pop(0) if len(left) > 1 else left[0]
        return reply(body) if callable(reply) else reply

    return answer
