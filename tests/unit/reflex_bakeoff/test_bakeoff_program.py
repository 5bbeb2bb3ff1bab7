"""`python -m reflex_bakeoff` as a program of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import reflex_bakeoff
from reflex_api.harness import Harness
from reflex_bakeoff import HARNESS_VERSION
from reflex_bakeoff.suite.suite import write_suite
from repair_items import suite

SERVICES = Path(reflex_bakeoff.__file__).parents[1]
PATHS = os.pathsep.join([str(SERVICES), str(SERVICES.parent / "operator")])


def program(*arguments: Any, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "reflex_bakeoff", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": PATHS, **environment},
    )


def run(*arguments: Any, **environment: str) -> tuple[int, str, str]:
    with program(*arguments, **environment) as process:
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


def test_it_declares_itself(tmp_path: Path) -> None:
    write_suite(suite(3), tmp_path / "test-suite")
    code, out, err = run("describe", "--json", "--suites", tmp_path, "--rustc", "rustc 1.95.0")
    assert code == 0, err
    found = Harness.model_validate_json(out)
    assert found.suites == {"test-suite": suite(3).digest}
    assert found.rustc == "rustc 1.95.0"
    assert found.harness_version == HARNESS_VERSION
    assert found.prompt_digest.startswith("sha256:")
    assert found.prompt_digest != found.schema_digest


def test_a_damaged_suite_is_not_declared(tmp_path: Path) -> None:
    write_suite(suite(3), tmp_path / "test-suite")
    items = tmp_path / "test-suite/items.jsonl"
    items.write_text(items.read_text().replace("doubled_1", "doubled_9"))
    code, out, err = run("describe", "--json", "--suites", tmp_path, "--rustc", "x")
    assert (code, out) == (1, "")
    assert "digest" in err


@pytest.mark.parametrize("text", [None, "{}"])
def test_without_a_request_the_message_says_why(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        place = tmp_path / "etc/reflex/request/request.json"
        place.parent.mkdir(parents=True)
        place.write_text(text)
    code, _, err = run("measure", "--root", tmp_path)
    said = (tmp_path / "dev/termination-log").read_text()
    assert code == 1
    assert said.startswith("error: ")
    assert "request" in said
    assert said.removeprefix("error: ") in err


def test_results_end_with_the_pod(tmp_path: Path) -> None:
    with program("results", "--root", tmp_path, "--host", "127.0.0.1", "--port", 0) as process:
        assert process.stderr is not None
        assert "listening on port" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_the_pods_commands_are_those_of_the_operator() -> None:
    code, out, _ = run("--help")
    assert code == 0
    for name in ("measure", "results", "describe"):
        assert name in out
