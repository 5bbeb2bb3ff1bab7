"""What an engine says about itself, in our words."""

from dataclasses import dataclass
from enum import StrEnum


class ProbeOutcome(StrEnum):
    """What an engine's answer to a verification meant."""

    VERIFIED = "Verified"
    UNREACHABLE = "Unreachable"
    WRONG_MODEL = "WrongModel"
    BAD_ANSWER = "BadAnswer"  # HTTP error, schema broken, truncated or gibberish


@dataclass(frozen=True, kw_only=True)
class EngineMemory:
    """Measured by the engine itself (`/server_info`); bytes and tokens. None: not reported."""

    kv_tokens: int
    weights_bytes: int | None = None
    kv_cache_bytes: int | None = None
    free_bytes: int | None = None  # when the start was over
    context_length: int | None = None
