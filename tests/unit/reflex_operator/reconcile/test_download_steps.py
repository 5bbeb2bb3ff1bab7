"""status.download moves in steps, and never by a clock."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reflex_api.weights import WeightsProgress, WeightsResult
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile import download

TOTAL = 1000
GIB = 1 << 30


def at(done: int, *, rate: int = 1, total: int | None = TOTAL) -> WeightsProgress:
    return WeightsProgress(bytes_done=done, bytes_total=total, bytes_per_second=rate)


def shown(*reports: WeightsProgress) -> list[Manifest]:
    """Every status that a row of reports leads to, without repetitions."""
    said: list[Manifest] = []
    before: Manifest = {}
    for report in reports:
        now = download.in_progress(before, report) or {}
        if now != before:
            said.append(now)
        before = now
    return said


def test_a_step_is_five_percent() -> None:
    done = [one["bytesDone"] for one in shown(*(at(byte) for byte in range(TOTAL + 1)))]
    assert done == list(range(0, TOTAL + 1, 50))


def test_a_fast_download_says_little() -> None:
    done = [one["bytesDone"] for one in shown(*(at(b, rate=40) for b in range(0, TOTAL + 1, 10)))]
    assert done == [0, 400, 800], "400 bytes are the ten seconds at this rate"


def test_numbers_are_those_of_the_step() -> None:
    (first,) = shown(at(100, rate=9))
    assert first == {
        "bytesDone": 100,
        "bytesTotal": TOTAL,
        "bytesPerSecond": 9,
        "remainingSeconds": 100,
    }


def test_silence_and_an_unknown_total_change_nothing() -> None:
    assert download.in_progress({}, None) is None
    before = {"bytesDone": 3, "bytesTotal": 9}
    assert download.in_progress(before, None) == before
    assert [one["bytesDone"] for one in shown(*(at(b, total=None) for b in range(100)))] == [
        0, 10, 20, 40, 80,
    ]  # fmt: skip


def test_another_download_begins_anew() -> None:
    assert [one["bytesDone"] for one in shown(at(500), at(20), at(30, total=7))] == [500, 20, 30]


def test_the_end_says_the_size() -> None:
    end = {"bytesDone": 7, "bytesTotal": 7}
    assert download.done({}, WeightsResult(bytes_total=7)) == end
    assert download.done({"bytesDone": 3, "bytesTotal": 7}, None) == end
    assert download.done({}, None) is None


def test_words_are_in_gib() -> None:
    assert download.words({"bytesDone": GIB, "bytesTotal": 3 * GIB}) == "1.0 of 3.0 GiB"
    assert download.words({"bytesDone": GIB}) == "1.0 GiB"
    assert download.words(None) == ""


@given(st.lists(st.integers(0, TOTAL), max_size=50), st.integers(0, 200))
def test_no_row_of_reports_writes_more_than_its_steps(done: list[int], rate: int) -> None:
    said = shown(*(at(byte, rate=rate) for byte in sorted(done)))
    assert len(said) <= 21
    steps = [one["bytesDone"] for one in said]
    assert all(later - earlier >= 10 * rate for earlier, later in pairwise(steps))
