"""`reflexctl memory reflect`: one reflection by hand, by the same code as the service's."""

import json
from pathlib import Path
from typing import Any

import pytest

from reflex_reflection import embedding
from reflex_reflection.ids import memory_id
from unit.reflexctl.command_line import Done, run

SECRET = "sk-abcdefghijklmnopqrstuvwxyz0123456789ABCD"
BUNDLE: dict[str, Any] = {
    "ctx": {"agent_id": "AgentA", "turn_id": 7, "now_iso": "2026-01-02T03:04:05Z"},
    "plan": {"reflection": True},
    "utter": "Hello there!",
    "snippets": ["One, two"],
}
ON = "t3: {allow_reflection: true}\n"


def reflect(folder: Path, config: str = ON, bundle: Any = BUNDLE, *more: str) -> Done:
    (folder / "bundle.json").write_text(bundle if isinstance(bundle, str) else json.dumps(bundle))
    (folder / "reflection.yaml").write_text(config)
    files = ("--bundle", folder / "bundle.json", "--config", folder / "reflection.yaml")
    return run("memory", "reflect", *files, *(more or ("--json",)))


def test_the_result_is_printed_with_its_vector_and_the_id(tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    done = reflect(tmp_path)
    found = json.loads(done.out)
    text = "hello there one two"
    assert (done.code, done.err) == (0, "")
    assert found["summary"] == text
    assert found["memory_entries"][0]["vec_full"] == list(embedding.embed(text))
    assert found["memory_entries"][0]["owner"] == "AgentA"
    assert found["ids"] == [memory_id(agent="AgentA", turn=7, slot=0, text=text)]
    assert found["metrics"]["reason"] is None
    names = {path.name for path in set(tmp_path.iterdir()) - before}
    assert names == {"bundle.json", "reflection.yaml"}, "nothing is written"


def test_it_is_the_same_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert reflect(tmp_path).out == reflect(tmp_path).out


def test_people_see_the_summary(tmp_path: Path) -> None:
    done = reflect(tmp_path, ON, BUNDLE, "--bundle", str(tmp_path / "bundle.json"))
    assert done.out == "hello there one two\n"
    assert "refl-7-AgentA-0-" in done.err


def test_secrets_are_taken_out_as_in_the_service(tmp_path: Path) -> None:
    done = reflect(tmp_path, ON, {**BUNDLE, "utter": f"the key is {SECRET}"})
    assert json.loads(done.out)["summary"] == "the key is key one two"


@pytest.mark.parametrize(
    ("config", "bundle", "why"),
    [
        ("", BUNDLE, "t3.allow_reflection"),
        (ON, {**BUNDLE, "plan": {}}, "plan.reflection"),
        (ON, {**BUNDLE, "ctx": {"dry_run": True}}, "ctx.dry_run"),
    ],
)
def test_a_closed_gate_is_told_and_nothing_is_reflected(
    tmp_path: Path, config: str, bundle: Any, why: str
) -> None:
    done = reflect(tmp_path, config, bundle)
    found = json.loads(done.out)
    assert (done.code, found["reflected"]) == (1, False)
    assert why in found["why"]
    assert why in done.err


@pytest.mark.parametrize(
    ("config", "bundle", "said"),
    [
        ("t3: {reflection: {sumary_tokens: 1, backend: x}}", BUNDLE, "did you mean 'summary_to"),
        ("t3: [", BUNDLE, "is no YAML"),
        (ON, "{", "the bundle is no JSON"),
        (ON, {"ctx": {}, "uter": 1}, "uter"),
        (ON, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "no JSON"),
    ],
)
def test_wrong_files_are_named_with_their_faults(
    tmp_path: Path, config: str, bundle: Any, said: str
) -> None:
    done = reflect(tmp_path, config, bundle)
    assert done.code == 2
    assert said in done.err
    assert set(json.loads(done.out)) == {"error", "hints"}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    done = run("memory", "reflect", "--bundle", tmp_path / "none", "--config", tmp_path / "none")
    assert done.code == 2
    assert "cannot be read" in done.err


def test_a_reply_that_was_not_recorded_is_told_in_words(tmp_path: Path) -> None:
    fixtures = {"enabled": True, "path": str(tmp_path / "none.jsonl")}
    llm = {"reflection": {"backend": "llm"}, "llm": {"fixtures": fixtures}}
    done = reflect(tmp_path, json.dumps({"t3": {"allow_reflection": True, **llm}}))
    assert done.code == 1
    assert json.loads(done.out)["metrics"]["reason"] == "reflect_error:FixtureMissingError"
    assert "none.jsonl: cannot be read" in done.err
