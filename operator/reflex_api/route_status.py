"""The status of a ReflexRoute: rebuilt from the Service, the engines and the evidence."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from reflex_api.rules import ApiModel
from reflex_api.status import ConditionStatusEntry
from reflex_api.verdict import Judgement


class Eligibility(StrEnum):
    """What a member may do. Only Eligible lets a fallback serve."""

    ELIGIBLE = "Eligible"
    UNQUALIFIED = "Unqualified"
    EVALUATING = "Evaluating"
    REJECTED = "Rejected"
    INCONCLUSIVE = "Inconclusive"
    STALE = "Stale"
    UNFIT = "Unfit"


class TransitionKind(StrEnum):
    """Why the active model changed."""

    BOOTSTRAP = "Bootstrap"
    PROMOTION = "Promotion"
    FAILOVER = "Failover"
    FAILBACK = "Failback"
    ROLLBACK = "Rollback"
    MANUAL = "Manual"
    EVALUATION = "Evaluation"
    RESTORE = "Restore"


class Active(ApiModel):
    """Whom the stable Service selects."""

    model: str | None = Field(default=None, max_length=50, description="The ReflexModel.")
    revision_hash: str | None = Field(
        default=None, max_length=63, description="Revision of its engine."
    )
    since: datetime | None = Field(default=None, description="When it became active, UTC.")
    reason: TransitionKind | None = Field(default=None, description="Which transition made it so.")


class MemberEvidence(ApiModel):
    """What is known about a member."""

    bakeoff: str | None = Field(default=None, max_length=63, description="The ReflexBakeoff.")
    id: str | None = Field(
        default=None, max_length=12, description="Its id, which a manual promotion names."
    )
    verdict: Judgement | None = Field(default=None, description="Qualification.")
    superiority: Judgement | None = Field(
        default=None, description="Against the incumbent's current evidence; absent: not about it."
    )
    key: str | None = Field(
        default=None, max_length=71, description="What was measured, as sha256 of all inputs."
    )
    pass_at1: str | None = Field(
        default=None, max_length=32, description="Share of items repaired by the first patch."
    )
    expires_at: datetime | None = Field(default=None, description="When it becomes stale, UTC.")
    simulated: bool | None = Field(
        default=None, description="True: the numbers come from no real model."
    )


class MemberStatus(ApiModel):
    """One member of the route."""

    model: str = Field(max_length=50, description="The ReflexModel.")
    role: Literal["Primary", "Fallback"] = Field(description="Its place in the spec.")
    incumbent: bool | None = Field(default=None, description="True for the incumbent.")
    eligibility: Eligibility = Field(description="Whether its evidence lets it serve.")
    message: str | None = Field(
        default=None, max_length=256, description="What it lacks, or why it may serve."
    )
    evidence: MemberEvidence | None = Field(default=None, description="Its newest evidence.")


class LastTransition(ApiModel):
    """The last change of the active model, with its parts in seconds."""

    from_: str | None = Field(
        default=None, alias="from", max_length=50, description="Model that served before."
    )
    to: str | None = Field(default=None, max_length=50, description="Model that serves since.")
    reason: TransitionKind | None = Field(default=None, description="Kind of the transition.")
    succeeded: bool | None = Field(
        default=None, description="False: it did not start, and the other was restored."
    )
    message: str | None = Field(default=None, max_length=256, description="Why it was made.")
    drain_seconds: int | None = Field(
        default=None, ge=0, description="From the stop of routing to the end of the old engine."
    )
    stop_seconds: int | None = Field(
        default=None, ge=0, description="From there until its pod was gone."
    )
    start_seconds: int | None = Field(
        default=None, ge=0, description="From there until the new engine was verified."
    )
    downtime_seconds: int | None = Field(
        default=None, ge=0, description="From the stop of routing until it was resumed."
    )
    at: datetime | None = Field(default=None, description="When it ended, UTC.")


class ReflexRouteStatus(ApiModel):
    """What the operator saw and did. Deleting it loses nothing."""

    observed_generation: int | None = Field(
        default=None, ge=0, description="metadata.generation that this status is about."
    )
    active: Active | None = Field(default=None, description="Whom the stable Service selects.")
    incumbent: str | None = Field(
        default=None, max_length=50, description="Who serves when all is well."
    )
    endpoint: str | None = Field(
        default=None, max_length=512, description="Base URL of the OpenAI API in the cluster."
    )
    members: tuple[MemberStatus, ...] | None = Field(
        default=None,
        max_length=9,
        description="Each member with its evidence, the primary first.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["model"],
        },
    )
    last_transition: LastTransition | None = Field(
        default=None, description="The last change of the active model."
    )
    manual: str | None = Field(
        default=None,
        max_length=256,
        description="What became of the manual choice that the annotation names.",
    )
    conditions: tuple[ConditionStatusEntry, ...] | None = Field(
        default=None,
        max_length=16,
        description="Accepted, Serving, Qualified, Degraded, Ready. Degraded is True when unwell.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
