"""What the operator and a bakeoff's pod say to each other.

The pod has two containers of the bakeoff's image. `measure` (`python -m reflex_bakeoff measure`)
finds the request in REQUEST_FILE, the baseline's artefacts in BASELINE_MOUNT, finished items of an
aborted run in PARTIAL_MOUNT and the engine's keys in KEY_FILE and ADMIN_KEY_FILE; it writes its
artefacts into RESULTS_MOUNT and ends with a Receipt as its termination message. Its exit code says
only whether there is a verdict. `results` (`python -m reflex_bakeoff results`) serves that folder
on RESULTS_PORT, items and PROGRESS_FILE also while it is going on, until `DELETE /`. Neither has an
API token.
"""

from typing import Final

from pydantic import Field

from reflex_api.bakeoff_spec import LoadSpec
from reflex_api.evidence import EvidenceInputs
from reflex_api.gate import GateSpec
from reflex_api.rules import ApiModel

RESULTS_PORT: Final = 8091
VERDICT_FILE: Final = "verdict.json"
ITEMS_FILE: Final = "items.json.gz"
PROGRESS_FILE: Final = "progress.json"
PROGRESS_LIMIT: Final = 1 << 10
VERDICT_LIMIT: Final = 64 << 10
ITEMS_LIMIT: Final = 256 << 10

REQUEST_FILE: Final = "/etc/reflex/request/request.json"
BASELINE_MOUNT: Final = "/etc/reflex/baseline"
PARTIAL_MOUNT: Final = "/etc/reflex/partial"
KEY_FILE: Final = "/etc/reflex/key/api-key"
ADMIN_KEY_FILE: Final = "/etc/reflex/key/admin-api-key"
"""For emptying the engine's cache; missing where the Secret holds none."""
RESULTS_MOUNT: Final = "/var/run/reflex/results"
SANDBOX_URL: Final = "http://127.0.0.1:8080"
"""Of the runner's agent in the same pod, where the operator knows its image."""


class BakeoffRequest(ApiModel):
    """What is to be measured; the file `request.json`."""

    bakeoff: str = Field(description="Name of the ReflexBakeoff.")
    attempt: int = Field(ge=0, description="0, or 1 for the one rerun.")
    model: str = Field(description="Name in the OpenAI API.")
    base_url: str = Field(description="Base URL of that API, such as http://host/v1.")
    gate: GateSpec = Field(description="What must be shown.")
    load: LoadSpec = Field(description="How the speed is measured.")
    seed: int = Field(ge=0, description="Of order and arrivals.")
    seconds: int = Field(ge=1, description="After so long the attempt is ended.")
    roofline: float | None = Field(
        default=None,
        gt=0,
        description="Tokens/s of one stream that the memory allows; null: not known.",
    )
    speculative: bool = Field(default=False, description="It drafts tokens: no roofline holds.")
    evidence_key: str = Field(default="", description="To be repeated in the verdict.")
    inputs: EvidenceInputs | None = Field(default=None, description="What the key is made of.")
    baseline: str = Field(default="", description="Id of the baseline's evidence; empty: none.")


class BakeoffProgress(ApiModel):
    """How far `measure` is; the file `progress.json`. It decides nothing."""

    part: str = Field(max_length=32, description="repairs, speed or cache.")
    done: int = Field(ge=0, description="Steps of that part that are finished.")
    total: int = Field(ge=0, description="Of so many.")


class Receipt(ApiModel):
    """The termination message of `measure`: what the artefacts must be."""

    verdict_sha256: str = Field(min_length=64, max_length=64, description="Of verdict.json.")
    items_sha256: str = Field(min_length=64, max_length=64, description="Of items.json.gz.")
