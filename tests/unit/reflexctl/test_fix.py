"""`reflexctl fix` with the real rustc and a scripted model server over HTTP."""

import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

import scripted_openai as api
from file_tree import tree
from served import model, served
from unit.reflexctl.command_line import BROKEN, ISSUE_KEYS, RIGHT, USELESS, nobody, program, run

__all__ = ["nobody"]
pytestmark = [pytest.mark.rust, pytest.mark.usefixtures("nobody")]
DEADLINE = 90


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    folder = tmp_path / "crate"
    folder.mkdir()
    (folder / "main.rs").write_text(BROKEN)
    return folder / "main.rs"


def fix(path: Path, url: str, *more: Any) -> tuple[Any, ...]:
    return ("fix", path, "--endpoint", url, "--unsafe-no-sandbox", "--suggestions", "off", *more)


def times(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in (root, *root.rglob("*"))}


def test_json_is_one_object_with_the_issues_keys(broken: Path) -> None:
    with served(model("tiny", api.answer(USELESS), RIGHT)) as server:
        done = run(*fix(broken, server.base_url, "--json"))
    found = json.loads(done.out)
    assert (done.code, found["fixed"], found["attempts"]) == (0, True, 2)
    assert set(found) >= ISSUE_KEYS
    assert found["tokens"] == {"prompt": 240, "cached": 200, "completion": 60}
    assert set(found["seconds"]) == {"model", "compiler", "loop"}
    assert [each["outcome"] for each in found["decisions"]] == ["rolled_back", "kept"]
    assert found["dry_run"] is False
    assert "let mut count" in broken.read_text()


def test_the_diff_is_data_and_the_rest_is_not(broken: Path) -> None:
    before = broken.read_text()
    with served(model("tiny", RIGHT)) as server:
        done = run(*fix(broken, server.base_url))
    assert done.code == 0
    assert done.out.startswith("diff --git a/main.rs b/main.rs\n")
    (broken.parent / "again.diff").write_text(done.out)
    after, _ = broken.read_text(), broken.write_text(before)
    subprocess.run(["patch", "-p1", "-i", "again.diff"], cwd=broken.parent, check=True)
    assert broken.read_text() == after
    for word in (
        "check 1 error (E0425)",
        "ask 1",
        "kept",
        "fixed: 1 attempt",
        "the gate is disabled",
    ):
        assert word in done.err, done.err


def test_a_dry_run_leaves_every_byte_and_time(broken: Path) -> None:
    (broken.parent / "notes.txt").write_text("mine")
    before, stamps = tree(broken.parent), times(broken.parent)
    with served(model("tiny", RIGHT)) as server:
        done = run(*fix(broken, server.base_url, "--dry-run"))
    assert done.code == 0
    assert "+    let mut count = 1;" in done.out
    assert "would be fixed" in done.err
    assert tree(broken.parent) == before
    assert times(broken.parent) == stamps


