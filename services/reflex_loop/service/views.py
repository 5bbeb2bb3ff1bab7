"""What clients are shown, as models: answers, and the OpenAPI document."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from reflex_loop.service.records import RepairRow
from reflex_service.answers import ErrorBody

Json = dict[str, Any]


class RepairView(BaseModel):
    """A repair. Times are whole seconds since 1970 UTC."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    object: Literal["repair"] = "repair"
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    created_at: int
    started_at: int | None
    finished_at: int | None
    options: Json
    cancel_requested: bool
    resumed: int
    """How often it was taken up again after the process that worked on it had ended."""
    events: int
    """Number of the last event."""
    changed: list[str]
    """Files that differ from the upload so far; their contents come with `/workspace`."""
    deleted: list[str]
    result: Json | None
    """The object that `reflexctl fix --json` prints; null while it runs, and after an error."""
    error: ErrorBody | None

    @classmethod
    def of(cls, row: RepairRow) -> "RepairView":
        """Return what an owner sees of a row."""
        return cls(
            id=row.id,
            status=row.status.value,
            created_at=int(row.created_at),
            started_at=None if row.started_at is None else int(row.started_at),
            finished_at=None if row.finished_at is None else int(row.finished_at),
            options=json.loads(row.options),
            cancel_requested=row.cancel_requested,
            resumed=max(0, row.claims - 1),
            events=row.events,
            changed=list(row.changed),
            deleted=list(row.deleted),
            result=None if row.result is None else json.loads(row.result),
            error=None if row.error is None else ErrorBody(**json.loads(row.error)),
        )


class RepairList(BaseModel):
    """A page of repairs, the newest first; the next begins `after=last_id`."""

    object: Literal["list"] = "list"
    data: list[RepairView]
    has_more: bool
    last_id: str | None


class DecisionList(BaseModel):
    """A page of decision records, the newest first; the next is `before=next_before`."""

    object: Literal["list"] = "list"
    data: list[Json]
    has_more: bool
    next_before: int | None


class WindowView(BaseModel):
    """One window of the cloud budget, in USD."""

    window: Literal["daily", "monthly"]
    key: str
    limit_usd: str | None
    spent_usd: str
    reserved_usd: str
    resets_at: int


class BudgetList(BaseModel):
    """The cloud budget, of all keys together."""

    object: Literal["list"] = "list"
    warn_percent: int
    data: list[WindowView]


class BreakerView(BaseModel):
    """One circuit breaker of this process."""

    id: str
    """`endpoint/model`."""
    state: str
    permits: bool
    calls: int
    failure_rate: float | None
    slow_rate: float | None
    retry_after_seconds: float | None


class BreakerList(BaseModel):
    """The circuit breakers of the process that answers."""

    object: Literal["list"] = "list"
    data: list[BreakerView]


class ModelView(BaseModel):
    """A name that may stand in `model`."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(BaseModel):
    """OpenAI's list of models."""

    object: Literal["list"] = "list"
    data: list[ModelView]


class HealthView(BaseModel):
    """How the process is."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str] = Field(default_factory=dict)
