"""The status of a ReflexBakeoff: its numbers, copied from the immutable evidence."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from reflex_api.rules import ApiModel
from reflex_api.status import ConditionStatusEntry
from reflex_api.verdict import Judgement

Number = Annotated[str, Field(max_length=32)]


class MetricInterval(ApiModel):
    """Bounds of a metric, each one-sided with 95 % confidence."""

    low: Number | None = Field(default=None, description="Lower bound; absent: none.")
    high: Number | None = Field(default=None, description="Upper bound; absent: none.")


class MetricTarget(ApiModel):
    """What was wanted of a metric."""

    relation: Literal[">=", "<=", ">"] = Field(description="How the value is compared.")
    value: Number = Field(description="The bound that the gate sets.")


class MetricStatus(ApiModel):
    """One number with its formula and judgement."""

    name: str = Field(max_length=63, description="Name of the metric.")
    unit: str | None = Field(default=None, max_length=32, description="Unit of its numbers.")
    formula: str | None = Field(default=None, max_length=512, description="How it is computed.")
    n: int | None = Field(default=None, ge=0, description="Observations that it rests on.")
    point: Number | None = Field(
        default=None, description="Point estimate; absent: infinite or not measured."
    )
    ci: MetricInterval | None = Field(default=None, description="Confidence bounds.")
    target: MetricTarget | None = Field(default=None, description="What the gate wants.")
    incumbent: Number | None = Field(default=None, description="The baseline's number.")
    verdict: Judgement | None = Field(
        default=None, description="Judgement; absent: it decides nothing."
    )
    reason: str | None = Field(default=None, max_length=63, description="Why it was judged so.")


class ReflexBakeoffStatus(ApiModel):
    """What the run gave. Deleting it loses nothing: the evidence is a ConfigMap."""

    observed_generation: int | None = Field(
        default=None, ge=0, description="metadata.generation that this status is about."
    )
    verdict: Judgement | None = Field(
        default=None, description="Qualification: Pass makes a model eligible for failover."
    )
    superiority: Judgement | None = Field(
        default=None, description="Against the baseline; a promotion needs Pass here, too."
    )
    simulated: bool | None = Field(
        default=None, description="True: the numbers come from no real model."
    )
    pass_at1: Number | None = Field(
        default=None, description="Share of items repaired by the first patch."
    )
    items: int | None = Field(default=None, ge=0, description="Items that the verdict rests on.")
    evidence_key: str | None = Field(
        default=None, max_length=71, description="What was measured, as sha256 of all inputs."
    )
    evidence_id: str | None = Field(
        default=None, max_length=12, description="Name of this evidence, for a manual promotion."
    )
    evidence: str | None = Field(
        default=None, max_length=253, description="ConfigMap with verdict.json and its items."
    )
    expires_at: datetime | None = Field(
        default=None, description="When the evidence becomes stale, UTC."
    )
    started_at: datetime | None = Field(default=None, description="Start of the Job, UTC.")
    finished_at: datetime | None = Field(default=None, description="End of the run, UTC.")
    attempts: int | None = Field(default=None, ge=0, description="Jobs that were started.")
    progress: str | None = Field(
        default=None,
        max_length=64,
        description="Part of the run, and how much of it is done in steps of 5 %; while it runs.",
    )
    metrics: tuple[MetricStatus, ...] | None = Field(
        default=None,
        max_length=128,
        description="Each number with its formula, bounds and judgement.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    conditions: tuple[ConditionStatusEntry, ...] | None = Field(
        default=None,
        max_length=8,
        description="Accepted, Complete. Complete is True when a verdict exists.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
