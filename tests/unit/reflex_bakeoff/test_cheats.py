"""Whether a tree that compiles is a repair: pure rules, each with a repair that breaks it."""

import pytest

from reflex_bakeoff.quality.cheats import cheats, tests_ran
from reflex_bakeoff.quality.signatures import signatures
from repair_items import BAD, GOOD, doubling

FILE = doubling().files["lib.rs"]
SOLVED = FILE.replace(BAD, GOOD)
tests_ran.__test__ = False  # type: ignore[attr-defined]


def test_the_known_repair_is_one() -> None:
    assert not list(cheats(doubling(), {"lib.rs": SOLVED}))


@pytest.mark.parametrize(
    ("after", "word"),
    [
        ("", "gone"),
        (SOLVED.replace("doubled_1", "other"), "gone"),
        (SOLVED.replace("count: u32)", "count: u64)"), "otherwise"),
        (SOLVED.replace("-> u32", "-> impl Sized"), "otherwise"),
        (SOLVED.replace("pub fn", "fn"), "otherwise"),
        (f"#[allow(warnings)]\n{SOLVED}", "#allow"),
        (SOLVED.replace("count * twice", "unsafe { count * twice }"), "unsafe"),
        (SOLVED.replace("count * twice", "todo!()"), "todo!"),
        (SOLVED.replace("count * twice", "unimplemented!()"), "unimplemented!"),
        (SOLVED.replace("count * twice", 'include!("x")'), "include!"),
        (f"#[cfg(any())]\n{SOLVED}", "#cfg"),
        (f"// pub fn doubled_1(count: u32) -> u32 {{\n{SOLVED.replace('doubled_1', 'x')}", "gone"),
    ],
)
def test_a_cheat_is_seen(after: str, word: str) -> None:
    found = list(cheats(doubling(), {"lib.rs": after}))
    assert found
    assert word in found[-1]


def test_a_file_that_is_gone_is_seen() -> None:
    assert list(cheats(doubling(), {}))


def test_a_signature_that_the_known_repair_changes_may_change_so() -> None:
    by_reference = SOLVED.replace("count: u32)", "count: &u32)")
    item = doubling(solution={"lib.rs": by_reference})

    assert not list(cheats(item, {"lib.rs": by_reference}))
    assert not list(cheats(item, {"lib.rs": SOLVED}))
    assert list(cheats(item, {"lib.rs": SOLVED.replace("count: u32)", "count: u8)")}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pub struct P { pub a: u8, b: u8, }", "pub struct P {\n  pub a: u8,\n  b: u8\n}"),
        ("pub enum P { A, B }", "pub enum P { A, B, } // more"),
        ("pub fn P<T: Into<Vec<u8>>>(t: T) -> u8 { 1 }", "pub fn P<T:Into<Vec<u8>>>(t: T)->u8 {2}"),
        ("type P = u8;", "type P = u16;"),
    ],
)
def test_what_means_the_same_is_the_same(one: str, other: str) -> None:
    assert signatures([one], "P") == signatures([other], "P")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pub struct P { a: u8, b: u8 }", "pub struct P { a: u8 }"),
        ("struct P(u8, u8);", "struct P(u8);"),
        ("enum P { A, B }", "enum P { A }"),
        ("trait P { fn a(&self); fn b(&self); }", "trait P { fn a(&self); }"),
        ("fn P(a: [u8; 4]) {}", "fn P(a: [u8; 5]) {}"),
        ("fn P<'a>(a: &'a str) -> &'a str { a }", "fn P(a: &str) -> &str { a }"),
        ("impl A { fn P(&self) {} } impl B { fn P(&self) {} }", "impl A { fn P(&self) {} }"),
        ("fn P(i: impl Iterator<Item = u8>) {}", "fn P(i: impl Iterator<Item = u16>) {}"),
        ("async fn P() {}", "fn P() {}"),
    ],
)
def test_what_differs_differs(one: str, other: str) -> None:
    assert signatures([one], "P") != signatures([other], "P")


BEGUN = "\nrunning 1 test\ntest doubles ... ok\n"
ENDED = "\ntest result: ok. 1 passed; 0 failed; 0 ignored\n"


@pytest.mark.parametrize(
    ("output", "word"),
    [
        (BEGUN + ENDED, ""),
        (BEGUN + ENDED + "\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed\n", ""),
        (BEGUN, "before its tests"),
        (BEGUN + ENDED + BEGUN, "before its tests"),
        ("", "no test ran"),
        ("\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed\n", "no test ran"),
        (BEGUN + "\ntest result: FAILED. 0 passed; 1 failed\n", "failed"),
    ],
)
def test_tests_must_have_run(output: str, word: str) -> None:
    why = tests_ran(output)
    assert (word in why) if word else not why
