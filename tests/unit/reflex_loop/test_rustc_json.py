"""The reader of the compiler's streams, fed with what compilers and those beside them write."""

import json
from typing import Any

import pytest

from reflex_loop import rustc_json
from reflex_loop.diagnostics import Applicability


def span(file: str = "src/lib.rs", line: int = 3, **fields: Any) -> dict[str, Any]:
    return {
        "file_name": file,
        "byte_start": 10 * line,
        "byte_end": 10 * line + 4,
        "line_start": line,
        "line_end": line,
        "column_start": 5,
        "column_end": 9,
        "is_primary": True,
        "text": [{"text": "    name", "highlight_start": 5, "highlight_end": 9}],
        "label": None,
        "suggested_replacement": None,
        "suggestion_applicability": None,
        "expansion": None,
    } | fields


def message(text: str = "mismatched types", **fields: Any) -> dict[str, Any]:
    return {
        "$message_type": "diagnostic",
        "message": text,
        "code": {"code": "E0308", "explanation": "long"},
        "level": "error",
        "spans": [span()],
        "children": [],
        "rendered": f"error: {text}\n --> /root/ws/src/lib.rs:3:5\n",
    } | fields


def cargo(inner: dict[str, Any], **fields: Any) -> dict[str, Any]:
    target = {"kind": ["lib"], "name": "gauge", "src_path": "/root/ws/src/lib.rs"}
    package = "path+file:///root/ws#gauge@0.1.0"
    envelope = {"reason": "compiler-message", "package_id": package, "target": target}
    return {**envelope, "message": inner} | fields


def stream(*lines: Any) -> bytes:
    return b"".join(
        (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines
    )


def test_cargo_and_rustc_say_the_same() -> None:
    (plain,) = rustc_json.read(stream(message())).diagnostics
    (wrapped,) = rustc_json.read(stream(cargo(message()))).diagnostics

    assert (plain.code, plain.path, plain.line) == ("E0308", "src/lib.rs", 3)
    assert (wrapped.code, wrapped.path, wrapped.line) == ("E0308", "src/lib.rs", 3)
    assert (wrapped.target, plain.target) == ("lib/gauge", "")


def test_noise_between_the_lines_costs_no_error() -> None:
    found = rustc_json.read(
        stream(
            b"warning: a build script talks",
            b"{not json}",
            b'{"reason": "a-new-reason", "level": 7}',
            b'{"some": "object of a proc macro"}',
            b"\xff\xfe\x00",
            cargo(message("first")),
            b"",
            cargo(message("second")),
            {"reason": "build-finished", "success": False},
        )
    )
    assert [each.message for each in found.diagnostics] == ["first", "second"]
    assert found.success is False
    assert found.skipped == 4


def test_a_stream_cut_in_the_middle_of_a_line_keeps_what_came_before() -> None:
    whole = stream(message("first"), message("second"))
    for cut in range(len(whole)):
        found = rustc_json.read(whole[:cut]).diagnostics
        complete = whole[:cut].count(b"\n") + (cut == len(whole) - 1)
        started = whole.index(b"\n") + 1
        # The last line may be complete without its line end.
        assert len(found) >= min(complete, 2)
        assert len(found) <= 1 or cut >= started


def test_unknown_fields_levels_and_words_are_read() -> None:
    raw = message(
        level="error: internal compiler error",
        invented={"a": 1},
        children=[
            {
                "message": "try this",
                "code": None,
                "level": "hint",
                "spans": [
                    span(suggested_replacement="x", suggestion_applicability="MaybeLater", colour=3)
                ],
                "children": [],
                "rendered": None,
            }
        ],
    )
    (found,) = rustc_json.read(stream(raw)).errors()
    assert found.suggestions[0].applicability is Applicability.UNSPECIFIED


@pytest.mark.parametrize(
    "text",
    ["aborting due to 2 previous errors", "could not compile `a` (lib) due to 1 previous error"],
)
def test_summaries_are_no_errors(text: str) -> None:
    assert not rustc_json.read(stream(message(text, code=None, spans=[]))).diagnostics


def test_paths_are_relative_to_the_workspace_and_foreign_ones_stay() -> None:
    own = message(spans=[span("/root/ws/src/a.rs")])
    foreign = message(spans=[span("/rustc/abc/library/core/src/num.rs")])
    first, second = rustc_json.read(stream(own, foreign), root="/root/ws").diagnostics

    assert first.path == "src/a.rs"
    assert second.path.startswith("/rustc/")
    assert "/root/ws" not in first.rendered


def test_an_error_inside_a_macro_is_told_at_the_call() -> None:
    call = span("src/lib.rs", 40)
    inner = span("src/macros.rs", 7, expansion={"span": call, "macro_decl_name": "sum!"})
    (found,) = rustc_json.read(stream(message(spans=[inner]))).diagnostics

    assert found.span is not None
    assert (found.path, found.line, found.span.in_macro) == ("src/lib.rs", 40, True)


def test_an_error_deep_in_std_macros_is_told_at_the_call_in_the_workspace() -> None:
    call = span("/root/ws/src/lib.rs", 5)
    middle = span("/rustc/1/library/alloc/src/macros.rs", 114, expansion={"span": call})
    inner = span("/rustc/1/library/core/src/fmt.rs", 9, expansion={"span": middle})
    (found,) = rustc_json.read(stream(message(spans=[inner])), root="/root/ws").diagnostics

    assert (found.path, found.line) == ("src/lib.rs", 5)


def test_an_argument_of_a_macro_call_keeps_its_own_place() -> None:
    call = span("src/lib.rs", 5, byte_start=100, byte_end=140)
    middle = span("/rustc/1/library/alloc/src/macros.rs", 114, expansion={"span": call})
    argument = span("src/lib.rs", 5, byte_start=130, byte_end=134, expansion={"span": middle})
    (found,) = rustc_json.read(stream(message(spans=[argument]))).diagnostics

    assert found.span is not None
    assert (found.span.byte_start, found.span.in_macro) == (130, False)


def suggestion(*replacements: dict[str, Any]) -> dict[str, Any]:
    return {
        "message": "change it",
        "code": None,
        "level": "help",
        "spans": [
            span(suggestion_applicability="MachineApplicable", **each) for each in replacements
        ],
        "children": [],
        "rendered": None,
    }


def test_a_suggestion_of_two_parts_is_one_and_alternatives_are_several() -> None:
    parts = suggestion(
        {"byte_start": 1, "byte_end": 1, "suggested_replacement": "("},
        {"byte_start": 9, "byte_end": 9, "suggested_replacement": ")"},
    )
    choice = suggestion(
        {"byte_start": 0, "byte_end": 0, "suggested_replacement": "use a::X;\n"},
        {"byte_start": 0, "byte_end": 0, "suggested_replacement": "use b::X;\n"},
    )
    (found,) = rustc_json.read(stream(message(children=[parts, choice]))).diagnostics

    assert [len(each.parts) for each in found.suggestions] == [2, 1, 1]


def test_a_suggestion_within_a_macro_is_never_offered() -> None:
    inside = suggestion({"suggested_replacement": "x", "expansion": {"span": span()}})
    (found,) = rustc_json.read(stream(message(children=[inside]))).diagnostics
    assert not found.suggestions
