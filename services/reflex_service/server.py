"""Serves an application by uvicorn: impatient with slow senders, in order at the end."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

LOG: Final = logging.getLogger("reflex.service")
_HEADER_SECONDS: Final = 10.0
_HEADER_BYTES: Final = 32 * 1024
_STREAM_SECONDS: Final = 10
"""For answers that are under way when everything else has ended."""


class ImpatientH11(H11Protocol):
    """Closes connections that take too long over the head of their first request.

    uvicorn has a limit for idle connections after an answer, and none before the first request.
    """

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._late = self.loop.call_later(_HEADER_SECONDS, self._lose_patience)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._late is not None:
            self._late.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait anew when the head of a further request comes in pieces."""
        super().data_received(data)
        if self._between() and (self._late is None or self._late.cancelled()):
            self._late = self.loop.call_later(_HEADER_SECONDS, self._lose_patience)
        elif not self._between() and self._late is not None:
            self._late.cancel()

    def _between(self) -> bool:
        """Return whether no request is being answered: its head is not complete yet."""
        return self.cycle is None or self.cycle.response_complete

    def _lose_patience(self) -> None:
        self._late = None
        if self._between() and not self.transport.is_closing():
            self.transport.close()


class DrainingServer(uvicorn.Server):
    """Ends in order: first what `drain` does, then open answers end, then the port is closed."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._drain_work = drain
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[Any] | None = None) -> None:
        """See `uvicorn.Server`."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, _frame: FrameType | None) -> None:
        """Begin to end; a second signal does not wait for anything.

        uvicorn's own would raise the signal again in the end, and the process would be killed by
        it before it has put its things away.
        """
        if self._draining is None and self._loop is not None and self.started:
            self._loop.call_soon_threadsafe(self._begin, sig)
        else:
            self.should_exit = self.force_exit = True

    def _begin(self, sig: int) -> None:
        if self._draining is None:
            LOG.info("%s: taking no new work", signal.Signals(sig).name)
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            await self._drain_work()
        finally:
            self.should_exit = True


def server(
    app: FastAPI, *, address: tuple[str, int], connections: int,
    drain: Callable[[], Awaitable[None]],
) -> DrainingServer:  # fmt: skip
    """Return the server; `serve` runs it.

    Args:
        app: what is served.
        address: host and port.
        connections: open at once, at most.
        drain: awaited after SIGTERM, before open answers are asked to end.
    """
    host, port = address
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=ImpatientH11,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        limit_concurrency=connections,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_STREAM_SECONDS,
        # Rates count by key, never by address: nobody's word about addresses is needed.
        proxy_headers=False,
    )
    return DrainingServer(config, drain)
