"""Which items are measured, and when a run ends: measurements are made up (SIMULATED)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import measured_runs
from measured_runs import measured, spread
from reflex_api.bakeoff_spec import LoadSpec
from reflex_api.gate import GateSpec
from reflex_api.items import ItemRecord, Items, Outcome
from reflex_api.verdict import Judgement
from reflex_bakeoff import measuring, serving
from reflex_bakeoff.errors import LoadError, MeasureError
from reflex_bakeoff.measuring import Bakeoff, Measured, run_bakeoff, run_record
from reflex_bakeoff.quality.endpoint import Endpoint
from reflex_bakeoff.quality.one import Trying, unclear
from reflex_bakeoff.quality.run import GIVE_UP
from reflex_bakeoff.suite.item import Item
from reflex_routing.config import ModelSection
from reflex_runner.job import Job
from reflex_runner.job import Outcome as Ran
from repair_items import suite

SUITE = suite(300, name=measured_runs.SUITE)
ORDER = SUITE.order()
GATE = GateSpec(suite=SUITE.name)
ENDPOINT = Endpoint(base_url="http://127.0.0.1:9/v1", model="candidate", asked=ModelSection())
RUN = run_record(ENDPOINT, SUITE, tries=3, seed=0, measured_at=measured_runs.WHEN, simulated=True)
SENT = measured()


class NoRunner:
    async def run(self, job: Job, root: Path) -> Ran:
        raise AssertionError("nothing is compiled here")


class Rig:
    """Items that come out as is written, and a load without a fault."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.results: dict[str, bool | None] = {}
        self.kept: list[Items] = []
        monkeypatch.setattr(measuring, "measure", self._measure)
        monkeypatch.setattr(serving, "speed", self._speed)
        monkeypatch.setattr(serving, "cache", self._cache)
        self.away: set[str] = set()  # items at which the engine crashes; it comes back
        monkeypatch.setattr(measuring, "answers", self._answers)
        monkeypatch.setattr(measuring, "until_it_answers", self._came_back)

    async def _answers(self, *_: Any, **__: Any) -> bool:
        return self.asked[-1] not in self.away

    async def _came_back(self, *_: Any, **__: Any) -> bool:
        self.away.clear()
        return True

    async def _measure(self, item: Item, trying: Trying) -> ItemRecord:
        assert trying.tries == RUN.tries
        self.asked.append(item.id)
        if item.id in self.away:
            return unclear(item, "no connection")
        passed = self.results[item.id]
        return unclear(item, "made up") if passed is None else record(item.id, passed)

    async def _speed(self, *_: Any, **__: Any) -> Any:
        return SENT.requests, SENT.load

    async def _cache(self, *_: Any, **__: Any) -> Any:
        return SENT.cache

    async def run(
        self, passed: Sequence[bool | None], earlier: Items | None = None, **changes: Any
    ) -> Measured:
        self.results = dict(zip(ORDER, passed, strict=True))
        bakeoff = Bakeoff(run=RUN, endpoint=ENDPOINT, suite=SUITE, gate=GATE)
        return await run_bakeoff(
            replace(bakeoff, **changes), NoRunner(), earlier=earlier, kept=self.kept.append
        )


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(monkeypatch)


def record(name: str, passed: bool) -> ItemRecord:
    return measured_runs.item("item-000", passed).model_copy(
        update={"id": name, "stratum": "E0308"}
    )


def evidence(passed: Sequence[bool]) -> Items:
    records = [record(name, one) for name, one in zip(ORDER, passed, strict=False)]
    return replace(measured(), run=RUN, items=tuple(records))


async def test_without_a_baseline_a_run_goes_to_the_last_look(rig: Rig) -> None:
    done = await rig.run(spread(285, 300))
    assert done.verdict.verdict is Judgement.PASS
    assert rig.asked == list(ORDER)
    assert [len(each.items) for each in rig.kept if each.items][-1] == 300


async def test_a_run_that_failed_ends_with_its_look(rig: Rig) -> None:
    done = await rig.run(spread(60, 300))
    assert done.verdict.verdict is Judgement.FAIL
    assert rig.asked == list(ORDER[:100])


async def test_with_a_baseline_the_gate_says_how_far(rig: Rig) -> None:
    done = await rig.run(spread(285, 300), baseline=evidence(spread(150, 300)))
    assert done.verdict.promotes
    assert rig.asked == list(ORDER[:200])


async def test_items_of_an_aborted_run_are_not_asked_again(rig: Rig) -> None:
    done = await rig.run(spread(285, 300), earlier=evidence(spread(285, 300)[:150]))
    assert rig.asked == list(ORDER[150:])
    assert [one.id for one in done.items.items] == list(ORDER)


async def test_open_items_of_an_aborted_run_are_asked_again(rig: Rig) -> None:
    earlier = evidence(spread(285, 300)[:150])
    gone = unclear(SUITE.items[0], "made up").model_copy(update={"id": ORDER[120]})
    records = tuple(gone if one.id == gone.id else one for one in earlier.items)
    done = await rig.run(spread(285, 300), earlier=replace(earlier, items=records))
    assert rig.asked[0] == ORDER[120]
    assert done.verdict.verdict is Judgement.PASS


async def test_an_item_that_stays_open_is_tried_twice_and_makes_an_error(rig: Rig) -> None:
    passed: list[bool | None] = [*spread(285, 300)]
    passed[7] = None
    done = await rig.run(passed)
    assert rig.asked.count(ORDER[7]) == 2
    assert done.verdict.verdict is Judgement.ERROR
    assert done.items.items[7].outcome is Outcome.ERROR


async def test_an_engine_that_crashes_is_waited_for_and_its_item_asked_again(rig: Rig) -> None:
    rig.away = set(ORDER[10 : 10 + 2 * GIVE_UP])
    done = await rig.run(spread(285, 300))
    assert done.verdict.verdict is Judgement.PASS
    assert rig.asked.count(ORDER[10]) == 2
    assert len(rig.asked) == len(ORDER) + 1


async def test_many_open_items_in_a_row_end_the_run(rig: Rig) -> None:
    passed: list[bool | None] = [*spread(285, 300)]
    passed[20 : 20 + GIVE_UP] = [None] * GIVE_UP
    with pytest.raises(MeasureError, match="in a row"):
        await rig.run(passed)
    assert len(rig.asked) == 20 + GIVE_UP
    assert len(rig.kept[-1].items) == 20 + GIVE_UP


async def test_a_load_that_fails_is_missing_and_told(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise LoadError("made up")

    monkeypatch.setattr(serving, "speed", broken)
    done = await rig.run(spread(285, 300))
    assert done.verdict.verdict is Judgement.ERROR
    assert done.notes == ("speed: made up",)
    assert done.items.load is None


async def test_the_time_is_bounded(rig: Rig) -> None:
    with pytest.raises(MeasureError, match="time is over"):
        await rig.run(spread(285, 300), seconds=0.0)
    assert rig.asked == []


@pytest.mark.parametrize("renderer", ["full", "compact"])
@pytest.mark.parametrize("context", [256, 512, 4096, 65536])
def test_prompts_fit_the_context(renderer: str, context: int) -> None:
    asked = ModelSection(renderer=renderer, context_tokens=context, reply_tokens=context // 4)
    endpoint = replace(ENDPOINT, asked=asked)
    plan = serving.load_plan(endpoint, LoadSpec(), 0)
    longest = max(len(one.prompt.split()) for phase in plan.phases for one in phase.requests)
    assert longest + plan.max_tokens <= context
    assert sum(len(phase.requests) for phase in plan.phases) >= 268
    assert {phase.streams for phase in plan.phases} == {1}
