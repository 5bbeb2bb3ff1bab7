"""The schema, the document and the reader of replies: three descriptions of one thing."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflex_loop.errors import ReplyError, ReplyTruncatedError
from reflex_loop.patch import (
    COMPACT_SCHEMA,
    MAX_EDITS,
    SCHEMA,
    PatchDocument,
    ReplyForm,
    read_reply,
    schema_text,
)

RIGHT = {"edits": [{"path": "src/a.rs", "search": ["a"], "replace": ["b"]}]}

FIELDS = st.fixed_dictionaries(
    {
        "path": st.text(max_size=5) | st.just("src/a.rs") | st.integers(),
        "search": st.lists(st.text(max_size=3) | st.none(), max_size=2) | st.text(max_size=2),
        "replace": st.lists(st.text(max_size=3), max_size=2),
    },
    optional={
        "op": st.sampled_from(["replace", "create", "delete", "rename", "copy", ""]),
        "occurrence": st.sampled_from([-1, 0, 1, 7, 1000, 1001, "1", True]),
        "line_hint": st.sampled_from([0, 1, 2.5, 99, None]),
        "extra": st.just(1),
    },
)


@given(st.lists(FIELDS, max_size=MAX_EDITS + 1))
def test_our_validation_and_the_schema_agree(edits: list[dict[str, Any]]) -> None:
    value = {"edits": edits}
    schema_says = jsonschema.Draft202012Validator(SCHEMA).is_valid(value)
    # Python's True is a 1 and 2.0 an integer for jsonschema; null stands for a missing number here.
    unsure = any(
        isinstance(edit.get(name), bool | float) or (name in edit and edit[name] is None)
        for edit in edits
        for name in ("occurrence", "line_hint")
    ) or any(edit["path"] == "" for edit in edits)  # lengths are checked on our side only
    if unsure:
        return
    try:
        read_reply(json.dumps(value))
        assert schema_says
    except ReplyError:
        assert not schema_says


def test_the_schema_is_one_text_and_asks_for_search_before_replace() -> None:
    text = schema_text(SCHEMA)
    assert text == schema_text(json.loads(text))
    names = list(SCHEMA["properties"]["edits"]["items"]["properties"])
    assert names.index("path") < names.index("search") < names.index("replace")


def test_what_fits_the_compact_schema_fits_the_full_one() -> None:
    jsonschema.validate(RIGHT, COMPACT_SCHEMA)
    jsonschema.validate(RIGHT, SCHEMA)
    read_reply(json.dumps(RIGHT))


def test_a_document_has_a_digest_of_what_it_says() -> None:
    one, _ = read_reply(json.dumps(RIGHT))
    spaced, _ = read_reply(json.dumps(RIGHT, indent=3))
    other, _ = read_reply(json.dumps(RIGHT).replace('"b"', '"c"'))
    assert one.digest() == spaced.digest() != other.digest()


def test_a_fence_is_taken_off_and_reported() -> None:
    document, form = read_reply(f"```json\n{json.dumps(RIGHT)}\n```")
    assert form is ReplyForm.FENCED
    assert document == read_reply(json.dumps(RIGHT))[0]


def test_a_fence_inside_the_code_is_no_fence() -> None:
    value = {"edits": [{"path": "a.rs", "search": ["/// ```"], "replace": ["/// ```rust"]}]}
    document, form = read_reply(json.dumps(value))
    assert form is ReplyForm.JSON
    assert document.edits[0].replace == ["/// ```rust"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("", "not JSON"),
        ("Sure! Here is the fix: {}", "begins 'Sure!"),
        (f"Here:\n```json\n{json.dumps(RIGHT)}\n```", "not JSON"),
        ("[]", "follow the schema"),
        ('{"edits": []}', "edits"),
        ('{"edits": [{"path": "a"}]}', "edits.0.search"),
        ('{"edits": [], "edits": []}', "twice"),
        (json.dumps(RIGHT) + " I hope this helps", "not JSON"),
        (json.dumps(RIGHT).replace('["a"]', '"a"'), "edits.0.search"),
        ('{"a":' * 200_000, "not JSON"),
        ("x" * 2_000_000, "characters"),
    ],
)
def test_what_is_no_document_is_refused_with_the_place(reply: str, words: str) -> None:
    with pytest.raises(ReplyError, match=words):
        read_reply(reply)


def test_every_beginning_of_a_document_is_told_apart_as_truncated() -> None:
    text = json.dumps(RIGHT)
    for cut in range(1, len(text)):
        with pytest.raises(ReplyTruncatedError):
            read_reply(text[:cut], cut=True)


def test_a_cut_within_a_string_shows_without_the_engines_word() -> None:
    with pytest.raises(ReplyTruncatedError, match="fewer and smaller"):
        read_reply('{"edits": [{"path": "src/a.rs", "search": ["    let a')


def test_numbers_are_not_taken_for_texts() -> None:
    with pytest.raises(ReplyError):
        read_reply('{"edits": [{"path": "a.rs", "search": [1], "replace": []}]}')
    assert PatchDocument.model_validate(RIGHT).edits[0].op.value == "replace"
