"""The configuration's shape: section `reflex` of `configs/reflex.yaml`, documented there.

`config_file.load` reads it; every field here can be set by `REFLEX__` and its path, such as
`REFLEX__BUDGETS__DAILY_USD`.
"""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from reflex_routing.breaker import BreakerConfig, BreakerState
from reflex_routing.budget import Limits
from reflex_routing.capture import CaptureMode, RedactionRule
from reflex_routing.gate import GateMode, Thresholds
from reflex_routing.policy import RiskFallback, RoutingPolicy
from reflex_routing.prices import nano_usd
from reflex_routing.retry import RetryConfig
from reflex_routing.risk import RiskRule

Name = Annotated[str, Field(min_length=1, max_length=255)]
Percent = Annotated[float, Field(gt=0, le=100)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Usd = Annotated[Decimal, Field(ge=0, le=1_000_000)]

BREAKER_MODES: Final = {
    "automatic": BreakerState.CLOSED,
    "disabled": BreakerState.DISABLED,
    "metrics_only": BreakerState.METRICS_ONLY,
    "forced_open": BreakerState.FORCED_OPEN,
}


class Section(BaseModel):
    """Base of all sections: unknown keys are refused, values do not change."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class EndpointSection(Section):
    """One OpenAI-compatible server."""

    base_url: str = Field(pattern=r"^https?://[^\s?#]+$", max_length=2048)
    """With its path prefix, such as `/v1`."""
    dialect: Literal["sglang", "openai"] = "sglang"
    """`openai`: the token limit is sent as max_completion_tokens."""
    api_key_env: str = Field(default="", max_length=255)
    """Name of the environment variable that holds the key."""
    api_key_file: Path | None = None
    """File that holds the key; read again for every new connection."""
    omit_parameters: tuple[str, ...] = Field(default=(), max_length=32)
    """Request parameters that this server refuses, such as `temperature`."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.api_key_env and self.api_key_file:
            raise ValueError("give api_key_env or api_key_file, not both")
        return self


class CloudSection(Section):
    """Who answers what local models should not or cannot."""

    enabled: bool = False
    endpoint: Name = "cloud"
    implementer: tuple[Name, ...] = Field(default=(), max_length=8)
    """Models for repairs, in the order in which they are asked."""
    judge: tuple[Name, ...] = Field(default=(), max_length=8)


class ModelSection(Section):
    """How a model is asked for a repair, whoever serves it."""

    renderer: Literal["full", "compact"] = "full"
    """`compact`: one error in about 160 tokens, for models of a few million parameters."""
    context_tokens: int = Field(default=16_384, ge=128, le=10_000_000)
    """Prompt and reply together."""
    reply_tokens: int = Field(default=2_048, ge=16, le=1_000_000)
    """The longest reply, thinking included; the rest of the context is for the prompt."""

    @model_validator(mode="after")
    def _prompts_have_room(self) -> Self:
        if self.reply_tokens > self.context_tokens // 2:
            raise ValueError("reply_tokens is more than half of context_tokens: no room to ask")
        return self

    @property
    def prompt_tokens(self) -> int:
        """The room for a question."""
        return self.context_tokens - self.reply_tokens


class ThresholdSection(Section):
    """Limits on the evidence's numbers beyond the bakeoff's own; absent: its verdict decides."""

    p95_latency_ms: float | None = Field(default=None, gt=0)
    success_percent: Percent | None = None
    json_schema_percent: Percent | None = None
    pass_at_1_percent: Percent | None = None
    min_samples: int | None = Field(default=None, ge=1)


class GateSection(Section):
    """Which local models are good enough."""

    mode: GateMode = GateMode.ENFORCE
    thresholds: ThresholdSection = Field(default_factory=ThresholdSection)


class RiskSection(Section):
    """What goes to the cloud first."""

    max_files: int = Field(default=4, ge=0)
    paths: tuple[Name, ...] = Field(default=(), max_length=256)
    unsafe_code: bool = True
    without_cloud: RiskFallback = RiskFallback.UNCONFIGURED


class BudgetSection(Section):
    """What the cloud may cost, in USD; windows are UTC days and months."""

    daily_usd: Usd | None = None
    monthly_usd: Usd | None = None
    warn_percent: int = Field(default=80, ge=1, le=100)
    prices: Path | None = None
    """The price table; relative to this file. Default: `prices.yaml` beside it."""


class BreakerSection(Section):
    """One breaker for each endpoint and model."""

    mode: Literal["automatic", "disabled", "metrics_only", "forced_open"] = "automatic"
    failure_rate_percent: Percent = 50.0
    window_calls: int = Field(default=100, ge=1, le=10_000)
    minimum_calls: int = Field(default=10, ge=1, le=10_000)
    cool_down_seconds: Seconds = 30.0
    slow_call_seconds: Seconds = 60.0
    slow_call_rate_percent: Percent = 100.0
    probes_required: int = Field(default=1, ge=1, le=100)

    @model_validator(mode="after")
    def _window_holds_the_minimum(self) -> Self:
        if self.minimum_calls > self.window_calls:
            raise ValueError("minimum_calls is larger than window_calls: it would never open")
        return self


class RetrySection(Section):
    """Repetition of calls that may succeed in a moment."""

    attempts: int = Field(default=3, ge=1, le=10)
    base_seconds: Seconds = 0.1
    cap_seconds: Seconds = 10.0
    jitter: float = Field(default=0.5, ge=0, le=1)
    longest_wait_seconds: Seconds = 30.0


class TimeoutSection(Section):
    """Seconds after which a call is given up."""

    connect: Seconds = 5.0
    first_token: Seconds = 60.0
    total: Seconds = 300.0
    request: Seconds = 900.0
    """The whole request, with its retries and escalations."""

    @model_validator(mode="after")
    def _each_within_the_next(self) -> Self:
        if not self.connect <= self.first_token <= self.total <= self.request:
            raise ValueError("wanted: connect <= first_token <= total <= request")
        return self


class RedactSection(Section):
    """What is removed from captured text besides well-known key formats."""

    emails: bool = True
    env_names: tuple[str, ...] = RedactionRule().env_names
    paths: tuple[str, ...] = RedactionRule().paths
    patterns: tuple[str, ...] = Field(default=(), max_length=64)

    @model_validator(mode="after")
    def _patterns_compile(self) -> Self:
        for pattern in self.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"patterns: {pattern!r} is no pattern: {error}") from None
        return self


