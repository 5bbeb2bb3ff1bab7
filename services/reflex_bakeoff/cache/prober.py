"""Makes the ten steps' observations at a real engine; `proof` says what they show."""

import asyncio
import random
import string
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reflex_api.items import CacheRecord, CacheRequest
from reflex_bakeoff.cache.engine import CacheEngine
from reflex_bakeoff.speed.workload import text

CACHED: Final = "sglang:cached_tokens_total"
EVICTED: Final = "sglang:evicted_tokens_total"
_FILLING: Final = 1.3
"""Times the cache's size that is sent to empty it of what was there."""
_BEGINNINGS: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How much is sent.

    Attributes:
        requests: cold, and again warm; the proof wants 30, and more than 62 cannot all begin
            differently.
        prefix_words: length of the shared prefix.
        fill_words: length of a prompt that fills the cache.
        fill_tokens: most tokens that are sent to fill it.
        schema: of production's answers; its grammar is compiled before anything is timed.
        seed: of all texts.
        quiet_seconds: longest wait for the engine to be idle.
    """

    requests: int = 30
    prefix_words: int = 1500
    fill_words: int = 4000
    fill_tokens: int = 2_000_000
    schema: Mapping[str, Any] | None = None
    seed: int = 42
    quiet_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.requests > len(_BEGINNINGS):
            raise ValueError(f"at most {len(_BEGINNINGS)} cold requests, not {self.requests}")


async def probe(engine: CacheEngine, shape: Shape) -> CacheRecord:
    """Run the ten steps; takes a quiet engine for itself.

    Raises:
        CacheProbeError: the engine could not be asked.
    """
    source = random.Random(shape.seed)
    capacity = await engine.capacity()
    await _warm_grammar(engine, shape, source)
    flushed = await _flushed(engine, shape.quiet_seconds)
    # Flushing also forgets compiled grammars (SGLang's scheduler clears both).
    await _warm_grammar(engine, shape, source)
    # Each begins with another character: digits are tokens of their own to most tokenizers, and
    # random numbers share the first two of them far too often for pages of one token.
    cold = [
        await engine.complete(f"{start}{text(source, shape.prefix_words)}")
        for start in _BEGINNINGS[: shape.requests]
    ]
    shared = text(source, shape.prefix_words)
    prime = await engine.complete(shared)
    before = await engine.counter(CACHED)
    endings = [text(source, 32) for _ in range(shape.requests)]
    warm = [await engine.complete(f"{shared} {ending}") for ending in endings]
    told = sum(one.cached_tokens or 0 for one in warm)
    after = await engine.counter_reaches(CACHED, (before or 0) + told)
    retry_shared, retry = await _retries(engine, source, shape)
    changed = [
        await engine.complete(f"{index} {shared} {ending}")
        for index, ending in enumerate(endings[:3])
    ]
    evicted_before = await engine.counter(EVICTED)
    await _fill(engine, source, shape, capacity.tokens)
    evicted_after = await engine.counter(EVICTED)
    again = [await engine.complete(f"{shared} {ending}") for ending in endings[:1]]
    return CacheRecord(
        page_size=capacity.page_size,
        shared_tokens=prime.prompt_tokens,
        reports_cached_tokens=all(one.cached_tokens is not None for one in warm),
        grammar_warmed=True,
        flushed=flushed,
        cold=tuple(cold),
        prime=prime,
        warm=tuple(warm),
        counter_delta=_growth(before, after),
        changed_first_token=tuple(changed),
        retry_reuse=tuple(retry),
        retry_shared=tuple(retry_shared),
        after_eviction=tuple(again),
        evicted_delta=_growth(evicted_before, evicted_after),
    )


async def _warm_grammar(engine: CacheEngine, shape: Shape, source: random.Random) -> None:
    messages = [{"role": "user", "content": text(source, 16)}]
    await engine.chat(messages, tokens=64, schema=shape.schema)


async def _flushed(engine: CacheEngine, seconds: float) -> bool:
    """Empty the cache once nothing runs; False when that never came."""
    deadline = time.monotonic() + seconds
    while not await engine.flush():
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(0.5)
    return True


async def _retries(
    engine: CacheEngine, source: random.Random, shape: Shape
) -> tuple[list[int], list[CacheRequest]]:
    """Ask as the repair loop does: the second try repeats the first and adds to it."""
    lengths, seconds = [], []
    for _ in range(3):
        messages = [{"role": "user", "content": text(source, shape.prefix_words)}]
        first = await engine.chat(messages)
        lengths.append(first.prompt_tokens)
        messages += [
            {"role": "assistant", "content": text(source, 16)},
            {"role": "user", "content": text(source, 64)},
        ]
        seconds.append(await engine.chat(messages))
    return lengths, seconds


async def _fill(engine: CacheEngine, source: random.Random, shape: Shape, capacity: int) -> None:
    """Send unrelated prompts until they amount to more than the cache holds."""
    wanted = min(int(capacity * _FILLING), shape.fill_tokens)
    sent = 0
    while sent < wanted:
        sent += (await engine.complete(text(source, shape.fill_words))).prompt_tokens


def _growth(before: int | None, after: int | None) -> int | None:
    """Return by how much a counter grew; a counter that appears late began at 0."""
    return None if after is None else max(0, after - (before or 0))
