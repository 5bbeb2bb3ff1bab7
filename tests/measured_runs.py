"""Builds a bakeoff's measurements for tests; all numbers in them are simulated."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from reflex_api.items import (
    CacheRecord,
    CacheRequest,
    Ending,
    ItemRecord,
    Items,
    LoadRecord,
    Outcome,
    Phase,
    Prefix,
    RequestRecord,
    RunRecord,
)

WHEN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SUITE = "rust-repair-v1"


def names(n: int) -> tuple[str, ...]:
    return tuple(f"item-{index:03}" for index in range(n))


def run(planned: int = 300, **changes: Any) -> RunRecord:
    known: dict[str, Any] = {
        "model": "candidate",
        "evidence_key": "sha256:ca",
        "suite": SUITE,
        "suite_digest": "sha256:5u",
        "planned": names(planned),
        "tries": 3,
        "harness_version": "1",
        "measured_at": WHEN,
        "simulated": True,
    }
    return RunRecord(**{**known, **changes})


def item(name: str, passed: bool, **changes: Any) -> ItemRecord:
    known: dict[str, Any] = {
        "id": name,
        "stratum": ("E0308", "E0382", "E0599")[int(name[-1]) % 3],
        "outcome": Outcome.PASSED if passed else Outcome.FAILED,
        "fixed_within": 1 if passed else None,
        "schema_valid": True,
        "applied": True,
        "truncated": False,
        "rustfix_only": False,
        "first_suggestion": False,
    }
    return ItemRecord(**{**known, **changes})


def repairs(passed: Iterable[bool]) -> tuple[ItemRecord, ...]:
    results = list(passed)
    return tuple(
        item(name, result) for name, result in zip(names(len(results)), results, strict=True)
    )


def spread(successes: int, n: int) -> list[bool]:
    """Successes spread evenly, so that each look sees about the same share."""
    return [(index + 1) * successes // n > index * successes // n for index in range(n)]


def request(name: str, phase: str, prefix: Prefix, **changes: Any) -> RequestRecord:
    first = 0.4 if prefix is Prefix.COLD else 0.1
    known: dict[str, Any] = {
        "id": name,
        "phase": phase,
        "prefix": prefix,
        "block": 0,
        "streams": 1,
        "ending": Ending.OK,
        "status": 200,
        "dispatch_lag": 0.0005,
        "ttft": first,
        "ttft_visible": first,
        "itl": 0.005,
        "gap_median": 0.005,
        "gap_p99": 0.007,
        "gap_max": 0.009,
        "latency": first + 127 * 0.005,
        "chunks": 128,
        "prompt_tokens": 2048,
        "output_tokens": 128,
        "cached_tokens": 0 if prefix is Prefix.COLD else 2000,
    }
    return RequestRecord(**{**known, **changes})


def failure(base: RequestRecord, ending: Ending = Ending.HTTP_ERROR) -> RequestRecord:
    times = ("ttft", "ttft_visible", "itl", "gap_median", "gap_p99", "gap_max", "latency")
    return base.model_copy(
        update={"ending": ending, "status": 500, **dict.fromkeys((*times, "output_tokens"))}
    )


def requests(each: int = 150, blocks: int = 3) -> tuple[RequestRecord, ...]:
    return tuple(
        request(f"{prefix.value}-{index:03}", prefix.value, prefix, block=index % blocks)
        for prefix in (Prefix.COLD, Prefix.WARM)
        for index in range(each)
    )


def load(sent: Sequence[RequestRecord], **changes: Any) -> LoadRecord:
    phases = tuple(
        Phase(name=name, planned=sum(one.phase == name for one in sent), streams=1, wall=100.0)
        for name in dict.fromkeys(one.phase for one in sent)
    )
    known: dict[str, Any] = {
        "phases": phases,
        "dispatch_lag_p95": 0.001,
        "loop_lag_p99": 0.002,
        "cpu_share": 0.2,
        "roofline": 484.0,
    }
    return LoadRecord(**{**known, **changes})


def cache(**changes: Any) -> CacheRecord:
    def asked(cached: int | None, ttft: float = 0.1, prompt: int = 2100) -> CacheRequest:
        return CacheRequest(prompt_tokens=prompt, cached_tokens=cached, ttft=ttft)

    known: dict[str, Any] = {
        "page_size": 64,
        "shared_tokens": 2048,
        "reports_cached_tokens": True,
        "grammar_warmed": True,
        "flushed": True,
        "cold": tuple(asked(0, 0.40 + index / 1000) for index in range(30)),
        "prime": asked(0, 0.4),
        "warm": tuple(asked(2048, 0.10 + index / 1000) for index in range(30)),
        "counter_delta": 30 * 2048,
        "changed_first_token": tuple(asked(0, 0.4) for _ in range(3)),
        "retry_reuse": tuple(asked(2048) for _ in range(3)),
        "retry_shared": (2100, 2100, 2100),
        "after_eviction": tuple(asked(0, 0.4) for _ in range(3)),
        "evicted_delta": 40_000,
    }
    return CacheRecord(**{**known, **changes})


def asked(cached: int | None, ttft: float = 0.1, prompt: int = 2100) -> CacheRequest:
    return CacheRequest(prompt_tokens=prompt, cached_tokens=cached, ttft=ttft)


def measured(passed: Iterable[bool] = (), **changes: Any) -> Items:
    """A run with nothing wrong in it; `changes` replace fields of Items."""
    sent = requests()
    whole = Items(
        run=run(),
        items=repairs(passed or spread(210, 300)),
        requests=sent,
        load=load(sent),
        cache=cache(),
        digest="sha256:01",
    )
    return replace(whole, **changes)


def paired(gained: int, lost: int, n: int, both: int = 0) -> tuple[list[bool], list[bool]]:
    """Candidate's and baseline's results, discordant pairs spread evenly."""
    kinds = spread(gained + lost + both, n)
    busy = [index for index, one in enumerate(kinds) if one]
    order = spread(gained, len(busy))
    ours = dict.fromkeys(range(n), False)
    theirs = dict.fromkeys(range(n), False)
    left = [index for index, one in zip(busy, order, strict=True) if not one]
    for index, one in zip(busy, order, strict=True):
        ours[index] = one
    split = spread(lost, len(left))
    for index, one in zip(left, split, strict=True):
        theirs[index] = True
        ours[index] = not one
    return list(ours.values()), list(theirs.values())


def metric(verdict: Any, name: str) -> Any:
    (found,) = [one for one in verdict.metrics if one.name == name]
    return found


def replaced(records: Sequence[Any], changes: Mapping[int, Any]) -> tuple[Any, ...]:
    return tuple(changes.get(index, one) for index, one in enumerate(records))
