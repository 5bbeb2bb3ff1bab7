"""Harvesting without a compiler: what may be broken, which mistakes are kept, and going on."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from reflex_bakeoff.harvest.harvesting import Choice, Judged, harvest
from reflex_bakeoff.harvest.journal import Journal, Subject
from reflex_bakeoff.harvest.packages import packages, registry_packages
from reflex_bakeoff.harvest.program import Mistake, Program, breakable, mistake, without_mistakes
from reflex_bakeoff.harvest.verifying import retained
from reflex_bakeoff.suite.item import Item, Origin

SOURCE = """//! Adds.

#[derive(Debug)]
pub struct Sum {
    pub total: i64,
}

// A comment.
pub fn add(sum: &mut Sum, value: i64) -> i64 {
    sum.total += value;
    sum.total
}

#[cfg(test)]
mod tests {
    #[test]
    fn adds() {}
}
"""
PROGRAM = Program(family="p", files={"src/lib.rs": SOURCE}, lines={"src/lib.rs": breakable(SOURCE)})
MANIFEST = '[package]\nname = "p"\nversion = "0.1.0"\nedition = "2018"\n'
SUBJECT = Subject(source="here@1", seed=1, count=5, since="", licence="MIT")


def checkout(root: Path, files: dict[str, str]) -> list[str]:
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return sorted(files)


def item(name: str, wrong: Mistake, code: str = "E0308") -> Item:
    ((path, text),) = wrong.files.items()
    return Item(
        id=f"{code.lower()}-{name}",
        stratum=code,
        codes=(code,),
        files={path: text},
        entry=path,
        solution={path: SOURCE},
        licence="MIT",
        origin=Origin(kind="harvested", family="p", source="here"),
    )


def test_comments_braces_and_unit_tests_are_not_broken() -> None:
    lines = SOURCE.split("\n")
    assert [lines[at].strip() for at in breakable(SOURCE)] == [
        "#[derive(Debug)]",
        "pub struct Sum {",
        "pub total: i64,",
        "pub fn add(sum: &mut Sum, value: i64) -> i64 {",
        "sum.total += value;",
        "sum.total",
    ]


def test_a_mistake_changes_one_of_the_lines_and_is_the_same_again() -> None:
    for seed in range(60):
        made = mistake(Random(seed), PROGRAM)
        assert made == mistake(Random(seed), PROGRAM)
        if made is None:
            continue
        kept = without_mistakes(made.files["src/lib.rs"], SOURCE).split("\n")
        lost = [line for line in SOURCE.split("\n") if line not in kept]
        assert len(lost) <= 1
        assert made.files["src/lib.rs"] != SOURCE


def test_what_was_not_changed_is_not_broken() -> None:
    only = replace(PROGRAM, lines={"src/lib.rs": (10,)})
    for seed in range(30):
        made = mistake(Random(seed), only)
        if made is not None:
            assert "    sum.total += value;" in made.files["src/lib.rs"]
    assert mistake(Random(1), replace(PROGRAM, lines={})) is None


def test_a_workspace_is_one_program_and_its_tests_are_hidden(tmp_path: Path) -> None:
    tracked = checkout(
        tmp_path,
        {
            "ws/Cargo.toml": '[workspace]\nmembers = ["a"]\n',
            "ws/a/Cargo.toml": MANIFEST,
            "ws/a/src/lib.rs": SOURCE,
            "ws/a/tests/t.rs": "#[test]\nfn t() {}\n",
            "ws/.cargo/config.toml": "[build]\nrustc-wrapper = 'evil'\n",
            "other/Cargo.toml": MANIFEST,
            "other/src/main.rs": "fn main() { run(); }\nfn run() {}\n",
            "other/build.rs": "fn main() { build(); }\nfn build() {}\n",
            "empty/Cargo.toml": MANIFEST,
        },
    )
    found = packages(tmp_path, tracked, name="repo", lines=None)
    by_family = {one.family: one for one in found.programs}
    assert sorted(by_family) == ["repo/other", "repo/ws"]
    assert sorted(by_family["repo/ws"].files) == ["Cargo.toml", "a/Cargo.toml", "a/src/lib.rs"]
    assert list(by_family["repo/ws"].tests) == ["a/tests/t.rs"]
    assert list(by_family["repo/other"].lines) == ["src/main.rs"]
    assert by_family["repo/other"].edition == "2018"
    assert found.skipped == ("empty: no Rust files",)


def test_only_lines_that_changed_are_broken(tmp_path: Path) -> None:
    tracked = checkout(tmp_path, {"a/Cargo.toml": MANIFEST, "a/src/lib.rs": SOURCE})
    found = packages(tmp_path, tracked, name="r", lines={"a/src/lib.rs": frozenset({9, 10, 11})})
    assert found.programs[0].lines == {"src/lib.rs": (9, 10)}
    none = packages(tmp_path, tracked, name="r", lines={})
    assert (none.programs, none.skipped) == ((), ("a: nothing changed since then",))


def test_what_is_too_large_for_an_item_is_left_out(tmp_path: Path) -> None:
    many = {f"src/m{number}.rs": "fn f() { g(); }\n" for number in range(80)}
    tracked = checkout(tmp_path, {"Cargo.toml": MANIFEST, **many})
    found = packages(tmp_path, tracked, name="r", lines=None)
    assert not found.programs
    assert "81 files" in found.skipped[0]


def test_packages_of_a_registry_are_counted() -> None:
    lock = '[[package]]\nname = "p"\n\n[[package]]\nname = "serde"\nsource = "registry+x"\n'
    assert (registry_packages(lock), registry_packages(""), registry_packages("=")) == (1, 0, 0)


def test_both_declarations_are_retained_and_no_lost_one() -> None:
    broken = SOURCE.replace("fn add(", "fn sum(")
    assert retained({"src/lib.rs": broken}, {"src/lib.rs": SOURCE}) == ("Sum", "tests", "adds")


class Compiler:
    """Plays the compiler: every third mistake is none."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def judge(self, program: Program, name: str, wrong: Mistake) -> Item | str:
        del program
        self.asked.append(name)
        number = int(name)
        return item(name, wrong, f"E{number % 7:04}") if number % 3 else "compiles"


