"""What clients send and are shown, as models: answers, and the OpenAPI document."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from reflex_reflection.document import BundleDocument
from reflex_reflection.errors import StoreError
from reflex_reflection.store.ranking import Found
from reflex_reflection.store.rows import Memory, seconds_of

Json = dict[str, Any]
MAX_QUERY = 100_000
"""Characters of a query; of its words the first 64 different ones count."""
MAX_FOUND = 200


class ReflectionRequest(BaseModel):
    """A finished turn."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    bundle: BundleDocument


class ReflectionView(BaseModel):
    """What came of a turn."""

    object: Literal["reflection"] = "reflection"
    reflected: bool
    """False when the gate is closed: by the configuration, the plan, or a dry run."""
    result: Json | None
    """The specification's `ReflectionResult`, vectors included."""
    ids: list[str]
    """Of the memories that are new."""
    ops_attempted: int = 0
    ops_written: int = 0
    """Memories that the store has now and had not before."""
    duplicates: int = 0
    """What the store says already, or this turn had written before."""
    errors: list[str] = Field(default_factory=list)
    reason: str | None = None
    """`gate_closed`, or why less was written than was made."""


class EvidenceView(BaseModel):
    """One turn that made a memory."""

    id: str
    turn: int
    input_sha256: str
    snippet_ids: list[str]


class MemoryView(BaseModel):
    """A memory of this key. `owner` is the agent whose turn it was, as in the specification."""

    object: Literal["memory"] = "memory"
    id: str
    owner: str
    ts: str
    """The turn's own time, as it was given."""
    created_at: int
    """When it was written, in whole seconds since 1970 UTC."""
    kind: str
    tags: list[str]
    text: str
    seen: int
    """How often it was made."""
    evidence: list[EvidenceView]

    @classmethod
    def of(cls, memory: Memory) -> "MemoryView":
        """Return what an owner sees of a memory."""
        return cls.model_validate(_shown(memory))


class MemoryWhole(MemoryView):
    """A memory with its vector; null where there is none."""

    vec_full: list[float] | None = None
    vec_model: str | None = None

    @classmethod
    def of(cls, memory: Memory) -> "MemoryWhole":
        """Return all of a memory."""
        return cls.model_validate(memory.to_json() | {"created_at": int(memory.created_at)})


class MemoryList(BaseModel):
    """A page of memories, the newest first; the next begins `after=last_id`."""

    object: Literal["list"] = "list"
    data: list[MemoryView]
    has_more: bool
    last_id: str | None


class SearchRequest(BaseModel):
    """What is looked for."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    query: str = Field(max_length=MAX_QUERY)
    """Plain text; nothing in it is an operator."""
    k: int = Field(10, ge=1, le=MAX_FOUND)
    mode: Literal["hybrid", "vector", "text"] = "hybrid"
    mmr_lambda: float | None = Field(None, ge=0, le=1)
    """Choose the k by maximal marginal relevance: 1 looks at scores alone, 0 at difference."""
    kind: Annotated[str, Field(max_length=32)] | None = None
    since: Annotated[str, Field(max_length=64)] | None = None
    """ISO time: older memories are not found."""
    recent_since: Annotated[str, Field(max_length=64)] | None = None
    """ISO time: memories from then on come before all others."""

    @field_validator("since", "recent_since")
    @classmethod
    def _is_time(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                seconds_of(value)
            except StoreError as error:
                raise ValueError(str(error)) from error
        return value


class FoundView(MemoryView):
    """A memory that was found."""

    score: float
    """text: BM25; vector: cosine; hybrid: the sum of 1 / (60 + place) over the ways."""
    recent: bool
    """Whether it is of the first tier; see `recent_since`."""

    @classmethod
    def of_found(cls, found: Found) -> "FoundView":
        """Return what an owner sees of it."""
        more = {"score": found.score, "recent": found.recent}
        return cls.model_validate(_shown(found.memory) | more)


class SearchView(BaseModel):
    """What was found: the recent tier first, then by score, then by id."""

    object: Literal["list"] = "list"
    results: list[FoundView]


class ImportView(BaseModel):
    """What became of an import."""

    object: Literal["import"] = "import"
    read: int
    written: int
    """Memories that were not there before."""


class StatsView(BaseModel):
    """How much an owner has."""

    object: Literal["stats"] = "stats"
    memories: int
    seen: int
    """How often they were made."""
    characters: int
    limit: int
    """Memories at most; the oldest make room."""


class HealthView(BaseModel):
    """How the process is."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str] = Field(default_factory=dict)


def _shown(memory: Memory) -> Json:
    document = memory.to_json()
    document.pop("vec_full", None)
    document.pop("vec_model", None)
    return document | {"created_at": int(memory.created_at)}
