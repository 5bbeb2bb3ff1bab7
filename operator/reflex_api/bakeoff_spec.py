"""The spec of a ReflexBakeoff: one run. It never changes, so that its evidence stays about it."""

from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from reflex_api.gate import GateSpec
from reflex_api.rules import ApiModel, DurationBetween, Matches, Rule, rules
from reflex_api.source import DNS_NAME

MODEL_NAME: Final = "^[a-z]([a-z0-9.-]*[a-z0-9])?$"

_SUBJECT: Final = Rule(
    rule="has(self.modelRef) != has(self.endpoint)",
    message="spec.modelRef or spec.endpoint must be set, and only one of them",
)
_UNCHANGED: Final = Rule(
    rule="self == oldSelf",
    message="spec.* is immutable: create another ReflexBakeoff",
    reason="FieldValueForbidden",
)


class ModelRef(ApiModel):
    """A ReflexModel of the same namespace."""

    name: Annotated[
        str,
        Matches(MODEL_NAME, "must be the name of a ReflexModel"),
        Field(max_length=50, description="Name of the ReflexModel."),
    ]


class BakeoffRef(ApiModel):
    """A ReflexBakeoff of the same namespace."""

    name: Annotated[
        str,
        Matches(DNS_NAME, "must be the name of a ReflexBakeoff"),
        Field(max_length=63, description="Name of the ReflexBakeoff."),
    ]


class EndpointKeyRef(ApiModel):
    """The Secret with an endpoint's API key."""

    name: Annotated[
        str,
        Matches(DNS_NAME, "must be the name of a Secret"),
        Field(max_length=253, description="Name of the Secret; its `api-key` is used."),
    ]


class Endpoint(ApiModel):
    """An OpenAI-compatible API that is no ReflexModel."""

    url: Annotated[
        str,
        Matches(
            r"^https?://[A-Za-z0-9._:\[\]-]+(/[!-~]*)?$",
            "must be an http or https URL without user or password",
        ),
        Field(max_length=512, description="Base URL, such as http://host:30000/v1."),
    ]
    model: Annotated[
        str,
        Field(min_length=1, max_length=128, description="Name of the model in that API."),
    ]
    api_key_secret_ref: EndpointKeyRef | None = Field(
        default=None, description="Secret with the key `api-key`. Default: no key is sent."
    )


class LoadSpec(ApiModel):
    """How the speed is measured."""

    requests: int = Field(
        default=124,
        ge=59,
        le=5000,
        description="Timed requests of each phase; a p95 needs at least 59. Default: 124.",
    )
    answer_tokens: int = Field(
        default=128,
        ge=8,
        le=1024,
        description="Tokens of each timed answer. Default: 128.",
    )
    streams: int = Field(
        default=1, ge=1, le=64, description="Requests kept running at once. Default: 1."
    )
    requests_per_minute: int = Field(
        default=0,
        ge=0,
        le=60000,
        description="Rate of an open-loop phase; 0: none. Default: 0.",
    )


class ReflexBakeoffSpec(ApiModel):
    """What is measured, and against what."""

    model_config = ConfigDict(json_schema_extra=rules(_SUBJECT, _UNCHANGED))

    model_ref: ModelRef | None = Field(
        default=None, description="The ReflexModel that is measured. This or endpoint."
    )
    endpoint: Endpoint | None = Field(
        default=None, description="The API that is measured; it gives no evidence for a route."
    )
    gate: GateSpec = Field(description="What must be shown, and on which suite.")
    load: LoadSpec = Field(default_factory=LoadSpec, description="How the speed is measured.")
    seed: int = Field(
        default=0, ge=0, le=2147483647, description="Seed of order and arrivals. Default: 0."
    )
    baseline_ref: BakeoffRef | None = Field(
        default=None,
        description="Finished run of the incumbent to compare with. Default: floors only.",
    )
    valid_for: Annotated[
        timedelta,
        DurationBetween("1m", "8760h"),
        Field(description="How long its evidence counts, 1m to 8760h. Default: 336h."),
    ] = timedelta(days=14)
    timeout: Annotated[
        timedelta,
        DurationBetween("1m", "48h"),
        Field(description="Time for one attempt, 1m to 48h. Default: 4h."),
    ] = timedelta(hours=4)

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if (self.model_ref is None) == (self.endpoint is None):
            raise ValueError(_SUBJECT.message)
        return self
