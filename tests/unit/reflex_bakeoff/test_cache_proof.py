from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import measured_runs as runs
from engine_process import simulated_engine
from reflex_api.gate import CacheGate, GateSpec
from reflex_api.items import CacheRecord, CacheRequest
from reflex_api.verdict import Judgement, Why, worst
from reflex_bakeoff.cache.engine import CacheEngine, Capacity
from reflex_bakeoff.cache.prober import Shape, probe
from reflex_bakeoff.cache.proof import prove
from reflex_bakeoff.errors import CacheProbeError
from reflex_bakeoff.gate.prefix import cache_metrics

GATE = CacheGate()
PASS, FAIL, OPEN, ERROR = (
    Judgement.PASS, Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.ERROR,
)  # fmt: skip


def steps(seen: CacheRecord) -> dict[str, tuple[Judgement, Why]]:
    return {step.name: (step.verdict, step.reason) for step in prove(seen, GATE)[0]}


def told(n: int, *numbers: Any) -> tuple[Any, ...]:
    return tuple(runs.asked(*numbers) for _ in range(n))


def test_all_ten_steps_hold() -> None:
    found, shown = prove(runs.cache(), GATE)

    assert len(found) == 10
    assert {step.verdict for step in found} == {PASS}
    assert shown.hit_share == 1.0
    assert shown.gain == pytest.approx(1 - 0.114 / 0.414)


@pytest.mark.parametrize(
    ("changes", "step", "expected"),
    [
        ({"grammar_warmed": False}, "grammar warmed", (ERROR, Why.CACHE_UNVERIFIABLE)),
        ({"flushed": False}, "cache flushed", (ERROR, Why.CACHE_UNVERIFIABLE)),
        ({"cold": told(30, 65, 0.4)}, "cold requests miss", (ERROR, Why.CACHE_UNVERIFIABLE)),
        ({"cold": told(29, 0, 0.4)}, "cold requests miss", (ERROR, Why.TOO_FEW_SAMPLES)),
        ({"prime": None}, "prefix primed", (ERROR, Why.CACHE_UNVERIFIABLE)),
        ({"warm": told(30, 1800)}, "warm requests hit", (FAIL, Why.BOUND_MISSED)),
        ({"warm": told(29, 2048)}, "warm requests hit", (ERROR, Why.TOO_FEW_SAMPLES)),
        ({"warm": told(30, 2100)}, "warm requests hit", (ERROR, Why.IMPOSSIBLE_MEASUREMENT)),
        ({"warm": told(30, None)}, "warm requests hit", (ERROR, Why.CACHE_UNVERIFIABLE)),
        (
            {"warm": (*told(29, 2048), *told(1, None))},
            "warm requests hit",
            (ERROR, Why.CACHE_UNVERIFIABLE),
        ),
        ({"counter_delta": None}, "counters agree", (ERROR, Why.CACHE_UNVERIFIABLE)),
        ({"counter_delta": 0}, "counters agree", (ERROR, Why.CACHE_UNVERIFIABLE)),
        ({"warm": told(30, 2048, 0.4)}, "time is saved", (OPEN, Why.UNDECIDED_AT_LAST_LOOK)),
        ({"retry_reuse": ()}, "a second try reuses the first", (ERROR, Why.TOO_FEW_SAMPLES)),
        (
            {"retry_reuse": told(3, 1900)},
            "a second try reuses the first",
            (FAIL, Why.BOUND_MISSED),
        ),
        ({"retry_shared": ()}, "a second try reuses the first", (ERROR, Why.MISSING_MEASUREMENT)),
        (
            {"changed_first_token": told(3, 2048)},
            "another first token misses",
            (ERROR, Why.CACHE_UNVERIFIABLE),
        ),
        (
            {"changed_first_token": ()},
            "another first token misses",
            (ERROR, Why.TOO_FEW_SAMPLES),
        ),
        ({"evicted_delta": None}, "a full cache forgets", (ERROR, Why.CACHE_UNVERIFIABLE)),
        ({"evicted_delta": 0}, "a full cache forgets", (OPEN, Why.UNDECIDED_AT_LAST_LOOK)),
        (
            {"after_eviction": told(3, 2048)},
            "a full cache forgets",
            (ERROR, Why.CACHE_UNVERIFIABLE),
        ),
        ({"shared_tokens": 32}, "warm requests hit", (ERROR, Why.CACHE_UNVERIFIABLE)),
    ],
)
def test_each_step_can_break(
    changes: dict[str, Any], step: str, expected: tuple[Judgement, Why]
) -> None:
    found = steps(runs.cache(**changes))

    assert found[step] == expected
    assert worst(*(verdict for verdict, _ in found.values())) is not PASS


def test_a_gain_of_time_is_shown_by_its_bound() -> None:
    """The median is four times faster, and nearly half of the requests are not."""
    warm = (*told(16, 2048, 0.1), *told(14, 2048, 0.39))

    found, shown = prove(runs.cache(warm=warm), GATE)

    assert shown.gain is not None
    assert shown.gain > 0.7
    assert {step.name for step in found if step.verdict is not PASS} == {"time is saved"}


