"""The compiler's own suggestions: what goes together, and what is kept."""

from pathlib import Path
from typing import Any

import pytest

from marked_checker import MarkedChecker
from reflex_loop.diagnostics import Applicability, Diagnostic, Replacement, Span, Suggestion
from reflex_loop.loop import Repair
from reflex_loop.result import Result
from reflex_loop.settings import Settings, Stopping, Suggestions
from reflex_loop.snapshot import File, Snapshot, digest
from reflex_loop.suggestions import candidates, together
from scripted_model import Scripted, always

TEXT = b"let a = 1;\r\nlet b = 2;\r\n"
SHOWN = Snapshot(files={"a.rs": File(path="a.rs", data=TEXT, sha256=digest(TEXT))})
SAFE, GUESS = Applicability.MACHINE_APPLICABLE, Applicability.MAYBE_INCORRECT


def part(start: int, end: int, text: str, path: str = "a.rs") -> Replacement:
    span = Span(
        path=path,
        byte_start=start,
        byte_end=end,
        line_start=1,
        line_end=1,
        column_start=1,
        column_end=1,
    )
    return Replacement(span=span, text=text)


def suggestion(*parts: Replacement, level: Applicability = SAFE) -> Suggestion:
    return Suggestion(message="try", applicability=level, parts=parts)


def error(*suggestions: Suggestion) -> Diagnostic:
    return Diagnostic(level="error", code="E0308", message="m", span=None, suggestions=suggestions)


def applied(*suggestions: Suggestion) -> tuple[bytes | None, int]:
    found = together(candidates([error(*suggestions)], frozenset(Applicability), SHOWN), SHOWN)
    return (found.changes.changes[0].after if found.changes else None), len(found.waiting)


def test_all_parts_are_applied_with_the_files_line_ends() -> None:
    after, waiting = applied(suggestion(part(8, 9, "(1)"), part(12, 12, "let z = 0;\n")))
    assert (after, waiting) == (b"let a = (1);\r\nlet z = 0;\r\nlet b = 2;\r\n", 0)


def test_overlapping_ones_wait_for_the_next_round() -> None:
    after, waiting = applied(suggestion(part(4, 9, "x")), suggestion(part(8, 9, "y")))
    assert (after, waiting) == (b"let x;\r\nlet b = 2;\r\n", 1)


def test_two_insertions_at_one_place_do_not_go_together() -> None:
    assert applied(suggestion(part(0, 0, "x")), suggestion(part(0, 0, "y")))[1] == 1


def test_the_same_suggestion_of_two_errors_counts_once() -> None:
    one = suggestion(part(0, 0, "x"))
    found = candidates([error(one), error(one)], frozenset({SAFE}), SHOWN)
    assert len(found) == 1


@pytest.mark.parametrize(
    "outside",
    [part(0, 0, "x", "/rustc/core/num.rs"), part(900, 901, "x"), part(9, 2, "x")],
)
def test_places_outside_of_the_workspace_are_left_alone(outside: Replacement) -> None:
    assert not candidates([error(suggestion(outside))], frozenset({SAFE}), SHOWN)


def test_only_the_wanted_applicability_is_taken() -> None:
    guess = suggestion(part(0, 0, "x"), level=GUESS)
    assert not candidates([error(guess)], frozenset({SAFE}), SHOWN)
    assert candidates([error(guess)], frozenset({GUESS}), SHOWN)


SOURCE = """\
let a = 1; // @E0308
let b = 2; // @E0425
let c = 3; // @E0599
"""


async def run(
    tmp_path: Path, mode: Suggestions, **by_code: list[tuple[Applicability, str]]
) -> tuple[Result, str]:
    """A repair whose model only talks; each error's suggestions replace its whole line."""
    root = tmp_path / "ws"
    root.mkdir()
    (root / "lib.rs").write_text(SOURCE)

    def suggest(found: Diagnostic) -> tuple[Suggestion, ...]:
        text = (root / "lib.rs").read_text()
        line = text.splitlines()[found.line - 1]
        start = text.index(line)
        return tuple(
            suggestion(part(start, start + len(line), new, "lib.rs"), level=level)
            for level, new in by_code.get(found.code, [])
        )

    made = Repair(
        root=root,
        checker=MarkedChecker(suggest=suggest),
        proposer=Scripted(always("no idea")),
        settings=Settings(suggestions=mode, durable=False, stopping=Stopping(attempts=1)),
    )
    return await made.run(), (root / "lib.rs").read_text()


FIXES: dict[str, Any] = {
    "E0308": [(SAFE, "let a = 1u8;")],
    "E0425": [(GUESS, "let b = wrong; // @E0061"), (GUESS, "let b = 2u8;")],
}


async def test_safe_takes_the_machine_applicable_only(tmp_path: Path) -> None:
    result, text = await run(tmp_path, Suggestions.SAFE, **FIXES)
    assert (result.rustfix_edits, result.errors_after) == (1, 2)
    assert text == SOURCE.replace("let a = 1; // @E0308", "let a = 1u8;")
    record = result.records[0]
    assert (record.source, record.outcome) == ("compiler", "kept")
    assert record.fixed[0].startswith("lib.rs:1 E0308")


async def test_verified_tries_each_and_keeps_what_helps(tmp_path: Path) -> None:
    result, text = await run(tmp_path, Suggestions.VERIFIED, **FIXES)
    assert (result.rustfix_edits, result.errors_after) == (2, 1)
    assert "let b = 2u8;" in text
    outcomes = [record.outcome for record in result.records if record.source == "compiler"]
    assert outcomes == ["kept", "rolled_back", "kept"]


async def test_off_tries_nothing(tmp_path: Path) -> None:
    result, text = await run(tmp_path, Suggestions.OFF, **FIXES)
    assert (result.rustfix_edits, text) == (0, SOURCE)


async def test_a_round_that_makes_it_worse_is_backed_out_and_taken_apart(tmp_path: Path) -> None:
    result, text = await run(
        tmp_path,
        Suggestions.SAFE,
        E0308=[(SAFE, "let a = 1u8;")],
        E0599=[(SAFE, "let c = 3; // @E0061")],
    )
    assert result.rustfix_edits == 1
    assert text == SOURCE.replace("let a = 1; // @E0308", "let a = 1u8;")
    assert [record.outcome for record in result.records[:3]] == [
        "rolled_back", "kept", "rolled_back",
    ]  # fmt: skip


async def test_a_suggestion_that_breaks_the_policy_is_refused(tmp_path: Path) -> None:
    result, text = await run(
        tmp_path, Suggestions.VERIFIED, E0308=[(SAFE, "let a = unsafe { 1 };")]
    )
    assert text == SOURCE
    assert (result.records[0].outcome, result.records[0].problem) == ("refused", "policy")


async def test_compiler_runs_for_suggestions_are_bounded(tmp_path: Path) -> None:
    many = [(GUESS, f"let a = {n}; // @E0308 {n}") for n in range(40)]
    result, _ = await run(tmp_path, Suggestions.VERIFIED, E0308=many)
    assert len([each for each in result.records if each.source == "compiler"]) == 24
