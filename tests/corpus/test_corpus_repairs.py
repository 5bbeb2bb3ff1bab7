"""The loop with the real compiler over the whole corpus, driven by scripted models."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from file_tree import tree
from reflex_loop.events import Event
from reflex_loop.loop import Repair
from reflex_loop.result import Result
from reflex_loop.settings import Settings, Stopping, Suggestions
from reflex_loop.stopping import Stop
from reflex_loop.transaction import Transaction
from repair_corpus import NAMES, Item
from scripted_model import Scripted, always, hostile, in_turn, patch, wrong

pytestmark = pytest.mark.rust
OFF = Suggestions.OFF


async def repair(item: Item, folder: Path, model: Scripted, **settings: Any) -> Result:
    stopping = settings.pop("stopping", Stopping())
    return await Repair(
        root=folder / item.name,
        checker=item.checker(folder / "scratch"),
        proposer=model,
        settings=Settings(durable=False, stopping=stopping, **settings),
    ).run()


Outcomes = Mapping[str, tuple[Result, bool, Scripted]]


def over_the_corpus(
    tmp: pytest.TempPathFactory, script: Callable[[Item], Scripted], **settings: Any
) -> Outcomes:
    """Repair every item; with each result, whether the tree is as it was."""

    async def everything() -> dict[str, tuple[Result, bool, Scripted]]:
        turns = asyncio.Semaphore(os.cpu_count() or 1)

        async def one(name: str) -> tuple[str, tuple[Result, bool, Scripted]]:
            async with turns:
                item, folder = Item.load(name), tmp.mktemp(name)
                root, model = item.copy_to(folder), script(item)
                before = tree(root)
                result = await repair(item, folder, model, **settings)
                return name, (result, tree(root) == before, model)

        return dict(await asyncio.gather(*(one(name) for name in NAMES)))

    return asyncio.run(everything())


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """A model that knows every repair, after one answer that is cut short."""

    def script(item: Item) -> Scripted:
        answer = item.answer()
        return Scripted(in_turn(answer[: len(answer) // 2], answer))

    return over_the_corpus(tmp_path_factory, script, suggestions=OFF)


@pytest.fixture(scope="module")
def wrong_answers(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """A model whose patches apply and make nothing better."""
    return over_the_corpus(
        tmp_path_factory,
        lambda item: Scripted(always(patch(*wrong(item.edits)))),
        suggestions=OFF,
        stopping=Stopping(attempts=1),
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_right_answer_repairs(name: str, right: Outcomes) -> None:
    result, _, model = right[name]
    assert result.fixed, result
    assert result.errors_after == 0
    assert result.records[0].problem == "truncated"
    assert result.attempts == 2
    # What the engine's prefix cache has of the second prompt: all of the first.
    assert model.prompts[1].text().startswith(model.prompts[0].text())


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_answer_leaves_every_byte(name: str, wrong_answers: Outcomes) -> None:
    result, same, _ = wrong_answers[name]
    assert not result.fixed
    assert result.records[0].outcome == "rolled_back", result.records
    assert result.diff == ""
    assert same


def test_fewer_tokens_are_computed_than_sent(right: Outcomes) -> None:
    again = [model.prompts for _, _, model in right.values()]
    shares = [len(first.text()) / len(second.text()) for first, second in again]
    assert min(shares) > 0.8


async def test_a_repair_that_compiles_and_fails_a_test_is_not_taken(tmp_path: Path) -> None:
    item = Item.load("tests-must-still-pass")
    item.copy_to(tmp_path)
    model = Scripted(in_turn(item.answer(item.compiles_but_fails), item.answer()))
    result = await repair(item, tmp_path, model, suggestions=OFF, run_tests=True)

    assert (result.fixed, result.attempts) == (True, 2)
    assert "its tests fail" in result.records[0].reason
    assert "rounds_half_up" in model.prompts[1].messages[-1].content


async def test_errors_that_show_one_after_the_other_are_followed(tmp_path: Path) -> None:
    item = Item.load("workspace-two-crates")
    item.copy_to(tmp_path)
    first, second = (patch(edit) for edit in item.edits)
    model = Scripted(in_turn(first, second))
    result = await repair(item, tmp_path, model, suggestions=OFF)

    assert (result.fixed, result.attempts) == (True, 2)
    assert result.records[0].reason.startswith("what was shown is gone")
    assert "meter/src/lib.rs" in model.prompts[1].messages[-1].content


async def test_hostile_answers_change_nothing_anywhere(tmp_path: Path) -> None:
    item = Item.load("files-signature-change")
    item.copy_to(tmp_path)
    before = tree(tmp_path)
    answers = [hostile("../../escape.rs"), hostile("build.rs"), hostile("src/../../x.rs")]
    result = await repair(
        item, tmp_path, Scripted(in_turn(*answers)), suggestions=OFF, stopping=Stopping(attempts=3)
    )
    assert [record.problem for record in result.records] == ["policy"] * 3
    found = {path: data for path, data in tree(tmp_path).items() if not path.startswith("scratch")}
    assert found == before


async def test_oscillating_answers_are_stopped_and_undone(tmp_path: Path) -> None:
    item = Item.load("e0425-typo")
    root = item.copy_to(tmp_path)
    before = tree(root)
    one = patch({"path": "src/main.rs", "search": ["    smu"], "replace": ["    som"]})
    two = patch({"path": "src/main.rs", "search": ["    smu"], "replace": ["    smo"]})
    result = await repair(item, tmp_path, Scripted(in_turn(one, two)), suggestions=OFF)

    assert result.stop is Stop.OSCILLATION
    assert tree(root) == before


@pytest.mark.parametrize(
    ("name", "mode", "fixed"),
    [
        ("e0596-not-mutable", Suggestions.SAFE, True),
        ("e0433-missing-use", Suggestions.SAFE, False),
        ("e0308-semicolon", Suggestions.SAFE, True),
        ("e0433-missing-use", Suggestions.VERIFIED, True),
        ("windows-line-ends", Suggestions.VERIFIED, True),
    ],
)
async def test_the_compiler_repairs_some_alone(
    name: str, mode: Suggestions, fixed: bool, tmp_path: Path
) -> None:
    item = Item.load(name)
    root = item.copy_to(tmp_path)
    crlf = b"\r\n" in (root / item.entry).read_bytes()
    model = Scripted(always("no idea"))
    result = await repair(item, tmp_path, model, suggestions=mode, stopping=Stopping(attempts=1))
    assert result.fixed is fixed
    assert (not model.prompts) is fixed
    if fixed:
        assert result.rustfix_edits == 1
        assert result.records[0].fixed
    text = (root / item.entry).read_bytes()
    assert (text.count(b"\r\n") == text.count(b"\n") > 0) is crlf


async def test_cargo_sees_that_a_patch_was_rolled_back(tmp_path: Path) -> None:
    item = Item.load("cargo-lib-and-bin")
    root, checker = item.copy_to(tmp_path), item.checker(tmp_path / "scratch")
    assert not (await checker.check(root, seconds=120)).ok
    transaction = Transaction.apply(root, item.repair(root))
    assert (await checker.check(root, seconds=120)).ok
    transaction.roll_back()
    # cargo goes by the files' times: it must not find the patched build fresh.
    assert not (await checker.check(root, seconds=120)).ok
    assert not (root / "Cargo.lock").exists()


async def test_cancelling_while_rustc_runs_restores_the_tree(tmp_path: Path) -> None:
    item = Item.load("long-function")
    root = item.copy_to(tmp_path)
    before = tree(root)
    made: list[Repair] = []

    def listen(event: Event) -> None:
        if event.kind == "applied":
            made[0].cancel()

    made.append(
        Repair(
            root=root,
            checker=item.checker(tmp_path / "scratch"),
            proposer=Scripted(always(item.answer())),
            settings=Settings(suggestions=OFF),
            listener=listen,
        )
    )
    result = await made[0].run()
    assert result.stop is Stop.CANCELLED
    assert tree(root) == before
