"""The two questions: byte for byte for small models, within its room for large ones."""

import json
from dataclasses import replace
from pathlib import Path

from reflex_e2e import broken

from reflex_loop import render_compact, render_full, rustc_json
from reflex_loop.assessment import Assessment, assess
from reflex_loop.conversation import CompactConversation
from reflex_loop.protocols import CheckReport
from reflex_loop.root_cause import causes
from reflex_loop.settings import Renderer, Settings, estimate_tokens
from reflex_loop.snapshot import File, Snapshot, digest

RECORDED = Path(__file__).parent / "recorded/demo.jsonl"


def snapshot(**files: str) -> Snapshot:
    found = {}
    for name, text in files.items():
        path = name.replace("__", "/") + ".rs"
        found[path] = File(path=path, data=text.encode(), sha256=digest(text.encode()))
    return Snapshot(files=found)


DEMO = snapshot(src__main=broken.SOURCE)
STREAM = rustc_json.read(RECORDED.read_bytes())


def demo() -> Assessment:
    return assess(CheckReport(stream=STREAM, ok=False), DEMO.lines)


def test_the_demos_prompt_is_rendered_from_what_rustc_says() -> None:
    (cause,) = causes(STREAM.errors(), DEMO.lines)
    assert render_compact.question(cause, DEMO) == broken.PROMPT
    assert estimate_tokens(broken.PROMPT) < 160


def test_the_compact_question_has_no_more_lines_than_a_small_model_can_read() -> None:
    (error,) = STREAM.errors()
    assert error.span is not None
    far = tuple(
        replace(error.span, line_start=line, line_end=line, is_primary=False, label="here")
        for line in range(1, 90)
    )
    many = replace(error, spans=(error.span, *far), message="mismatched types " + "x" * 400)
    long = snapshot(src__main="\n".join(f"let line_{n} = {n};" for n in range(1, 90)))
    (cause,) = causes([many], long.lines)
    question = render_compact.question(cause, long)

    code = question.split("\ncode\n")[1].splitlines()
    assert len(code) == 16
    assert sum(line.startswith(">") for line in code) == 1
    assert max(len(line) for line in question.splitlines()) < 160


def test_a_definition_of_a_named_type_is_shown() -> None:
    text = (
        "#[derive(Debug)]\nstruct Job {\n    id: u32,\n}\n" + "\n" * 9 + "fn f() { Job::run() }\n"
    )
    error = rustc_json.read(
        json.dumps(
            {
                "message": "no function named `run` found for struct `Job`",
                "level": "error",
                "code": {"code": "E0599"},
                "spans": [
                    {"file_name": "a.rs", "line_start": 14, "line_end": 14, "is_primary": True,
                     "byte_start": 60, "byte_end": 63, "column_start": 15, "column_end": 18}
                ],
                "children": [],
            }
        ).encode()
    )  # fmt: skip
    shown = snapshot(a=text)
    (cause,) = causes(error.errors(), shown.lines)
    question = render_compact.question(cause, shown)
    assert '1 "#[derive(Debug)]"\n2 "struct Job {"\n3 "    id: u32,"\n4 "}"' in question


def test_the_same_compact_question_again_is_marked_as_a_repeat() -> None:
    talk = CompactConversation(Settings(renderer=Renderer.COMPACT))
    first, second = talk.question(demo(), DEMO), talk.question(demo(), DEMO)
    assert first is not None
    assert second is not None
    assert (first.is_repeat, second.is_repeat) == (False, True)
    assert first.text() == second.text()


def test_the_full_question_copies_code_as_it_is() -> None:
    body, shown = render_full.problem(demo(), DEMO, room=4_000, count=estimate_tokens)
    assert len(shown) == 1
    assert "error[E0425]: cannot find value `smu`" in body
    assert "--- src/main.rs (all)\n" + broken.SOURCE.rstrip() in body


def big() -> tuple[Assessment, Snapshot]:
    """Thirty errors in one file of 900 lines."""
    (error,) = STREAM.errors()
    assert error.span is not None
    errors = []
    text = []
    for number in range(30):
        text += [f"fn f{number}() {{", *(f"    let v{n} = {n};" for n in range(27)), "}", ""]
        line = 30 * number + 15
        span = replace(
            error.span, line_start=line, line_end=line, byte_start=line * 9, byte_end=line * 9 + 3
        )
        errors.append(replace(error, span=span, spans=(span,), message=f"cannot find `n{number}`"))
    shown = snapshot(src__main="\n".join(text) + "\n")
    stream = replace(STREAM, diagnostics=tuple(errors))
    return assess(CheckReport(stream=stream, ok=False), shown.lines), shown


def test_windows_shrink_before_errors_are_left_out() -> None:
    state, shown = big()
    sizes = {}
    for room in (12_000, 6_000, 2_500, 1_000, 300):
        body, chosen = render_full.problem(state, shown, room=room, count=estimate_tokens)
        assert estimate_tokens(body) <= room
        sizes[room] = len(chosen)
    assert sizes[12_000] == 30
    assert sizes[6_000] >= sizes[2_500] > sizes[1_000] >= sizes[300] >= 1


def test_one_endless_line_is_cut_rather_than_not_asked() -> None:
    (error,) = STREAM.errors()
    shown = snapshot(src__main="let a = [" + "0, " * 60_000 + "];\n")
    assert error.span is not None
    span = replace(error.span, line_start=1, line_end=1)
    stream = replace(STREAM, diagnostics=(replace(error, span=span, spans=(span,)),))
    state = assess(CheckReport(stream=stream, ok=False), shown.lines)
    body, chosen = render_full.problem(state, shown, room=900, count=estimate_tokens)
    assert estimate_tokens(body) <= 900
    assert len(chosen) == 1


def test_the_rules_name_what_the_policy_refuses() -> None:
    for word in ("unsafe", "allow", "cfg", "todo!", "tests", "Cargo.toml", "build.rs"):
        assert word in render_full.SYSTEM
