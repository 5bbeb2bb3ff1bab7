from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflex_bakeoff.errors import SuiteError
from reflex_bakeoff.suite.item import Item, Origin
from reflex_bakeoff.suite.likeness import program_hash as file_hash
from reflex_bakeoff.suite.lint import lint, program_hash
from reflex_bakeoff.suite.suite import ITEMS, MANIFEST, Suite, load_suite, write_suite

BROKEN = 'fn main() { let count: u32 = "a"; println!("{count}"); }\n'
FIXED = 'fn main() { let count: u32 = 1; println!("{count}"); }\n'


def item(number: int = 0, **changes: Any) -> Item:
    known: dict[str, Any] = {
        "id": f"mismatch-{number:03}",
        "stratum": "E0308",
        "codes": ("E0308",),
        "files": {"main.rs": BROKEN + f"fn f{number}() {{ {'g(); ' * number} }}\n"},
        "entry": "main.rs",
        "solution": {"main.rs": FIXED},
        "retained": ("main",),
        "licence": "Apache-2.0",
        "origin": Origin(kind="written", family=f"mismatch-{number % 5}"),
    }
    return Item(**{**known, **changes})


def suite(count: int = 12, **changes: Any) -> Suite:
    strata = ("E0308", "E0382", "E0599", "E0308")
    items = tuple(
        item(number, stratum=strata[number % 4], codes=(strata[number % 4],))
        for number in range(count)
    )
    known: dict[str, Any] = {
        "name": "test-suite", "version": 1, "seed": 7, "licence": "Apache-2.0", "items": items,
    }  # fmt: skip
    return Suite(**{**known, **changes})


def test_a_suite_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_suite(suite(), tmp_path)
    first = [(tmp_path / name).read_bytes() for name in (MANIFEST, ITEMS)]
    back = load_suite(tmp_path)

    assert back == suite()
    write_suite(back, tmp_path)
    assert [(tmp_path / name).read_bytes() for name in (MANIFEST, ITEMS)] == first


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"version": 2},
        {"seed": 8},
        {"items": suite().items[1:]},
        {"items": (item(0, edition="2018"), *suite().items[1:])},
        {"items": (item(0, tests={"t.rs": "x"}), *suite().items[1:])},
        {"items": (item(0, solution={"main.rs": FIXED + " "}), *suite().items[1:])},
    ],
)
def test_every_part_changes_the_digest(changes: dict[str, Any]) -> None:
    assert suite(**changes).digest != suite().digest


def test_the_order_on_disk_does_not() -> None:
    assert suite(items=suite().items[::-1]).digest == suite().digest
    assert suite(items=suite().items[::-1]).order() == suite().order()


def test_changed_content_is_refused(tmp_path: Path) -> None:
    write_suite(suite(), tmp_path)
    path = tmp_path / ITEMS
    path.write_text(path.read_text().replace("println!", "eprintln!", 1))

    with pytest.raises(SuiteError, match="raise the version and write the suite again"):
        load_suite(tmp_path)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{}", "items.jsonl line 13: id: Field required"),
        ("{", "items.jsonl line 13: is no JSON"),
        (item(3).canonical(), "items.jsonl line 13: mismatch-003 is there twice"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, problem: str) -> None:
    write_suite(suite(), tmp_path)
    with (tmp_path / ITEMS).open("a") as file:
        file.write(line + "\n")

    with pytest.raises(SuiteError) as caught:
        load_suite(tmp_path)

    assert caught.value.problems[0].startswith(problem)


def test_a_folder_that_is_no_suite_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"suite.json: No such file"):
        load_suite(tmp_path)


