"""What the download pod tells the operator: progress over HTTP, results in termination messages.

The programs are `python -m reflex_weights inspect|download`; the operator reads their words and
never their volume.
"""

from typing import Final, Literal

from pydantic import Field

from reflex_api.rules import ApiModel

PROGRESS_PORT: Final = 8090
PROGRESS_PATH: Final = "/progress"
MARKER: Final = ".reflex-weights.json"
"""Written last into the model's folder: names the source and revision that are complete in it."""

Failure = Literal[
    "SourceUnauthorized",
    "SourceNotFound",
    "SourceUnreachable",
    "OutOfSpace",
    "DownloadTruncated",
    "DigestMismatch",
    "DownloadTimedOut",
    "DownloadFailed",
]
"""Why a download or inspection ended; each is a Reason of the same name."""


class WeightsProgress(ApiModel):
    """The answer of `GET /progress`."""

    bytes_done: int = Field(ge=0, description="Bytes on the volume and verified so far.")
    bytes_total: int | None = Field(default=None, ge=0, description="Bytes in all, once known.")
    bytes_per_second: int = Field(ge=0, description="Mean rate of the last minute.")
    file: str = Field(default="", max_length=512, description="File in progress.")
    failure: Failure | None = Field(
        default=None, description="What it is trying to get over at the moment; null: nothing."
    )
    message: str = Field(default="", max_length=512, description="Evidence, without secrets.")


class Architecture(ApiModel):
    """Numbers of a model's config.json that decide how much memory its KV cache takes."""

    name: str = Field(max_length=128, description="Class name, such as Qwen3MoeForCausalLM.")
    layers: int = Field(ge=1, description="Layers with attention over the whole context.")
    sliding_layers: int = Field(default=0, ge=0, description="Layers with a sliding window.")
    sliding_window: int = Field(default=0, ge=0, description="Tokens of that window.")
    kv_heads: int = Field(ge=1, description="Key-value heads of a layer.")
    head_dim: int = Field(ge=1, description="Size of one head.")
    max_context: int = Field(default=0, ge=0, description="Longest context; 0: unstated.")


class Inspection(ApiModel):
    """What `inspect` found, before any weights are downloaded."""

    revision: str = Field(max_length=253, description="Commit, or digest of the file list.")
    weights_bytes: int | None = Field(
        default=None, ge=0, description="Bytes of the tensors, by the safetensors index or sizes."
    )
    download_bytes: int = Field(ge=0, description="Bytes of all files that will be downloaded.")
    architecture: Architecture | None = Field(
        default=None, description="None: config.json is missing or of an unknown form."
    )


class WeightsResult(ApiModel):
    """The termination message of `inspect` and `download`: one JSON object, below 4 KiB."""

    failure: Failure | None = Field(default=None, description="Why it failed; null: it did not.")
    message: str = Field(default="", max_length=512, description="Evidence, without secrets.")
    inspection: Inspection | None = Field(default=None, description="Of `inspect` only.")
    revision: str = Field(default="", max_length=253, description="What is now on the volume.")
    bytes_total: int | None = Field(default=None, ge=0, description="Bytes on the volume.")
