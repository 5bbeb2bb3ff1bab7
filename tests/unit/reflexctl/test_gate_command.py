"""`reflexctl gate evaluate` on evidence files; all numbers are simulated."""

import gzip
import json
from pathlib import Path

import pytest

from measured_runs import measured, spread
from reflex_api import items as documents
from reflex_api.items import Items
from reflex_api.verdict import Judgement, Verdict
from unit.reflexctl.command_line import Done, run

GATE = "suite: rust-repair-v1\nthroughput: {minRooflineShare: null}\n"


def files(folder: Path, **runs: Items | str) -> dict[str, Path]:
    found = {"gate": folder / "gate.yaml"}
    found["gate"].write_text(GATE)
    for name, one in runs.items():
        found[name] = folder / f"{name}.jsonl"
        found[name].write_text(one if isinstance(one, str) else documents.dump(one))
    return found


def evaluate(found: dict[str, Path], *more: str) -> Done:
    named = [word for name, path in found.items() for word in (f"--{name}", str(path))]
    return run("gate", "evaluate", *named, *more)


def test_a_good_run_passes(tmp_path: Path) -> None:
    done = evaluate(files(tmp_path, candidate=measured()), "--json")
    verdict = Verdict.model_validate_json(done.out)
    assert (done.code, verdict.verdict) == (0, Judgement.PASS), done.out


def test_a_bad_run_fails(tmp_path: Path) -> None:
    done = evaluate(files(tmp_path, candidate=measured(spread(60, 300))), "--json")
    assert (done.code, json.loads(done.out)["verdict"]) == (1, "Fail")


def test_each_metric_that_did_not_pass_says_why(tmp_path: Path) -> None:
    """On any width of the terminal; the worst in the summary, the others below the table."""
    run_ = measured(spread(150, 300), load=None, requests=())
    done = evaluate(files(tmp_path, candidate=run_))
    lines = done.out.splitlines()

    assert any(line.startswith("pass_at_1: ") for line in lines)
    assert any(line.startswith("Qualification: Error (") for line in lines)
    assert max(len(line) for line in lines if line.startswith("pass_at_1 ")) < 100


def test_what_is_undecided_is_no_pass(tmp_path: Path) -> None:
    done = evaluate(files(tmp_path, candidate=measured(spread(150, 300))), "--json")
    assert (done.code, json.loads(done.out)["verdict"]) == (1, "Inconclusive")


def test_what_was_not_measured_is_an_error(tmp_path: Path) -> None:
    for name, part in (
        ("speed", measured(load=None, requests=())),
        ("cache", measured(cache=None)),
    ):
        folder = tmp_path / name
        folder.mkdir()
        done = evaluate(files(folder, candidate=part), "--json")
        assert (done.code, json.loads(done.out)["verdict"]) == (2, "Error"), name


@pytest.mark.parametrize("text", ["", "nothing", '{"kind": "item"}', '{"kind": "run", "x": NaN}'])
def test_what_is_no_evidence_is_an_error(tmp_path: Path, text: str) -> None:
    done = evaluate(files(tmp_path, candidate=text), "--json")
    assert (done.code, json.loads(done.out)["verdict"]) == (2, "Error")


def test_a_promotion_needs_superiority(tmp_path: Path) -> None:
    better, worse = measured(spread(250, 300)), measured(spread(180, 300))
    found = files(tmp_path, candidate=better, baseline=worse)
    assert evaluate(found, "--promotes").code == 0
    found = files(tmp_path, candidate=worse, baseline=better)
    assert evaluate(found, "--promotes").code == 1
    assert evaluate(files(tmp_path, candidate=better), "--promotes").code == 2


def test_a_baseline_that_is_none_is_no_absent_one(tmp_path: Path) -> None:
    found = files(tmp_path, candidate=measured(), baseline="nothing")
    assert evaluate(found).code == 2
    found["baseline"] = tmp_path / "missing.jsonl"
    done = evaluate(found)
    assert done.code == 2
    assert "missing.jsonl" in done.err


def test_the_gate_must_be_right(tmp_path: Path) -> None:
    found = files(tmp_path, candidate=measured())
    found["gate"].write_text("suite: rust-repair-v1\nqualty: {}\n")
    done = evaluate(found)
    assert done.code == 2
    assert "did you mean quality?" in done.err
    assert done.out == ""


def test_compressed_evidence_is_read_and_damaged_refused(tmp_path: Path) -> None:
    found = files(tmp_path, candidate=measured())
    data = gzip.compress(found["candidate"].read_bytes())
    found["candidate"].write_bytes(data)
    assert evaluate(found).code == 0
    found["candidate"].write_bytes(data[:-9])
    done = evaluate(found)
    assert done.code == 2
    assert "damaged" in done.err


def test_the_reports_say_what_the_screen_says(tmp_path: Path) -> None:
    found = files(tmp_path, candidate=measured())
    done = evaluate(found, "--out", str(tmp_path / "out"))
    assert done.code == 0
    assert "pass_at_1" in done.out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"verdict.json", "report.md", "report.html", "junit.xml"}
    again = Verdict.model_validate_json((tmp_path / "out/verdict.json").read_bytes())
    assert again == Verdict.model_validate_json(evaluate(found, "--json").out)
    assert again.gate.throughput.min_roofline_share is None
