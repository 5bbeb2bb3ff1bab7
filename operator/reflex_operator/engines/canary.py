"""The verified generation: one small repair that any code model answers, and its verdict.

It looks for engines that load and answer, but wrongly: another model, broken structured output,
or the gibberish that FP8 KV caches have produced on new GPUs. It is no measure of quality.
"""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from reflex_operator.engines.report import ProbeOutcome

PATH: Final = "src/main.rs"
PROMPT: Final = """\
fix rust
src/main.rs:3 E0425 cannot find value `totl` in this scope
at "totl"
help a local variable with a similar name exists
-"    println!(\\"{}\\", totl);"
+"    println!(\\"{}\\", total);"
code
1 "fn main() {"
2 "    let total = 1 + 2;"
>3 "    println!(\\"{}\\", totl);"
4 "}"
"""

_LINES: Final[dict[str, Any]] = {
    "type": "array",
    "minItems": 1,
    "maxItems": 2,
    "items": {"type": "string"},
}

# No string has a length: `maxLength` made the first answer wait seconds for its grammar, and the
# one file there is can be named instead (decision 0046).
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "edits": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "path": {"type": "string", "enum": [PATH]},
                    "search": _LINES,
                    "replace": _LINES,
                },
                "required": ["path", "search", "replace"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["edits"],
    "additionalProperties": False,
}

_ANSWER_TOKENS: Final = 160
_REASONING_TOKENS: Final = 1024
_PROMPT_TOKENS: Final = 400  # of the coarsest tokenizer we know, with room
_LONGEST_RUN: Final = 24
_NOT_ABOUT_THE_MODEL: Final = {401, 403, 408, 429}
"""Keys that changed under the engine, or load: no reason to take it out of its Service."""


def request(served_name: str, context_length: int) -> dict[str, Any]:
    """Return the body for `POST /v1/chat/completions`."""
    room = max(context_length - _PROMPT_TOKENS, 32)
    return {
        "model": served_name,
        "messages": [{"role": "user", "content": PROMPT}],
        "temperature": 0,
        "top_p": 1,
        "max_tokens": min(room, _ANSWER_TOKENS + _REASONING_TOKENS),
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "edits", "schema": SCHEMA, "strict": True},
        },
    }


def judge(status: int, body: Mapping[str, Any]) -> tuple[ProbeOutcome, str]:
    """Return the verdict on the engine's answer and the evidence for it.

    Args:
        status: HTTP status code.
        body: the decoded JSON body; empty when it was none.
    """
    if status in _NOT_ABOUT_THE_MODEL or status >= 500:
        return ProbeOutcome.UNREACHABLE, f"HTTP {status} {_error_text(body)}".strip()
    if status != 200:
        return ProbeOutcome.BAD_ANSWER, f"HTTP {status} {_error_text(body)}".strip()
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        return ProbeOutcome.BAD_ANSWER, "the answer has no choices"
    choice = choices[0]
    content = (choice.get("message") or {}).get("content") or ""
    if choice.get("finish_reason") == "length":
        return ProbeOutcome.BAD_ANSWER, f"cut off at max_tokens: {content[:60]!r}"
    try:
        answer = json.loads(content)
    except ValueError:
        return (
            ProbeOutcome.BAD_ANSWER,
            f"not JSON although a schema was asked for: {content[:60]!r}",
        )
    problem = _problem(answer)
    if problem:
        return ProbeOutcome.BAD_ANSWER, problem
    return ProbeOutcome.VERIFIED, ""


def _problem(answer: object) -> str:
    """Return what is wrong with a decoded answer, or nothing."""
    edits = answer.get("edits") if isinstance(answer, dict) else None
    if not isinstance(edits, list) or len(edits) != 1 or not isinstance(edits[0], dict):
        return "the schema was not enforced: no single edit in the answer"
    edit = edits[0]
    lines: list[str] = []
    for name in ("search", "replace"):
        part = edit.get(name)
        if not isinstance(part, list) or not all(isinstance(line, str) for line in part):
            return f"the schema was not enforced: `{name}` is not a list of strings"
        lines += part
    if edit.get("path") != PATH:
        return f"the schema was not enforced: `path` is {str(edit.get('path'))[:40]!r}"
    text = "".join(lines)
    if not text.strip():
        return "the answer is empty"
    if is_gibberish(text):
        return f"gibberish: {text[:60]!r}"
    return ""


def is_gibberish(text: str) -> bool:
    """Return whether the text shows the marks of a broken KV cache or wrong kernels.

    These are replacement or control characters, one character repeated without end, or mostly
    non-ASCII where Rust was asked for.
    """
    if any(char == "\ufffd" or (ord(char) < 32 and char not in "\t\n\r") for char in text):
        return True
    longest = run = 1
    for before, char in pairwise(text):
        run = run + 1 if char == before and char != " " else 1
        longest = max(longest, run)
    if longest > _LONGEST_RUN:
        return True
    ascii_count = sum(char.isascii() for char in text)
    return ascii_count < 0.8 * len(text)


def _error_text(body: Mapping[str, Any]) -> str:
    """Return the message of SGLang's flat or OpenAI's nested error."""
    nested = body.get("error")
    source = nested if isinstance(nested, Mapping) else body
    return str(source.get("message", ""))[:120]