def test_a_gain_of_time_that_nobody_wants_is_no_step() -> None:
    slow = runs.cache(warm=told(30, 2048, 0.4))
    gate = GateSpec.model_validate({"suite": "s", "cache": {"minTtftGain": "none"}})

    found, shown = prove(slow, gate.cache)
    assert len(found) == 9
    assert {step.verdict for step in found} == {PASS}
    assert shown.gain is not None, "it is reported all the same"
    (metric,) = [
        one for one in cache_metrics(runs.measured(cache=slow), gate) if one.name == "cache_proof"
    ]
    assert (metric.verdict, metric.point) == (PASS, 9)
    assert metric.target is not None
    assert metric.target.value == 9


def test_zero_hits_are_a_failure_and_silence_is_none() -> None:
    zero = steps(runs.cache(warm=told(30, 0, 0.4), counter_delta=0))
    silent = steps(runs.cache(warm=told(30, None, 0.1)))

    assert zero["warm requests hit"][0] is FAIL
    assert silent["warm requests hit"][0] is ERROR


SHAPE = Shape(requests=30, prefix_words=160, fill_words=800)


async def probed(folder: Path, *arguments: str, shape: Shape = SHAPE) -> CacheRecord:
    with simulated_engine(folder, *arguments) as running:
        async with CacheEngine(running.root, "simulated") as engine:
            return await probe(engine, shape)


async def test_a_cache_that_works_is_proved_at_a_simulated_engine(tmp_path: Path) -> None:
    seen = await probed(tmp_path, "--per-uncached=0.0002", "--capacity=6000")
    found, shown = prove(seen, GATE)

    # All but the time: how long this machine took is nobody's business here.
    failed = [step for step in found if step.verdict is not PASS and step.name != "time is saved"]
    assert failed == []
    assert shown.hit_share == 1.0
    assert seen.evicted_delta is not None
    assert seen.evicted_delta > 0


@pytest.mark.parametrize(("cached", "verdict"), [(4, PASS), (5, ERROR)])
def test_pages_of_one_token_leave_room_for_what_every_text_begins_with(
    cached: int, verdict: Judgement
) -> None:
    found = steps(runs.cache(page_size=1, cold=told(30, cached, 0.4)))

    assert found["cold requests miss"][0] is verdict


async def test_no_two_cold_prompts_begin_alike() -> None:
    asked: list[str] = []

    class Listening(CacheEngine):
        async def capacity(self) -> Capacity:
            return Capacity(tokens=1, page_size=1)

        async def flush(self) -> bool:
            return True

        async def counter(self, name: str) -> int | None:
            return 0

        async def counter_reaches(self, name: str, wanted: int, seconds: float = 5.0) -> int | None:
            return 0

        async def complete(self, prompt: str, *, tokens: int = 1) -> CacheRequest:
            asked.append(prompt)
            return CacheRequest(prompt_tokens=9, cached_tokens=0, ttft=0.1)

        async def chat(self, *_: Any, **__: Any) -> CacheRequest:
            return CacheRequest(prompt_tokens=9, cached_tokens=0, ttft=0.1)

    async with Listening("http://nowhere", "none") as engine:
        await probe(engine, SHAPE)

    assert len({prompt[0] for prompt in asked[: SHAPE.requests]}) == SHAPE.requests


async def test_an_engine_that_lies_about_hits_is_found_out(tmp_path: Path) -> None:
    little = replace(SHAPE, fill_tokens=1000)
    found = steps(await probed(tmp_path, "--lies", "--capacity=60000", shape=little))

    assert found["counters agree"][0] is ERROR
    assert found["cold requests miss"][0] is ERROR
    assert found["another first token misses"][0] is ERROR
    # Nothing was evicted, and a counter that has not counted yet is not shown.
    assert found["a full cache forgets"] == (OPEN, Why.UNDECIDED_AT_LAST_LOOK)


async def test_an_engine_that_does_not_report_is_unverifiable(tmp_path: Path) -> None:
    found = steps(await probed(tmp_path, "--no-report", "--capacity=6000"))

    assert found["warm requests hit"] == (ERROR, Why.CACHE_UNVERIFIABLE)


async def test_a_cache_too_small_for_the_prefix_fails(tmp_path: Path) -> None:
    found = steps(await probed(tmp_path, "--capacity=96"))

    assert found["warm requests hit"][0] is FAIL


async def test_an_engine_that_cannot_be_asked_is_an_error(tmp_path: Path) -> None:
    with simulated_engine(tmp_path) as running:
        async with CacheEngine(f"{running.root}/nowhere", "simulated") as engine:
            with pytest.raises(CacheProbeError, match="page_size"):
                await probe(engine, SHAPE)
            with pytest.raises(CacheProbeError, match="answered 404"):
                await engine.complete("text")