@pytest.mark.parametrize(
    "path", ["../a.rs", "/a.rs", "src/../a.rs", ".git/config", "a//b", "a b", ""]
)
def test_no_file_leads_out_of_the_folder(path: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        item(0, files={"main.rs": BROKEN, path: "x"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stratum": "E0001"}, "is none of its codes"),
        ({"solution": {"main.rs": item().files["main.rs"]}}, "the solution changes nothing"),
        ({"entry": "lib.rs"}, "is none of its files"),
        ({"entry": ""}, "give either `entry`"),
        ({"files": {"main.rs": BROKEN, "Cargo.toml": ""}}, "give either `entry`"),
        ({"tests": {"main.rs": "x"}}, "tests would replace"),
    ],
)
def test_an_item_must_make_sense(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        item(0, **changes)


@given(st.integers(0, 2**31), st.integers(20, 120))
def test_each_look_is_a_fair_sample(seed: int, look: int) -> None:
    whole = suite(120, seed=seed)
    stratum = {one.id: one.stratum for one in whole.items}
    order = whole.order()
    first = order[:look]

    assert sorted(order) == sorted(stratum)
    for code, count in whole.strata().items():
        expected = count * look / 120
        assert abs(sum(stratum[name] == code for name in first) - expected) <= 2


def test_the_seed_orders_within_a_stratum() -> None:
    assert suite(seed=1).order() != suite(seed=2).order()


# --- lint


def texts(found: Any) -> list[str]:
    return [f"{one.severity} {one.item} {one.text}" for one in found]


def test_a_good_suite_has_no_findings() -> None:
    assert lint(suite(12), least=12) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"licence": "GPL-3.0-only"}, "error mismatch-000 licence GPL-3.0-only is not allowed"),
        (
            {"origin": Origin(kind="harvested", family="x")},
            "error mismatch-000 a harvested item must name its source",
        ),
        (
            {"files": {"main.rs": BROKEN + 'compile_error!("x");'}},
            "error mismatch-000 compile_error! cannot be repaired",
        ),
        (
            {"files": {"main.rs": BROKEN + "// FIXME here"}},
            "warning mismatch-000 a comment may give the fault away",
        ),
        (
            {"retained": ()},
            "warning mismatch-000 neither tests nor retained items: deleting the code would"
            " repair it",
        ),
        (
            {"origin": Origin(kind="written", family="trained")},
            "error mismatch-000 family trained was trained on",
        ),
    ],
)
def test_what_is_wrong_with_an_item_is_said(changes: dict[str, Any], expected: str) -> None:
    found = lint(
        suite(items=(item(0, **changes), *suite().items[1:])), least=1, known_families=["trained"]
    )

    assert expected in texts(found)


def test_a_small_suite_and_a_small_stratum_are_found() -> None:
    found = texts(lint(suite(4)))

    assert "error  4 items, at least 300 are needed" in found
    assert "warning  E0382 has 1 items: no share to speak of" in found


def test_one_large_family_is_found() -> None:
    items = tuple(replace_family(one, "same") for one in suite().items)

    assert "warning  family same makes 12 of 12 items" in texts(lint(suite(items=items), least=1))


def replace_family(one: Item, family: str) -> Item:
    return one.model_copy(update={"origin": Origin(kind="written", family=family)})


def test_renamed_twins_are_found() -> None:
    renamed = BROKEN.replace("count", "total").replace("u32", "u32 /* n */") + "// more\n"
    twin = item(1, files={"main.rs": renamed})
    first = item(0, files={"main.rs": BROKEN})

    found = texts(lint(replace(suite(), items=(first, twin)), least=1))

    assert any("error mismatch-001 the same program as mismatch-000" in one for one in found)


def test_other_programs_are_no_twins() -> None:
    programs = {
        program_hash(item(0, files={"main.rs": text}))
        for text in (
            BROKEN,
            BROKEN.replace("let count", "let mut count"),
            BROKEN + "fn g() {}",
            'fn main() { let a = "// no comment"; a.x(); }',
            "fn main() { let a = 1; }",
        )
    }

    assert len(programs) == 5


def test_a_program_that_was_trained_on_is_found() -> None:
    solved = FIXED.replace("1", "1 + 2")
    items = [*suite().items]
    items[2] = items[2].model_copy(update={"solution": {"main.rs": solved}})
    known = [file_hash(solved.replace("+ 2", "+ 7"))]
    found = lint(replace(suite(), items=tuple(items)), least=1, known_programs=known)

    assert texts(found) == ["error mismatch-002 its program was trained on"]
