"""What is timed at the endpoint: the load phases and the cache proof, sized to the model."""

import os
from pathlib import Path
from typing import Final

import aiohttp

from reflex_api.bakeoff_spec import LoadSpec
from reflex_api.items import CacheRecord, LoadRecord, RequestRecord
from reflex_bakeoff.cache.engine import CacheEngine
from reflex_bakeoff.cache.prober import Shape, probe
from reflex_bakeoff.errors import CacheProbeError, MeasureError
from reflex_bakeoff.quality.endpoint import Endpoint
from reflex_bakeoff.speed.plan import LoadPlan
from reflex_bakeoff.speed.runner import run_load
from reflex_bakeoff.speed.traces import summarise
from reflex_bakeoff.speed.workload import standard_phases
from reflex_loop.patch import COMPACT_SCHEMA, SCHEMA

KEY_VARIABLE: Final = "REFLEX_BAKEOFF_KEY"
_PREFIX_WORDS: Final = 1500
_FILL_WORDS: Final = 4000
_TOKENS_A_WORD: Final = 6
"""A small vocabulary cuts a word into so many tokens; the numbers of a prompt into more."""


def load_plan(endpoint: Endpoint, load: LoadSpec, seed: int) -> LoadPlan:
    """Return the phases of a bakeoff.

    The busy phase is there with one stream, too: 268 requests at least are needed to show an error
    rate of at most 1 %, and cold and warm ones alone are 248 by default.
    """
    return LoadPlan(
        base_url=endpoint.base_url,
        model=endpoint.model,
        phases=standard_phases(
            seed=seed,
            each=load.requests,
            prefix_words=prefix_words(endpoint),
            busy_streams=load.streams,
            rate=load.requests_per_minute / 60,
        ),
        max_tokens=min(load.answer_tokens, endpoint.asked.reply_tokens),
        extra={"ignore_eos": True} if endpoint.dialect == "sglang" else {},
        seed=seed,
        timeout_seconds=min(endpoint.seconds, 3600.0),
        api_key_env=KEY_VARIABLE if key_of(endpoint) else "",
    )


def prefix_words(endpoint: Endpoint) -> int:
    """Return how many words a prompt has, so that it fits the model's context with its ending."""
    room = endpoint.asked.prompt_tokens // _TOKENS_A_WORD
    return max(8, min(_PREFIX_WORDS, room - 40))


async def speed(
    endpoint: Endpoint, plan: LoadPlan, *, seconds: float, roofline: float | None = None,
    speculative: bool = False, web_port: int = 0,
) -> tuple[tuple[RequestRecord, ...], LoadRecord]:  # fmt: skip
    """Send the plan and return what was seen.

    Args:
        endpoint: for its key.
        plan: what is sent.
        seconds: after which it is given up.
        roofline: tokens per second of one stream that the memory allows; None: not known.
        speculative: the engine drafts tokens.
        web_port: see `run_load`.

    Raises:
        LoadError: there is no measurement.
        MeasureError: the key cannot be read.
    """
    environ = {**os.environ, KEY_VARIABLE: key_of(endpoint)}
    traces, watched = await run_load(plan, seconds=seconds, environ=environ, web_port=web_port)
    return summarise(plan, traces, watched, roofline=roofline, speculative=speculative)


async def cache(endpoint: Endpoint, *, seed: int) -> CacheRecord:
    """Make the observations of the cache proof.

    Raises:
        CacheProbeError: the engine could not be asked.
        MeasureError: the key cannot be read.
    """
    root, _, path = endpoint.base_url.rstrip("/").rpartition("/")
    if path != "v1":
        raise CacheProbeError(
            f"{endpoint.base_url} does not end in /v1: where /flush_cache and /metrics are is not"
            " known; name the engine itself, not a gateway"
        )
    compact = endpoint.asked.renderer == "compact"
    words = prefix_words(endpoint)
    shape = Shape(
        prefix_words=words,
        fill_words=max(words, min(_FILL_WORDS, endpoint.asked.prompt_tokens // _TOKENS_A_WORD)),
        schema=COMPACT_SCHEMA if compact else SCHEMA,
        seed=seed,
    )
    try:
        async with CacheEngine(
            root,
            endpoint.model,
            api_key=key_of(endpoint),
            admin_key=_read(endpoint.admin_key_file) if endpoint.admin_key_file else "",
            seconds=endpoint.seconds,
        ) as engine:
            return await probe(engine, shape)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise CacheProbeError(f"{root}: {type(error).__name__}: {error}") from None


def key_of(endpoint: Endpoint) -> str:
    """Return the endpoint's API key; empty: none is sent.

    Raises:
        MeasureError: its file cannot be read.
    """
    if endpoint.key_file is None:
        return os.environ.get(endpoint.key_env, "") if endpoint.key_env else ""
    return _read(endpoint.key_file)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise MeasureError(f"the API key {path} cannot be read: {error.strerror}") from None
