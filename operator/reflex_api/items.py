"""What a bakeoff measured, one JSON object a line (`items.jsonl`): the only input of the gate.

The first line is the run, then come items, requests, the load generator's own state and the cache
proof in any order. Numbers are finite: a failed request has no time rather than an infinite one.
Times are seconds.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final, Literal, NoReturn, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from reflex_api.errors import ItemsError
from reflex_api.rules import ApiModel

FORMAT: Final = "reflex.items/v1"

Text = Annotated[str, Field(max_length=512)]
Id = Annotated[str, Field(min_length=1, max_length=128)]
Seconds = Annotated[float, Field(ge=0)]
Tokens = Annotated[int, Field(ge=0)]


class Record(ApiModel):
    """Base of all lines."""

    model_config = ConfigDict(allow_inf_nan=False)


class RunRecord(Record):
    """What was measured, and how."""

    kind: Literal["run"] = "run"
    format: Literal["reflex.items/v1"] = FORMAT
    model: Id
    evidence_key: Text = ""
    """`sha256:…`; empty when an endpoint was measured by hand."""
    suite: Id
    suite_digest: Id
    planned: tuple[Id, ...] = Field(min_length=1, max_length=2000)
    """Ids in the order in which they are measured: a look takes the first of them."""
    seed: int = 0
    tries: int = Field(default=1, ge=1, le=100)
    """N of "pass within N"."""
    harness_version: Text
    measured_at: datetime
    simulated: bool = False
    """The numbers come from no real model."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.planned)) != len(self.planned):
            raise ValueError("planned: an id is there twice")
        if self.measured_at.tzinfo is None:
            raise ValueError("measuredAt: has no time zone")
        return self


class Outcome(StrEnum):
    """What became of an item's first patch."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """The harness could not tell; it is not the model's failure and never a pass."""


class ItemRecord(Record):
    """One compile error and its repair."""

    kind: Literal["item"] = "item"
    id: Id
    stratum: Id
    """Its error code."""
    outcome: Outcome
    """Of the first patch (pass@1)."""
    fixed_within: Annotated[int, Field(ge=1, le=100)] | None = None
    """The try that repaired it; null: none did."""
    schema_valid: bool | None = None
    """The first answer fits the patch schema; null: not known."""
    applied: bool | None = None
    """Its patch applied; null for an answer that is no patch."""
    truncated: bool | None = None
    """The token limit cut the first answer off."""
    rustfix_only: bool | None = None
    """The compiler's machine-applicable suggestions alone repair it."""
    first_suggestion: bool | None = None
    """Its first suggestion alone does."""
    reason: Text = ""
    seconds: Seconds | None = None
    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    cached_tokens: Tokens | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.outcome is Outcome.PASSED) != (self.fixed_within == 1):
            raise ValueError("outcome passed and fixedWithin 1 mean the same")
        return self


class Prefix(StrEnum):
    """What the engine can have cached of a prompt."""

    COLD = "cold"
    WARM = "warm"
    MIXED = "mixed"


class Ending(StrEnum):
    """How a request ended."""

    OK = "ok"
    HTTP_ERROR = "httpError"
    REFUSED = "refused"
    RESET = "reset"
    TIMEOUT = "timeout"
    EMPTY = "empty"
    """HTTP 200 without a single token."""
    INCOMPLETE = "incomplete"
    """The stream ended without a finish reason."""
    GARBLED = "garbled"
    """A line of the stream is not what the protocol says."""


class RequestRecord(Record):
    """One timed request; the formulas stand in `docs/harness.md`."""

    kind: Literal["request"] = "request"
    id: Id
    phase: Id
    prefix: Prefix
    block: Annotated[int, Field(ge=0)] = 0
    """Repetition that it belongs to."""
    streams: Annotated[int, Field(ge=0)] = 1
    """Requests kept running at once (closed loop); 0 in an open loop."""
    ending: Ending
    status: Annotated[int, Field(ge=0, le=599)] = 0
    dispatch_lag: Seconds
    """Sent after it was due."""
    ttft: Seconds | None = None
    """From due to the first token, reasoning included."""
    ttft_visible: Seconds | None = None
    """From due to the first token that is no reasoning."""
    itl: Seconds | None = None
    """Mean time between tokens; null with fewer than two chunks or without a token count."""
    gap_median: Seconds | None = None
    gap_p99: Seconds | None = None
    gap_max: Seconds | None = None
    latency: Seconds | None = None
    """From due to the last token."""
    chunks: Tokens = 0
    prompt_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    """As the server counts them; null: it did not say."""
    cached_tokens: Tokens | None = None


class Phase(Record):
    """One part of the load."""

    name: Id
    planned: Annotated[int, Field(ge=1)]
    streams: Annotated[int, Field(ge=0)]
    rate: Annotated[float, Field(ge=0)] = 0.0
    """Requests per second of an open loop; 0: closed loop."""
    wall: Annotated[float, Field(gt=0)]
    """From the first due time to the last token, ramp and drain included."""


