"""The gate: what a model must show in a bakeoff. The same type in a resource and in `gate.yaml`."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from reflex_api.decimals import NONE, DecimalBetween, Share, ShareOrNone
from reflex_api.rules import ApiModel, Matches

MOST_LOOKS: Final = 5


class QualityGate(ApiModel):
    """Floors for repairing compile errors; one-sided Wilson bounds, 95 % over all looks."""

    pass_at1_floor: Share = Field(
        default=Decimal("0.50"),
        description="Least share of items repaired by the first patch. Default: 0.50.",
    )
    pass_within_n_floor: Share | None = Field(
        default=None,
        description="Least share repaired within the loop's tries. Default: reported only.",
    )
    tries: int | None = Field(
        default=None,
        ge=1,
        le=10,
        description="Questions about one item at most; the first decides pass@1. Default: the"
        " harness's (3).",
    )
    looks: Annotated[
        tuple[Annotated[int, Field(ge=1, le=2000, description="Number of items.")], ...],
        Field(
            min_length=1,
            max_length=MOST_LOOKS,
            description="Numbers of items after which the gate may decide, evenly spaced, at most"
            " 5. After the last, Inconclusive is final. Default: 100, 200, 300.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = (100, 200, 300)

    @model_validator(mode="after")
    def _evenly_spaced(self) -> Self:
        steps = [self.looks[0] * (index + 1) for index in range(len(self.looks))]
        if list(self.looks) != steps:
            raise ValueError(
                "{field}.looks must be evenly spaced, such as 100, 200, 300: the bounds hold for"
                " equal steps only"
            )
        return self


class SuperiorityGate(ApiModel):
    """What a promotion needs beyond the floors, item by item against the incumbent."""

    non_inferiority_margin: Annotated[
        Decimal,
        DecimalBetween("0.001", "0.5", "0.05"),
        Field(description="Largest true loss of pass@1 that is put up with. Default: 0.05."),
    ] = Decimal("0.05")
    min_benefit: Share = Field(
        default=Decimal("0.05"),
        description="Least measured gain of pass@1; its lower bound must be above 0, too."
        " Default: 0.05.",
    )


class AnswersGate(ApiModel):
    """The form of the answers."""

    schema_floor: Share = Field(
        default=Decimal("0.97"),
        description="Least share of answers that the patch schema accepts. Default: 0.97.",
    )
    truncation_ceiling: ShareOrNone = Field(
        default=Decimal("0.05"),
        description="Largest share of answers cut off by the token limit; none: reported only."
        " Default: 0.05.",
    )
    apply_floor: Share | None = Field(
        default=None,
        description="Least share of valid patches that apply. Default: reported only.",
    )


def _zero_is_none(value: object) -> object:
    return None if type(value) is int and value == 0 else value


Milliseconds = Annotated[
    Annotated[int, Field(ge=1, le=3_600_000, json_schema_extra={"minimum": 0})] | None,
    BeforeValidator(_zero_is_none),
]
"""A limit; 0 is none, as null is, which `kubectl apply` leaves out."""


class LatencyGate(ApiModel):
    """Limits that 95 % of requests keep, with 95 % confidence (Wilks counts); 0: reported only."""

    ttft_cold_p95_milliseconds: Milliseconds = Field(
        default=1000, description="First token, nothing of the prompt cached. Default: 1000."
    )
    ttft_warm_p95_milliseconds: Milliseconds = Field(
        default=300, description="First token, the prompt's prefix cached. Default: 300."
    )
    itl_p95_milliseconds: Milliseconds = Field(
        default=15, description="Mean time between tokens of a request, one stream. Default: 15."
    )
    max_block_ratio: Annotated[Decimal | None, DecimalBetween("1", "100", "1.10", or_none=True)] = (
        Field(
            default=Decimal("1.10"),
            description="Largest ratio between the medians of repeated blocks; above it the node"
            " is too noisy to judge; none: it is judged anyway. Default: 1.10.",
        )
    )


class ThroughputGate(ApiModel):
    """How fast one stream is written."""

    min_roofline_share: ShareOrNone = Field(
        default=Decimal("0.35"),
        description="Least median decode speed as a share of what the memory's bandwidth allows;"
        " none: reported only, as for a CPU, which has no roofline. Default: 0.35.",
    )
    min_tokens_per_second: Annotated[Decimal, DecimalBetween("0", "100000", "170")] | None = Field(
        default=None,
        description="Least median decode speed of one stream, in tokens/s. Default: reported only.",
    )


class ErrorsGate(ApiModel):
    """Requests without a usable answer."""

    ceiling: Share = Field(
        default=Decimal("0.01"),
        description="Largest share of requests that fail; 0.01 needs at least 268 requests."
        " Default: 0.01.",
    )


class CacheMode(StrEnum):
    """Whether the proof decides."""

    REQUIRED = "Required"
    REPORT_ONLY = "ReportOnly"


class CacheGate(ApiModel):
    """The proof that the engine reuses prefixes."""

    mode: CacheMode = Field(
        default=CacheMode.REQUIRED,
        description="Required: part of the verdict. ReportOnly: shown only. Default: Required.",
    )
    min_hit_share: Share = Field(
        default=Decimal("0.90"),
        description="Least share of the shared prefix that warm requests reuse. Default: 0.90.",
    )
    min_ttft_gain: ShareOrNone = Field(
        default=Decimal("0.30"),
        description="Least drop of the median time to first token, cold to warm; none: reuse alone"
        " is proved, as of a model whose prompts cost next to nothing. Default: 0.30.",
    )


class GateSpec(ApiModel):
    """What a model must show; each part has working defaults."""

    suite: Annotated[
        str,
        Matches(r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", "must be a suite's name"),
        Field(max_length=63, description="Items to repair, such as rust-repair-v1."),
    ]
    label: str = Field(
        default="",
        max_length=63,
        description="Shown with every verdict; the demo's gate says demo here. Default: none.",
    )
    quality: QualityGate = Field(
        default_factory=QualityGate, description="Repairing compile errors."
    )
    superiority: SuperiorityGate = Field(
        default_factory=SuperiorityGate, description="Comparison with the incumbent."
    )
    answers: AnswersGate = Field(
        default_factory=AnswersGate, description="The form of the answers."
    )
    latency: LatencyGate = Field(default_factory=LatencyGate, description="Times to answer.")
    throughput: ThroughputGate = Field(
        default_factory=ThroughputGate, description="Speed of one stream."
    )
    errors: ErrorsGate = Field(default_factory=ErrorsGate, description="Requests that fail.")
    cache: CacheGate = Field(default_factory=CacheGate, description="Reuse of prompt prefixes.")

    def to_resource(self) -> dict[str, Any]:
        """Return it as a resource holds it, in which no limit is written `none` or 0.

        A null would be filled in with the default on its way through the API server.
        """
        return _to_resource(self)


def _to_resource(part: ApiModel) -> dict[str, Any]:
    written = part.model_dump(mode="json", by_alias=True)
    found: dict[str, Any] = {}
    for name, field in type(part).model_fields.items():
        alias, value = field.alias or name, getattr(part, name)
        if isinstance(value, ApiModel):
            found[alias] = _to_resource(value)
        elif value is not None:
            found[alias] = written[alias]
        elif field.default is not None:
            found[alias] = 0 if isinstance(field.default, int) else NONE
    return found
