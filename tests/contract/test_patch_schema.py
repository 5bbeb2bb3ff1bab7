"""The schemas of replies, judged by SGLang 0.5.23's own validator and its grammar backend."""

import json
from typing import Any

import pytest
from reflex_e2e.engine_image import EngineImage

from reflex_loop.patch import COMPACT_SCHEMA, SCHEMA, schema_text

pytestmark = pytest.mark.contract

# The validator runs before a grammar is compiled; what it refuses is a 400 for every repair.
JUDGE = """
import json, sys
import xgrammar
from xgrammar import testing
from sglang.srt.constrained.json_schema_validation import (
    UnsupportedJSONSchemaFeature, validate_xgrammar_json_schema,
)
answers = []
for schema, replies in json.load(sys.stdin):
    try:
        validate_xgrammar_json_schema(json.loads(schema))
    except UnsupportedJSONSchemaFeature as error:
        answers.append({"refused": str(error)})
        continue
    grammar = xgrammar.Grammar.from_json_schema(schema)
    accepted = [testing._is_grammar_accept_string(grammar, reply) for reply in replies]
    answers.append({"accepted": accepted})
print("ANSWER" + json.dumps(answers))
"""

COMPACT = '{"edits":[{"path":"src/a.rs","search":["let a = \\"x\\";"],"replace":["b"]}]}'
SPACED = '{"edits": [{"path": "src/a.rs", "search": ["a"], "replace": ["b", ""]}]}'
FULL = (
    '{"edits": [{"path": "src/a.rs", "op": "replace", "search": ["a"], "replace": ["b"], '
    '"occurrence": 2, "line_hint": 14}, '
    '{"path": "b.rs", "op": "delete", "search": [], "replace": []}]}'
)
NEVER = [
    f"```json\n{COMPACT}\n```",
    f"Here is the patch: {COMPACT}",
    f"{COMPACT} Done.",
    '{"edits":[]}',
    '{"edits":[{"path":"src/a.rs","replace":["b"],"search":["a"]}]}',  # the order is part of it
    '{"edits":[{"path":"a.rs","search":["a"],"replace":["b"],"why":"x"}]}',
    COMPACT[:-2],
]
REFUSED: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"type": "string"}, "uniqueItems": True}},
}


def judged(image: EngineImage, *cases: tuple[dict[str, Any], list[str]]) -> list[Any]:
    asked = [[schema_text(schema), replies] for schema, replies in cases]
    text = image.python(JUDGE, stdin=json.dumps(asked))
    (line,) = [line for line in text.splitlines() if line.startswith("ANSWER")]
    found: list[Any] = json.loads(line.removeprefix("ANSWER"))
    return found


def test_sglang_takes_our_schemas_and_their_grammar_means_what_we_mean(
    engine_image: EngineImage,
) -> None:
    full, compact, refused = judged(
        engine_image,
        (SCHEMA, [COMPACT, SPACED, FULL, *NEVER]),
        (COMPACT_SCHEMA, [COMPACT, SPACED, FULL, *NEVER]),
        (REFUSED, []),
    )
    assert full == {"accepted": [True, True, True, *[False] * len(NEVER)]}
    assert compact == {"accepted": [True, True, False, *[False] * len(NEVER)]}
    assert "uniqueItems" in refused["refused"]  # the judge does judge
