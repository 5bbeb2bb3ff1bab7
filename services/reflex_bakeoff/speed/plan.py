"""What the load generator is told to send: the whole input of its process."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from reflex_api.items import Prefix


class PlanPart(BaseModel):
    """Base: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedRequest(PlanPart):
    """One prompt."""

    id: Annotated[str, Field(min_length=1, max_length=128)]
    system: str = ""
    prompt: str
    prefix: Prefix = Prefix.MIXED
    block: Annotated[int, Field(ge=0)] = 0


class PlannedPhase(PlanPart):
    """Requests that are sent in one way: so many at once, or so many a second."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    streams: Annotated[int, Field(ge=0, le=512)] = 1
    """Closed loop: requests kept running; the next starts when one ends."""
    rate: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """Open loop: requests per second, whether or not earlier ones have ended."""
    requests: Annotated[tuple[PlannedRequest, ...], Field(min_length=1, max_length=100_000)]

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.streams > 0) == (self.rate > 0):
            raise ValueError("a phase has streams (closed loop) or a rate (open loop), not both")
        return self


class LoadPlan(PlanPart):
    """Everything that is sent to one endpoint."""

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]
    """With its path prefix, such as `/v1`."""
    model: Annotated[str, Field(min_length=1, max_length=255)]
    phases: Annotated[tuple[PlannedPhase, ...], Field(min_length=1, max_length=32)]
    max_tokens: Annotated[int, Field(ge=1, le=100_000)] = 128
    extra: dict[str, Any] = Field(default_factory=dict)
    """Further fields of each request, such as `{"ignore_eos": true}`."""
    seed: int = 42
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 120.0
    """Longest silence of the server within a request."""
    open_streams: Annotated[int, Field(ge=1, le=512)] = 256
    """Requests that an open loop may have running; those beyond wait, and their wait counts."""
    api_key_env: str = ""
    """Environment variable with the key; keys are never written into a plan."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        ids = [one.id for phase in self.phases for one in phase.requests]
        if len(set(ids)) != len(ids):
            raise ValueError("a request id is there twice")
        if len({phase.name for phase in self.phases}) != len(self.phases):
            raise ValueError("a phase name is there twice")
        return self
