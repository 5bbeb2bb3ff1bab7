import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflex_api.items import Ending, Prefix
from reflex_api.roofline import decode_roofline
from reflex_bakeoff.speed.schedule import due_times
from reflex_bakeoff.speed.stream import read_line
from reflex_bakeoff.speed.timing import (
    Arrival,
    Trace,
    ending,
    gaps,
    mean_inter_token,
    record,
    time_to_first_token,
    time_to_first_visible,
)
from reflex_bakeoff.speed.workload import standard_phases


def trace(seen: list[Arrival], **changes: object) -> Trace:
    known: dict[str, object] = {
        "id": "1",
        "phase": "p",
        "prefix": Prefix.MIXED,
        "block": 0,
        "streams": 1,
        "due": 100.0,
        "sent": 100.0,
        "status": 200,
        "finish": "stop",
        "output_tokens": len(seen),
        "arrivals": tuple(seen),
    }
    return Trace(**{**known, **changes})  # type: ignore[arg-type]


def stream(chunks: int, size: int = 1, first: float = 0.1, between: float = 0.005) -> list[Arrival]:
    return [Arrival(at=100.0 + first + index * size * between) for index in range(chunks)]


@given(st.integers(2, 60), st.integers(1, 8))
def test_w3_several_tokens_a_chunk_do_not_change_the_time_between_tokens(
    chunks: int, size: int
) -> None:
    seen = trace(stream(chunks, size), output_tokens=chunks * size)

    assert mean_inter_token(seen) == pytest.approx(0.005)


def test_w3_a_large_first_chunk_is_known_when_the_server_counts_along() -> None:
    arrivals = [
        Arrival(at=100.5, tokens=50),
        *(Arrival(at=100.5 + index * 0.005, tokens=50 + index) for index in range(1, 11)),
    ]

    assert mean_inter_token(trace(arrivals, output_tokens=60)) == pytest.approx(0.005)


def test_w4_reasoning_is_the_first_token_and_what_a_user_sees_has_its_own_time() -> None:
    arrivals = [replace(one, visible=index >= 10) for index, one in enumerate(stream(20))]
    seen = trace(arrivals)

    assert time_to_first_token(seen) == pytest.approx(0.1)
    assert time_to_first_visible(seen) == pytest.approx(0.1 + 10 * 0.005)
    assert mean_inter_token(seen) == pytest.approx(0.005)


def test_w7_time_runs_from_when_a_request_was_due() -> None:
    seen = record(trace(stream(3), due=98.0, sent=100.0))

    assert seen.ttft == pytest.approx(2.1)
    assert seen.dispatch_lag == pytest.approx(2.0)
    assert seen.latency == pytest.approx(2.11)


def test_a_stall_inside_an_answer_is_seen() -> None:
    arrivals = [*stream(10), Arrival(at=103.0)]
    seen = record(trace(arrivals))

    assert seen.gap_max == pytest.approx(103.0 - arrivals[-2].at)
    assert seen.gap_median == pytest.approx(0.005)


def test_w8_without_usage_there_is_a_first_token_and_no_rate() -> None:
    seen = record(trace(stream(10), output_tokens=None))

    assert seen.ending is Ending.OK
    assert (seen.itl, seen.output_tokens) == (None, None)
    assert seen.ttft == pytest.approx(0.1)


def test_one_chunk_has_no_time_between_tokens() -> None:
    assert mean_inter_token(trace(stream(1), output_tokens=24)) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Ending.OK),
        ({"status": 500, "arrivals": ()}, Ending.HTTP_ERROR),
        ({"fault": "out of memory"}, Ending.HTTP_ERROR),
        ({"arrivals": ()}, Ending.EMPTY),
        ({"finish": ""}, Ending.INCOMPLETE),
        ({"finish": "abort"}, Ending.INCOMPLETE),
        ({"broken": Ending.RESET}, Ending.RESET),
        ({"broken": Ending.TIMEOUT, "arrivals": ()}, Ending.TIMEOUT),
    ],
)
def test_only_a_finished_answer_counts(changes: dict[str, object], expected: Ending) -> None:
    seen = trace(stream(5), **changes)

    assert ending(seen) is expected
    if expected is not Ending.OK:
        assert record(seen).ttft is None
        assert record(seen).output_tokens is None


def test_gaps_are_between_chunks() -> None:
    assert gaps(trace(stream(4, size=2))) == pytest.approx([0.01] * 3)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"\n", None),
        (b": comment\n", None),
        (b"event: x\n", None),
    ],
)
def test_lines_without_data_are_nothing(line: bytes, expected: None) -> None:
    assert read_line(line) is expected


