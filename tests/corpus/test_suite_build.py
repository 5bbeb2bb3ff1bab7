"""`reflexctl suite build` on a real package: rustc and cargo in the sandbox."""

import json
import signal
import time
from pathlib import Path

import pytest

from reflex_bakeoff.harvest.packages import packages
from reflex_bakeoff.suite.lint import lint
from reflex_bakeoff.suite.suite import load_suite
from reflexctl.checkouts import cloned
from unit.reflexctl.command_line import program, run
from unit.reflexctl.test_suite_command import git

pytestmark = pytest.mark.rust
COUNT = 3
MANIFEST = '[package]\nname = "demo"\nversion = "0.1.0"\nedition = "2021"\n'
LIBRARY = """use std::collections::HashMap;

pub fn counts(text: &str) -> HashMap<String, usize> {
    let mut found = HashMap::new();
    for word in text.split_whitespace() {
        *found.entry(word.to_string()).or_insert(0) += 1;
    }
    found
}

pub fn best(text: &str) -> Option<String> {
    let found = counts(text);
    found.into_iter().max_by_key(|(word, count)| (*count, word.clone())).map(|(word, _)| word)
}
"""
TEST = '#[test]\nfn best() {\n    assert_eq!(demo::best("a b a").as_deref(), Some("a"));\n}\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "demo"
    (root / "src").mkdir(parents=True)
    (root / "tests").mkdir()
    git(root, "init", "-q")
    (root / "Cargo.toml").write_text(MANIFEST)
    (root / "src/lib.rs").write_text(LIBRARY)
    (root / "tests/t.rs").write_text(TEST)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    return root


def test_items_are_the_users_lines_and_hide_the_users_tests(
    repository: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = run("suite", "build", "--from-git", repository, "--out", out, "--count", COUNT, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    suite = load_suite(out)
    assert (told["items"], told["digest"]) == (COUNT, suite.digest)
    assert sorted(path.name for path in out.iterdir()) == ["items.jsonl", "suite.json"]
    for item in suite.items:
        assert item.solution == {"src/lib.rs": LIBRARY}
        assert item.tests == {"tests/t.rs": TEST}
        assert sorted(item.files) == ["Cargo.toml", "src/lib.rs"]
        assert item.origin.kind == "harvested"
        assert str(repository) in item.origin.source
    found = lint(suite, least=COUNT, licences=["LicenseRef-Private"])
    assert not [one for one in found if one.severity == "error"]


def test_ctrl_c_writes_what_there_is_and_the_same_command_goes_on(
    repository: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ("suite", "build", "--from-git", repository, "--out", out, "--count", 300)
    journal = out / "harvest.partial.jsonl"
    running = program(*command)
    deadline = time.monotonic() + 300
    while not (journal.is_file() and '"item":{' in journal.read_text()):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 130, said
    first = load_suite(out)
    judged = journal.read_text()
    again = program(*command)
    while journal.read_text() in (judged, ""):
        assert again.poll() is None, again.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    again.send_signal(signal.SIGINT)
    _, said = again.communicate(timeout=120)
    assert again.returncode == 130
    assert "going on after" in said
    later = {item.id: item for item in load_suite(out).items}
    assert [later.get(item.id) for item in first.items] == list(first.items)


def test_what_does_not_compile_is_told(repository: Path, tmp_path: Path) -> None:
    (repository / "src/lib.rs").write_text(LIBRARY + "fn f() -> u8 { x }\n")
    git(repository, "commit", "-qam", "second")
    done = run("suite", "build", "--from-git", repository, "--out", tmp_path / "out")
    assert done.code == 2
    assert "it does not compile: src/lib.rs:15: cannot find value `x`" in done.err
    assert not (tmp_path / "out").exists()


def test_a_build_script_runs_in_the_sandbox_only(repository: Path, tmp_path: Path) -> None:
    mark = tmp_path / "escaped"
    (repository / "build.rs").write_text(
        f'fn main() {{ std::fs::write("{mark}", "x").unwrap(); }}\n'
    )
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "second")
    with cloned(str(repository)) as checkout:
        (found,) = packages(checkout.root, checkout.tracked, name="d", lines=None).programs
        assert "build.rs" not in found.lines
    done = run("suite", "build", "--from-git", repository, "--out", tmp_path / "out")
    assert done.code == 2
    assert not mark.exists()
