"""The summariser, the vectors and the ids, to the byte."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reflection_turns import NOW, ON, turn
from reflex_reflection.bundle import MemoryEntry, TurnContext, iso_time
from reflex_reflection.embedding import embed, pack, unpack
from reflex_reflection.ids import content_hash, input_hash, memory_id
from reflex_reflection.reflect import reflect
from reflex_reflection.text import storable, words


@pytest.mark.parametrize(
    ("text", "first", "last", "head"),
    [
        (
            "hello world",
            (0.13421161, 0.11023255, 0.17233413, -0.02960241),
            0.09842879,
            "369771bb2cb9d2b0",
        ),
        (
            "hello there alpha beta gamma",
            (0.01114335, -0.04280852, 0.26003602, -0.14750147),
            None,
            "71309e84bf7c426e",
        ),
    ],
)
def test_the_vectors_of_the_prior_art(
    text: str, first: tuple[float, ...], last: float | None, head: str
) -> None:
    vector = embed(text)
    assert len(vector) == 32
    assert tuple(round(number, 8) for number in vector[:4]) == first
    assert last is None or round(vector[-1], 8) == last
    assert hashlib.shake_256(text.encode()).hexdigest(8) == head


def test_the_bits_of_a_vector_are_pinned() -> None:
    assert pack(embed("hello world")).hex() == (
        "c56e093e9bc1e13d5c78303ec280f2bc3d2d8a3e2325893e8e10803e54fb4bbe6c47463e727b9e3d81299fbd"
        "a40f843ed648e4bc59ed313e4124473d2c0c74bed0c2f6bd683077be4760783ec25a84be5db7303eee5992be"
        "69c80f3eb413e03d7e1e2f3e698e55bd84ceeb3dd575e6bd1335e4bc8d8b87beb433a1bd0895c93d"
    )
    assert unpack(pack(embed("hello world"))) == embed("hello world")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_vectors_are_unit_vectors_of_float32(text: str) -> None:
    vector = embed(text)
    assert abs(sum(number * number for number in vector) - 1) < 1e-6
    assert unpack(pack(vector)) == vector


def test_the_ids_of_the_prior_art() -> None:
    made = memory_id(agent="AgentA", turn=1, slot=0, text="alpha")
    assert made == "refl-1-AgentA-0-83965f01588e"


def test_the_summaries_of_the_prior_art() -> None:
    bundle = turn("Hello, World! This is a Test.", "Alpha--beta", "Gamma... delta", "never")
    config = replace(ON, topk_snippets=2, summary_tokens=8)
    assert reflect(bundle, config).summary == "hello world this is a test alpha beta"
    assert reflect(turn("É à—naïve_foo Bar's"), ON).summary == "é à naïve_foo bar s"


def test_no_more_snippets_are_read_than_are_asked_for() -> None:
    for most, summary in ((0, "said"), (1, "said one"), (2, "said one two")):
        result = reflect(turn("said", "one", "two", "three"), replace(ON, topk_snippets=most))
        assert (result.summary, result.metrics.used_topk) == (summary, most)


def test_the_demo_of_the_prior_art_has_21_words() -> None:
    bundle = turn(
        "assistant: summary: . next: question",
        "user asked to summarise prior step",
        "agent proposed next action planning",
        "note: constraints unchanged in this turn",
    )
    result = reflect(bundle, ON)
    assert result.metrics.summary_len == len(result.summary.split())
    assert result.metrics.used_topk == 3


def literally(text: str) -> str:
    """The steps as the specification's prior art has them."""
    text = re.sub(r"\s+", " ", text).strip().lower()
    text = re.sub(r"[^\w\s]+", " ", text)
    return re.sub(r"\s+", " ", text).strip()


@given(st.text(max_size=200))
def test_words_are_the_specifications_normalisation(text: str) -> None:
    assert " ".join(words(text)) == literally(text)


def test_no_more_of_a_huge_text_is_taken_apart_than_is_kept() -> None:
    taken = words("word " * 1_000_000)
    assert [next(taken) for _ in range(3)] == ["word"] * 3


def test_no_more_of_a_huge_turn_is_taken_apart_than_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[str] = []

    def watched(piece: str) -> Iterator[str]:
        for word in words(piece):
            taken.append(word)
            yield word

    monkeypatch.setattr("reflex_reflection.reflect.words", watched)
    result = reflect(turn("word " * 10_000, "more " * 10_000), ON)
    assert result.summary.split() == taken == ["word"] * 128


def test_two_runs_are_equal_and_the_entry_is_the_specifications() -> None:
    bundle = turn("Hello there!", "Alpha", "Beta", "Gamma")
    result = reflect(bundle, ON)
    assert result == reflect(bundle, ON)
    (entry,) = result.memory_entries
    text = "hello there alpha beta gamma"
    assert entry == MemoryEntry(owner="AgentA", ts=NOW, text=text, vec_full=embed(text))
    assert list(entry.to_json()) == ["owner", "ts", "text", "tags", "kind", "vec_full"]
    assert (entry.to_json()["tags"], entry.to_json()["kind"]) == (["reflection"], "summary")
    assert result.to_json()["metrics"] == {
        "backend": "rulebased", "summary_len": 5, "used_topk": 3, "embed": True, "ops_cap": 5,
        "ms": 0.0, "reason": None,
    }  # fmt: skip


def test_without_embedding_there_is_no_vector() -> None:
    (entry,) = reflect(turn(), replace(ON, embed=False)).memory_entries
    assert entry.vec_full is None
    assert "vec_full" not in entry.to_json()


@pytest.mark.parametrize(("utter", "tokens"), [("?! …", 128), ("some words", 0)])
def test_an_empty_summary_has_no_vector(utter: str, tokens: int) -> None:
    result = reflect(turn(utter), replace(ON, summary_tokens=tokens))
    assert result.summary == ""
    assert result.metrics.summary_len == 0
    assert [entry.vec_full for entry in result.memory_entries] == [None]


def test_no_operations_no_entries() -> None:
    result = reflect(turn(), replace(ON, ops_reflection=0))
    assert result.memory_entries == ()
    assert result.summary == "hello there"


@given(st.text(), st.lists(st.text(), max_size=4), st.text())
@example("a\0b\ud800c", ["\udfff"], "nul\0")
@example("", [], "half\ud800")
def test_any_text_gives_a_summary_that_can_be_stored(
    utter: str, snippets: list[str], agent: str
) -> None:
    result = reflect(turn(utter, *snippets, agent=agent), ON)
    for text in (result.summary, result.memory_entries[0].owner):
        assert storable(text) == text
        assert "\0" not in text
        text.encode()
    assert result.metrics.summary_len <= 128


def test_times_are_iso_past_a_minute() -> None:
    assert iso_time(12_345) == "1970-01-01T00:00:12.345Z"
    assert iso_time(61_500) == "1970-01-01T00:01:01.500Z"
    assert TurnContext().now_iso == "1970-01-01T00:00:00.000Z"


def test_evidence_tells_inputs_apart_and_content_does_not_care_who_said_it() -> None:
    assert input_hash(turn("a", "b")) == input_hash(turn("a", "b"))
    inputs = [
        turn("a", "b"), turn("a", "c"), turn("a"), turn("a b"), turn("c", "b"),
        turn("a", "b", number=2), turn("a", "b", agent="B"),
    ]  # fmt: skip
    assert len({input_hash(one) for one in inputs}) == len(inputs)
    assert input_hash(turn("\ud800"))
    assert content_hash("a") != content_hash("b")