def test_lines_of_a_stream_are_read() -> None:
    text = read_line(b'data: {"choices":[{"delta":{"content":"a"}}]}\r\n')
    thought = read_line(b'data: {"choices":[{"delta":{"reasoning_content":"a"}}]}\n')
    call = read_line(b'data: {"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}\n')
    role = read_line(b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n')
    end = read_line(b'data: {"choices":[{"delta":{},"finish_reason":"length"}]}\n')
    usage = read_line(
        b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,'
        b'"prompt_tokens_details":{"cached_tokens":0}}}\n'
    )

    assert text is not None
    assert text.visible
    assert thought is not None
    assert (thought.reasoning, thought.visible) == (True, False)
    assert call is not None
    assert call.visible
    assert role is not None
    assert not role.visible
    assert end is not None
    assert end.finish == "length"
    assert usage is not None
    assert usage.usage is not None
    assert (usage.usage.completion_tokens, usage.usage.cached_tokens) == (7, 0)


@pytest.mark.parametrize("details", [b"null", b"{}", b'{"cached_tokens":null}'])
def test_an_absent_count_is_not_zero(details: bytes) -> None:
    line = b'data: {"choices":[],"usage":{"prompt_tokens":5,"prompt_tokens_details":' + details
    event = read_line(line + b"}}\n")

    assert event is not None
    assert event.usage is not None
    assert event.usage.cached_tokens is None


@pytest.mark.parametrize(
    "payload", [b"{", b"[]", b"3", b'{"choices":3}', b'{"choices":[{"delta":3}]}', b"\xff"]
)
def test_what_is_no_protocol_is_garbled(payload: bytes) -> None:
    event = read_line(b"data: " + payload + b"\n")

    assert event is not None
    assert event.garbled


def test_an_error_inside_a_stream_is_a_fault() -> None:
    event = read_line(b'data: {"error":{"message":"out of memory"}}\n')

    assert event is not None
    assert "out of memory" in event.fault


@given(st.integers(1, 300), st.floats(0.1, 500), st.integers(0, 2**32))
def test_a_schedule_has_exactly_its_rate(requests: int, rate: float, seed: int) -> None:
    times = due_times(requests, rate, seed)

    assert len(times) == requests
    assert times[0] == 0
    assert all(later >= earlier for earlier, later in pairwise(times))
    assert times[-1] <= requests / rate * (1 + 1e-9)
    assert times == due_times(requests, rate, seed)


def test_gaps_of_a_schedule_are_exponential() -> None:
    times = due_times(4000, 10.0, seed=3)
    lengths = [later - earlier for earlier, later in pairwise(times)]
    mean = sum(lengths) / len(lengths)
    deviation = math.sqrt(sum((one - mean) ** 2 for one in lengths) / len(lengths))

    assert mean == pytest.approx(0.1, rel=0.01)
    assert deviation / mean == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("weights", "kv", "context", "expected"),
    [
        (3.70e9, 24 * 1024, 0, 484),
        (2.09e9, 48 * 1024, 0, 857),
        (2.09e9, 48 * 1024, 8192, 719),
        (18.1e9, 128 * 1024, 0, 99),
        (18.1e9, 128 * 1024, 32768, 80),
    ],
)
def test_the_roofline_is_that_of_the_design(
    weights: float, kv: float, context: int, expected: int
) -> None:
    found = decode_roofline(
        bandwidth=1792e9, weight_bytes_per_token=weights, kv_bytes_per_token=kv, context=context
    )

    assert round(found) == pytest.approx(expected, abs=1)


def test_the_standard_load_is_fixed_by_its_seed() -> None:
    phases = standard_phases(seed=1, rate=4.0)

    assert phases == standard_phases(seed=1, rate=4.0)
    assert phases != standard_phases(seed=2, rate=4.0)


def test_cold_prompts_share_nothing_and_warm_ones_their_prefix() -> None:
    phases = standard_phases(seed=1)
    cold = [one.prompt for phase in phases for one in phase.requests if one.prefix is Prefix.COLD]
    warm = [one.prompt for phase in phases for one in phase.requests if one.prefix is Prefix.WARM]

    assert len(cold) == len(warm) == 96
    assert len({one.split()[0] for one in cold}) == 96
    assert len({" ".join(one.split()[:1500]) for one in warm}) == 1
    assert len(set(warm)) == 96
