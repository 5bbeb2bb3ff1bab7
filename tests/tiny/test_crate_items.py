"""rust-repair-v1 by cargo in the sandbox, as a bakeoff judges it; nothing is remembered."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from reflex_bakeoff.quality.ground import laid_out, verdict, write
from reflex_bakeoff.suite.item import Item
from reflex_bakeoff.suite.suite import Suite, load_suite
from reflex_loop.adapters.checker import RunnerChecker
from reflex_loop.protocols import CheckReport
from reflex_runner.opening import open_local
from reflex_tiny import crate_suites
from reflex_tiny.suites import FOLDER, RUSTC
from repair_corpus import toolchain, why_no_rust

pytestmark = [
    pytest.mark.rust,
    pytest.mark.skipif(bool(why_no_rust()), reason=why_no_rust()),
]
SAMPLE = 5
FIRST = 3
SECONDS = 120.0


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite(FOLDER / crate_suites.V1.name)


def judged(item: Item, folder: Path) -> tuple[CheckReport, CheckReport, str]:
    """What the compiler says before and after, and what there is against the known repair."""

    async def judge() -> tuple[CheckReport, CheckReport, str]:
        runner = await open_local(folder)
        checker = RunnerChecker(runner, entry=item.entry, edition=item.edition)
        try:
            with laid_out(item) as root:
                before = await checker.check(root, seconds=SECONDS)
                write(root, item.solution)
                after = await checker.check(root, seconds=SECONDS)
                return before, after, await verdict(item, root, runner)
        finally:
            runner.close()

    return asyncio.run(judge())


@pytest.mark.parametrize("number", range(SAMPLE))
def test_each_item_is_broken_as_it_says_and_its_solution_passes_its_tests(
    suite: Suite, tmp_path: Path, number: int
) -> None:
    item = Random(5).sample(suite.items, SAMPLE)[number]
    before, after, fault = judged(item, tmp_path / "build")
    assert not before.ok
    assert set(item.codes) <= {one.code for one in before.stream.errors()}
    assert after.ok
    assert item.tests
    assert not fault


@pytest.mark.skipif(
    not why_no_rust() and not toolchain().version.startswith(RUSTC),
    reason=f"another rustc says other things; the suites were verified by {RUSTC}*",
)
def test_the_generator_makes_the_items_that_are_committed(suite: Suite, tmp_path: Path) -> None:
    async def first() -> list[Item]:
        found: list[Item] = []
        made = crate_suites.items(
            crate_suites.V1, store=tmp_path / "ran.sqlite", programs_too=False
        )
        async for item in made:
            found.append(item)
            if len(found) == FIRST:
                break
        await made.aclose()
        return found

    committed = {item.id: item for item in suite.items}
    made = asyncio.run(first())
    assert [committed.get(item.id) for item in made] == made