def run(
    compiler: Compiler,
    kept: Callable[[Judged], None],
    earlier: tuple[Judged, ...] = (),
    stopped: Callable[[], bool] = lambda: False,
    count: int = 8,
) -> tuple[Item, ...]:
    return asyncio.run(
        harvest(
            [PROGRAM],
            count=count,
            seed=3,
            earlier=earlier,
            judge=compiler.judge,
            kept=kept,
            stopped=stopped,
        )
    )


@pytest.mark.parametrize("after", [0, 1, 5, 9])
def test_an_aborted_harvest_goes_on_to_the_same_end(after: int) -> None:
    whole: list[Judged] = []
    wanted = run(Compiler(), whole.append)
    journal: list[Judged] = []
    part = run(Compiler(), journal.append, stopped=lambda: len(journal) >= after)
    assert len(journal) == after
    assert list(part) == list(wanted[: len(part)])
    second = Compiler()
    assert run(second, journal.append, earlier=tuple(journal)) == wanted
    assert journal == whole
    assert len(second.asked) <= len(whole) - after


def test_no_code_no_line_and_no_twin_too_often() -> None:
    choice = Choice(20)
    wrong = [
        Mistake(kind="x", files={"src/lib.rs": SOURCE.replace("+= value", f"+= value{tail}")})
        for tail in (".a()", ".b()", ".c().d()", "; let e = 1", "; f(2, 3)")
    ]
    # `.a()` and `.b()` are the same but for a name.
    taken = [choice.take(item(str(at), one)) for at, one in enumerate(wrong)]
    assert taken == [True, False, True, False, False]


def test_a_journal_keeps_what_was_judged(tmp_path: Path) -> None:
    path = tmp_path / "out" / "journal"
    judged = [Judged(number=0, why="compiles")]
    with Journal(path, SUBJECT) as journal:
        assert journal.earlier == ()
        for one in judged:
            journal.keep(one)
    path.write_text(path.read_text() + '{"number": 1, "wh')
    with Journal(path, SUBJECT) as journal:
        assert list(journal.earlier) == judged
        journal.keep(Judged(number=1, why="twin"))
    with Journal(path, SUBJECT) as journal:
        assert [one.number for one in journal.earlier] == [0, 1]


def test_a_journal_of_another_harvest_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path, SUBJECT) as journal:
        journal.keep(Judged(number=0, why="compiles"))
    with Journal(path, replace(SUBJECT, seed=2)) as journal:
        assert journal.earlier == ()
