from collections.abc import Sequence
from dataclasses import replace

from reflex_loop.diagnostics import Diagnostic, Span
from reflex_loop.root_cause import Phase, causes, fingerprint, state_fingerprint, unique

TEXT = """\
pub fn one() {
    let a = alpha;
    let b = alpha;
}

pub fn two() {
    let c = alpha;
    c + 1
}
"""
SOURCE = TEXT.split("\n")


def lines(path: str) -> Sequence[str]:
    return SOURCE if path.endswith(".rs") else ()


def error(
    code: str, message: str, line: int, *, path: str = "a.rs", **fields: object
) -> Diagnostic:
    place = Span(
        path=path,
        byte_start=100 * line,
        byte_end=100 * line + 5,
        line_start=line,
        line_end=line,
        column_start=1,
        column_end=6,
        is_primary=True,
    )
    one = Diagnostic(level="error", code=code, message=message, span=place, spans=(place,))
    return replace(one, **fields)  # type: ignore[arg-type]


def test_lib_and_test_targets_report_one_error() -> None:
    one = error("E0308", "mismatched types", 2, target="lib/a")
    again = replace(one, target="lib/a test")
    assert unique([one, again]) == (one,)


def test_the_same_text_at_another_place_is_another_error() -> None:
    assert len(unique([error("E0308", "mismatched", 2), error("E0308", "mismatched", 3)])) == 2


def test_a_missing_name_is_one_cause_for_all_its_uses() -> None:
    text = "cannot find value `alpha` in this scope"
    found = causes([error("E0425", text, line) for line in (2, 3, 7)], lines)

    assert [(each.diagnostic.line, each.diagnostic.same) for each in found] == [(2, 2)]


def test_equal_type_errors_at_two_places_are_two_causes() -> None:
    found = causes([error("E0308", "mismatched types", line) for line in (2, 7)], lines)
    assert [each.diagnostic.line for each in found] == [2, 7]


def test_a_syntax_error_comes_first_and_hides_the_rest_of_its_file() -> None:
    found = causes(
        [
            error("E0308", "mismatched types", 7),
            error("", "expected `;`, found `c`", 2),
            error("", "unexpected closing delimiter", 8),
            error("E0425", "cannot find value `z`", 1, path="b.rs"),
        ],
        lines,
    )
    assert [(each.diagnostic.path, each.phase) for each in found] == [
        ("a.rs", Phase.SYNTAX),
        ("b.rs", Phase.NAMES),
    ]
    assert found[0].diagnostic.same == 2


def test_unknown_types_beside_another_error_of_the_function_are_hidden() -> None:
    found = causes(
        [
            error("E0282", "type annotations needed", 3),
            error("E0308", "mismatched types", 2),
            error("E0282", "type annotations needed", 7),
        ],
        lines,
    )
    # rustc's order stays within a phase: the first E0282 had no other error before it.
    assert [each.diagnostic.code for each in found].count("E0282") == 2
    found = causes(
        [error("E0425", "cannot find value", 2), error("E0282", "type annotations needed", 3)],
        lines,
    )
    assert [each.diagnostic.code for each in found] == ["E0425"]


def test_errors_of_one_macro_call_are_one_cause() -> None:
    inside = error("E0308", "mismatched types", 2)
    assert inside.span is not None
    call = replace(inside.span, in_macro=True)
    first = replace(inside, span=call)
    second = replace(inside, span=call, message="another one", code="E0277")
    found = causes([first, second], lines)

    assert len(found) == 1
    assert found[0].diagnostic.same == 1


def test_a_fingerprint_stays_when_lines_move_and_changes_with_the_function() -> None:
    moved = fingerprint(error("E0308", "mismatched types", 9), "fn one")
    assert fingerprint(error("E0308", "mismatched types", 2), "fn one") == moved
    assert fingerprint(error("E0308", "mismatched types", 2), "fn two") != moved
    assert fingerprint(error("E0277", "mismatched types", 2), "fn one") != moved


def test_the_state_does_not_depend_on_the_order_of_errors() -> None:
    one, two = error("E0308", "a", 2), error("E0277", "b", 7)
    assert state_fingerprint(causes([one, two], lines)) == state_fingerprint(
        causes([two, one], lines)
    )
    assert state_fingerprint(causes([one], lines)) != state_fingerprint(causes([one, two], lines))
