"""The candidate alone behind the loop's router: no other model, no cloud, no gate."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from reflex_bakeoff.errors import EndpointError
from reflex_routing.assembly import open_router
from reflex_routing.config import (
    BreakerSection,
    EndpointSection,
    GateSection,
    ModelSection,
    ReflexSection,
    RiskSection,
    TimeoutSection,
)
from reflex_routing.config_file import Loaded
from reflex_routing.gate import GateMode
from reflex_routing.policy import RiskFallback
from reflex_routing.prices import PriceTable
from reflex_routing.router import Router

_NAME: Final = "candidate"
_MOST: Final = 100_000
_NEVER: Final = 10_000
"""Failed calls before a breaker opens; the run is given up long before."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Who is measured, and how it is asked.

    Attributes:
        base_url: with its path prefix, such as `/v1`.
        model: its name there.
        asked: the form of questions and the room for them, as in the routing configuration.
        key_file: holds the API key; None: see `key_env`.
        admin_key_file: holds the key for emptying the engine's cache; None: the API key will do.
        key_env: environment variable with the key; empty: none is sent.
        dialect: `sglang` sends max_tokens and knows `ignore_eos`; `openai` does neither.
        seconds: for one answer.
    """

    base_url: str
    model: str
    asked: ModelSection
    key_file: Path | None = None
    admin_key_file: Path | None = None
    key_env: str = ""
    dialect: Literal["sglang", "openai"] = "sglang"
    seconds: float = 300.0


def router_of(endpoint: Endpoint) -> Router:
    """Return a router that knows this endpoint only.

    Nothing that production does to protect itself may move an answer elsewhere or keep a question
    back: no breaker, no escalation, no risk rule. Calls that fail are repeated, for an engine that
    is busy for a moment says nothing about the model; an answer is never drawn twice.

    Raises:
        EndpointError: the address or the name cannot be used.
    """
    try:
        section = ReflexSection(
            model_primary=endpoint.model,
            endpoint=_NAME,
            endpoints={
                _NAME: EndpointSection(
                    base_url=endpoint.base_url,
                    dialect=endpoint.dialect,
                    api_key_env=endpoint.key_env,
                    api_key_file=endpoint.key_file,
                )
            },
            models={endpoint.model: endpoint.asked},
            gate=GateSection(mode=GateMode.DISABLED),
            risk=RiskSection(max_files=_MOST, unsafe_code=False, without_cloud=RiskFallback.ALWAYS),
            breaker=BreakerSection(window_calls=_NEVER, minimum_calls=_NEVER),
            timeouts=TimeoutSection(
                connect=min(5.0, endpoint.seconds),
                first_token=endpoint.seconds,
                total=endpoint.seconds,
                request=3 * endpoint.seconds,
            ),
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise EndpointError(f"{endpoint.base_url}: {where}: {first['msg']}") from None
    loaded = Loaded(reflex=section, prices=PriceTable(version="none"), source="bakeoff")
    return open_router(loaded, registry=CollectorRegistry())
