"""The spec of a ReflexModel: which weights, on which engine, with which memory."""

from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from reflex_api import quantity
from reflex_api.engine import Device, EngineSpec
from reflex_api.placement import Placement
from reflex_api.rules import ApiModel, DurationBetween, Matches, QuantityAbove, Rule, rules
from reflex_api.source import DNS_NAME, Source


class Activation(StrEnum):
    """When a model runs."""

    ALWAYS = "Always"
    ROUTED = "Routed"


class Admission(StrEnum):
    """What follows when a model does not fit the GPU."""

    ENFORCE = "Enforce"
    WARN = "Warn"
    OFF = "Off"


_SHARED_FITS: Final = Rule(
    rule="!has(self.sharedMemory) || !isQuantity(self.sharedMemory) || !isQuantity(self.memory)"
    " || quantity(self.sharedMemory).compareTo(quantity(self.memory)) < 0",
    message="resources.sharedMemory counts towards resources.memory: lower it, or raise memory",
    field_path=".sharedMemory",
)


class Resources(ApiModel):
    """What one engine pod requests; limits equal requests, except for cpu."""

    model_config = ConfigDict(json_schema_extra=rules(_SHARED_FITS))

    gpus: int | None = Field(
        default=None,
        ge=0,
        le=16,
        description="GPUs of one engine, 0 to 16: at least 1 on cuda, 0 on cpu. Default: 1 on cuda,"
        " 0 on cpu.",
    )
    cpu: Annotated[
        str, QuantityAbove(example="8"), Field(description="CPU cores requested. Default: 4.")
    ] = "4"
    memory: Annotated[
        str,
        QuantityAbove(example="48Gi"),
        Field(description="Host memory, requested and limited. Default: 32Gi."),
    ] = "32Gi"
    shared_memory: Annotated[
        str,
        QuantityAbove(example="8Gi"),
        Field(description="Size of /dev/shm; counts towards memory. Default: 8Gi."),
    ] = "8Gi"

    @property
    def cpu_cores(self) -> Fraction:
        """Return the CPU cores requested."""
        return quantity.parse_quantity(self.cpu)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        shared = quantity.parse_quantity(self.shared_memory)
        if shared >= quantity.parse_quantity(self.memory):
            raise ValueError(_SHARED_FITS.message)
        return self


class MemoryPolicy(ApiModel):
    """What to do with the answer to "does it fit the GPU?"."""

    admission: Admission = Field(
        default=Admission.ENFORCE,
        description="Enforce: a model that does not fit is not started. Warn: it is, with"
        " MemoryFits=False. Off: not computed. Default: Enforce.",
    )
    headroom: Annotated[
        str,
        QuantityAbove(zero_allowed=True, example="1Gi"),
        Field(description="GPU memory that stays free, for other processes. Default: 1Gi."),
    ] = "1Gi"


def _unchanged(field: str) -> str:
    now, before = (f"(has({one}.{field}) ? {one}.{field} : '')" for one in ("self", "oldSelf"))
    return f"{now} == {before}"