def test_a_tree_that_cannot_be_written_is_refused_before_anybody_is_asked(
    broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write wherever the file system lets it: what the kernel says is stood in for.
    monkeypatch.setattr("reflexctl.place.os.access", lambda _, mode: not mode & os.W_OK)
    with served(model("tiny", RIGHT)) as server:
        done = run(*fix(broken, server.base_url))
        asked = [call for call in server.calls if call.body]
    assert (done.code, asked) == (2, [])
    assert f"{broken.parent} cannot be written" in done.err
    assert "hint: to see the diff only: --dry-run" in done.err


def test_there_may_be_nothing_to_do(broken: Path) -> None:
    broken.write_text("fn main() {}\n")
    with served(model("tiny", RIGHT)) as server:
        done = run(*fix(broken, server.base_url))
        asked = [call for call in server.calls if call.body]
    assert (done.code, done.out, asked) == (0, "", [])
    assert "nothing to do" in done.err


def test_tests_that_fail_are_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "odd"\nversion = "0.1.0"\n')
    (tmp_path / "src/lib.rs").write_text("#[test]\nfn never() {\n    panic!();\n}\n")
    with served(model("tiny", RIGHT)) as server:
        assert run(*fix(tmp_path, server.base_url)).code == 0, "it compiles"
        done = run(*fix(tmp_path, server.base_url, "--run-tests"))
    assert done.code == 1
    assert "the check fails without naming a place in this workspace" in done.err
    assert "  it compiles, but its tests fail:\n  error: test failed" in done.err


def test_what_is_not_repaired_is_one(broken: Path) -> None:
    before = broken.read_bytes()
    with served(model("tiny", api.answer(USELESS))) as server:
        done = run(*fix(broken, server.base_url, "--attempts", "1"))
    assert (done.code, done.out) == (1, "")
    assert "not fixed: 1 error of 1 left; no attempts are left" in done.err
    assert "cannot find value `cuont`" in done.err
    assert broken.read_bytes() == before


def test_a_server_that_is_not_there_is_told_with_a_hint(broken: Path) -> None:
    done = run(*fix(broken, "http://127.0.0.1:1/v1", "--model", "tiny", "--json"))
    found = json.loads(done.out)
    assert done.code == 1
    assert (found["stop"], found["code"]) == ("no_answer", "unavailable")
    done = run(*fix(broken, "http://127.0.0.1:1/v1", "--model", "tiny"))
    assert "hint: is the server running? see: reflexctl health" in done.err


def test_the_compilers_own_suggestions_need_no_model(broken: Path) -> None:
    broken.write_text("fn main() {\n    let count = 1;\n    count += 1;\n    let _ = count;\n}\n")
    done = run("fix", broken, "--endpoint", "http://127.0.0.1:1/v1", "--model", "none",
               "--unsafe-no-sandbox", "--json")  # fmt: skip
    found = json.loads(done.out)
    assert (done.code, found["rustfix_edits"], found["attempts"]) == (0, 1, 0)


def test_a_small_context_is_asked_compactly(broken: Path) -> None:
    one = '{"edits":[{"path":"main.rs","search":["    println!(\\"{cuont}\\");"],"replace":["    println!(\\"{count}\\");"]}]}'  # noqa: E501
    two = '{"edits":[{"path":"main.rs","search":["    let count = 1;"],"replace":["    let mut count = 1;"]}]}'  # noqa: E501

    def answer(body: Any) -> api.Reply:
        return api.answer(one if "cuont" in body["messages"][0]["content"].split("\n")[1] else two)

    with served(model("mini", answer, context=512)) as server:
        done = run(*fix(broken, server.base_url, "--json", "-v"))
        calls = [call.body for call in server.calls if call.body]
    assert done.code == 0, done.err
    assert {len(call["messages"]) for call in calls} == {1}
    assert {call["max_tokens"] for call in calls} == {128}
    assert "asked compactly" in done.err


def wait_for(what: Any, process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + DEADLINE
    while not what():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.02)


def test_ctrl_c_while_the_model_thinks_leaves_the_tree(broken: Path) -> None:
    before = tree(broken.parent)
    with served(model("tiny", api.hangs())) as server:
        process = program(*fix(broken, server.base_url))
        wait_for(lambda: any(call.body for call in server.calls), process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130, err
    assert out == ""
    assert "stopping: what is not judged yet is rolled back" in err
    assert "Traceback" not in err
    assert tree(broken.parent) == before


def test_ctrl_c_while_a_patch_is_judged_rolls_it_back(tmp_path: Path) -> None:
    root, hold, inside = tmp_path / "crate", tmp_path / "hold", tmp_path / "inside"
    (root / "src").mkdir(parents=True)
    manifest = '[package]\nname = "held"\nversion = "0.1.0"\nedition = "2021"\n'
    (root / "Cargo.toml").write_text(manifest)
    (root / "build.rs").write_text(
        "fn main() {\n"
        f'    while std::path::Path::new("{hold}").exists() {{\n'
        f'        std::fs::write("{inside}", "").unwrap();\n'
        "        std::thread::sleep(std::time::Duration::from_millis(20));\n    }\n}\n"
    )
    (root / "src/lib.rs").write_text("pub fn one() -> u8 {\n    oen\n}\n")
    before = tree(root)

    def answer(body: Any) -> api.Reply:
        hold.touch()  # from now on a check does not end
        edit = '{"path": "src/lib.rs", "search": ["    oen"], "replace": ["    1"]}'
        return api.answer(f'{{"edits": [{edit}]}}')

    with served(model("tiny", answer)) as server:
        process = program(*fix(root, server.base_url, "--json"))
        wait_for(inside.exists, process)
        patched = (root / "src/lib.rs").read_text()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
    assert "    1\n" in patched
    assert process.returncode == 130, err
    assert json.loads(out)["stop"] == "cancelled"
    assert tree(root) == before


def test_a_terminal_sees_what_happens(broken: Path) -> None:
    ours, theirs = pty.openpty()
    with served(model("tiny", RIGHT)) as server:
        live = program(
            *fix(broken, server.base_url), stdout=subprocess.DEVNULL, stderr=theirs,
            environment={"TERM": "xterm", "COLUMNS": "100"},
        )  # fmt: skip
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            seen += piece
        assert live.wait(DEADLINE) == 0
    os.close(ours)
    text = seen.decode()
    assert "\x1b[?25l" in text  # the cursor is hidden while something is redrawn
    assert "\x1b[?25h" in text
    assert "1 error left" in text
    assert "fixed" in text
