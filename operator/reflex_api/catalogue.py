"""Models whose numbers are known: architecture, weights, arguments that work, targets."""

from collections.abc import Mapping

from pydantic import Field

from reflex_api.rules import ApiModel
from reflex_api.weights import Architecture


class CatalogueEntry(ApiModel):
    """One checkpoint. Every number has its source."""

    repo: str = Field(description="Repository on the hub, OWNER/NAME.")
    architecture: Architecture = Field(description="Numbers of its config.json.")
    weights_bytes: int = Field(ge=0, description="Bytes of the tensors on the GPU.")
    quantization: str = Field(default="", description="As spec.quantization.")
    sources: tuple[str, ...] = Field(min_length=1, description="Where the numbers come from.")


class Catalogue(ApiModel):
    """All entries."""

    models: tuple[CatalogueEntry, ...] = ()

    def find(self, repo: str) -> CatalogueEntry | None:
        """Return the entry of a repository, whatever its case, or None."""
        index: Mapping[str, CatalogueEntry] = {one.repo.lower(): one for one in self.models}
        return index.get(repo.lower())
