"""Ten steps that together show prefix reuse: tokens counted twice, time saved, controls.

No single number is trusted: an engine may report hits that it does not have, or have none and be
quick. Pure; `prober` makes the observations.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from reflex_api.gate import CacheGate
from reflex_api.items import CacheRecord, CacheRequest
from reflex_api.verdict import Judgement, Target, Why
from reflex_bakeoff.gate.metrics import judge
from reflex_bakeoff.stats.quantiles import quantile, quantile_interval

LEAST_REQUESTS: Final = 30
RETRY_SHARE: Final = 0.95
"""Least share of a try's prompt that the next one must reuse."""
_ALWAYS_SHARED: Final = 4
"""Tokens: a start of the text, and the blank that a tokenizer puts before its first word."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step and what it showed."""

    name: str
    verdict: Judgement
    reason: Why
    message: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The numbers behind the steps; None where they could not be computed."""

    hit_share: float | None
    gain: float | None
    gain_low: float = -math.inf
    gain_high: float = math.inf


def prove(seen: CacheRecord, gate: CacheGate) -> tuple[tuple[Step, ...], Shown]:
    """Return the ten steps in their order, and the two numbers."""
    shown = numbers(seen)
    steps = tuple(step(seen, gate, shown) for step in _wanted(gate))
    return steps, shown


def wanted_steps(gate: CacheGate) -> int:
    """Return how many steps must hold: ten, or nine where no gain of time is wanted."""
    return len(_wanted(gate))


def numbers(seen: CacheRecord) -> Shown:
    """Return the hit share and the gain of time.

    hit share = cached tokens of the warm requests / tokens of the shared prefix, whole pages only;
    gain = 1 - median TTFT warm / median TTFT cold, its bounds by order statistics of both medians.
    """
    cached = _cached(seen.warm)
    pages = seen.shared_tokens // seen.page_size * seen.page_size
    hit = sum(cached) / (len(cached) * pages) if cached and pages else None
    cold, warm = ([one.ttft for one in group] for group in (seen.cold, seen.warm))
    if not cold or not warm or quantile(cold, 0.5) <= 0:
        return Shown(hit_share=hit, gain=None)
    cold_low, cold_high = quantile_interval(cold, 0.5)
    warm_low, warm_high = quantile_interval(warm, 0.5)
    return Shown(
        hit_share=hit,
        gain=1 - quantile(warm, 0.5) / quantile(cold, 0.5),
        gain_low=1 - warm_high / cold_low if cold_low > 0 else -math.inf,
        gain_high=1 - max(warm_low, 0.0) / cold_high,
    )


def _grammar(seen: CacheRecord, _gate: CacheGate, _shown: Shown) -> Step:
    return _checked(
        "grammar warmed", seen.grammar_warmed, "compiled before anything was timed",
        "the first timed requests would pay for compiling the schema",
    )  # fmt: skip


def _flush(seen: CacheRecord, _gate: CacheGate, _shown: Shown) -> Step:
    return _checked(
        "cache flushed", seen.flushed, "the cache was emptied with no request running",
        "the cache could not be emptied: stop other traffic to this engine",
    )  # fmt: skip


def _coincidence(seen: CacheRecord) -> int:
    """Return how many tokens two prompts may share that differ from their first character."""
    return max(seen.page_size, _ALWAYS_SHARED)


def _cold(seen: CacheRecord, _gate: CacheGate, _shown: Shown) -> Step:
    name = "cold requests miss"
    if fault := _unusable(name, seen.cold, LEAST_REQUESTS):
        return fault
    most = max(_cached(seen.cold))
    return _checked(
        name, most <= _coincidence(seen), f"at most {most} tokens cached",
        f"a request that nothing was sent before had {most} tokens cached",
    )  # fmt: skip


def _prime(seen: CacheRecord, _gate: CacheGate, _shown: Shown) -> Step:
    return _checked(
        "prefix primed", seen.prime is not None, "one request filled the cache",
        "the priming request did not finish",
    )  # fmt: skip


def _warm(seen: CacheRecord, gate: CacheGate, shown: Shown) -> Step:
    name = "warm requests hit"
    if fault := _unusable(name, seen.warm, LEAST_REQUESTS):
        return fault
    if shown.hit_share is None:
        return _error(name, Why.CACHE_UNVERIFIABLE, "the shared prefix is shorter than a page")
    if any(cached >= one.prompt_tokens for cached, one in _with_cached(seen.warm)):
        return _error(
            name, Why.IMPOSSIBLE_MEASUREMENT, "a whole prompt is reported as cached: the last"
            " token never is",
        )  # fmt: skip
    message = f"{shown.hit_share:.3f} of the shared prefix, wanted {gate.min_hit_share}"
    return _bound(name, shown.hit_share >= float(gate.min_hit_share), message)


def _counters(seen: CacheRecord, _gate: CacheGate, _shown: Shown) -> Step:
    name = "counters agree"
    if fault := _unusable(name, seen.warm, 1):
        return fault
    if seen.counter_delta is None:
        return _error(
            name, Why.CACHE_UNVERIFIABLE, "sglang:cached_tokens_total cannot be read: start the"
            " engine with --enable-metrics",
        )  # fmt: skip
    told = sum(_cached(seen.warm))
    allowed = seen.page_size * len(seen.warm)
    message = f"answers say {told} cached tokens, the engine's counter {seen.counter_delta}"
    return _checked(name, abs(told - seen.counter_delta) <= allowed, message, message)


def _time(_seen: CacheRecord, gate: CacheGate, shown: Shown) -> Step:
    name = "time is saved"
    if shown.gain is None or gate.min_ttft_gain is None:
        return _error(name, Why.MISSING_MEASUREMENT, "no times of cold and warm requests")
    target = Target(relation=">=", value=float(gate.min_ttft_gain))
    verdict = judge(shown.gain_low, shown.gain_high, target)
    message = f"median time to first token {shown.gain:.0%} lower, wanted {gate.min_ttft_gain}"
    if verdict is Judgement.PASS:
        return _bound(name, True, message)
    # Hits without a gain: prompts too short, or time lost in a queue. That is no proof of either.
    return Step(
        name=name,
        verdict=Judgement.INCONCLUSIVE,
        reason=Why.UNDECIDED_AT_LAST_LOOK,
        message=f"{message}: use longer prompts, and leave the engine alone",
    )


def _retry(seen: CacheRecord, _gate: CacheGate, _shown: Shown) -> Step:
    name = "a second try reuses the first"
    if fault := _unusable(name, seen.retry_reuse, 1):
        return fault
    if len(seen.retry_shared) != len(seen.retry_reuse):
        return _error(name, Why.MISSING_MEASUREMENT, "lengths of the first tries are missing")
    possible = [length // seen.page_size * seen.page_size for length in seen.retry_shared]
    cached = _cached(seen.retry_reuse)
    if not sum(possible):
        return _error(name, Why.CACHE_UNVERIFIABLE, "the first try is shorter than a page")
    share = sum(cached) / sum(possible)
    return _bound(name, share >= RETRY_SHARE, f"{share:.3f} reused, wanted {RETRY_SHARE}")


def _control(seen: CacheRecord, _gate: CacheGate, _shown: Shown) -> Step:
    name = "another first token misses"
    if fault := _unusable(name, seen.changed_first_token, 1):
        return fault
    most = max(_cached(seen.changed_first_token))
    return _checked(
        name, most <= _coincidence(seen), f"at most {most} tokens cached",
        f"{most} tokens cached of a prompt that differs from its first token: the report is wrong",
    )  # fmt: skip


def _eviction(seen: CacheRecord, _gate: CacheGate, _shown: Shown) -> Step:
    name = "a full cache forgets"
    if fault := _unusable(name, seen.after_eviction, 1):
        return fault
    if seen.evicted_delta is None:
        return _error(
            name, Why.CACHE_UNVERIFIABLE, "sglang:evicted_tokens_total cannot be read: start the"
            " engine with --enable-metrics",
        )  # fmt: skip
    if seen.evicted_delta == 0:
        return Step(
            name=name,
            verdict=Judgement.INCONCLUSIVE,
            reason=Why.UNDECIDED_AT_LAST_LOOK,
            message="the cache was not filled far enough to evict anything: send more",
        )
    cached = _cached(seen.after_eviction)
    before = _cached(seen.warm)
    dropped = bool(before) and sum(cached) / len(cached) < sum(before) / len(before)
    return _checked(
        name, dropped, f"{seen.evicted_delta} tokens evicted, hits dropped",
        f"{seen.evicted_delta} tokens evicted, yet hits did not drop: the report is wrong",
    )  # fmt: skip


_STEPS: Final[tuple[Callable[[CacheRecord, CacheGate, Shown], Step], ...]] = (
    _grammar, _flush, _cold, _prime, _warm, _counters, _time, _retry, _control, _eviction,
)  # fmt: skip


def _wanted(gate: CacheGate) -> tuple[Callable[[CacheRecord, CacheGate, Shown], Step], ...]:
    return _STEPS if gate.min_ttft_gain is not None else tuple(s for s in _STEPS if s is not _time)


def _unusable(name: str, group: Sequence[CacheRequest], least: int) -> Step | None:
    if len(group) < least:
        return _error(
            name, Why.TOO_FEW_SAMPLES, f"{len(group)} requests, at least {least} are needed"
        )
    if any(one.cached_tokens is None for one in group):
        return _error(
            name, Why.CACHE_UNVERIFIABLE, "the engine does not report cached tokens: start it with"
            " --enable-cache-report",
        )  # fmt: skip
    return None


def _cached(group: Sequence[CacheRequest]) -> list[int]:
    return [cached for cached, _ in _with_cached(group)]


def _with_cached(group: Sequence[CacheRequest]) -> list[tuple[int, CacheRequest]]:
    return [(one.cached_tokens, one) for one in group if one.cached_tokens is not None]


def _error(name: str, reason: Why, message: str) -> Step:
    return Step(name=name, verdict=Judgement.ERROR, reason=reason, message=message)


def _bound(name: str, met: bool, message: str) -> Step:
    verdict, reason = (Judgement.PASS, Why.BOUND_MET) if met else (Judgement.FAIL, Why.BOUND_MISSED)
    return Step(name=name, verdict=verdict, reason=reason, message=message)


def _checked(name: str, fine: bool, good: str, bad: str) -> Step:
    """A control: when it does not hold nothing was proved, for or against."""
    if fine:
        return Step(name=name, verdict=Judgement.PASS, reason=Why.WITHIN_LIMITS, message=good)
    return _error(name, Why.CACHE_UNVERIFIABLE, bad)
