"""Models whose numbers are known: architecture, weights, arguments that work, targets."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from reflex_api.engine import EngineSpec
from reflex_api.rules import ApiModel, Matches
from reflex_api.weights import Architecture


class Targets(ApiModel):
    """What one stream should reach on a GPU, as a gate's default; a goal, not a measurement."""

    gpu: str = Field(min_length=1, description="GPU product that the numbers are about.")
    output_tokens_per_second: int = Field(ge=1, description="Decode rate, at least.")
    inter_token_latency_p95_ms: int = Field(ge=1, description="Milliseconds, at most.")
    cold_first_token_p95_ms: int = Field(
        ge=1, description="Milliseconds to the first token of 2048 uncached ones, at most."
    )
    warm_first_token_p95_ms: int = Field(
        ge=1, description="The same with the prompt in the prefix cache, at most."
    )


class Gpu(ApiModel):
    """A GPU product. Every number has its source."""

    product: str = Field(
        min_length=1, max_length=63, description="Value of the node label nvidia.com/gpu.product."
    )
    memory_bandwidth: int = Field(ge=1, description="Bytes per second of its memory.")
    sources: tuple[str, ...] = Field(min_length=1, description="Where the number comes from.")


class CatalogueEntry(ApiModel):
    """One checkpoint. Every number has its source."""

    repo: Annotated[
        str,
        Matches(r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$", "must be OWNER/NAME"),
        Field(max_length=256, description="Repository on the hub, OWNER/NAME."),
    ]
    architecture: Architecture = Field(description="Numbers of its config.json.")
    weights_bytes: int = Field(
        ge=1, description="Bytes of the tensors on the GPU, over all GPUs of an engine."
    )
    active_weights_bytes: int | None = Field(
        default=None,
        ge=1,
        description="Bytes of the weights that one token reads: of a mixture of experts its active"
        " ones, and of the embeddings one row only. Default: unknown, and so the roofline.",
    )
    quantization: str = Field(default="", max_length=32, description="As spec.quantization.")
    engine: EngineSpec | None = Field(
        default=None, description="Settings of spec.engine to begin with, for 32 GB."
    )
    targets: Targets | None = Field(default=None, description="Speed to expect of it.")
    sources: tuple[str, ...] = Field(min_length=1, description="Where the numbers come from.")


class Catalogue(ApiModel):
    """All entries."""

    models: tuple[CatalogueEntry, ...] = ()
    gpus: tuple[Gpu, ...] = ()

    @model_validator(mode="after")
    def _one_entry_each(self) -> Self:
        seen: set[str] = set()
        for one in self.models:
            if one.repo.lower() in seen:
                raise ValueError(f"{one.repo} is in the catalogue twice; remove one entry")
            seen.add(one.repo.lower())
        products = [one.product for one in self.gpus]
        for product in products:
            if products.count(product) > 1:
                raise ValueError(f"{product} is in the catalogue twice; remove one entry")
        return self

    def find(self, repo: str) -> CatalogueEntry | None:
        """Return the entry of a repository, whatever its case, or None."""
        wanted = repo.lower()
        return next((one for one in self.models if one.repo.lower() == wanted), None)

    def gpu(self, product: str) -> Gpu | None:
        """Return the entry of a GPU product, shared or not, or None."""
        wanted = product.removesuffix("-SHARED")  # as the label says under time-slicing
        return next((one for one in self.gpus if one.product == wanted), None)
