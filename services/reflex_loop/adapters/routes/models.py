"""Which local models serve, by the word of the routes that stand before them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from reflex_loop.adapters.routes.view import RouteView, evidence
from reflex_routing.config import ReflexSection
from reflex_routing.gate import Evidence
from reflex_routing.serving import LocalModels, ServingModel


class RouteSource(Protocol):
    """Knows what a route says: `RouteFollower`."""

    @property
    def view(self) -> RouteView | None:
        """What it says; None: nobody knows."""
        ...


class RoutedModels:
    """A `LocalModels`: of an endpoint with a route the active model serves, and no other.

    While nobody knows what a route says, the engines themselves are believed, as without routes;
    there is no evidence then, so that an enforced gate lets none of its models pass.

    Args:
        engines: what the engines say.
        section: which models, at which endpoints.
        sources: the routes, by endpoint.
        now: the wall clock.
    """

    def __init__(
        self, engines: LocalModels, section: ReflexSection, sources: Mapping[str, RouteSource],
        now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._engines = engines
        self._section = section
        self._sources = sources
        self._now = now

    def serving(self) -> tuple[ServingModel, ...]:
        """See `LocalModels`."""
        engines = self._engines.serving()
        found: list[ServingModel] = []
        told: set[str] = set()
        for model in self._section.local_models:
            endpoint = self._section.endpoint_of(model)
            view = self._view(endpoint)
            if view is None:
                found += [one for one in engines if (one.endpoint, one.model) == (endpoint, model)]
            elif endpoint not in told:
                told.add(endpoint)
                found.append(self._routed(endpoint, view, engines))
        return tuple(found)

    def evidence(self, model: ServingModel) -> Evidence | None:
        """See `LocalModels`."""
        view = self._view(model.endpoint)
        if view is None:
            return self._engines.evidence(model)
        return evidence(view, model=model.model, revision=model.revision, now=self._now())

    def _view(self, endpoint: str) -> RouteView | None:
        source = self._sources.get(endpoint)
        return source.view if source is not None else None

    def _routed(
        self, endpoint: str, view: RouteView, engines: tuple[ServingModel, ...]
    ) -> ServingModel:
        """Return the active model by the name that the configuration has for it."""
        own = names(self._section, endpoint)
        said = [one.model for one in engines if one.endpoint == endpoint]
        known = [name for name in (view.model, *said) if name in own]
        model = ServingModel(
            model=known[0] if known else own[0], endpoint=endpoint, revision=view.revision
        )
        if not view.serving:
            return replace(model, away=view.reason)
        if not known:
            return replace(model, away=f"{view.model or 'no model'} is not configured")
        return model


def names(section: ReflexSection, endpoint: str) -> tuple[str, ...]:
    """Return the local models that the configuration places at an endpoint."""
    return tuple(one for one in section.local_models if section.endpoint_of(one) == endpoint)
