"""The real load generator (its own process, locust) against a simulated engine that logs the truth.

No test asserts how fast anything is: the machine may be busy. What must hold on any machine is that
nothing is seen before it was written, and that every kind of failure is noticed.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import reflex_bakeoff
from engine_process import Running, simulated_engine
from reflex_api.items import Ending, LoadRecord, RequestRecord
from reflex_bakeoff.errors import LoadError
from reflex_bakeoff.speed.plan import LoadPlan, PlannedPhase, PlannedRequest
from reflex_bakeoff.speed.runner import run_load
from reflex_bakeoff.speed.schedule import due_times
from reflex_bakeoff.speed.timing import Trace
from reflex_bakeoff.speed.traces import Watched, summarise

SERVICES = Path(reflex_bakeoff.__file__).parents[1]
PATHS = [str(SERVICES), str(SERVICES.parent / "operator")]
ENVIRON = {**os.environ, "PYTHONPATH": os.pathsep.join([*PATHS, os.environ.get("PYTHONPATH", "")])}

CASES: dict[str, dict[str, Any]] = {
    "plain": {"streams": 4},
    "w2": {"streams": 0, "rate": 50.0},
    "w3": {"streams": 2},
    "w4": {"streams": 2},
    "w5": {"streams": 2},
    "w6": {"streams": 1},
    "w7": {"streams": 0, "rate": 40.0},
    "w8": {"streams": 2},
    "garbled": {"streams": 1},
    "burst": {"streams": 1},
}
EACH = 10


def phase(case: str, count: int = EACH, padding: int = 0, **how: Any) -> PlannedPhase:
    filler = "word " * padding
    return PlannedPhase(
        name=case,
        requests=tuple(
            PlannedRequest(id=f"{case}-{index}", prompt=f"{filler}case:{case} {index}")
            for index in range(count)
        ),
        **how,
    )


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with simulated_engine(tmp_path_factory.mktemp("engine")) as running:
        yield running


def plan(engine: Running, *phases: PlannedPhase, **changes: Any) -> LoadPlan:
    return LoadPlan(
        base_url=f"{engine.root}/v1", model="simulated", phases=phases, open_streams=16, **changes
    )


class Seen:
    def __init__(self, engine: Running, wanted: LoadPlan) -> None:
        self.traces, self.watched = asyncio.run(run_load(wanted, seconds=120, environ=ENVIRON))
        self.records, self.load = summarise(wanted, self.traces, self.watched)
        self.truths = engine.truths()

    def of(self, case: str) -> list[RequestRecord]:
        return [one for one in self.records if one.phase == case]

    def with_truth(self, case: str) -> list[tuple[Trace, dict[str, Any]]]:
        by_prompt = {one["prompt"]: one for one in self.truths if one["written"]}
        return [
            (one, by_prompt[f"case:{case} {one.id.split('-')[1]}"])
            for one in self.traces
            if one.phase == case and f"case:{case} {one.id.split('-')[1]}" in by_prompt
        ]


@pytest.fixture(scope="module")
def seen(engine: Running) -> Seen:
    phases = [
        phase(case, padding=50_000 if case == "w6" else 0, **how) for case, how in CASES.items()
    ]
    return Seen(engine, plan(engine, *phases))


def test_everything_that_was_planned_was_sent(seen: Seen) -> None:
    assert Counter(one.phase for one in seen.records) == dict.fromkeys(CASES, EACH)
    assert len({one.id for one in seen.records}) == EACH * len(CASES)
    assert isinstance(seen.load, LoadRecord)


@pytest.mark.parametrize("case", ["plain", "w2", "w3", "w4", "w6", "w7", "w8"])
def test_good_answers_are_good(seen: Seen, case: str) -> None:
    assert {one.ending for one in seen.of(case)} == {Ending.OK}


@pytest.mark.parametrize("case", ["plain", "w2", "w3", "w4", "w8"])
def test_no_token_is_seen_before_it_was_written(seen: Seen, case: str) -> None:
    pairs = seen.with_truth(case)

    assert len(pairs) == EACH
    for trace, truth in pairs:
        assert trace.due <= trace.sent <= truth["read"]
        assert len(trace.arrivals) == len(truth["written"])
        for arrival, (written, _) in zip(trace.arrivals, truth["written"], strict=True):
            assert arrival.at >= written


def test_chunks_are_seen_one_by_one_not_in_full_buffers(seen: Seen) -> None:
    """A reader that waits for a full buffer sees the first token when the last was written."""
    early = sum(
        trace.arrivals[0].at < truth["written"][-1][0] for trace, truth in seen.with_truth("plain")
    )

    assert early > EACH // 2


def test_w3_tokens_are_counted_not_chunks(seen: Seen) -> None:
    assert {(one.output_tokens, one.chunks) for one in seen.of("w3")} == {(24, 6)}
    for trace, truth in seen.with_truth("w3"):
        written = [at for at, _ in truth["written"]]
        measured = next(one.itl for one in seen.of("w3") if one.id == trace.id)
        arrived = trace.arrivals[-1].at - trace.arrivals[0].at
        assert measured == pytest.approx(arrived / 20)
        assert written[-1] - written[0] > 0


def test_w4_reasoning_comes_first(seen: Seen) -> None:
    for one in seen.of("w4"):
        assert one.ttft is not None
        assert one.ttft_visible is not None
        assert one.ttft < one.ttft_visible


def test_w5_every_kind_of_failure_is_noticed(seen: Seen) -> None:
    endings = {one.id: one.ending for one in seen.of("w5")}

    assert endings["w5-1"] is Ending.HTTP_ERROR
    assert endings["w5-2"] is Ending.RESET
    assert endings["w5-3"] is Ending.EMPTY
    assert endings["w5-4"] is Ending.INCOMPLETE
    assert Counter(endings.values())[Ending.OK] == 6
    assert all(one.ttft is None for one in seen.of("w5") if one.ending is not Ending.OK)


def test_w6_a_long_prompt_is_sent_whole(seen: Seen) -> None:
    assert {one.prompt_tokens for one in seen.of("w6")} == {50_002}


def test_w7_requests_behind_a_stall_show_it(seen: Seen) -> None:
    """The engine stands still for 0.8 s from request 3 on; a closed loop would show it once."""
    waited = [one for one in seen.of("w7") if one.ttft is not None and one.ttft > 0.4]

    assert len(waited) >= 4


def test_w1_a_stream_sends_its_next_request_only_after_an_answer(seen: Seen) -> None:
    """Requests kept running: so many at once, and never one more."""
    traces = sorted((one for one in seen.traces if one.phase == "plain"), key=lambda one: one.due)
    ends = sorted(one.arrivals[-1].at for one in traces)
    streams = CASES["plain"]["streams"]

    assert all(one.due <= traces[0].arrivals[0].at for one in traces[:streams])
    for index, one in enumerate(traces[streams:]):
        assert one.due >= ends[index]


@pytest.mark.parametrize("case", ["w2", "w7"])
def test_w2_requests_are_due_by_the_schedule_whatever_became_of_the_others(
    seen: Seen, case: str
) -> None:
    due = sorted(one.due for one in seen.traces if one.phase == case)

    planned = due_times(EACH, CASES[case]["rate"], seed=42)
    assert [at - due[0] for at in due] == pytest.approx(planned, abs=1e-6)


def test_w4_the_visible_time_is_that_of_the_first_chunk_after_the_reasoning(seen: Seen) -> None:
    records = {one.id: one for one in seen.of("w4")}
    for trace, truth in seen.with_truth("w4"):
        hidden = sum(not one.visible for one in trace.arrivals)
        record = records[trace.id]

        assert hidden == len(truth["written"]) // 2
        assert record.ttft == trace.arrivals[0].at - trace.due
        assert record.ttft_visible == trace.arrivals[hidden].at - trace.due


def test_w7_waiting_for_a_free_stream_counts(engine: Running) -> None:
    """Two requests may be running: those that are due in the stall are sent after it.

    From when they were sent none of them waited.
    """
    few = LoadPlan(
        base_url=f"{engine.root}/v1", model="simulated", open_streams=2,
        phases=(phase("w7", streams=0, rate=40.0),),
    )  # fmt: skip
    seen = Seen(engine, few)

    behind = [one for one in seen.of("w7") if one.dispatch_lag > 0.3]
    assert len(behind) >= 3
    assert all(one.ttft is not None and one.ttft > one.dispatch_lag for one in behind)
    assert seen.load.dispatch_lag_p95 > 0.3


def test_w6_w8_the_whole_answer_is_read(seen: Seen) -> None:
    assert {one.chunks for case in ("w6", "w8") for one in seen.of(case)} == {24}


def test_the_length_of_a_phase_is_from_the_first_due_to_the_last_chunk(seen: Seen) -> None:
    walls = {one.name: one.wall for one in seen.load.phases}
    for case in ("plain", "w2", "w7"):
        mine = [one for one in seen.traces if one.phase == case]
        last = max(arrival.at for one in mine for arrival in one.arrivals)

        assert walls[case] == pytest.approx(last - min(one.due for one in mine))


def test_w8_missing_counts_stay_missing(seen: Seen) -> None:
    for one in seen.of("w8"):
        assert (one.output_tokens, one.itl, one.cached_tokens) == (None, None, None)
        assert one.ttft is not None


def test_a_garbled_stream_is_a_failure_and_does_not_spoil_the_next_answer(seen: Seen) -> None:
    assert {one.ending for one in seen.of("garbled")} == {Ending.GARBLED}


def test_all_tokens_at_once_have_no_rate(seen: Seen) -> None:
    assert {(one.chunks, one.itl) for one in seen.of("burst")} == {(1, None)}


def test_the_client_watches_itself(seen: Seen) -> None:
    assert isinstance(seen.watched, Watched)
    assert seen.watched.loop_lag_p99 > 0
    assert seen.watched.cpu_share > 0


def test_silence_and_a_closed_port_are_failures(engine: Running) -> None:
    silent = Seen(engine, plan(engine, phase("silent", 2, streams=2), timeout_seconds=0.5))
    gone = LoadPlan(
        base_url="http://127.0.0.1:1/v1", model="m", phases=(phase("gone", 2, streams=1),)
    )
    traces, watched = asyncio.run(run_load(gone, seconds=60, environ=ENVIRON))
    refused, _ = summarise(gone, traces, watched)

    assert {one.ending for one in silent.records} == {Ending.TIMEOUT}
    assert {one.ending for one in refused} == {Ending.REFUSED}


async def test_a_load_that_takes_too_long_is_ended_and_says_so(engine: Running) -> None:
    with pytest.raises(LoadError, match="still running after"):
        await run_load(plan(engine, phase("silent", 1, streams=1)), seconds=3, environ=ENVIRON)


async def test_a_process_that_fails_says_why(engine: Running) -> None:
    broken = {**ENVIRON, "PYTHONHOME": "/nowhere"}

    with pytest.raises(LoadError, match="No module named"):
        await run_load(plan(engine, phase("plain", 1, streams=1)), environ=broken)
