from pathlib import Path

import pytest

from reflex_loop.changes import ChangeSet, FileChange
from reflex_loop.errors import PolicyError
from reflex_loop.paths import check_name, cleaned
from reflex_loop.policy import Policy, check
from scripted_model import HOSTILE_PATHS

POLICY = Policy()


def change(before: str | None, after: str | None, path: str = "src/a.rs") -> FileChange:
    def data(text: str | None) -> bytes | None:
        return None if text is None else text.encode()

    return FileChange(path=path, before=data(before), after=data(after))


def rule(*changes: FileChange, policy: Policy = POLICY, root: Path | None = None) -> str:
    """The rule that refuses the changes, or nothing."""
    try:
        check(ChangeSet(changes=changes), policy, root)
    except PolicyError as error:
        return error.rule
    return ""


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_no_path_outside_of_the_sources_is_written(path: str) -> None:
    with pytest.raises(PolicyError):
        check_name(cleaned(path), manifests=False)


@pytest.mark.parametrize(
    "path",
    [".GIT/config", "src/.hidden/a.rs", "SRC/../a.rs", "BUILD.RS", "cargo.TOML", "a/.git./b.rs",
     ".reflex-journal/journal.json", "", ".", "src/", "~/a.rs", "src/a.rs ", "src/ /a.rs"],
)  # fmt: skip
def test_other_spellings_help_no_more(path: str) -> None:
    with pytest.raises(PolicyError):
        check_name(cleaned(path), manifests=False)


@pytest.mark.parametrize(
    ("path", "clean"), [("src/a.rs", "src/a.rs"), ("./src//b.rs", "src/b.rs"), ("ä.rs", "ä.rs")]
)
def test_sources_may_be_named(path: str, clean: str) -> None:
    assert cleaned(path) == clean
    check_name(clean, manifests=False)


def test_manifests_and_build_scripts_may_be_allowed() -> None:
    manifest = change("[package]\n", "[package]\nname = 'a'\n", "Cargo.toml")
    script = change("fn main() {}\n", "fn main() { }\n", "crates/x/build.rs")
    assert (rule(manifest), rule(script)) == ("manifest", "protected")
    allowed = Policy(manifests=True, build_scripts=True)
    assert (rule(manifest, policy=allowed), rule(script, policy=allowed)) == ("", "")


def test_links_are_never_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.rs").write_text("x")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real/l.rs").symlink_to("a.rs")
    (tmp_path / "dangling.rs").symlink_to("/nowhere/a.rs")
    (tmp_path / "real/d.rs").mkdir()

    assert rule(change("x", "y", "link/a.rs"), root=tmp_path) == "symlink"
    assert rule(change("x", "y", "real/l.rs"), root=tmp_path) == "symlink"
    assert rule(change(None, "y", "dangling.rs"), root=tmp_path) == "symlink"
    assert rule(change(None, "y", "real/d.rs"), root=tmp_path) == "path"
    assert rule(change(None, "y", "real/a.rs/b.rs"), root=tmp_path) == "path"
    assert rule(change("x", "y", "real/a.rs"), root=tmp_path) == ""
    assert rule(change(None, "y", "new/folder/a.rs"), root=tmp_path) == ""


@pytest.mark.parametrize(
    "line",
    [
        "unsafe { std::mem::transmute(a) }",
        "#[allow(unused_must_use)]",
        "#![allow(warnings)]",
        "#[expect(dead_code)]",
        "#[cfg(any())]",
        "#![cfg_attr(all(), allow(dead_code))]",
        "todo!()",
        'unimplemented!("later")',
        "todo ! [ ]",
        "#[ignore]",
        "#[should_panic]",
        '#[path = "/etc/passwd"] mod a;',
        'include!("/etc/passwd");',
        'include_str!("/etc/passwd")',
        'std::arch::asm!("nop")',
    ],
)
def test_silencing_is_no_repair(line: str) -> None:
    assert rule(change("fn a() {}\n", f"fn a() {{}}\n{line}\n")) == "words"


@pytest.mark.parametrize(
    "line",
    ['let a = "unsafe todo!()";', "// todo!() #[allow(x)]", "let todo = allow(1);", "#[test]"],
)
def test_the_words_alone_are_no_crime(line: str) -> None:
    assert rule(change("fn a() {}\n", f"fn a() {{}}\n{line}\n")) == ""


def test_words_that_were_there_may_stay_and_move() -> None:
    text = "fn a() { unsafe { b() } }\n"
    assert rule(change(text, text + "fn c() {}\n")) == ""
    assert rule(change(text, "", "src/a.rs"), change(None, text, "src/b.rs")) == ""
    assert rule(change(text, text + text)) == "words"


TESTS = (
    "#[test]\nfn one() {\n    assert_eq!(1, 1);\n}\n\n#[test]\nfn two() {\n    assert!(true);\n}\n"
)


def test_tests_may_not_go() -> None:
    without = TESTS[: TESTS.index("\n#[test]\nfn two")]
    assert rule(change(TESTS, without)) == "tests"
    assert rule(change(TESTS, None, "tests/a.rs")) == "tests"
    assert rule(change(TESTS, TESTS.replace("#[test]\nfn two", "fn two"))) == "tests"
    assert rule(change(TESTS, f"/* {TESTS} */")) == "tests"
    assert rule(change(TESTS, TESTS.replace("    assert!(true);\n", ""))) == "tests"


def test_tests_may_move_and_change() -> None:
    assert rule(change(TESTS, None, "tests/a.rs"), change(None, TESTS, "tests/b.rs")) == ""
    assert rule(change(TESTS, TESTS.replace("1, 1", "2, 2"))) == ""


def test_deleting_most_of_a_file_is_no_repair() -> None:
    long = "fn a() {}\n" * 100
    assert rule(change(long, "fn a() {}\n" * 30)) == "removal"
    assert rule(change(long, None)) == "removal"
    assert rule(change(long, "fn a() {}\n" * 60)) == ""
    assert rule(change("fn a() {}\n" * 10, "")) == ""


def test_a_patch_has_a_size() -> None:
    many = [change("a\n", "b\n", f"src/{n}.rs") for n in range(13)]
    assert rule(*many) == "size"
    assert rule(change("", "// x\n" * 40_000)) == "size"
