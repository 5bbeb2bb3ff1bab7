"""Serves the application, patient with repairs that still run when the process is to end."""

from reflex_loop.service.app import create_app
from reflex_loop.service.parts import Parts
from reflex_service.server import DrainingServer
from reflex_service.server import server as serving


def server(parts: Parts) -> DrainingServer:
    """Return the server; at its end repairs end or are let go, then streams end."""

    async def drain() -> None:
        try:
            await parts.workers.drain(parts.settings.grace_seconds)
        finally:
            parts.ending.set()
            parts.feed.ring_all()

    return serving(
        create_app(parts),
        address=parts.settings.address,
        connections=parts.settings.connections,
        drain=drain,
    )
