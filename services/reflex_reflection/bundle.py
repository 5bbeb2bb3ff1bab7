"""What a reflection reads, `ReflectionBundle`, and what it returns, `ReflectionResult`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

UNKNOWN_AGENT: Final = "unknown"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def iso_time(now_ms: int) -> str:
    """Return milliseconds since 1970 as ISO 8601 in UTC.

    Raises:
        OverflowError: past the year 9999.

    >>> iso_time(61_500)
    '1970-01-01T00:01:01.500Z'
    """
    moment = _EPOCH + timedelta(milliseconds=now_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True)
class TurnContext:
    """Who had the turn, which one it was, and when by the turn's own fixed clock."""

    agent_id: str = UNKNOWN_AGENT
    turn_id: int = 0
    now_iso: str = iso_time(0)
    """ISO 8601; it becomes the memory's time, so that a rerun gives the same one."""
    dry_run: bool = False
    """Whether the turn stops before it is applied; then nothing is reflected on."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """As much of the executed plan as reflection reads."""

    reflection: bool = False


@dataclass(frozen=True, kw_only=True)
class ReflectionBundle:
    """One turn after it was applied."""

    ctx: TurnContext
    plan: Plan = field(default_factory=Plan)
    utter: str = ""
    """What the user was told in the end."""
    snippets: tuple[str, ...] = ()
    """What was retrieved for the turn, best first; see `snippets.from_retrieved`."""
    snippet_ids: tuple[str, ...] = ()
    """Where the snippets came from, kept as evidence; may be empty."""
    state_view: Mapping[str, object] = field(default_factory=dict)
    """Read-only; no backend of today reads it."""


@dataclass(frozen=True, kw_only=True)
class MemoryEntry:
    """One memory to be written."""

    owner: str
    ts: str
    text: str
    tags: tuple[str, ...] = ("reflection",)
    kind: Literal["summary"] = "summary"
    vec_full: tuple[float, ...] | None = None
    """Present when `t3.reflection.embed` is on and the text is not empty."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; without a vector the key is absent."""
        document: dict[str, Any] = {
            "owner": self.owner, "ts": self.ts, "text": self.text,
            "tags": list(self.tags), "kind": self.kind,
        }  # fmt: skip
        if self.vec_full is not None:
            document["vec_full"] = list(self.vec_full)
        return document


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """What a reflection tells about itself."""

    backend: Literal["rulebased", "llm-fixture"]
    summary_len: int = 0
    """Words of the summary."""
    used_topk: int = 0
    """Snippets that the summary was made from."""
    embed: bool
    ops_cap: int | None
    ms: float = 0.0
    reason: str | None = None
    """`reflection_timeout` or `reflect_error:<type>`; None when all went well."""
    fixture_key: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; the fixture key is absent where there is none."""
        document: dict[str, Any] = {
            "backend": self.backend, "summary_len": self.summary_len,
            "used_topk": self.used_topk, "embed": self.embed, "ops_cap": self.ops_cap,
            "ms": self.ms, "reason": self.reason,
        }  # fmt: skip
        if self.fixture_key is not None:
            document["fixture_key"] = self.fixture_key
        return document


@dataclass(frozen=True, kw_only=True)
class ReflectionResult:
    """The summary, the memories to write, and the measure of the work."""

    summary: str
    memory_entries: tuple[MemoryEntry, ...]
    metrics: Metrics

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, vectors included."""
        return {
            "summary": self.summary,
            "memory_entries": [entry.to_json() for entry in self.memory_entries],
            "metrics": self.metrics.to_json(),
        }
