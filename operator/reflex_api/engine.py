"""How SGLang is started. Names and values are SGLang's (0.5.23)."""

import json
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from reflex_api.engine_flags import OWNED_FLAGS, refused
from reflex_api.rules import ApiModel, Matches, RefusedBy, Rule, rules


class Device(StrEnum):
    """What an engine computes on."""

    CUDA = "cuda"
    CPU = "cpu"


KvCacheDtype = Literal[
    "", "auto", "fp8_e4m3", "fp8_e5m2", "mxfp8", "bf16", "bfloat16", "nvfp4", "fp4_mx_block16"
]

_CPU_KV: Final = ("", "auto", "bf16", "bfloat16")
_NAME: Final = r"^[a-z0-9][A-Za-z0-9._-]*$"
_FLAG: Final = 'self.split("=")[0]'

_KV_NEEDS_CUDA: Final = Rule(
    rule='self.device == "cuda" || !has(self.kvCacheDtype)'
    f" || self.kvCacheDtype in {json.dumps(_CPU_KV)}",
    message="engine.kvCacheDtype: FP8 and FP4 need engine.device cuda; on cpu use auto or bf16",
    field_path=".kvCacheDtype",
)
_FLAGS_ONCE: Final = Rule(
    rule="!has(self.extraArgs) || self.extraArgs.all(a, self.extraArgs.exists_one(b,"
    ' b.split("=")[0] == a.split("=")[0]))',
    message="engine.extraArgs must name each flag once; remove the duplicate",
    field_path=".extraArgs",
)
_OWNED: Final = RefusedBy(
    refused,
    Rule(
        rule=f"{json.dumps(list(OWNED_FLAGS))}"
        f".all(f, !f.startsWith({_FLAG}) && !{_FLAG}.startsWith(f))",
        message="{field} must not set a flag that the operator sets; use its field",
        message_expression=f'"{{field}}: " + {_FLAG} + " is, abbreviates or extends a flag that the'
        ' operator sets; use its field in spec instead"',
    ),
)


class EngineSpec(ApiModel):
    """The inference server and its limits; changing any of it makes a new revision."""

    model_config = ConfigDict(json_schema_extra=rules(_KV_NEEDS_CUDA, _FLAGS_ONCE))

    device: Device = Field(
        default=Device.CUDA, description="What the engine computes on: cuda or cpu. Default: cuda."
    )
    image: Annotated[
        str,
        Matches(
            r"^[a-z0-9][A-Za-z0-9._/:@-]*$",
            "must be an image reference such as lmsysorg/sglang:v0.5.23",
            optional=True,
        ),
        Field(
            max_length=512,
            description="Engine image, by tag or digest; status.resolved.imageID shows what ran."
            " Default: the operator's image for the device.",
        ),
    ] = ""
    context_length: int = Field(
        ge=1024,
        le=1048576,
        description="Longest request in tokens, prompt and answer together: 1024 to 1048576, and"
        " not above the model's own maximum. The KV cache must hold one such request.",
    )
    kv_cache_dtype: KvCacheDtype = Field(
        default="",
        description="Element type of the KV cache. FP8 and FP4 need device cuda. Default:"
        " fp8_e4m3 on cuda, auto on cpu.",
    )
    mem_fraction_static: Annotated[
        str,
        Matches(
            r"^0\.[0-9]{0,3}[1-9][0-9]{0,3}$",
            "must be a fraction above 0 and below 1, such as 0.86",
            optional=True,
        ),
        Field(
            max_length=6,
            description="Share of the GPU's memory for weights and KV cache together, above 0 and"
            " below 1. Default: the largest that leaves the engine's overhead and"
            " memoryPolicy.headroom.",
        ),
    ] = ""
    max_running_requests: int = Field(
        default=8,
        ge=1,
        le=4096,
        description="Requests computed at once, 1 to 4096; others queue. Default: 8.",
    )
    chunked_prefill_size: int = Field(
        default=2048,
        ge=64,
        le=131072,
        description="Tokens of a prompt computed in one step, 64 to 131072; more is faster and"
        " takes more memory. Default: 2048.",
    )
    attention_backend: Annotated[
        str,
        Matches(_NAME, "must be a backend of SGLang, such as triton", optional=True),
        Field(
            max_length=64,
            description="Attention kernels, such as flashinfer, triton or torch_native."
            " Default: SGLang's choice.",
        ),
    ] = ""
    reasoning_parser: Annotated[
        str,
        Matches(_NAME, "must be a parser of SGLang, such as gpt-oss", optional=True),
        Field(
            max_length=64,
            description="Separates reasoning from the answer, such as gpt-oss or qwen3."
            " Default: none.",
        ),
    ] = ""
    tool_call_parser: Annotated[
        str,
        Matches(_NAME, "must be a parser of SGLang, such as qwen3_coder", optional=True),
        Field(
            max_length=64,
            description="Reads tool calls, such as gpt-oss, qwen3_coder or qwen. Default: none.",
        ),
    ] = ""
    trust_remote_code: bool = Field(
        default=False,
        description="Run Python code that comes with the weights: trust them as the image."
        " Default: false.",
    )
    quantization_flag: Annotated[
        str,
        Matches(_NAME, "must be a method of SGLang, such as fp8", optional=True),
        Field(
            max_length=64,
            description="Forces SGLang's --quantization; forcing awq takes a slow path. Default:"
            " read from the checkpoint.",
        ),
    ] = ""
    extra_args: tuple[
        Annotated[
            str,
            Matches(
                "^--[a-z0-9][a-z0-9-]*(=[ -#%-~]*)?$",  # Kubernetes expands $(NAME)
                "must be --name or --name=value in one item, without $, such as"
                " --schedule-policy=lpm",
            ),
            _OWNED,
            Field(max_length=256, description="--name or --name=value."),
        ],
        ...,
    ] = Field(
        default=(),
        max_length=32,
        description="Further SGLang arguments, at most 32, each --name or --name=value, each flag"
        " once. Flags that the operator sets are refused.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )

    @property
    def effective_kv_cache_dtype(self) -> str:
        """Return the element type with the device's default filled in."""
        return self.kv_cache_dtype or ("fp8_e4m3" if self.device is Device.CUDA else "auto")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.device is Device.CPU and self.kv_cache_dtype not in _CPU_KV:
            raise ValueError(_KV_NEEDS_CUDA.message)
        names = [arg.partition("=")[0] for arg in self.extra_args]
        if len(set(names)) < len(names):
            raise ValueError(_FLAGS_ONCE.message)
        return self
