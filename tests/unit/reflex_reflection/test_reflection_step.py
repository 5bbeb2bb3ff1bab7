"""Gate, budgets, writing and the log, together and never failing the turn."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from reflection_turns import NOW, ON, REDACT, Full, Lines, Rows, reflector, ticking, turn
from reflex_reflection.bundle import MemoryEntry, ReflectionBundle
from reflex_reflection.config import Backend, ReflectionConfig
from reflex_reflection.gate import PlannerFlag, is_open
from reflex_reflection.log import LogFile
from reflex_reflection.reflect import reflect
from reflex_reflection.step import Outcome, Reflector, Turn, steady_times
from reflex_reflection.writer import MemoryRow, write


def ran(reflector: Reflector, bundle: ReflectionBundle) -> Outcome:
    outcome = reflector.after_turn(Turn(bundle=bundle))
    assert outcome is not None
    return outcome


@pytest.mark.parametrize("allow", [True, False])
@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("carried", [None, True, False])
@pytest.mark.parametrize("dry", [True, False])
def test_the_gate_opens_only_when_both_say_so(
    allow: bool, planned: bool, carried: bool | None, dry: bool
) -> None:
    flag = None if carried is None else PlannerFlag(turn_id=1, reflection=carried)
    config = ReflectionConfig(allow_reflection=allow)
    opened = is_open(turn(reflection=planned, dry_run=dry), config, flag)
    assert opened is (allow and (planned or carried is True) and not dry)


def test_a_wish_of_an_earlier_turn_is_not_taken_for_this_one() -> None:
    flag = PlannerFlag(turn_id=1, reflection=True)
    assert is_open(turn(number=1, reflection=False), ON, flag)
    assert not is_open(turn(number=2, reflection=False), ON, flag)


def test_gate_plumbing_of_the_llm_planner() -> None:
    rows = Rows()
    wished = Turn(bundle=turn(reflection=False), flag=PlannerFlag(turn_id=1, reflection=True))
    assert reflector(sink=rows).after_turn(wished) is not None
    assert len(rows.rows) == 1


def test_the_row_is_the_specifications() -> None:
    rows = Rows()
    ran(reflector(sink=rows), turn("Hello there!", "Alpha"))
    (row,) = rows.rows.values()
    document = row.to_json()
    assert list(document) == ["id", "owner", "ts", "kind", "tags", "text", "vec_full"]
    assert document["owner"] == "AgentA"
    assert document["ts"] == NOW
    assert row.evidence.turn_id == 1
    assert row.entry == reflect(turn("Hello there!", "Alpha"), ON).memory_entries[0]


def test_a_timeout_keeps_the_summary_and_writes_nothing() -> None:
    rows, lines = Rows(), Lines()
    slow = reflector(clock=ticking(10, 16.001), sink=rows, log=lines, steady=False)
    outcome = ran(slow, turn())
    assert outcome.result.summary == "hello there"
    assert outcome.result.memory_entries == ()
    assert outcome.result.metrics.reason == "reflection_timeout"
    assert rows.rows == {}
    line = json.loads(lines.data)
    assert (line["reason"], line["ops_written"], line["ms"]) == ("reflection_timeout", 0, 6001.0)


def test_a_turn_that_takes_just_its_time_is_written() -> None:
    rows = Rows()
    outcome = ran(reflector(clock=ticking(0, 6), sink=rows), turn())
    assert outcome.result.metrics.reason is None
    assert len(rows.rows) == 1


def test_without_a_limit_nothing_is_late() -> None:
    unlimited = replace(ON, time_ms_reflection=None, ops_reflection=None)
    outcome = ran(reflector(unlimited, clock=ticking(0, 1e9), sink=Rows()), turn())
    assert outcome.written.ops_written == 1


def three() -> tuple[MemoryEntry, ...]:
    return tuple(MemoryEntry(owner="AgentA", ts=NOW, text=text) for text in ("a", "b", "c"))


@pytest.mark.parametrize(
    ("cap", "written", "reason"),
    [(2, 2, None), (1, 1, None), (5, 3, None), (None, 3, None), (0, 0, "ops_cap=0")],
)
def test_the_writer_keeps_to_the_cap(cap: int | None, written: int, reason: str | None) -> None:
    rows = Rows()
    result = replace(reflect(turn(), ON), memory_entries=three())
    report = write(turn(), result, rows, ops_cap=cap)
    assert (report.ops_attempted, report.ops_written, report.reason) == (3, written, reason)
    assert len(rows.rows) == written


def test_no_operations_are_allowed_and_none_is_counted() -> None:
    rows, lines = Rows(), Lines()
    ran(reflector(replace(ON, ops_reflection=0), sink=rows, log=lines), turn())
    assert rows.rows == {}
    assert json.loads(lines.data)["ops_written"] == 0


def test_write_is_deterministic_and_writes_no_memory_twice() -> None:
    rows = Rows()
    first = ran(reflector(sink=rows), turn())
    again = ran(reflector(sink=rows), turn())
    assert first.written.ops_written == 1
    assert (again.written.ops_written, again.written.duplicates) == (0, 1)
    assert len(rows.rows) == 1


def test_write_fails_soft_when_the_store_is_missing() -> None:
    outcome = ran(reflector(sink=None, log=Lines()), turn())
    assert outcome.written.errors == ("memory_index_missing",)
    assert (outcome.record.ops_written, outcome.record.reason) == (0, "index_missing")


def test_write_fails_soft_when_the_disk_is_full() -> None:
    outcome = ran(reflector(sink=Full(), log=Lines()), turn())
    assert outcome.written.errors == ("add_error[0]:OSError",)
    assert (outcome.record.ops_written, outcome.record.reason) == (0, "partial_failure")


def test_one_bad_entry_does_not_cost_the_others() -> None:
    class Picky(Rows):
        def add(self, row: MemoryRow) -> bool:
            if row.entry.text == "b":
                raise RuntimeError("boom")
            return super().add(row)

    result = replace(reflect(turn(), ON), memory_entries=three())
    report = write(turn(), result, Picky(), ops_cap=5)
    assert (report.ops_written, report.errors) == (2, ("add_error[1]:RuntimeError",))


def test_an_empty_summary_is_not_kept() -> None:
    rows = Rows()
    outcome = ran(reflector(sink=rows, log=Lines()), turn("?!"))
    assert rows.rows == {}
    assert (outcome.record.ops_written, outcome.record.reason) == (0, "empty_summary")


def test_a_fault_of_the_reflection_is_a_reason() -> None:
    def broken(text: str) -> str:
        raise KeyError(text)

    outcome = ran(reflector(redact=broken, sink=Rows(), log=Lines()), turn())
    assert outcome.record.reason == "reflect_error:KeyError"
    assert outcome.record.summary_len == 0


def test_a_fault_of_the_log_is_no_fault_of_the_turn(tmp_path: Path) -> None:
    rows = Rows()
    outcome = ran(reflector(sink=rows, log=LogFile(tmp_path / "none/x.jsonl")), turn())
    assert outcome.log_error == "log_error:LogError"
    assert len(rows.rows) == 1


def test_the_log_can_be_switched_off() -> None:
    rows, lines = Rows(), Lines()
    ran(reflector(replace(ON, log=False), sink=rows, log=lines), turn())
    assert lines.data == b""
    assert len(rows.rows) == 1


def test_logging_shape() -> None:
    lines = Lines()
    ran(reflector(sink=Rows(), log=lines), turn("Ünter\nus", agent="A\n{"))
    assert lines.data.decode() == (
        '{"turn": 1, "agent": "A\\n{", "backend": "rulebased", "summary_len": 2,'
        ' "ops_written": 1, "embed": true, "ms": 0.0, "reason": null}\n'
    )


def test_logging_of_the_llm_backend_has_the_fixture_key() -> None:
    lines = Lines()
    ran(reflector(replace(ON, backend=Backend.LLM), log=lines), turn())
    line = json.loads(lines.data)
    assert line["backend"] == "llm"
    assert line["reason"] == "reflect_error:FixturesDisabledError"


def test_times_are_steady_in_ci_only() -> None:
    assert steady_times({"CI": "TRUE"})
    assert not steady_times({"CI": "1"})
    assert not steady_times({})
    outcome = ran(reflector(clock=ticking(0, 0.0014999), sink=Rows(), steady=False), turn())
    assert outcome.result.metrics.ms == outcome.record.ms == 1.5


def test_steady_times_are_zero_in_the_result_and_in_the_log() -> None:
    lines = Lines()
    outcome = ran(reflector(clock=ticking(0, 1.5), sink=Rows(), log=lines, steady=True), turn())
    assert outcome.result.metrics.ms == json.loads(lines.data)["ms"] == 0.0


def test_secrets_are_gone_before_the_words_are_taken_apart() -> None:
    rows = Rows()
    ran(
        reflector(sink=rows),
        turn("use sk-abcdefghijklmnop1234 now", "bob@example.com", "API_KEY=hunter2secret"),
    )
    (row,) = rows.rows.values()
    assert row.entry.text == "use key now email api_key value"
    assert REDACT("nothing to hide") == "nothing to hide"


def test_a_batch_in_threads_writes_the_bytes_of_one_by_one() -> None:
    turns = [Turn(bundle=turn(f"Turn {n}", agent=f"A{n % 3}", number=n)) for n in range(12)]
    turns.insert(5, Turn(bundle=turn(reflection=False)))
    alone_rows, alone = Rows(), Lines()
    one_by_one = reflector(sink=alone_rows, log=alone)
    for one in turns:
        one_by_one.after_turn(one)
    rows, lines = Rows(), Lines()
    together = Barrier(4)

    def crowded(text: str) -> str:
        together.wait(timeout=30)  # four at a time, so that threads do overlap
        return text

    with ThreadPoolExecutor(4) as executor:
        batch = reflector(sink=rows, log=lines, redact=crowded)
        outcomes = batch.after_batch(turns, executor)
    assert outcomes[5] is None
    assert len([outcome for outcome in outcomes if outcome]) == 12
    assert lines.data == alone.data
    assert list(rows.rows.items()) == list(alone_rows.rows.items())
