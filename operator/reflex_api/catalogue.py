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
    quantization: str = Field(default="", max_length=32, description="As spec.quantization.")
    engine: EngineSpec | None = Field(
        default=None, description="Settings of spec.engine to begin with, for 32 GB."
    )
    targets: Targets | None = Field(default=None, description="Speed to expect of it.")
    sources: tuple[str, ...] = Field(min_length=1, description="Where the numbers come from.")


class Catalogue(ApiModel):
    """All entries."""

    models: tuple[CatalogueEntry, ...] = ()

    @model_validator(mode="after")
    def _one_entry_each(self) -> Self:
        seen: set[str] = set()
        for one in self.models:
            if one.repo.lower() in seen:
                raise ValueError(f"{one.repo} is in the catalogue twice; remove one entry")
            seen.add(one.repo.lower())
        return self

    def find(self, repo: str) -> CatalogueEntry | None:
        """Return the entry of a repository, whatever its case, or None."""
        wanted = repo.lower()
        return next((one for one in self.models if one.repo.lower() == wanted), None)
