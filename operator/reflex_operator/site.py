"""The one HTTP site: /healthz, /readyz, /metrics. Standby and leader answer alike."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest


@dataclass(frozen=True, kw_only=True)
class Health:
    """How the process is; `problem` is empty when it is well."""

    role: str  # standby | leader
    problem: str = ""  # why it should be restarted
    waits_for: str = ""  # why it is not ready


class Site:
    """Serves until it is closed."""

    def __init__(self, registry: CollectorRegistry, health: Callable[[], Health]) -> None:
        self._registry = registry
        self._health = health
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one, told by `port`."""
        app = web.Application(client_max_size=1024)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host or None, port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        # That this answers shows that the event loop turns.
        health = self._health()
        return _answer(health, health.problem)

    async def _readyz(self, _: web.Request) -> web.Response:
        health = self._health()
        return _answer(health, health.problem or health.waits_for)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


def _answer(health: Health, trouble: str) -> web.Response:
    body = {"role": health.role, "status": trouble or "ok"}
    return web.json_response(body, status=503 if trouble else 200)
