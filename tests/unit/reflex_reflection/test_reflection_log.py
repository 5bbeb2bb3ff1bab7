"""The log file and the staging of lines."""

import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reflex_reflection.errors import LogError
from reflex_reflection.log import FILE_NAME, LogFile, LogRecord
from reflex_reflection.staging import STAGE_ORDINALS, Stage


def record(agent: str = "A") -> LogRecord:
    return LogRecord(
        turn=1, agent=agent, backend="rulebased", summary_len=1, ops_written=1, embed=True,
        ms=0.0, reason=None,
    )  # fmt: skip


@given(st.text())
@example("\ud800\0\r\n\u2028")
def test_any_agent_is_one_line_of_json(agent: str) -> None:
    line = record(agent).line()
    assert line.count(b"\n") == 1
    assert json.loads(line)["agent"] == agent
    line.decode()


def test_no_line_no_file(tmp_path: Path) -> None:
    LogFile(tmp_path / FILE_NAME).append([])
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_was_cut_off_costs_only_itself(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.write_bytes(record().line() + b'{"turn": 2, "ag')
    LogFile(file).append([record("B").line()])
    first, cut, last = file.read_bytes().splitlines()
    assert json.loads(last)["agent"] == "B"
    assert (first + b"\n", cut) == (record().line(), b'{"turn": 2, "ag')


WRITER = """
import sys
from pathlib import Path
from reflex_reflection.log import LogFile
log = LogFile(Path(sys.argv[1]), keep_bytes=int(sys.argv[3]) or None)
for number in range(200):
    log.append([(sys.argv[2] * 100 + str(number) + "\\n").encode()])
"""


@pytest.mark.parametrize("keep", [0, 60_000])  # grows; is put aside once and begun anew
def test_processes_side_by_side_lose_and_mix_nothing(tmp_path: Path, keep: int) -> None:
    file = tmp_path / FILE_NAME
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, file, letter, str(keep)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for letter in "abcd"
    ]
    assert [one.wait(timeout=120) for one in started] == [0] * 4
    aside = file.with_name(FILE_NAME + ".1")
    assert aside.exists() == bool(keep)
    lines = (aside.read_text() if keep else "").splitlines() + file.read_text().splitlines()
    for letter in "abcd":
        mine = [line for line in lines if line.startswith(letter)]
        assert mine == [letter * 100 + str(number) for number in range(200)]
    assert len(lines) == 800


def test_a_line_is_written_by_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / FILE_NAME
    write = os.write

    def looked_at(descriptor: int, data: memoryview) -> int:
        with file.open("rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", looked_at)
    LogFile(file).append([record().line()])
    monkeypatch.undo()
    assert file.read_bytes() == record().line()


def test_a_file_that_was_put_aside_while_one_waited_gets_no_more_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, aside = tmp_path / FILE_NAME, tmp_path / f"{FILE_NAME}.1"
    lock = fcntl.flock

    def late(descriptor: int, operation: int) -> None:
        monkeypatch.undo()
        file.rename(aside)  # somebody else did, and it was not full
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    LogFile(file, keep_bytes=1000).append([record().line()])
    assert (aside.read_bytes(), file.read_bytes()) == (b"", record().line())


@contextmanager
def no_more_than_100_bytes() -> Iterator[None]:
    """Limit the files of this process; no fixture, because pytest's own output may be a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    with no_more_than_100_bytes():
        LogFile(file).append([b"x" * 79 + b"\n"])
        with pytest.raises(LogError, match="cannot be written"):
            LogFile(file).append([b"y" * 50 + b"\n"])
    assert file.read_bytes() == b"x" * 79 + b"\n"


def test_reflection_stage_ord() -> None:
    assert STAGE_ORDINALS[FILE_NAME] == 10
    assert max(STAGE_ORDINALS, key=STAGE_ORDINALS.__getitem__) == FILE_NAME


def test_the_order_of_draining_is_not_that_of_the_clock() -> None:
    stage = Stage()
    puts = [
        (file, turn, slice)
        for slice in range(4) for turn in (2, 1) for file in (FILE_NAME, "turn.jsonl", "new.jsonl")
    ]  # fmt: skip
    for file, turn, slice in reversed(puts):
        stage.put(file, f"{file} {turn} {slice}".encode(), turn=turn, slice=slice)
    drained = stage.drain()
    assert [(one.turn, one.stage, one.slice) for one in drained] == [
        (turn, ordinal, slice) for turn in (1, 2) for ordinal in (8, 10, 99) for slice in range(4)
    ]
    assert stage.drain() == []


def test_threads_that_stage_drain_the_same_bytes() -> None:
    def fill(stage: Stage, slice: int) -> None:
        for number in range(50):
            stage.put(FILE_NAME, f"{slice}/{number}\n".encode(), turn=1, slice=slice)

    drained = set()
    for order in (range(8), reversed(range(8))):
        stage = Stage()
        with ThreadPoolExecutor(8) as executor:
            list(executor.map(lambda slice, stage=stage: fill(stage, slice), order))
        drained.add(b"".join(one.line for one in stage.drain()))
    (one,) = drained
    assert one.splitlines()[:2] == [b"0/0", b"0/1"]


def test_too_much_is_refused_whole_and_taken_after_draining() -> None:
    stage = Stage(max_bytes=10)
    stage.put(FILE_NAME, b"123456\n", turn=1)
    with pytest.raises(LogError, match="LOG_STAGING_BACKPRESSURE"):
        stage.put(FILE_NAME, b"789\n", turn=1)
    assert [one.line for one in stage.drain()] == [b"123456\n"]
    stage.put(FILE_NAME, b"789\n", turn=1)
    assert [one.line for one in stage.drain()] == [b"789\n"]
