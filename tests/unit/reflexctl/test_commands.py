"""`health`, `models`, `status` and `e2e`: shapes, exit codes, and errors with their hints."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import scripted_openai as api
from reflexctl import stub
from reflexctl.e2e import CHECKS
from served import listing, model, served
from unit.reflexctl.command_line import ROOT, nobody, run

__all__ = ["nobody"]
pytestmark = pytest.mark.usefixtures("nobody")
NOWHERE = "http://127.0.0.1:1/v1"
HEALTH_KEYS = {
    "healthy", "server_reachable", "model_available", "endpoint", "model", "available_models",
}  # fmt: skip
TABLE = {  # of the prior art; those after it are ours
    "non_implement_stage_uses_cloud", "reflex_disabled_uses_cloud",
    "routing_decision_has_cloud_model", "routing_payload_serializes",
    "event_type_classification",
}  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "reflex.yaml"
    path.write_text((ROOT / "configs/reflex.yaml").read_text())
    return path


def test_a_healthy_server() -> None:
    with served(listing("gpt-oss-20b", "other")) as server:
        done = run("health", "--json", "--endpoint", server.base_url, "--model", "gpt-oss-20b")
        people = run("health", "--endpoint", server.base_url)
    found = json.loads(done.out)
    assert (done.code, people.code) == (0, 0)
    assert set(found) == HEALTH_KEYS | {"latency_ms"}
    assert found["available_models"] == ["gpt-oss-20b", "other"]
    assert people.out.startswith("healthy\n")


@pytest.mark.parametrize(
    ("script", "reachable", "word"),
    [
        (listing("other"), True, "gpt-oss-20b is not served; there is other"),
        (api.http(503, "starting"), True, "503"),
        (api.http(200, "hello"), True, "no JSON"),
        (api.hangs(), False, "within 0.3 s"),
    ],
)
def test_an_unhealthy_server(script: api.Reply, reachable: bool, word: str) -> None:
    with served(script) as server:
        line = ("--endpoint", server.base_url, "--model", "gpt-oss-20b", "--timeout", "300")
        done = run("health", "--json", *line)
    found = json.loads(done.out)
    assert done.code == 1
    assert (found["healthy"], found["model_available"]) == (False, False)
    if "JSON" not in word:
        assert found["server_reachable"] is reachable
        assert word in found["error"]


def test_no_server_is_unhealthy_and_no_configuration_is_two(tmp_path: Path) -> None:
    done = run("health", "--endpoint", NOWHERE)
    assert done.code == 1
    assert "hint: start the server, or name another one" in done.err
    for command in ("health", "models", "status"):
        done = run(command, "--policy", tmp_path / "none.yaml", "--json")
        assert done.code == 2, command
        assert "cannot be read" in json.loads(done.out)["error"]
        assert run(command).code == 2


def test_the_policy_names_the_primary(config: Path) -> None:
    with served(listing("gpt-oss-20b")) as server:
        text = config.read_text().replace("http://127.0.0.1:30000/v1", server.base_url)
        config.write_text(text)
        found = json.loads(run("health", "--policy", config, "--json").out)
        assert (found["healthy"], found["model"]) == (True, "gpt-oss-20b")
        models = run("models", "--policy", config)
    assert models.code == 0
    assert models.out.splitlines()[1].split() == ["gpt-oss-20b", "test", "primary"]


def test_models_as_json_have_three_keys() -> None:
    with served(listing("a", "b", context=4096)) as server:
        done = run("models", "--json", "--endpoint", server.base_url)
    assert json.loads(done.out) == [
        {"id": name, "object": "model", "owned_by": "test"} for name in ("a", "b")
    ]
    done = run("models", "--json", "--endpoint", NOWHERE)
    assert done.code == 1
    assert "error" in json.loads(done.out)


def test_status_is_the_configuration_and_says_who_would_answer(config: Path) -> None:
    done = run("status", "--policy", config, "--json")
    found = json.loads(done.out)
    assert (done.code, found["model_primary"], found["max_attempts"]) == (0, "gpt-oss-20b", 2)
    assert found["models"]["gpt-oss-20b"]["renderer"] == "full"
    people = run("status", "--policy", config)
    assert "now: nobody (not_qualified)" in people.out
    assert "not local/gpt-oss-20b: not_qualified: no_evidence" in people.out


def test_a_wrong_key_of_the_configuration_is_named_with_what_was_meant(config: Path) -> None:
    config.write_text(config.read_text().replace("model_primary:", "model_primry:"))
    done = run("status", "--config", config)
    assert done.code == 2
    assert "reflex.model_primry: no such key; did you mean model_primary?" in done.err


def test_e2e_with_its_stub_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("e2e", "--stub", "--json")
    found = json.loads(done.out)
    assert done.code == 0, found
    assert (found["success"], found["mode"], found["tests_failed"]) == (True, "stub", 0)
    assert found["tests_passed"] == len(CHECKS)
    assert {each["name"] for each in found["assertions"]} >= TABLE
    assert all(set(each) <= {"name", "passed", "message"} for each in found["assertions"])


@pytest.mark.parametrize(
    ("answer", "failing"),
    [
        (f"```json\n{stub.PATCH}\n```", {"reply_is_schema_valid_json_without_markdown"}),
        ("I would", {"reply_is_schema_valid_json_without_markdown"}),
    ],
)
def test_e2e_against_a_server_that_is_not_right(answer: str, failing: set[str]) -> None:
    with served(model("m", api.answer(answer))) as server:
        done = run("e2e", "--endpoint", server.base_url, "--json")
    found = json.loads(done.out)
    assert (done.code, found["mode"], found["success"]) == (1, "real", False)
    assert {each["name"] for each in found["assertions"] if not each["passed"]} == failing
    assert found["error"]


def test_e2e_takes_its_server_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFLEX_E2E_ENDPOINT", NOWHERE)
    done = run("e2e", "--json")
    found = json.loads(done.out)
    assert (done.code, found["success"], found["mode"]) == (1, False, "real")
    with served(model("m", api.answer(stub.PATCH))) as server:
        monkeypatch.setenv("REFLEX_E2E_MODEL", "m")
        assert run("e2e", "--endpoint", server.base_url).code == 0  # the flag wins


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (("fxi",), "No such command 'fxi'"),
        (("fix", "--jsn"), "did you mean '--json'"),
        (("fix", "--attempts", "0", "."), "--attempts: Input should be greater than"),
        (("fix", "nowhere", "--endpoint", NOWHERE), "nowhere does not exist"),
        (("fix", "/", "--endpoint", NOWHERE), "no Cargo.toml in / or above it"),
        (("fix", ".", "--entry", "../x.rs", "--endpoint", NOWHERE), "leads out of the workspace"),
        (("fix", ".", "--endpoint", "ftp://x"), "--endpoint ftp://x"),
        (("fix", ".", "--endpoint", NOWHERE, "--server", "http://x"), "both given"),
        (("fix", ".", "--server", "x"), "--server x: no URL"),
        (("health", "--timeout", "soon"), "'soon' is not a valid integer"),
    ],
)
def test_wrong_arguments_are_two(
    line: tuple[Any, ...], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "x"\n')
    monkeypatch.chdir(tmp_path)
    done = run(*line)
    assert done.code == 2, done
    assert word.lower() in done.err.lower()
    assert done.err.startswith("error: ")
    assert done.out == ""


def test_it_completes_and_names_its_version() -> None:
    path = os.pathsep.join(str(ROOT / each) for each in ("services", "operator"))
    code = "import sys; from reflexctl.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": path, "_REFLEXCTL_COMPLETE": "bash_complete",
             "COMP_WORDS": "reflexctl fix --dr", "COMP_CWORD": "2"},
    )  # fmt: skip
    assert "--dry-run" in done.stdout
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"{code}", "--version"],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.stdout.startswith("reflexctl, version ")
    assert " openai" not in done.stderr, "the version is waited for"
