"""Which local models serve: asked of the engines themselves, in the background."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from reflex_loop.service.metrics import ServiceMetrics
from reflex_routing.client import CallLimits, list_models
from reflex_routing.config import ReflexSection
from reflex_routing.connections import Connections
from reflex_routing.errors import RoutingError
from reflex_routing.gate import Evidence
from reflex_routing.serving import ServingModel

LOG: Final = logging.getLogger("reflex.service.models")
_LIMITS: Final = CallLimits(connect=2.0, first_token=5.0, total=5.0)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    names: frozenset[str]
    at: float


class PolledModels:
    """A `LocalModels`: an engine that does not say that it serves a name is not asked for it.

    An engine that does not answer keeps what it said last for `stale` seconds, in which the
    breaker judges it; then nothing of it serves until it answers again. There is no evidence about
    models here: with `gate.mode: enforce` none is qualified.

    Args:
        section: which models, where.
        environ: for the endpoints' keys.
        metrics: told what serves.
        poll: seconds between two questions to one engine.
        stale: see above.
        clock: monotonic seconds.
        sleep: waits.
    """

    def __init__(
        self, section: ReflexSection, *, environ: Mapping[str, str], metrics: ServiceMetrics,
        poll: float, stale: float, clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        self._connections = Connections(section.endpoints, environ=environ)
        self._wanted = [(section.endpoint_of(model), model) for model in section.local_models]
        self._metrics = metrics
        self._poll = poll
        self._stale = stale
        self._clock = clock
        self._sleep = sleep
        self._seen: dict[str, _Seen] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._down: set[str] = set()

    async def start(self) -> None:
        """Ask every engine once, and again and again in the background."""
        names = sorted({endpoint for endpoint, _ in self._wanted})
        await asyncio.gather(*(self._ask(name) for name in names))
        self._tasks = [asyncio.create_task(self._follow(name)) for name in names]

    async def close(self) -> None:
        """Stop asking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connections.close()

    def serving(self) -> tuple[ServingModel, ...]:
        """See `LocalModels`."""
        now = self._clock()
        return tuple(
            ServingModel(model=model, endpoint=endpoint, revision="")
            for endpoint, model in self._wanted
            if (seen := self._seen.get(endpoint)) is not None
            and model in seen.names
            and now - seen.at <= self._stale
        )

    def evidence(self, model: ServingModel) -> Evidence | None:  # noqa: ARG002
        """See `LocalModels`."""
        return None

    async def _follow(self, endpoint: str) -> None:
        while True:
            await self._sleep(self._poll)
            await self._ask(endpoint)

    async def _ask(self, endpoint: str) -> None:
        try:
            async with self._connections.lease(endpoint, "") as client:
                entries = await list_models(client, limits=_LIMITS, target=endpoint)
        except RoutingError as error:
            if endpoint not in self._down:
                LOG.warning("the models of %s are not known: %s", endpoint, error)
            self._down.add(endpoint)
        else:
            self._down.discard(endpoint)
            names = frozenset(one["id"] for one in entries if isinstance(one.get("id"), str))
            self._seen[endpoint] = _Seen(names=names, at=self._clock())
        serving = {(one.endpoint, one.model) for one in self.serving()}
        for where, model in self._wanted:
            if where == endpoint:
                self._metrics.serving(where, model, serves=(where, model) in serving)
