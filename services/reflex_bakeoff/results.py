"""Serves a run's documents to the operator until it has kept them: `results` in the pod."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from reflex_api.bakeoff_job import (
    ITEMS_FILE,
    ITEMS_LIMIT,
    PROGRESS_FILE,
    PROGRESS_LIMIT,
    VERDICT_FILE,
    VERDICT_LIMIT,
)

_SERVED: Final = {
    VERDICT_FILE: VERDICT_LIMIT,
    ITEMS_FILE: ITEMS_LIMIT,
    PROGRESS_FILE: PROGRESS_LIMIT,
}
_KIND: Final = {
    VERDICT_FILE: "application/json",
    ITEMS_FILE: "application/gzip",
    PROGRESS_FILE: "application/json",
}


async def serve(
    folder: Path, *, host: str, port: int, started: Callable[[int], None] = lambda _: None
) -> None:
    """Serve a run's documents and its progress of a folder until `DELETE /` or SIGTERM.

    Items are served while they are incomplete, too. Nothing else of the folder is, and nothing
    that is larger than evidence may be.

    Args:
        folder: where `measure` writes.
        host: to listen on.
        port: 0 for any.
        started: called with the port.
    """
    released = asyncio.Event()

    async def document(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in _SERVED:
            raise web.HTTPNotFound(text="no such document")
        data = await asyncio.to_thread(_read, folder / name, _SERVED[name])
        if data is None:
            raise web.HTTPNotFound(text="not there yet")
        return web.Response(body=data, content_type=_KIND[name])

    async def release(_: web.Request) -> web.Response:
        released.set()
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/{name}", document)
    app.router.add_delete("/", release)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, released.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        started(int(runner.addresses[0][1]))
        await released.wait()
    finally:
        await runner.cleanup()


def _read(path: Path, limit: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError:
        return None
    return data if len(data) <= limit else None
