import json
from typing import Any

import pytest

from reflex_operator.engines import canary, server_info
from reflex_operator.engines.report import ProbeOutcome


def body(content: str, finish: str = "stop") -> dict[str, Any]:
    return {"choices": [{"message": {"content": content}, "finish_reason": finish}]}


def edit(replace: str, path: str = canary.PATH, search: str = "x") -> str:
    return json.dumps({"edits": [{"path": path, "search": [search], "replace": [replace]}]})


def test_a_sensible_edit_verifies() -> None:
    assert canary.judge(200, body(edit('    println!("{}", total);'))) == (
        ProbeOutcome.VERIFIED,
        "",
    )


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (400, {"object": "error", "message": "bad grammar"}, "bad grammar"),
        (200, {}, "no choices"),
        (200, body('{"edits": [', "length"), "cut off"),
        (200, body("Sure! Here is the fix"), "not JSON"),
        (200, body('{"answer": 1}'), "not enforced"),
        (200, body(edit("y", path="src/other.rs")), "not enforced"),
        (200, body(edit("", search=" ")), "empty"),
        (200, body(edit("!" * 80)), "gibberish"),
        (200, body(edit("y", search="!" * 80)), "gibberish"),
        (200, body(edit("\ufffd\ufffd")), "gibberish"),
        (200, body(edit("的是不了" * 8)), "gibberish"),
    ],
)
def test_what_a_broken_engine_answers_is_refused(
    status: int, answer: dict[str, Any], words: str
) -> None:
    outcome, evidence = canary.judge(status, answer)
    assert outcome is ProbeOutcome.BAD_ANSWER
    assert words in evidence


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_changed_keys_and_load_are_no_verdict_on_the_model(status: int) -> None:
    outcome, evidence = canary.judge(status, {"error": {"message": "The request queue is full."}})
    assert outcome is ProbeOutcome.UNREACHABLE
    assert evidence == f"HTTP {status} The request queue is full."


def test_the_grammar_is_cheap_to_compile() -> None:
    text = json.dumps(canary.SCHEMA)
    assert "maxLength" not in text  # seconds of compilation before the first answer
    assert "pattern" not in text


def test_the_request_leaves_room_for_the_prompt() -> None:
    assert canary.request("m", 1024)["max_tokens"] + 400 <= 1024
    assert canary.request("m", 131072)["max_tokens"] == 1184


def test_memory_is_read_and_keys_stay_behind() -> None:
    raw = {
        "api_key": "k1",
        "admin_api_key": "k2",
        "context_length": 1024,
        "version": "0.5.23",
        "internal_states": [
            {
                "api_key": "k1",
                "memory_usage": {"weight": 0.002, "kvcache": 0.5, "token_capacity": 4096},
            }
        ],
    }
    memory, version = server_info.read(raw)
    assert memory is not None
    assert (memory.kv_tokens, memory.kv_cache_bytes, version) == (4096, 1 << 29, "0.5.23")
    assert "k1" not in repr(memory)
    assert "k2" not in repr(memory)


@pytest.mark.parametrize("raw", [{}, {"internal_states": []}, {"internal_states": [None]}])
def test_an_engine_that_reports_nothing_is_unknown(raw: dict[str, Any]) -> None:
    assert server_info.read(raw)[0] is None
