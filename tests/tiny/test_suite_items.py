"""The suites of single files, by the real rustc: nothing is taken from the cache."""

from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest

from reflex_bakeoff.suite.item import Item
from reflex_bakeoff.suite.suite import Suite, load_suite
from reflex_loop.rustc_json import read
from reflex_tiny.compiler import Compiler, Source
from reflex_tiny.suites import FOLDER, PLANS, RUSTC, SuitePlan, deletion_repairs, small
from repair_corpus import toolchain, why_no_rust

pytestmark = [
    pytest.mark.rust,
    pytest.mark.skipif(bool(why_no_rust()), reason=why_no_rust()),
]
SMALL = sorted(name for name, plan in PLANS.items() if isinstance(plan, SuitePlan))
SAMPLE = 16
FIRST = 5


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiler]:
    made = Compiler(folder=tmp_path_factory.mktemp("cache"))
    yield made
    made.close()


@pytest.fixture(scope="module", params=SMALL)
def suite(request: pytest.FixtureRequest) -> Suite:
    name: str = request.param
    return load_suite(FOLDER / name)


@pytest.fixture
def sample(suite: Suite) -> list[Item]:
    return Random(3).sample(suite.items, SAMPLE)


def codes(output: bytes) -> set[str]:
    return {one.code for one in read(output).diagnostics if one.level == "error" and one.code}


def test_each_item_is_broken_as_it_says_and_its_solution_compiles(
    compiler: Compiler, sample: list[Item]
) -> None:
    broken = [Source(path=item.entry, text=item.files[item.entry]) for item in sample]
    for item, (_, code, output) in zip(sample, compiler.check(broken), strict=True):
        assert code != 0
        assert set(item.codes) <= codes(output), item.id
    solved = [Source(path=item.entry, text=item.solution[item.entry]) for item in sample]
    for item, (_, code, output) in zip(sample, compiler.check(solved), strict=True):
        assert code == 0, (item.id, output)


def test_deleting_the_wrong_lines_is_no_repair(compiler: Compiler, sample: list[Item]) -> None:
    assert not [item.id for item in sample if deletion_repairs(item, compiler)]


@pytest.mark.skipif(
    not why_no_rust() and not toolchain().version.startswith(RUSTC),
    reason=f"another rustc says other things; the suites were verified by {RUSTC}*",
)
def test_the_generator_makes_the_items_that_are_committed(compiler: Compiler, suite: Suite) -> None:
    plan = PLANS[suite.name]
    assert isinstance(plan, SuitePlan)
    made = list(islice(small(plan, compiler), FIRST))
    committed = {item.id: item for item in suite.items}
    assert [committed.get(item.id) for item in made] == made