class CaptureSection(Section):
    """What decision records keep of conversations."""

    mode: CaptureMode = CaptureMode.PROMPTS_ONLY
    max_bytes: int = Field(default=65_536, ge=256, le=4_194_304)
    redact: RedactSection = Field(default_factory=RedactSection)


class ReflexSection(Section):
    """Everything that the router is told."""

    enabled: bool = True
    """False: local models are not asked."""
    model_primary: Name
    model_fallbacks: tuple[Name, ...] = Field(default=(), max_length=16)
    """In the order in which they are preferred; each must pass the gate."""
    max_attempts: int = Field(default=2, ge=1, le=100)
    endpoint: Name = "local"
    """The endpoint that serves the local models: a route's stable Service."""
    model_endpoints: dict[Name, Name] = Field(default_factory=dict)
    """Local models with an endpoint of their own."""
    models: dict[Name, ModelSection] = Field(default_factory=dict, max_length=64)
    """How each is asked, local or cloud; a model that is not named has the defaults, and one that
    is named here and nowhere else does no harm: a variable may have chosen others."""
    endpoints: dict[Name, EndpointSection] = Field(min_length=1)
    cloud: CloudSection = Field(default_factory=CloudSection)
    gate: GateSection = Field(default_factory=GateSection)
    risk: RiskSection = Field(default_factory=RiskSection)
    budgets: BudgetSection = Field(default_factory=BudgetSection)
    breaker: BreakerSection = Field(default_factory=BreakerSection)
    retry: RetrySection = Field(default_factory=RetrySection)
    timeouts: TimeoutSection = Field(default_factory=TimeoutSection)
    capture: CaptureSection = Field(default_factory=CaptureSection)

    @property
    def local_models(self) -> tuple[str, ...]:
        """The local models, in the order of preference."""
        return (self.model_primary, *self.model_fallbacks)

    def endpoint_of(self, model: str) -> str:
        """Return the name of a local model's endpoint."""
        return self.model_endpoints.get(model, self.endpoint)

    def model(self, name: str) -> ModelSection:
        """Return how a model is asked."""
        return self.models.get(name) or ModelSection()

    def policy(self) -> RoutingPolicy:
        """Return the rules for `policy.decide`."""
        return RoutingPolicy(
            reflex_enabled=self.enabled,
            max_attempts=self.max_attempts,
            risk_fallback=self.risk.without_cloud,
        )

    def risk_rule(self) -> RiskRule:
        """Return the rule for `risk.assess`."""
        risk = self.risk
        return RiskRule(max_files=risk.max_files, paths=risk.paths, unsafe_code=risk.unsafe_code)

    def limits(self) -> Limits:
        """Return the budget's limits in nano-dollars."""
        daily, monthly = self.budgets.daily_usd, self.budgets.monthly_usd
        return Limits(
            daily=None if daily is None else nano_usd(daily),
            monthly=None if monthly is None else nano_usd(monthly),
            warn_percent=self.budgets.warn_percent,
        )

    def breaker_config(self) -> BreakerConfig:
        """Return the numbers of a breaker; a probe may take as long as a call."""
        numbers = self.breaker.model_dump(exclude={"mode"})
        return BreakerConfig(**numbers, probe_timeout_seconds=self.timeouts.request)

    def retry_config(self) -> RetryConfig:
        """Return the limits for `retry.wait_before_retry`."""
        return RetryConfig(**self.retry.model_dump())

    def thresholds(self) -> Thresholds:
        """Return the limits for `gate.gate`."""
        return Thresholds(**self.gate.thresholds.model_dump())

    def redaction(self) -> RedactionRule:
        """Return the rule for `capture.Redactor`."""
        return RedactionRule(**self.capture.redact.model_dump())
