import doctest
import json
from pathlib import Path

import pytest
from reflex_e2e.progress import Phases

from bench import demo, report, rows
from bench.rows import Bar, Rows, merged, percentile, write


def made() -> Rows:
    return Rows(command="make bench", machine="2 cores")


@pytest.mark.parametrize("module", [demo, rows])
def test_the_examples_in_the_docstrings_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_a_bar_is_kept_or_missed() -> None:
    assert Bar(limit=3).holds(2.9)
    assert not Bar(limit=3).holds(3)
    assert Bar(limit=0, strict=False).holds(0)
    assert Bar(limit=95, at_least=True).holds(95)
    assert not Bar(limit=95, at_least=True).holds(94.9)
    row = made().add("late", 4.0, "s", bar=Bar(limit=3))
    assert (row.bar, row.holds) == ("< 3", False)


def test_samples_bring_their_percentiles() -> None:
    row = made().add("each", 100.0, "s", samples=[float(n) for n in range(1, 101)])
    assert (row.n, row.p50, row.p99) == (100, 50.0, 99.0)
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 50)


def test_a_run_takes_the_place_of_its_namesakes_only(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    first = made()
    first.add("a", 1.0, "s")
    first.add("b", 2.0, "s")
    write(path, first.rows)
    second = made()
    second.add("b", 3.0, "s")
    write(path, merged(path, second.rows))
    assert [(row["name"], row["value"]) for row in json.loads(path.read_text())] == [
        ("a", 1.0),
        ("b", 3.0),
    ]


def test_the_document_shows_missed_bars_and_the_peers_beside_ours() -> None:
    found = made()
    found.add("restart_writes_500", 3, "writes", bar=Bar(limit=0, strict=False))
    found.add("something_else", 1, "s")
    text = report.render(found.rows)
    (line,) = [one for one in text.splitlines() if one.startswith("| restart: writes")]
    assert "**missed**" in line
    assert "3,072" in line
    assert "`something_else`" in text
    assert "not measured" in text
    for table in tables(text):
        assert len({one.count("|") for one in table}) == 1, table[0]


def test_a_peer_of_the_same_run_stands_beside_ours() -> None:
    found = made()
    found.add("chat_whole_added_1", 2.0, "ms", samples=[1.9, 2.0, 2.1], bar=Bar(limit=3))
    found.add("chat_whole_added_1@litellm", 31.0, "ms", samples=[30.0, 31.0, 40.0])
    found.add("chat_whole_rate_1@direct", 3000, "requests/s")
    text = report.render(found.rows)
    (line,) = [one for one in text.splitlines() if one.startswith("| added to a whole answer, 1 ")]
    assert line == (
        "| added to a whole answer, 1 at once | 2 ms (p99 2.1, n 3) | < 3 | holds "
        "| 31 ms (p99 40, n 3) |  |  |"
    )
    assert "`chat_whole_added_1@litellm`" not in text


def tables(text: str) -> list[list[str]]:
    """The document's tables, line by line."""
    found: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def test_the_demos_own_table_is_read() -> None:
    phases = Phases()
    phases.seconds = {"tools": 12.5, "engine (apply to Ready)": 40.0}
    assert demo.phases(f"noise\n\nTimes:\n{phases.summary()}\n\nIt keeps running.\n") == {
        "tools": 12.5,
        "engine (apply to Ready)": 40.0,
        "all phases": 52.5,
    }


def test_a_start_is_split_by_the_apis_own_times() -> None:
    def at(second: int) -> str:
        return f"2026-01-01T12:00:{second:02d}Z"

    model = {"metadata": {"creationTimestamp": at(0)}}
    conditions = {"PodScheduled": 2, "ContainersReady": 30, "Ready": 33}
    pod = {
        "metadata": {"creationTimestamp": at(1)},
        "status": {
            "conditions": [
                {"type": kind, "status": "True", "lastTransitionTime": at(second)}
                for kind, second in conditions.items()
            ],
            "containerStatuses": [{"state": {"running": {"startedAt": at(10)}}}],
        },
    }
    assert demo.split(model, pod) == {
        "pod_made": 1.0,
        "scheduled": 1.0,
        "image_and_container": 8.0,
        "engine_loaded": 20.0,
        "first_answer_verified": 3.0,
        "applied_to_ready": 33.0,
    }


@pytest.mark.parametrize(
    ("value", "holds"), [(7.9, True), (-7.9, True), (8.1, False), (-8.1, False)]
)
def test_an_error_may_be_neither_too_high_nor_too_low(value: float, holds: bool) -> None:
    bar = Bar(limit=8, strict=False, either_way=True)

    assert str(bar) == "± 8"
    assert bar.holds(value) is holds
