"""The spec of a ReflexRoute: who may serve, in which order, on what evidence."""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from reflex_api.bakeoff_spec import MODEL_NAME, LoadSpec
from reflex_api.decimals import Share
from reflex_api.gate import GateSpec
from reflex_api.rules import ApiModel, DurationBetween, Matches, Rule, rules

MOST_FALLBACKS: Final = 8

ModelName = Annotated[
    str,
    Matches(MODEL_NAME, "must be the name of a ReflexModel"),
    Field(max_length=50, description="Name of a ReflexModel of this namespace."),
]


class PromotionMode(StrEnum):
    """Who makes a better member the incumbent."""

    GATED = "Gated"
    MANUAL = "Manual"
    DISABLED = "Disabled"


class EvaluationTime(StrEnum):
    """When a bakeoff may take the slot."""

    IMMEDIATELY = "Immediately"
    IDLE = "Idle"
    WINDOW = "Window"
    MANUAL = "Manual"


class Slot(ApiModel):
    """Room for engines, shared by all routes of the namespace that name it."""

    name: Annotated[
        str,
        Matches(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "must be a name such as gpu0", optional=True),
        Field(max_length=63, description="Name of the slot. Default: one of the route's own."),
    ] = ""
    max_resident: int = Field(
        default=1,
        ge=1,
        le=8,
        description="Engines that fit at once; routes that disagree get the least. Default: 1.",
    )


class Promotion(ApiModel):
    """How a member becomes the incumbent."""

    mode: PromotionMode = Field(
        default=PromotionMode.GATED,
        description="Gated: on evidence of superiority. Manual: by annotation with an evidence id."
        " Disabled: never. Default: Gated.",
    )
    min_benefit: Share = Field(
        default=Decimal("0.05"),
        description="Least measured gain of pass@1; its lower bound must be above 0, too."
        " Default: 0.05.",
    )
    cooldown: Annotated[
        timedelta,
        DurationBetween("0s", "2160h"),
        Field(description="Least time between two promotions, 0s to 2160h. Default: 24h."),
    ] = timedelta(hours=24)
    soak: Annotated[
        timedelta,
        DurationBetween("0s", "168h"),
        Field(
            description="Time after a promotion in which a regression takes it back, 0s to 168h."
            " Default: 30m."
        ),
    ] = timedelta(minutes=30)


class Failover(ApiModel):
    """When another member takes over from an engine that is not well."""

    unhealthy_after: Annotated[
        timedelta,
        DurationBetween("1s", "24h"),
        Field(description="Unhealthy for so long, 1s to 24h. Default: 5m."),
    ] = timedelta(minutes=5)
    failback_after: Annotated[
        timedelta,
        DurationBetween("1s", "24h"),
        Field(
            description="First wait before the incumbent is tried again, 1s to 24h; it doubles with"
            " each failure, up to 24h. Default: 15m."
        ),
    ] = timedelta(minutes=15)
    max_swaps_per_hour: int = Field(
        default=4, ge=1, le=60, description="Swaps within an hour, 1 to 60. Default: 4."
    )
    allow_stale: bool = Field(
        default=False,
        description="Let a member take over whose evidence is stale by age or driver only, with"
        " Degraded=True. Default: false.",
    )


class Window(ApiModel):
    """Times in which evaluations may take the slot."""

    schedule: Annotated[
        str,
        Matches(
            "^[0-9A-Za-z*/,#-]+( [0-9A-Za-z*/,#-]+){4}$",
            "must be five cron fields in UTC, such as `0 3 * * *`",
        ),
        Field(max_length=64, description="When a window opens: five cron fields, UTC."),
    ]
    duration: Annotated[
        timedelta,
        DurationBetween("1m", "24h"),
        Field(description="How long it stays open, 1m to 24h. Default: 2h."),
    ] = timedelta(hours=2)


_WINDOW: Final = Rule(
    rule="!has(self.when) || self.when != 'Window' || has(self.window)",
    message="evaluation.window must be set with evaluation.when Window",
    field_path=".when",
)


class Evaluation(ApiModel):
    """When a member is measured, and how long that may take the slot."""

    model_config = ConfigDict(json_schema_extra=rules(_WINDOW))

    when: EvaluationTime = Field(
        default=EvaluationTime.IDLE,
        description="Immediately, Idle (no request for idleFor), Window, or Manual: only when a"
        " ReflexBakeoff of the member is created by hand. Default: Idle.",
    )
    idle_for: Annotated[
        timedelta,
        DurationBetween("1s", "24h"),
        Field(description="Time without a request, 1s to 24h. Default: 10m."),
    ] = timedelta(minutes=10)
    window: Window | None = Field(
        default=None, description="Inside it an evaluation may take longer than maxOutage."
    )
    max_outage: Annotated[
        timedelta,
        DurationBetween("1m", "24h"),
        Field(
            description="Outside a window, an evaluation that stops the incumbent starts only when"
            " its estimate fits, and ends then. 1m to 24h. Default: 30m."
        ),
    ] = timedelta(minutes=30)
    load: LoadSpec = Field(default_factory=LoadSpec, description="How the speed is measured.")
    preempt: bool = Field(
        default=True,
        description="A request for the route ends an evaluation that stopped the incumbent."
        " Default: true.",
    )
    valid_for: Annotated[
        timedelta,
        DurationBetween("1m", "8760h"),
        Field(description="How long evidence counts, 1m to 8760h. Default: 336h."),
    ] = timedelta(days=14)

    @model_validator(mode="after")
    def _has_its_window(self) -> Self:
        if self.when is EvaluationTime.WINDOW and self.window is None:
            raise ValueError(_WINDOW.message)
        return self


_DISTINCT: Final = Rule(
    rule="!has(self.fallbacks) || !(self.primary in self.fallbacks)",
    message="spec.fallbacks must not hold spec.primary",
    field_path=".fallbacks",
)


class ReflexRouteSpec(ApiModel):
    """What the user asks for."""

    model_config = ConfigDict(json_schema_extra=rules(_DISTINCT))

    primary: ModelName = Field(
        description="The first incumbent: serves until a member is promoted. Changing it makes the"
        " new one the incumbent."
    )
    fallbacks: tuple[ModelName, ...] = Field(
        default=(),
        max_length=MOST_FALLBACKS,
        description="Members that may take over once they are qualified, in this order. At most 8.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    slot: Slot = Field(default_factory=Slot, description="Room for engines.")
    gate: GateSpec = Field(description="What a member must show.")
    promotion: Promotion = Field(
        default_factory=Promotion, description="How a member becomes the incumbent."
    )
    failover: Failover = Field(
        default_factory=Failover, description="When another member takes over."
    )
    evaluation: Evaluation = Field(
        default_factory=Evaluation, description="When members are measured."
    )

    @property
    def members(self) -> tuple[str, ...]:
        """Return all members, the primary first."""
        return (self.primary, *self.fallbacks)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.members)) != len(self.members):
            raise ValueError(_DISTINCT.message)
        return self