class LoadRecord(Record):
    """The load generator on itself, and what the hardware could at best."""

    kind: Literal["load"] = "load"
    phases: tuple[Phase, ...] = Field(min_length=1, max_length=32)
    dispatch_lag_p95: Seconds
    loop_lag_p99: Seconds
    cpu_share: Annotated[float, Field(ge=0)]
    """CPU seconds per second of one core."""
    roofline: Annotated[float, Field(gt=0)] | None = None
    """Tokens per second of one stream that the memory's bandwidth allows; null: not known."""
    speculative: bool = False
    """The engine drafts tokens, so that the roofline is no bound."""


class CacheRequest(Record):
    """One request of the cache proof."""

    prompt_tokens: Annotated[int, Field(ge=1)]
    cached_tokens: Tokens | None = None
    """null: the engine did not say, which is not 0."""
    ttft: Seconds


class CacheRecord(Record):
    """What was observed in the ten steps."""

    kind: Literal["cache"] = "cache"
    page_size: Annotated[int, Field(ge=1)]
    shared_tokens: Annotated[int, Field(ge=1)]
    """Length of the prefix that warm requests share."""
    reports_cached_tokens: bool
    grammar_warmed: bool
    flushed: bool
    cold: tuple[CacheRequest, ...] = Field(default=(), max_length=1000)
    prime: CacheRequest | None = None
    warm: tuple[CacheRequest, ...] = Field(default=(), max_length=1000)
    counter_delta: Annotated[int, Field(ge=0)] | None = None
    """Growth of `sglang:cached_tokens_total` over the warm requests; null: not readable."""
    changed_first_token: tuple[CacheRequest, ...] = Field(default=(), max_length=100)
    retry_reuse: tuple[CacheRequest, ...] = Field(default=(), max_length=100)
    """A second try's requests; `shared` is the length of the first try's prompt."""
    retry_shared: tuple[Tokens, ...] = Field(default=(), max_length=100)
    after_eviction: tuple[CacheRequest, ...] = Field(default=(), max_length=100)
    evicted_delta: Annotated[int, Field(ge=0)] | None = None
    """Growth of `sglang:evicted_tokens_total` over the filling; null: not readable."""


Line = Annotated[
    RunRecord | ItemRecord | RequestRecord | LoadRecord | CacheRecord, Field(discriminator="kind")
]
_LINE: Final[TypeAdapter[Line]] = TypeAdapter(Line)


@dataclass(frozen=True, kw_only=True)
class Items:
    """One run's measurements."""

    run: RunRecord
    items: tuple[ItemRecord, ...] = ()
    requests: tuple[RequestRecord, ...] = ()
    load: LoadRecord | None = None
    cache: CacheRecord | None = None
    digest: str = field(default="")
    """sha256 of the text it was read from; empty when it was not read."""

    def lines(self) -> Iterable[Record]:
        """Return all records, the run first."""
        yield self.run
        yield from self.items
        yield from self.requests
        if self.load is not None:
            yield self.load
        if self.cache is not None:
            yield self.cache


def dump(items: Items) -> str:
    """Return the text of `items.jsonl`: the same measurements give the same bytes."""
    return "".join(
        f"{record.model_dump_json(by_alias=True, exclude_none=True)}\n" for record in items.lines()
    )


def read(text: str) -> Items:
    """Read `items.jsonl`.

    Raises:
        ItemsError: a line is no record, a number is not finite, or the run, the load or the cache
            is there twice or (the run) not at all.
    """
    found: dict[type[Record], list[Record]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = _LINE.validate_python(json.loads(line, parse_constant=_not_finite))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ItemsError(line=number, fault=f"{where}: {first['msg']}") from None
        except ValueError as error:
            raise ItemsError(line=number, fault=str(error)) from None
        found.setdefault(type(record), []).append(record)
    for single in (RunRecord, LoadRecord, CacheRecord):
        if len(found.get(single, [])) > 1:
            raise ItemsError(line=0, fault=f"{single.__name__} is there more than once")
    runs = [one for one in found.get(RunRecord, []) if isinstance(one, RunRecord)]
    if not runs:
        raise ItemsError(line=0, fault="the line with kind run is missing")
    return Items(
        run=runs[0],
        items=tuple(one for one in found.get(ItemRecord, []) if isinstance(one, ItemRecord)),
        requests=tuple(
            one for one in found.get(RequestRecord, []) if isinstance(one, RequestRecord)
        ),
        load=next((one for one in found.get(LoadRecord, []) if isinstance(one, LoadRecord)), None),
        cache=next(
            (one for one in found.get(CacheRecord, []) if isinstance(one, CacheRecord)), None
        ),
        digest=f"sha256:{sha256(text.encode()).hexdigest()}",
    )


def _not_finite(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number that can be judged")
