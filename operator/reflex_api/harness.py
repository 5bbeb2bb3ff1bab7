"""What the bakeoff's image declares about itself, so that evidence of another one is stale.

The image brings it as a file (`python -m reflex_bakeoff describe --json`); `REFLEX_HARNESS` names
it to the operator.
"""

from typing import Annotated

from pydantic import Field

from reflex_api.evidence import Declared, Sampling
from reflex_api.rules import ApiModel


class Harness(ApiModel):
    """The part of the evidence key that no model and no node decides."""

    suites: dict[Annotated[str, Field(max_length=63)], Declared] = Field(
        default_factory=dict, max_length=64, description="Digest of each suite by its name."
    )
    prompt_digest: Declared = "none"
    schema_digest: Declared = "none"
    rustc: Declared = "none"
    harness_version: Declared = "none"
    sampling: Sampling = Field(default_factory=lambda: Sampling(max_tokens=1024))
