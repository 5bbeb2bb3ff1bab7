"""`reflexctl suite`: what is refused before anything is compiled, and `lint`."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reflex_bakeoff.suite.suite import load_suite, write_suite
from reflexctl import checkouts
from reflexctl.errors import ConfigurationError
from unit.reflexctl.command_line import ROOT, run

SMOKE = ROOT / "configs/suites/rust-repair-smoke"
INDEX = ROOT / "training/reflex_tiny/training_index.json"


def git(folder: Path, *words: str) -> None:
    name = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(folder), *name, *words], check=True, capture_output=True)


def repository(folder: Path, **files: str) -> Path:
    folder.mkdir()
    git(folder, "init", "-q")
    for path, text in files.items():
        (folder / path).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first", "--allow-empty")
    return folder


def test_the_smoke_suite_is_clean_and_was_not_trained_on() -> None:
    done = run("suite", "lint", SMOKE, "--against", INDEX, "--least", "100", "--json")
    told = json.loads(done.out)
    assert (done.code, told["findings"], told["items"]) == (0, [], 100)
    assert told["strata"]["E0308"] > 0


def test_errors_have_their_exit_code_and_are_named(tmp_path: Path) -> None:
    assert run("suite", "lint", SMOKE).code == 1  # fewer than 300
    index = {"families": [], "programs": [], "held_out": {"families": []}}
    family = load_suite(SMOKE).items[0].origin.family.split("+")[0]
    index["held_out"] = {"families": [family]}
    file = tmp_path / "index.json"
    file.write_text(json.dumps(index))
    done = run("suite", "lint", SMOKE, "--against", file, "--least", "100")
    assert done.code == 1
    assert f"family {family} was trained on" in done.err


def test_a_licence_must_be_allowed(tmp_path: Path) -> None:
    suite = load_suite(SMOKE)
    items = tuple(one.model_copy(update={"licence": "GPL-3.0-only"}) for one in suite.items)
    write_suite(replace(suite, items=items), tmp_path)
    arguments = ("suite", "lint", tmp_path, "--least", "100")
    assert run(*arguments).code == 1
    assert run(*arguments, "--licence", "GPL-3.0-only").code == 0


@pytest.mark.parametrize("text", ["", "[]", '{"families": 3}', "nothing"])
def test_what_is_no_index_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "index.json"
    file.write_text(text)
    done = run("suite", "lint", SMOKE, "--against", file, "--least", "100")
    assert done.code == 2
    assert "no index of a training set" in done.err


def test_no_suite_is_no_clean_suite(tmp_path: Path) -> None:
    done = run("suite", "lint", tmp_path, "--json")
    assert (done.code, "suite.json" in json.loads(done.out)["error"]) == (2, True)


def test_what_cannot_be_cloned_is_told(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "nothing", f"file://{tmp_path}/nothing.git"):
        done = run("suite", "build", "--from-git", source, "--out", tmp_path / "out")
        assert done.code == 2, source
        assert "cannot be cloned" in done.err
        assert "hint:" in done.err
    assert not (tmp_path / "out").exists()


def test_a_repository_without_a_package_is_refused(tmp_path: Path) -> None:
    found = repository(tmp_path / "r", **{"main.rs": "fn main() {}\n"})
    (found / "Cargo.toml").write_text("[package]\n")  # not committed
    done = run("suite", "build", "--from-git", found, "--out", tmp_path / "out")
    assert done.code == 2
    assert "there is no Cargo.toml" in done.err


def test_an_unknown_reference_is_refused(tmp_path: Path) -> None:
    found = repository(tmp_path / "r", **{"Cargo.toml": "[package]\n"})
    for since in ("v9", "--output=x"):
        command = ("suite", "build", "--from-git", found, f"--since={since}")
        done = run(*command, "--out", tmp_path / "out")
        assert done.code == 2
        assert "has no such commit" in done.err


def test_a_finished_suite_is_not_written_over(tmp_path: Path) -> None:
    found = repository(tmp_path / "r", **{"Cargo.toml": "[package]\n", "lib.rs": "fn f() {}\n"})
    write_suite(load_suite(SMOKE), tmp_path / "out")
    done = run("suite", "build", "--from-git", found, "--out", tmp_path / "out")
    assert done.code == 2
    assert "holds a suite already" in done.err


def test_lines_that_changed_since_a_commit(tmp_path: Path) -> None:
    found = repository(tmp_path / "My.Repo", **{"lib.rs": "a\nb\nc\n", "x.txt": "1\n"})
    (found / "lib.rs").write_text("a\nB\nc\nd\n")
    (found / "x.txt").write_text("2\n")
    git(found, "commit", "-qam", "second")
    with checkouts.cloned(str(found), "HEAD~1") as checkout:
        assert checkout.changed == {"lib.rs": frozenset({1, 3})}
        assert checkout.tracked == ("lib.rs", "x.txt")
        assert checkout.name == "my-repo"
    with checkouts.cloned(str(found)) as checkout:
        assert checkout.changed is None


def test_hooks_and_filters_of_a_repository_do_not_run(tmp_path: Path) -> None:
    found = repository(tmp_path / "r", **{"lib.rs": "a\n", ".gitattributes": "*.rs filter=evil\n"})
    mark = tmp_path / "ran"
    hook = found / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    git(found, "config", "filter.evil.smudge", f"touch {mark}; cat")
    git(found, "config", "core.fsmonitor", f"touch {mark}")
    with checkouts.cloned(str(found)) as checkout:
        assert (checkout.root / "lib.rs").read_text() == "a\n"
    assert not mark.exists()


def test_a_token_in_an_address_is_told_to_nobody() -> None:
    with (
        pytest.raises(ConfigurationError) as caught,
        checkouts.cloned("http://u:tok@127.0.0.1:9/x"),
    ):
        raise AssertionError
    assert "tok" not in str(caught.value)
