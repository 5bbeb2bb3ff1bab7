"""The repository's suites say what they are, and share nothing with what the models learned."""

from dataclasses import replace

import pytest

from reflex_bakeoff.suite.item import Item
from reflex_bakeoff.suite.likeness import program_hash
from reflex_bakeoff.suite.lint import lint
from reflex_bakeoff.suite.suite import Suite, load_suite
from reflex_tiny.bases import bases
from reflex_tiny.crate_suites import LICENCE
from reflex_tiny.suites import (
    FOLDER,
    PLANS,
    known_families,
    known_programs,
)

NAMES = sorted(path.parent.name for path in FOLDER.glob("*/suite.json"))
LARGEST_FILE = 2_500_000


@pytest.fixture(params=NAMES)
def suite(request: pytest.FixtureRequest) -> Suite:
    name: str = request.param
    return load_suite(FOLDER / name)


def families(item: Item) -> set[str]:
    return set(item.origin.family.split("+"))


def programs(item: Item) -> set[str]:
    solved = {**item.files, **item.solution}
    return {program_hash(text) for path, text in solved.items() if path.endswith(".rs")}


def test_the_suites_are_those_that_are_planned() -> None:
    assert sorted(PLANS) == NAMES


def test_a_suite_is_what_its_plan_says(suite: Suite) -> None:
    plan = PLANS[suite.name]
    assert suite.strata() == dict(plan.strata)
    assert (suite.version, suite.seed) == (plan.version, plan.seed)
    assert {item.licence for item in suite.items} == {suite.licence} == {LICENCE}
    for path in (FOLDER / suite.name).iterdir():
        assert path.stat().st_size < LARGEST_FILE


def test_lint_finds_nothing(suite: Suite) -> None:
    found = lint(suite, least=PLANS[suite.name].count, known_families=known_families())
    assert not found


def test_no_family_was_trained_on_or_held_out(suite: Suite) -> None:
    used = {name for item in suite.items for name in families(item)}
    assert used <= set(bases("suite", PLANS[suite.name].groups).families())
    assert not used & known_families()


def test_no_program_was_trained_on_or_held_out(suite: Suite) -> None:
    assert not {one for item in suite.items for one in programs(item)} & known_programs()


def test_a_family_or_a_program_that_was_trained_on_would_be_seen(suite: Suite) -> None:
    known = sorted(known_families())[0]
    first, *rest = suite.items
    trained = first.model_copy(
        update={"origin": first.origin.model_copy(update={"family": f"s_new+{known}"})}
    )
    found = lint(replace(suite, items=(trained, *rest)), least=1, known_families=known_families())
    assert [one.item for one in found if one.severity == "error"] == [first.id]
