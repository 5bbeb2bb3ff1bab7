"""`reflexctl bakeoff run --memory`: with notes and without, judged by one gate. All SIMULATED."""

import json
from pathlib import Path

import pytest

import repair_items
import scripted_openai as api
from reflex_api import items as documents
from reflex_api.items import Items
from scripted_reflection import ScriptedReflection
from served import served
from unit.reflexctl.command_line import nobody
from unit.reflexctl.test_bakeoff_run import COUNT, bakeoff, folder, scripted

__all__ = ["nobody"]
pytestmark = [pytest.mark.rust, pytest.mark.usefixtures("nobody")]
CODE = repair_items.suite(1).items[0].codes[0].lower()
NOTE = {"id": "refl-1", "text": f"repaired {CODE} by a note from memory"}
WRONG, RIGHT = api.answer(repair_items.USELESS), api.answer(repair_items.RIGHT)


def evidence(root: Path) -> Items:
    return documents.read((root / "out/items.jsonl").read_text())


def test_what_notes_are_worth_is_the_difference_of_two_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is right only where it was shown a note."""
    monkeypatch.setenv("REFLEX_API_KEY", "reflection-key")
    before, after = folder(tmp_path / "without"), folder(tmp_path / "with")
    with served(scripted(WRONG)) as server:
        bakeoff(before, server.base_url)
    baseline = ("--baseline", str(before / "out/items.jsonl"), "--json")
    with (
        served(scripted(RIGHT)) as server,
        ScriptedReflection(lambda asked: (200, {"results": [NOTE]})).running() as service,
    ):
        done = bakeoff(after, server.base_url, "--memory", service.url, *baseline)
        asked = [call.body for call in server.calls if call.body is not None]
    assert all(NOTE["text"] in str(body["messages"]) for body in asked)
    assert {one.path for one in service.asked} == {"/v1/memories/search"}, "nothing is written"
    assert {one.key for one in service.asked} == {"reflection-key"}
    assert len(service.asked) == COUNT
    assert f"{COUNT} of {COUNT} items had notes" in done.err
    assert evidence(before).run.model == "tiny"
    assert evidence(after).run.model == "tiny+memory", "it is another subject"
    found = {one["name"]: one for one in json.loads(done.out)["metrics"]}
    assert float(found["delta_pass_at_1"]["point"]) == 1.0


def test_an_item_whose_notes_are_not_known_is_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFLEX_API_KEY", "reflection-key")
    root = folder(tmp_path)
    with served(scripted(RIGHT)) as server:
        done = bakeoff(root, server.base_url, "--memory", "http://127.0.0.1:9")
    assert done.code == 2
    assert "did not say what it remembers" in done.err
    assert not (root / "out/verdict.json").exists()


def test_a_memory_that_cannot_be_used_is_refused_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = folder(tmp_path)
    for key, more, said in (
        ("", ("--memory", "http://m"), "REFLEX_API_KEY"),
        ("key", ("--memory", "m"), "no URL"),
        ("key", ("--memory", "http://m", "--renderer", "compact"), "takes no notes"),
    ):
        monkeypatch.setenv("REFLEX_API_KEY", key)
        with served(scripted(RIGHT)) as server:
            done = bakeoff(root, server.base_url, *more)
        assert done.code == 2
        assert said in done.err
