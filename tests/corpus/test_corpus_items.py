"""Every item of the corpus, verified by the real compiler both ways, and the list of them."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import repair_corpus
from list_items import listing
from reflex_loop.assessment import Assessment, assess
from reflex_loop.patch import PatchDocument
from reflex_loop.planning import plan
from reflex_loop.snapshot import Workspace
from repair_corpus import ITEMS, NAMES, Item, apply_in_place

LISTING = Path(__file__).parent / "README.md"


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What the compiler said of an item before and after its repair."""

    broken: Assessment
    fixed: Assessment
    tests: bool
    detail: str
    wrong_tests: bool | None  # of the repair that compiles and fails, if the item has one


async def verify(item: Item, folder: Path) -> Verified:
    root, checker = item.copy_to(folder), item.checker(folder / "scratch")
    broken = assess(await checker.check(root, seconds=120), Workspace(root).snapshot().lines)
    wrong_tests = None
    if item.compiles_but_fails:
        other = Path(shutil.copytree(root, folder / "other"))
        document = PatchDocument.model_validate({"edits": list(item.compiles_but_fails)})
        apply_in_place(other, plan(document, Workspace(other).snapshot()))
        assert (await checker.check(other, seconds=120)).ok
        wrong_tests = (await checker.test(other, seconds=120)).ok
    apply_in_place(root, item.repair(root))
    fixed = assess(await checker.check(root, seconds=120), Workspace(root).snapshot().lines)
    tests = await checker.test(root, seconds=120)
    return Verified(
        broken=broken, fixed=fixed, tests=tests.ok, detail=tests.detail, wrong_tests=wrong_tests
    )


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Verified]:
    """All items, as many at once as there are processors."""

    async def everything() -> dict[str, Verified]:
        turns = asyncio.Semaphore(os.cpu_count() or 1)

        async def one(name: str) -> tuple[str, Verified]:
            async with turns:
                return name, await verify(Item.load(name), tmp_path_factory.mktemp(name))

        return dict(await asyncio.gather(*(one(name) for name in NAMES)))

    return asyncio.run(everything())


@pytest.mark.rust
@pytest.mark.parametrize("name", NAMES)
def test_an_item_fails_with_its_codes_and_passes_when_repaired(
    name: str, verified: Mapping[str, Verified]
) -> None:
    item, found = Item.load(name), verified[name]
    assert found.broken.codes == item.codes
    assert found.fixed.ok, found.fixed
    assert found.tests, found.detail
    if item.compiles_but_fails:
        assert found.wrong_tests is False


def test_every_item_has_a_test_of_its_own() -> None:
    for name in NAMES:
        text = "".join(path.read_text() for path in (ITEMS / name).rglob("*.rs"))
        assert "#[test]" in text, name


def test_the_corpus_is_large_and_covers_the_common_codes() -> None:
    assert len(NAMES) >= 40
    codes = {code for name in NAMES for code in Item.load(name).codes}
    common = (
        "E0308 E0277 E0382 E0499 E0502 E0505 E0507 E0515 E0596 E0597 E0599 E0425 E0433 E0004 "
        "E0023 E0061 E0106 E0373"
    )
    assert set(common.split()) <= codes
    assert "" in codes  # syntax


def test_the_list_of_items_is_up_to_date() -> None:
    assert LISTING.read_text() == listing(), "run tests/list_items.py"


def test_the_toolchain_is_found_or_its_absence_explained() -> None:
    reason = repair_corpus.why_no_rust()
    assert not reason or "rustc" in reason
