"""`reflexctl bakeoff run` with the real rustc; the model is scripted (SIMULATED)."""

import json
from pathlib import Path
from typing import Any

import pytest

import repair_items
import scripted_openai as api
from reflex_api import items as documents
from reflex_bakeoff.suite.suite import write_suite
from served import listing, served
from unit.reflexctl.command_line import Done, nobody, run

__all__ = ["nobody"]
pytestmark = [pytest.mark.rust, pytest.mark.usefixtures("nobody")]
COUNT = 4
GATE = (
    "suite: test-suite\nlabel: test\nquality: {passAt1Floor: '0.10', looks: [4]}\n"
    "answers: {schemaFloor: '0.10'}\n"
)


def folder(root: Path) -> Path:
    write_suite(repair_items.suite(COUNT), root / "suite")
    (root / "gate.yaml").write_text(GATE)
    return root


def bakeoff(root: Path, url: str, *more: str) -> Done:
    return run(
        "bakeoff", "run", "--endpoint", url, "--model", "tiny", "--suite", root / "suite",
        "--out", root / "out", "--gate", root / "gate.yaml", "--simulated", "--unsafe-no-sandbox",
        "--skip-speed", "--skip-cache", *more,
    )  # fmt: skip


def scripted(reply: api.Reply) -> Any:
    return lambda body: listing("tiny", context=16384) if body is None else reply


def test_repairs_are_measured_and_what_is_left_out_is_an_error(tmp_path: Path) -> None:
    root = folder(tmp_path)
    with served(scripted(api.answer(repair_items.RIGHT))) as server:
        done = bakeoff(root, server.base_url, "--json")
    verdict = json.loads(done.out)
    assert (done.code, verdict["verdict"]) == (2, "Error"), done.err
    found = documents.read((root / "out/items.jsonl").read_text())
    assert [item.outcome.value for item in found.items] == ["passed"] * COUNT
    assert found.run.simulated
    by_name = {one["name"]: one for one in verdict["metrics"]}
    assert by_name["pass_at_1"]["verdict"] == "Pass"
    assert by_name["error_rate"]["reason"] == "MissingMeasurement"
    names = {path.name for path in (root / "out").iterdir()}
    assert names == {
        "items.jsonl", "verdict.json", "report.md", "report.html", "junit.xml"
    }  # fmt: skip


def test_a_run_with_open_items_is_an_error_and_goes_on_later(tmp_path: Path) -> None:
    root = folder(tmp_path)
    replies = [api.answer(repair_items.RIGHT)]

    def dying(body: Any) -> api.Reply:
        if body is None:
            return listing("tiny", context=16384)
        return replies.pop() if replies else api.http(401, {"error": {"message": "key"}})

    with served(dying) as server:
        first = bakeoff(root, server.base_url, "--json")
    assert first.code == 2, first.err
    reasons = {one["name"]: one["reason"] for one in json.loads(first.out)["metrics"]}
    assert reasons["pass_at_1"] == "UnmeasuredItem"

    with served(scripted(api.answer(repair_items.RIGHT))) as server:
        again = bakeoff(root, server.base_url, "--json")
        asked = [call for call in server.calls if call.body is not None]
    assert len(asked) == COUNT - 1, "the item that was finished is not asked again"
    reasons = {one["name"]: one["verdict"] for one in json.loads(again.out)["metrics"]}
    assert reasons["pass_at_1"] == "Pass"


def test_an_engine_that_never_answers_leaves_no_verdict(tmp_path: Path) -> None:
    root = folder(tmp_path)
    with served(scripted(api.http(401, {"error": {"message": "key"}}))) as server:
        done = bakeoff(root, server.base_url)
    assert done.code == 2
    assert "could be judged" in done.err
    assert not (root / "out/verdict.json").exists()


def test_a_server_without_a_list_of_models_is_not_said_to_be_down(tmp_path: Path) -> None:
    root = folder(tmp_path)
    with served(lambda body: api.http(404, "not here")) as server:
        done = run(
            "bakeoff", "run", "--endpoint", server.base_url, "--suite", root / "suite",
            "--out", root / "out", "--gate", root / "gate.yaml",
        )  # fmt: skip
    assert done.code == 2
    assert "does --endpoint end in /v1?" in done.err
    assert "is the server running" not in done.err


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("gate.yaml", "suite: other\n", "300 items of other"),
        ("gate.yaml", "suit: test-suite\n", "did you mean suite?"),
        ("suite/suite.json", "{}", "suite cannot be used"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_it_begins(
    tmp_path: Path, name: str, text: str, word: str
) -> None:
    root = folder(tmp_path)
    (root / name).write_text(text)
    done = bakeoff(root, "http://127.0.0.1:9/v1")
    assert done.code == 2
    assert word in done.err


def test_a_missing_baseline_is_refused(tmp_path: Path) -> None:
    done = bakeoff(folder(tmp_path), "http://127.0.0.1:9/v1", "--baseline", str(tmp_path / "no"))
    assert done.code == 2
    assert "there is no file" in done.err
