"""Which local models serve now, and what is known about them: told by whoever knows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from reflex_routing.config import ReflexSection
from reflex_routing.gate import Evidence


@dataclass(frozen=True, kw_only=True)
class ServingModel:
    """A local model that answers now, or that is known to be away."""

    model: str
    endpoint: str
    revision: str
    """Changes with everything that evidence depends on; empty: unknown."""
    away: str = ""
    """Why it does not answer now though it is the one that should, such as `Evaluating`."""


class LocalModels(Protocol):
    """The cluster's or the workstation's local models, as last seen; must not block."""

    def serving(self) -> tuple[ServingModel, ...]:
        """Return the models that serve, in the order of preference."""
        ...

    def evidence(self, model: ServingModel) -> Evidence | None:
        """Return the newest evidence about this model, or None."""
        ...


class ConfiguredModels:
    """Takes the configuration's word for it, for a workstation without an operator.

    An endpoint serves one model at a time, and an engine answers to any name; so of the models
    that share the default endpoint only the primary is taken to serve.
    """

    def __init__(
        self, section: ReflexSection, *, revision: str = "", evidence: Iterable[Evidence] = ()
    ) -> None:
        own = section.model_endpoints
        names = [
            model
            for model in section.local_models
            if model in own or model == section.model_primary
        ]
        self._serving = tuple(
            ServingModel(model=model, endpoint=section.endpoint_of(model), revision=revision)
            for model in names
        )
        self._evidence = {(one.model, one.revision): one for one in evidence}

    def serving(self) -> tuple[ServingModel, ...]:
        """See `LocalModels`."""
        return self._serving

    def evidence(self, model: ServingModel) -> Evidence | None:
        """See `LocalModels`."""
        return self._evidence.get((model.model, model.revision))
