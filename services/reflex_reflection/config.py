"""The settings of reflection, as they are after `validation.validate`."""

from dataclasses import dataclass
from enum import StrEnum


class Backend(StrEnum):
    """Who writes the summary."""

    RULEBASED = "rulebased"
    LLM = "llm"
    """Recorded replies only; no model is ever asked."""


@dataclass(frozen=True, kw_only=True)
class FixtureSettings:
    """`t3.llm.fixtures`."""

    enabled: bool = False
    path: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReflectionConfig:
    """All settings, with the defaults of the specification."""

    allow_reflection: bool = False
    backend: Backend = Backend.RULEBASED
    summary_tokens: int = 128
    """Words of a summary at most."""
    embed: bool = True
    log: bool = True
    """Whether `t3_reflection.jsonl` is written."""
    topk_snippets: int = 3
    fixtures: FixtureSettings = FixtureSettings()
    time_ms_reflection: int | None = 6000
    """Milliseconds; None is no limit."""
    ops_reflection: int | None = 5
    """Memories a turn may write; None is no limit."""
