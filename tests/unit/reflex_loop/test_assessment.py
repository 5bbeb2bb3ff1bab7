"""Which patches are kept: functions of the check before and the check after."""

from dataclasses import replace

import pytest

from reflex_loop.assessment import Assessment, Verdict, assess, judge
from reflex_loop.diagnostics import Diagnostic, Span, Stream
from reflex_loop.protocols import CheckReport

LINES = [
    "fn one() {", "    a;", "    b;", "}", "", "fn two() {", "    c;", "    d;", "}",
]  # fmt: skip


def error(code: str, line: int, message: str = "", package: str = "p") -> Diagnostic:
    span = Span(
        path="a.rs",
        byte_start=line,
        byte_end=line + 1,
        line_start=line,
        line_end=line,
        column_start=1,
        column_end=2,
        is_primary=True,
    )
    text = message or f"wrong {code} {line}"
    return Diagnostic(
        level="error", code=code, message=text, span=span, spans=(span,), package=package
    )


def state(*errors: Diagnostic, ok: bool = False, complete: bool = True) -> Assessment:
    report = CheckReport(stream=Stream(diagnostics=errors), ok=ok, complete=complete)
    return assess(report, lambda path: LINES)


BEFORE = state(error("E0308", 2), error("E0599", 7))


def test_no_errors_is_fixed() -> None:
    assert judge(BEFORE, state(ok=True)).verdict is Verdict.FIXED


def test_fewer_errors_of_known_kinds_are_an_improvement() -> None:
    assert judge(BEFORE, state(error("E0308", 2))).verdict is Verdict.IMPROVED


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ([error("E0308", 2), error("E0599", 7)], "none of the errors is gone"),
        ([error("E0308", 2), error("E0599", 7), error("E0061", 8)], "none of the errors is gone"),
        ([error("E0061", 2)], "another kind: E0061"),
        ([error("E0308", 2), error("E0308", 8)], "2 errors before and 2 after"),
        ([error("", 3, "expected `;`")], "another kind: syntax"),
    ],
)
def test_what_is_not_better_is_rejected(after: list[Diagnostic], words: str) -> None:
    judgement = judge(BEFORE, state(*after), frozenset({("a.rs", 2), ("a.rs", 8), ("a.rs", 3)}))
    assert judgement.verdict is Verdict.REJECTED
    assert words in judgement.reason


def test_no_verdict_of_the_compiler_is_no_success() -> None:
    silent = state()
    cut = state(error("E0308", 2), complete=False)
    assert not silent.conclusive
    assert judge(BEFORE, silent).verdict is Verdict.REJECTED
    assert judge(BEFORE, cut).verdict is Verdict.REJECTED
    assert not assess(
        CheckReport(stream=Stream(diagnostics=()), ok=True, complete=False), lambda path: LINES
    ).ok


def test_errors_that_were_out_of_sight_do_not_count_against_a_patch() -> None:
    before = state(error("E0425", 2))
    after = state(error("E0308", 7), error("E0382", 8))
    assert judge(before, after, frozenset({("a.rs", 2)})).verdict is Verdict.ADVANCED


def test_borrows_of_another_function_were_in_sight_before() -> None:
    before = state(error("E0308", 2))
    same = judge(before, state(error("E0382", 3)), frozenset({("a.rs", 2)}))
    other = judge(before, state(error("E0382", 8)), frozenset({("a.rs", 2)}))
    assert (same.verdict, other.verdict) == (Verdict.ADVANCED, Verdict.REJECTED)


def test_an_error_of_the_same_phase_was_in_sight_before() -> None:
    before = state(error("E0308", 2))
    after = judge(before, state(error("E0599", 3)), frozenset({("a.rs", 2)}))
    assert (after.verdict, "another kind" in after.reason) == (Verdict.REJECTED, True)


def test_an_error_in_a_line_that_the_patch_wrote_is_its_own() -> None:
    before = state(error("E0425", 2))
    assert judge(before, state(error("E0308", 2)), frozenset({("a.rs", 2)})).verdict is (
        Verdict.REJECTED
    )


def test_the_parser_may_come_further_in_the_same_file() -> None:
    before = state(error("", 2, "expected `;`"))
    later, earlier = state(error("", 7, "expected `}`")), state(error("", 1, "expected item"))
    assert judge(before, later, frozenset({("a.rs", 2)})).verdict is Verdict.ADVANCED
    assert judge(before, earlier, frozenset({("a.rs", 2)})).verdict is Verdict.REJECTED


def test_a_crate_that_was_not_reached_may_have_errors_of_its_own() -> None:
    before = state(error("E0599", 2, package="units"))
    after = state(error("E0599", 7, package="meter"), error("E0061", 8, package="meter"))
    assert judge(before, after, frozenset({("a.rs", 2)})).verdict is Verdict.ADVANCED


def test_every_error_counts_also_those_not_shown() -> None:
    before = state(error("E0425", 2, "no `x`"), error("E0425", 3, "no `x`"))
    after = state(error("E0425", 3, "no `x`"), error("E0425", 7, "no `y`"))
    assert before.errors == 2
    assert judge(before, after, frozenset()).verdict is Verdict.REJECTED
    assert replace(before, errors=9).errors == 9
