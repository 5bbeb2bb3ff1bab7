"""The `llm` backend: canonical prompts, their keys, and files of recorded replies."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reflection_turns import ON, Lines, Rows, reflector, turn
from reflex_reflection.bundle import ReflectionBundle, TurnContext
from reflex_reflection.config import Backend, FixtureSettings, ReflectionConfig
from reflex_reflection.errors import FixtureMissingError, FixturesDisabledError
from reflex_reflection.fixtures import load
from reflex_reflection.prompt import canonical_prompt, fixture_key, prompt_hash
from reflex_reflection.reflect import reflect
from reflex_reflection.step import Turn

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "tests/fixtures/llm/reflection.json"
DEMO = ReflectionBundle(
    ctx=TurnContext(),
    utter="assistant: summary: . next: question",
    snippets=(
        "user asked to summarise prior step",
        "agent proposed next action planning",
        "note: constraints unchanged in this turn",
        "hint: prefer concise phrasing",
    ),
)


def prompt(bundle: ReflectionBundle) -> str:
    return canonical_prompt(bundle, topk_snippets=3, summary_tokens=128)


def llm(path: Path | str | None, *, enabled: bool = True) -> ReflectionConfig:
    fixtures = FixtureSettings(enabled=enabled, path=None if path is None else str(path))
    return replace(ON, backend=Backend.LLM, fixtures=fixtures)


def record(bundle: ReflectionBundle, completion: str) -> str:
    return json.dumps({"prompt_hash": prompt_hash(prompt(bundle)), "completion": completion})


def test_the_prompts_of_the_prior_art() -> None:
    assert fixture_key(prompt(DEMO)) == "3295db869434"
    documented = replace(DEMO, snippets=("example snippet",))
    assert fixture_key(prompt(documented)) == "3482df95edf6"


def test_the_canonical_prompt_to_the_byte() -> None:
    bundle = turn("Say  “hi”,\n\tBob!", " A\u00a0b ", number=7)
    assert prompt(bundle) == (
        '{"agent":"AgentA","plan_reflection":true,"snippets":["A b"],"summary_tokens":128,'
        '"task":"reflect_summary","turn":7,"utter":"Say \\u201chi\\u201d, Bob!","version":1}'
    )


def test_the_shipped_json_answers_the_demo() -> None:
    result = reflect(DEMO, llm(SHIPPED))
    expected = (
        "summarise prior step; propose next action; constraints unchanged; ask next question."
    )
    assert result.summary == expected
    assert result.metrics.backend == "llm-fixture"
    assert result.metrics.summary_len == 11
    assert result.metrics.to_json()["fixture_key"] == "3295db869434"
    assert result.memory_entries[0].vec_full is not None


def test_jsonl_an_array_and_an_object_say_the_same(tmp_path: Path) -> None:
    key = prompt_hash(prompt(DEMO))
    forms = {
        "a.jsonl": "\n" + record(DEMO, "old") + "\n\n" + record(DEMO, "new  reply") + "\n",
        "windows.jsonl": record(DEMO, "old") + "\r\n" + record(DEMO, "new  reply") + "\r\n",
        "reflection.json": record(DEMO, "new  reply"),
        "array.json": json.dumps([json.loads(record(DEMO, "new  reply"))], indent=2),
        "object.json": json.dumps({key: "new  reply"}, indent=2),
        "one-line.json": json.dumps({key: "new  reply"}),
    }
    for name, text in forms.items():
        file = tmp_path / name
        file.write_text(text, newline="")
        assert reflect(DEMO, llm(file)).summary == "new reply", name


def test_a_reply_is_cut_at_the_word(tmp_path: Path) -> None:
    bundle = turn("cut")
    asked = canonical_prompt(bundle, topk_snippets=3, summary_tokens=2)
    file = tmp_path / "f.jsonl"
    file.write_text(
        json.dumps({"prompt_hash": prompt_hash(asked), "completion": "One,  two three"})
    )
    assert reflect(bundle, replace(llm(file), summary_tokens=2)).summary == "One, two"


def test_a_reply_can_be_stored_whatever_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "f.jsonl"
    file.write_text(record(DEMO, "nul\0 half\ud800"))
    assert reflect(DEMO, llm(file)).summary == "nul\ufffd half\ufffd"


def test_line_ends_do_not_change_the_hash() -> None:
    assert prompt_hash("a\r\nb\rc") == prompt_hash("a\nb\nc") != prompt_hash("a b c")


def test_a_missing_fixture_is_named_by_its_hash() -> None:
    with pytest.raises(FixtureMissingError, match="no fixture for prompt hash") as caught:
        reflect(turn("never recorded"), llm(SHIPPED))
    assert caught.value.key == fixture_key(prompt(turn("never recorded")))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"prompt_hash": "a", "completion": "b"}\n\n{"prompt_hash": "a"}\n', "line 3"),
        ('{"prompt_hash": "a", "completion": "b"}\n{"prompt_hash"\n', "line 2"),
        ('{"prompt_hash": "a", "compl\n', "line 1"),
        ("[1]", "entry 1"),
        ('[\n{"prompt_hash": "a", "completion": "b"},\n{"prompt_hash"\n]', "line 4"),
        ('{\n"a": 3\n}', "entry 1"),
        ('{"prompt_hash": "a", "completion": null}', "line 1"),
        ("[" * 100_000, "line 1"),
    ],
)
def test_a_corrupt_line_is_named(tmp_path: Path, text: str, where: str) -> None:
    file = tmp_path / "f.jsonl"
    file.write_text(text)
    with pytest.raises(FixtureMissingError, match=f"invalid fixture at {where}: "):
        load(str(file))


@pytest.mark.parametrize("path", [None, "", "  ", "nowhere.jsonl", ".", "nul\0"])
def test_without_a_file_there_is_no_fixture(path: str | None) -> None:
    with pytest.raises(FixtureMissingError):
        reflect(DEMO, llm(path))


def test_an_empty_reply_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "f.jsonl"
    file.write_text(record(DEMO, "  "))
    with pytest.raises(FixtureMissingError, match="is empty"):
        reflect(DEMO, llm(file))


def test_the_backend_requires_fixtures() -> None:
    with pytest.raises(FixturesDisabledError, match=r"requires fixtures\.enabled=true"):
        reflect(DEMO, llm(SHIPPED, enabled=False))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (llm(SHIPPED), "reflect_error:FixtureMissingError"),
        (llm(SHIPPED, enabled=False), "reflect_error:FixturesDisabledError"),
    ],
)
def test_a_turn_survives_a_missing_fixture_and_writes_nothing(
    config: ReflectionConfig, reason: str
) -> None:
    rows, lines = Rows(), Lines()
    outcome = reflector(config, sink=rows, log=lines).after_turn(Turn(bundle=turn("unrecorded")))
    assert outcome is not None
    assert outcome.result.metrics.reason == reason
    assert outcome.result.metrics.backend == "llm-fixture"
    assert (outcome.result.summary, outcome.result.memory_entries) == ("", ())
    assert rows.rows == {}
    assert json.loads(lines.data)["reason"] == reason


def test_secrets_in_a_reply_are_not_stored_and_do_not_change_the_key(tmp_path: Path) -> None:
    bundle = turn("mail bob@example.com")
    file = tmp_path / "f.jsonl"
    file.write_text(record(bundle, "told bob@example.com"))
    outcome = reflector(llm(file), sink=Rows()).after_turn(Turn(bundle=bundle))
    assert outcome is not None
    assert outcome.result.summary == "told [email]"
    assert outcome.result.metrics.fixture_key == fixture_key(prompt(bundle))
