"""The status of a ReflexModel: written only by the operator, and rebuildable."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from reflex_api.rules import ApiModel


class ConditionStatusEntry(ApiModel):
    """One metav1 condition."""

    type: str = Field(
        max_length=316,
        description="Accepted, MemoryFits, ModelCached, Scheduled, EngineReady, Resident, Ready.",
        pattern=r"^[A-Za-z][A-Za-z0-9./-]*$",
    )
    status: Literal["True", "False", "Unknown"] = Field(
        description="True when well. Unknown: not yet decided."
    )
    observed_generation: int | None = Field(
        default=None, ge=0, description="metadata.generation of the spec that it was decided on."
    )
    last_transition_time: datetime = Field(description="When status last changed, UTC.")
    reason: str = Field(
        min_length=1,
        max_length=1024,
        description="Why, in one word of a closed vocabulary.",
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
    )
    message: str = Field(
        max_length=32768, description="Cause, evidence and next action; at most 256 characters."
    )


class Resolved(ApiModel):
    """What the spec became."""

    revision_hash: str | None = Field(
        default=None, max_length=63, description="Revision of the engine pods."
    )
    source_revision: str | None = Field(
        default=None, max_length=253, description="What the weights are: commit, digest or path."
    )
    image_id: str | None = Field(
        default=None,
        alias="imageID",
        max_length=512,
        description="Image that runs, by digest, as the node reports it.",
    )
    args: tuple[Annotated[str, Field(max_length=1024, description="One argument.")], ...] | None = (
        Field(
            default=None,
            max_length=128,
            description="Arguments of the engine; they hold no secrets.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        )
    )
    node: str | None = Field(
        default=None, max_length=253, description="Node on which the engine runs."
    )
    gpu: str | None = Field(
        default=None, max_length=253, description="GPU product of the node, from its labels."
    )
    driver: str | None = Field(
        default=None, max_length=64, description="GPU driver of the node, from its labels."
    )


class Memory(ApiModel):
    """The GPU memory of one engine (host memory on cpu)."""

    capacity: str | None = Field(
        default=None, max_length=32, description="Memory of the GPU, such as 32607Mi."
    )
    weights: str | None = Field(default=None, max_length=32, description="Taken by the weights.")
    kv_bytes_per_token: int | None = Field(
        default=None, ge=0, description="KV cache of one token, in bytes."
    )
    kv_tokens: int | None = Field(
        default=None, ge=0, description="Tokens that the KV cache holds, over all requests."
    )
    overhead: str | None = Field(
        default=None, max_length=32, description="Activations, graphs and the CUDA context."
    )
    headroom: str | None = Field(
        default=None, max_length=32, description="Left free; negative when it does not fit."
    )
    source: Literal["Estimated", "Measured"] | None = Field(
        default=None, description="Estimated before the start, Measured by the engine after it."
    )


class Download(ApiModel):
    """Progress of the weights, in steps of 5 %."""

    bytes_done: int | None = Field(default=None, ge=0, description="Bytes on the volume.")
    bytes_total: int | None = Field(default=None, ge=0, description="Bytes in all.")
    bytes_per_second: int | None = Field(
        default=None, ge=0, description="Mean rate since the last step, in bytes per second."
    )
    remaining_seconds: int | None = Field(
        default=None, ge=0, description="Estimated seconds until done."
    )


class LastTermination(ApiModel):
    """Why the engine's previous container ended."""

    reason: str | None = Field(
        default=None, max_length=64, description="Reason, from the closed vocabulary."
    )
    message: str | None = Field(
        default=None, max_length=1024, description="The deciding lines of its log."
    )


class Startup(ApiModel):
    """The engine's last start."""

    started_at: datetime | None = Field(default=None, description="Start of the container, UTC.")
    ready_at: datetime | None = Field(default=None, description="First verified answer, UTC.")
    duration_seconds: int | None = Field(
        default=None, ge=0, description="Seconds from start to first verified answer."
    )
    restarts: int | None = Field(
        default=None, ge=0, description="Restarts of the engine's container in its pod."
    )
    last_termination: LastTermination | None = Field(
        default=None, description="Why the previous container ended."
    )


class ReflexModelStatus(ApiModel):
    """What the operator saw and did. Deleting it loses nothing."""

    observed_generation: int | None = Field(
        default=None, ge=0, description="metadata.generation that this status is about."
    )
    resolved: Resolved | None = Field(default=None, description="What the spec became.")
    memory: Memory | None = Field(default=None, description="GPU memory of one engine.")
    download: Download | None = Field(default=None, description="Progress of the weights.")
    startup: Startup | None = Field(default=None, description="The engine's last start.")
    endpoint: str | None = Field(
        default=None, max_length=512, description="Base URL of the OpenAI API in the cluster."
    )
    replicas: int | None = Field(
        default=None, ge=0, le=2147483647, description="Engine pods that exist, for /scale."
    )
    ready_replicas: int | None = Field(
        default=None, ge=0, le=2147483647, description="Engine pods that serve."
    )
    selector: str | None = Field(
        default=None, max_length=512, description="Label selector of the engine pods, for /scale."
    )
    conditions: tuple[ConditionStatusEntry, ...] | None = Field(
        default=None,
        max_length=16,
        description="Conditions, positive: True when well. Ready's reason says what it waits for.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
