"""What `health` and `models` find out about an endpoint."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reflex_routing.config import ReflexSection
from reflex_routing.errors import CallError
from reflexctl.sources import served_models

_NAMED: Final = 4


@dataclass(frozen=True, kw_only=True)
class Health:
    """Whether the primary model can be asked. `latency_ms` is of one listing of models."""

    endpoint: str
    model: str
    server_reachable: bool
    available_models: tuple[str, ...] = ()
    error: str = ""
    latency_ms: int | None = None

    @property
    def model_available(self) -> bool:
        """Return whether the server lists the model."""
        return self.model in self.available_models

    @property
    def healthy(self) -> bool:
        """Return whether the model can be asked."""
        return self.server_reachable and self.model_available

    def to_json(self) -> dict[str, Any]:
        """Return the object of `reflexctl health --json`; unknown facts are left out."""
        found: dict[str, Any] = {
            "healthy": self.healthy,
            "server_reachable": self.server_reachable,
            "model_available": self.model_available,
            "endpoint": self.endpoint,
            "model": self.model,
            "available_models": list(self.available_models),
        }
        if self.error:
            found["error"] = self.error
        if self.latency_ms is not None:
            found["latency_ms"] = self.latency_ms
        return found


async def health(
    section: ReflexSection,
    *,
    seconds: float,
    environ: Mapping[str, str],
    any_model: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Health:
    """Ask the primary's endpoint what it serves.

    Args:
        section: the configuration.
        seconds: for the question.
        environ: for the endpoint's key.
        any_model: whichever is served first will do; the primary's name means nothing.
        clock: for the latency.
    """
    model = "" if any_model else section.model_primary
    name = section.endpoint_of(section.model_primary)
    url = section.endpoints[name].base_url
    began = clock()
    try:
        entries = await served_models(section, name, seconds=seconds, environ=environ)
    except CallError as error:
        # A status is an answer: somebody is there, though not of much use.
        return Health(
            endpoint=url, model=model, server_reachable=error.status > 0, error=str(error)
        )
    served = tuple(str(entry.get("id")) for entry in entries)
    if any_model and served:
        model = served[0]
    missing = (
        "" if model in served else f"{model or 'a model'} is not served; there is {_named(served)}"
    )
    return Health(
        endpoint=url,
        model=model,
        server_reachable=True,
        available_models=served,
        error=missing,
        latency_ms=round((clock() - began) * 1000),
    )


def _named(models: tuple[str, ...]) -> str:
    """Return the first few, for people."""
    more = f" and {len(models) - _NAMED} more" if len(models) > _NAMED else ""
    return ", ".join(models[:_NAMED]) + more or "no model"