class Cache(ApiModel):
    """The volume for downloaded weights; sources persistentVolumeClaim and bundled need none."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                rule=_unchanged("claimName"),
                message="cache.claimName is immutable: create another ReflexModel to use another"
                " claim",
                field_path=".claimName",
                reason="FieldValueForbidden",
            ),
            Rule(
                rule=_unchanged("storageClassName"),
                message="cache.storageClassName is immutable: create another ReflexModel to use"
                " another class",
                field_path=".storageClassName",
                reason="FieldValueForbidden",
            ),
            Rule(
                rule="!has(self.size) || !isQuantity(self.size) || !isQuantity(oldSelf.size)"
                " || quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
                message="cache.size cannot shrink, as a volume cannot; keep or raise it",
                field_path=".size",
                reason="FieldValueForbidden",
            ),
        )
    )

    claim_name: Annotated[
        str,
        Matches(DNS_NAME, "must be the name of a PersistentVolumeClaim", optional=True),
        Field(
            max_length=253,
            description="Existing claim to download into. Immutable. Default: a claim of this"
            " model's own.",
        ),
    ] = ""
    size: Annotated[
        str,
        QuantityAbove(example="40Gi"),
        Field(description="Size of the model's own claim; may grow. Default: 40Gi."),
    ] = "40Gi"
    storage_class_name: Annotated[
        str,
        Matches(DNS_NAME, "must be the name of a StorageClass", optional=True),
        Field(
            max_length=253,
            description="StorageClass of the model's own claim. Immutable. Default: the cluster's.",
        ),
    ] = ""
    retain: bool = Field(
        default=True,
        description="Keep the model's own claim when the model is deleted; a model of the same"
        " name uses it again. Default: true.",
    )


class ApiKeySecretRef(ApiModel):
    """The Secret with the keys `api-key` and `admin-api-key`."""

    name: Annotated[
        str,
        Matches(DNS_NAME, "must be the name of a Secret", optional=True),
        Field(
            max_length=253,
            description="Secret with api-key and admin-api-key. Default: one with random keys,"
            " owned by the model.",
        ),
    ] = ""


class Rollout(ApiModel):
    """How a revision takes the place of another."""

    drain_timeout: Annotated[
        timedelta,
        DurationBetween("0s", "1h"),
        Field(description="Time for running requests to end, 0s to 1h. Default: 5m."),
    ] = timedelta(minutes=5)
    download_timeout: Annotated[
        timedelta,
        DurationBetween("1m", "48h"),
        Field(description="Time for the weights to arrive, 1m to 48h. Default: 2h."),
    ] = timedelta(hours=2)
    startup_timeout: Annotated[
        timedelta,
        DurationBetween("10s", "6h"),
        Field(
            description="Time from the container's start to the first verified answer, 10s to 6h."
            " Default: 15m."
        ),
    ] = timedelta(minutes=15)
    restore_on_failure: bool = Field(
        default=True,
        description="Start the last good revision again when a new one fails. Default: true.",
    )


_GPUS: Final = Rule(
    rule="!has(self.resources.gpus)"
    " || (self.engine.device == 'cuda' ? self.resources.gpus >= 1 : self.resources.gpus == 0)",
    message="resources.gpus must be at least 1 with engine.device cuda and 0 with cpu;"
    " change one of the two, or leave gpus out",
    field_path=".resources.gpus",
)


class ReflexModelSpec(ApiModel):
    """What the user asks for."""

    model_config = ConfigDict(json_schema_extra=rules(_GPUS))

    replicas: int = Field(
        default=1,
        ge=0,
        le=64,
        description="Engine pods, 0 to 64; kubectl scale sets it. Default: 1.",
    )
    activation: Activation = Field(
        default=Activation.ALWAYS,
        description="Always: served on its own. Routed: runs only while a ReflexRoute wants it."
        " Default: Always.",
    )
    suspend: bool = Field(
        default=False,
        description="Stop the engine and keep everything else. Default: false.",
    )
    source: Source = Field(description="Where the weights come from: exactly one of four.")
    served_name: Annotated[
        str,
        Matches(
            r"^[A-Za-z0-9][A-Za-z0-9._/-]*$",
            "must start with a letter or digit and hold only letters, digits and . _ / -"
            " (no colon: SGLang reads it as a LoRA adapter)",
            optional=True,
        ),
        Field(
            max_length=128,
            description="Model name in the OpenAI API, without a colon. Default: metadata.name.",
        ),
    ] = ""
    quantization: Annotated[
        str,
        Matches(
            r"^[a-z0-9][a-z0-9_-]*$", "must be a format such as mxfp4, awq or fp8", optional=True
        ),
        Field(
            max_length=32,
            description="Format of the weights, such as mxfp4, awq, fp8 or none, for memory fit and"
            " evidence; SGLang reads the checkpoint. Default: unstated.",
        ),
    ] = ""
    engine: EngineSpec = Field(description="The inference server and its limits.")
    resources: Resources = Field(
        default_factory=Resources, description="What one engine pod requests."
    )
    placement: Placement = Field(default_factory=Placement, description="Where engine pods run.")
    memory_policy: MemoryPolicy = Field(
        default_factory=MemoryPolicy,
        description="What to do when the model does not fit the GPU's memory.",
    )
    cache: Cache = Field(
        default_factory=Cache, description="The volume for downloaded weights (huggingFace, http)."
    )
    api_key_secret_ref: ApiKeySecretRef = Field(
        default_factory=ApiKeySecretRef, description="The engine's API keys."
    )
    rollout: Rollout = Field(
        default_factory=Rollout, description="How a revision takes the place of another."
    )

    @property
    def effective_gpus(self) -> int:
        """Return the GPUs of one engine, with the device's default filled in."""
        if self.resources.gpus is not None:
            return self.resources.gpus
        return 1 if self.engine.device is Device.CUDA else 0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.engine.device is Device.CUDA) != (self.effective_gpus >= 1):
            raise ValueError(_GPUS.message)
        return self
