"""All routes of this process: followed, believed, and told what became of their models."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from reflex_loop.adapters.kube.late import LateCollection
from reflex_loop.adapters.routes.follower import RouteFollower
from reflex_loop.adapters.routes.models import RoutedModels, names
from reflex_loop.adapters.routes.quality import first_answer
from reflex_loop.adapters.routes.reporter import Ending, Reporter
from reflex_loop.adapters.routes.view import RouteView, qualified
from reflex_loop.adapters.routes.word import Observed
from reflex_loop.result import Result
from reflex_routing.breaker import BreakerState, StateChange
from reflex_routing.breakers import Breakers
from reflex_routing.config import ReflexSection
from reflex_routing.decision import DecisionRecord
from reflex_routing.policy import wants_local
from reflex_routing.serving import LocalModels

_STARTING: Final = 5.0
_TRIPPED: Final = (BreakerState.OPEN, BreakerState.HALF_OPEN)


class RouteMetrics(Protocol):
    """What is counted about routes."""

    def route(self, route: str, *, readable: bool, serving: bool, qualified: bool) -> None:
        """Show what a route says."""
        ...

    def feedback(self, route: str, ending: str) -> None:
        """Count a write of reflex-loop's word."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Watched:
    route: str
    follower: RouteFollower
    reporter: Reporter
    observed: Observed


class RouteWatch:
    """The routes behind local models, by the endpoint of the routing configuration.

    Args:
        routes: name of the ReflexRoute of each such endpoint.
        namespace: of the routes; empty: that of this process's pod.
        section: the routing configuration.
        replica: name of this process.
        metrics: told what routes say.
        clock: monotonic seconds.
        now: the wall clock.
    """

    def __init__(
        self, routes: Mapping[str, str], *, namespace: str, section: ReflexSection, replica: str,
        metrics: RouteMetrics, clock: Callable[[], float], now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._section = section
        self._metrics = metrics
        self._now = now
        self._breakers: Breakers | None = None
        self._objects = LateCollection(
            path="apis/reflexstack.dev/v1alpha1", namespace=namespace, plural="reflexroutes"
        )
        self._maps = LateCollection(path="api/v1", namespace=namespace, plural="configmaps")
        self._watched: dict[str, _Watched] = {}
        for endpoint, route in routes.items():
            observed = Observed()
            reporter = Reporter(
                self._maps, route, replica=key_of(replica), observed=observed, now=now,
                told=self._written(route),
            )  # fmt: skip
            follower = RouteFollower(
                self._objects, route, changed=self._listener(endpoint), clock=clock
            )
            self._watched[endpoint] = _Watched(
                route=route, follower=follower, reporter=reporter, observed=observed
            )

    def models(self, engines: LocalModels) -> RoutedModels:
        """Return which models serve, by the routes and, without them, by the engines."""
        sources = {endpoint: one.follower for endpoint, one in self._watched.items()}
        return RoutedModels(engines, self._section, sources, self._now)

    async def start(self, breakers: Breakers) -> None:
        """Follow the routes and begin to speak of them.

        Args:
            breakers: of the router; one that an earlier engine opened is closed when another one
                takes over.
        """
        self._breakers = breakers
        await asyncio.gather(
            *(one.follower.start(seconds=_STARTING) for one in self._watched.values())
        )
        for one in self._watched.values():
            one.reporter.start()

    async def close(self) -> None:
        """Stop."""
        for one in self._watched.values():
            await one.reporter.close()
            await one.follower.close()
        await self._objects.close()
        await self._maps.close()

    def standing(self) -> dict[str, str]:
        """Return, for each route, how it is, for people."""
        found = {}
        for one in self._watched.values():
            view, words = one.follower.view, one.follower.trouble
            if view is None:
                words = f"not readable: {words}"
            elif view.serving:
                words = f"{view.model}@{view.revision} serves"
                words += "" if qualified(view) else ", not qualified"
            else:
                words = f"does not serve: {view.reason}"
            if one.reporter.trouble:
                words += f"; word not written: {one.reporter.trouble}"
            found[one.route] = words
        return found

    def record(self, record: DecisionRecord) -> None:
        """Hear of each decision: a `DecisionSink`."""
        if not wants_local(record.decision.reason):
            return
        for endpoint in {one.target.endpoint for one in record.state.local}:
            if one := self._watched.get(endpoint):
                one.observed.requested(record.at)
                one.reporter.news()

    def repaired(self, result: Result) -> None:
        """Hear of each repair that ended."""
        answer = first_answer(result)
        if answer is not None and (one := self._watched.get(answer.endpoint)):
            one.observed.answered(answer)
            one.reporter.news()

    def breaker(self, change: StateChange) -> None:
        """Hear of each change of a breaker."""
        endpoint, _, model = change.breaker_id.partition("/")
        one = self._watched.get(endpoint)
        if one is not None and model in names(self._section, endpoint):
            one.observed.breaker(change)
            one.reporter.news()

    def _listener(self, endpoint: str) -> Callable[[RouteView | None], None]:
        def changed(view: RouteView | None) -> None:
            one = self._watched[endpoint]
            self._metrics.route(
                one.route,
                readable=view is not None,
                serving=view is not None and view.serving,
                qualified=view is not None and qualified(view),
            )
            if view is None:
                return
            if one.observed.route(view):
                self._close_breakers(endpoint)
            one.reporter.news()

        return changed

    def _close_breakers(self, endpoint: str) -> None:
        """Forget what an earlier engine did: the operator has verified the one that serves now."""
        if self._breakers is None:
            return
        for model in names(self._section, endpoint):
            breaker = self._breakers.get(f"{endpoint}/{model}")
            if breaker.state in _TRIPPED:
                breaker.force(BreakerState.CLOSED, reason="another engine took over")

    def _written(self, route: str) -> Callable[[Ending], None]:
        return lambda ending: self._metrics.feedback(route, ending)


def key_of(name: str) -> str:
    """Return a name as a part of a ConfigMap's key.

    >>> key_of("reflex-loop-7d9f/x")
    'reflex-loop-7d9f-x'
    """
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)[:128] or "replica"
