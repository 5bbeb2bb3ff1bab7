"""Turns from JSON, and what a reflection may read of what was retrieved."""

import json

import pytest

from reflex_reflection.document import read_bundle
from reflex_reflection.errors import BundleError
from reflex_reflection.snippets import from_retrieved


def test_a_whole_bundle_is_read() -> None:
    bundle = read_bundle(
        json.dumps(
            {
                "ctx": {"agent_id": "AgentA", "turn_id": 3, "now_iso": "2026-01-02T03:04:05+02:00"},
                "plan": {"reflection": "yes", "ops": [{"kind": "Speak"}]},
                "utter": "Hi",
                "snippets": ["a", "b"],
                "state_view": {"nodes": [1, 2]},
            }
        )
    )
    assert bundle.plan.reflection is True
    assert bundle.snippets == ("a", "b")
    assert bundle.ctx.now_iso == "2026-01-02T03:04:05+02:00"


def test_the_time_may_be_in_milliseconds_or_absent() -> None:
    assert read_bundle('{"ctx": {"now_ms": 61500}}').ctx.now_iso == "1970-01-01T00:01:01.500Z"
    assert read_bundle('{"ctx": {}}').ctx.now_iso == "1970-01-01T00:00:00.000Z"
    assert read_bundle('{"ctx": {}}').ctx.agent_id == "unknown"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "the bundle is no JSON"),
        ("[]", "the bundle "),
        ("{}", "ctx Field required"),
        ('{"ctx": {"turn": 1}}', "ctx.turn Extra inputs"),
        ('{"ctx": {"agent_id": ""}}', "ctx.agent_id "),
        ('{"ctx": {"now_iso": "yesterday"}}', "ctx.now_iso "),
        ('{"ctx": {"now_iso": "2026-01-02T03:04:05"}}', "needs a time zone"),
        ('{"ctx": {}, "plan": {"reflection": "maybe"}}', "plan.reflection "),
        ('{"ctx": {}, "snippets": [1]}', "snippets.0 "),
        ('{"ctx": {"turn_id": -1}}', "ctx.turn_id "),
    ],
)
def test_a_wrong_bundle_is_refused_with_its_path(text: str, fault: str) -> None:
    with pytest.raises(BundleError) as caught:
        read_bundle(text)
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"ctx": {"agent_id": "x" * 201}}, "ctx.agent_id"),
        ({"utter": "x" * 1_000_001}, "utter"),
        ({"snippets": ["x" * 1_000_001]}, "snippets.0"),
        ({"snippets": ["x"] * 1001}, "snippets"),
        ({"snippet_ids": ["x"] * 1001}, "snippet_ids"),
        ({"snippet_ids": ["x" * 201]}, "snippet_ids.0"),
    ],
)
def test_a_huge_bundle_is_refused(more: dict[str, object], path: str) -> None:
    with pytest.raises(BundleError) as caught:
        read_bundle(json.dumps({"ctx": {}} | more))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path} ")
    assert len(problem) < 200


def test_all_faults_come_at_once() -> None:
    with pytest.raises(BundleError) as caught:
        read_bundle('{"ctx": {"turn_id": "x", "dry_run": 1}, "utter": 5, "more": 1}')
    assert len(caught.value.problems) == 4


def test_retrieved_items_give_their_first_text_in_order() -> None:
    items: list[dict[str, object]] = [
        {"id": "m1", "text": "", "snippet": "one"},
        {"id": "m2"},
        {"id": 3, "content": "two", "text": None},
        {"text": "three"},
        {"text": "four"},
    ]
    assert from_retrieved(items, limit=3) == (("one", "two", "three"), ("m1", "3", ""))
    assert from_retrieved(items, limit=0) == ((), ())


def test_what_was_recalled_is_never_reflected_again() -> None:
    items: list[dict[str, object]] = [
        {"id": "refl-1-A-0-123456789abc", "text": "an old summary"},
        {"id": "copied", "text": "an old summary", "tags": ["reflection"]},
        {"id": "m1", "text": "a fact", "tags": "reflection-free"},
    ]
    assert from_retrieved(items, limit=3) == (("a fact",), ("m1",))
