"""The loop against scripted models and a compiler that reads marks: every way a repair can end."""

import asyncio
import itertools
import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from file_tree import tree
from marked_checker import MarkedChecker
from reflex_loop.changes import ChangeSet, FileChange
from reflex_loop.errors import CheckError, ProposerError
from reflex_loop.events import Event, from_json
from reflex_loop.loop import Repair
from reflex_loop.protocols import Prompt, Reply
from reflex_loop.result import Result
from reflex_loop.session import Session
from reflex_loop.settings import OnFailure, Renderer, Settings, Stopping
from reflex_loop.stopping import Stop
from reflex_loop.transaction import Transaction
from scripted_model import HOSTILE_PATHS, Scripted, always, fenced, hostile, in_turn, patch

SOURCE = """\
fn one() {
    let a = 1; // @E0308
}

fn two() {
    let b = 2; // @E0425
}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "ws/src").mkdir(parents=True)
    (tmp_path / "ws/src/lib.rs").write_text(SOURCE)
    (tmp_path / "ws/src/other.rs").write_bytes(b"fn other() {}\r\n")
    return tmp_path / "ws"


def edit(search: str, replace: str, path: str = "src/lib.rs") -> dict[str, Any]:
    return {"path": path, "search": [search], "replace": [replace]}


FIX_ONE = edit("    let a = 1; // @E0308", "    let a = 1u8;")
FIX_TWO = edit("    let b = 2; // @E0425", "    let b = 2u8;")
RIGHT = patch(FIX_ONE, FIX_TWO)
USELESS = patch(edit("fn one() {", "fn one() { // changed nothing"))
WORSE = patch(edit("    let a = 1; // @E0308", "    let a = 1; // @E0308 and @E0277"))


class Told(list[Event]):
    """What a listener heard; `also` is called with each event."""

    also: Callable[[Event], None] = staticmethod(lambda event: None)

    def hear(self, event: Event) -> None:
        self.append(event)
        self.also(event)

    def kinds(self) -> list[str]:
        return [event.kind for event in self]


def repair(root: Path, model: Any, checker: Any = None, **settings: Any) -> tuple[Repair, Told]:
    told = Told()
    stopping = Stopping(**settings.pop("stopping", {}))
    made = Repair(
        root=root,
        checker=checker or MarkedChecker(),
        proposer=model,
        settings=Settings(durable=False, stopping=stopping, **settings),
        listener=told.hear,
    )
    return made, told


async def run(root: Path, model: Any, **settings: Any) -> tuple[Result, Told]:
    made, told = repair(root, model, **settings)
    return await made.run(), told


async def test_a_right_answer_repairs_and_the_result_says_how(root: Path) -> None:
    result, told = await run(root, Scripted(always(RIGHT)))

    assert (result.fixed, result.stop, result.attempts) == (True, Stop.FIXED, 1)
    assert (result.errors_before, result.errors_after) == (2, 0)
    assert "+    let a = 1u8;" in result.diff
    assert told.kinds() == [
        "checked", "asked", "answered", "applied", "checked", "judged", "stopped",
    ]  # fmt: skip
    (record,) = result.records
    assert (record.outcome, record.levels) == ("kept", ("exact", "exact"))
    assert [line.split()[1] for line in record.fixed] == ["E0425", "E0308"]
    assert json.loads(record.document)["edits"][0]["base_sha256"]
    assert record.routing == {"mode": "scripted"}


async def test_the_json_object_has_the_fields_of_the_cli(root: Path) -> None:
    result, _ = await run(root, Scripted(always(RIGHT)))
    value = json.loads(json.dumps(result.to_json()))

    for name in ("fixed", "attempts", "rustfix_edits", "errors_before", "errors_after", "diff"):
        assert name in value
    assert set(value["tokens"]) == {"prompt", "cached", "completion"}
    assert set(value["seconds"]) == {"model", "compiler", "loop"}
    assert value["decisions"][0]["reason"] == "no errors are left"


async def test_events_are_numbered_and_survive_json(root: Path) -> None:
    _, told = await run(root, Scripted(always(RIGHT)))

    assert [event.number for event in told] == list(range(1, len(told) + 1))
    for event in told:
        assert from_json(json.loads(json.dumps(event.to_json()))) == event


async def test_progress_is_kept_and_asked_on(root: Path) -> None:
    model = Scripted(in_turn(patch(FIX_TWO), patch(FIX_ONE)))
    result, _ = await run(root, model)

    assert (result.fixed, result.attempts) == (True, 2)
    assert [record.errors_after for record in result.records] == [1, 0]
    asked = model.prompts[1].messages[-1].content
    assert asked.startswith("Kept: 1 of 2 errors are left.")
    assert "E0308" in asked
    assert "E0425" not in asked


@pytest.mark.parametrize("answer", [USELESS, WORSE])
async def test_a_wrong_answer_leaves_every_byte_as_it_was(answer: str, root: Path) -> None:
    before = tree(root)
    result, told = await run(root, Scripted(always(answer)))

    assert not result.fixed
    assert result.diff == ""
    assert tree(root) == before
    assert result.records[0].outcome == "rolled_back"
    assert "judged" in told.kinds()


async def test_a_patch_that_was_tried_is_not_compiled_again(root: Path) -> None:
    checker = MarkedChecker()
    result, _ = await run(root, Scripted(always(USELESS)), checker=checker)

    assert result.stop is Stop.OSCILLATION
    assert checker.checks == 2
    assert [record.problem for record in result.records] == ["", "repeated", "repeated"]


async def test_two_answers_in_turn_are_oscillation(root: Path) -> None:
    result, _ = await run(root, Scripted(in_turn(USELESS, WORSE)))
    assert (result.stop, result.attempts) == (Stop.OSCILLATION, 4)


async def test_results_that_come_again_are_oscillation_too(root: Path) -> None:
    def answer(prompt: Prompt) -> str:
        code = ("E0277", "E0599")[prompt.attempt % 2]
        return patch(
            edit("    let a = 1; // @E0308", f"    let a = 1; // @{code}"),
            edit("fn two() {", f"fn two() {{ // another patch: {prompt.attempt}"),
        )

    result, _ = await run(root, Scripted(answer))
    assert (result.stop, result.attempts) == (Stop.OSCILLATION, 4)


async def test_new_useless_patches_end_for_want_of_progress(root: Path) -> None:
    def answer(prompt: Prompt) -> str:
        return patch(edit("fn one() {", f"fn one() {{ // {prompt.attempt}"))

    result, _ = await run(root, Scripted(answer), stopping={"without_progress": 3})
    assert (result.stop, result.attempts) == (Stop.NO_PROGRESS, 3)


async def test_attempts_are_bounded(root: Path) -> None:
    def answer(prompt: Prompt) -> str:
        return patch(edit("fn one() {", f"fn one() {{ // {prompt.attempt}"))

    result, _ = await run(root, Scripted(answer), stopping={"attempts": 2, "without_progress": 9})
    assert (result.stop, result.attempts) == (Stop.ATTEMPTS, 2)


async def test_tokens_are_bounded_before_they_are_spent(root: Path) -> None:
    model = Scripted(always(USELESS))
    result, _ = await run(root, model, stopping={"tokens": 2_100})
    assert result.stop is Stop.TOKENS
    assert not model.prompts


async def test_cost_is_bounded(root: Path) -> None:
    class Dear(Scripted):
        async def propose(self, prompt: Prompt) -> Reply:
            return Reply(text=USELESS, cost_usd=Decimal("0.30"))

    result, _ = await run(root, Dear(always("")), stopping={"cost_usd": Decimal("0.25")})
    assert (result.stop, result.attempts, result.cost_usd) == (Stop.COST, 1, Decimal("0.30"))


async def test_time_is_bounded(root: Path) -> None:
    times = iter(range(0, 100_000, 40))
    made = Repair(
        root=root,
        checker=MarkedChecker(),
        proposer=Scripted(always(USELESS)),
        settings=Settings(durable=False, stopping=Stopping(seconds=100)),
        clock=lambda: float(next(times)),
    )
    result = await made.run()
    assert result.stop is Stop.TIME


async def test_a_slow_answer_costs_the_attempt_only(root: Path) -> None:
    before = tree(root)
    model = Scripted(always(RIGHT), seconds=30)
    result, _ = await run(root, model, reply_seconds=0.01, stopping={"attempts": 2})
    assert (result.stop, result.attempts) == (Stop.ATTEMPTS, 2)
    assert [record.problem for record in result.records] == ["timeout", "timeout"]
    assert tree(root) == before
    # The same question again would get the same answer from a greedy model.
    assert [prompt.temperature for prompt in model.prompts] == [0.0, 0.4]


async def test_a_truncated_answer_is_told_so(root: Path) -> None:
    model = Scripted(in_turn(RIGHT[:60], RIGHT))
    result, _ = await run(root, model)

    assert (result.fixed, result.attempts) == (True, 2)
    assert result.records[0].problem == "truncated"
    said = model.prompts[1].messages[-1].content
    assert "fewer and smaller edits" in said
    assert "The code:" not in said  # it was shown, and nothing has changed


async def test_an_ambiguous_answer_is_refused_with_the_lines(root: Path) -> None:
    model = Scripted(in_turn(patch(edit("}", "} // which?")), RIGHT))
    result, _ = await run(root, model)

    assert (result.fixed, result.attempts) == (True, 2)
    assert result.records[0].problem == "ambiguous"
    assert "at lines 3 (}), 7 (})" in model.prompts[1].messages[-1].content


async def test_a_fenced_answer_is_taken_and_reported(root: Path) -> None:
    result, _ = await run(root, Scripted(always(fenced(RIGHT))))
    assert result.fixed
    assert result.records[0].form == "fenced"


@pytest.mark.parametrize("path", HOSTILE_PATHS)
async def test_a_hostile_path_is_refused_before_anything_is_written(
    path: str, root: Path, tmp_path: Path
) -> None:
    before = tree(tmp_path)
    result, told = await run(root, Scripted(always(hostile(path))), stopping={"attempts": 1})

    assert result.records[0].problem == "policy"
    assert "applied" not in told.kinds()
    assert tree(tmp_path) == before


async def test_silencing_is_refused(root: Path) -> None:
    answer = patch(edit("    let a = 1; // @E0308", "    todo!()"), FIX_TWO)
    result, _ = await run(root, Scripted(always(answer)), stopping={"attempts": 1})
    assert result.records[0].problem == "policy"
    assert "new todo!" in result.records[0].reason


async def test_no_answer_ends_the_repair(root: Path) -> None:
    class Nobody(Scripted):
        async def propose(self, prompt: Prompt) -> Reply:
            raise ProposerError("budget of this month is used up, and the engine is down")

    result, _ = await run(root, Nobody(always("")))
    assert result.stop is Stop.NO_ANSWER
    assert "budget" in result.detail


async def test_tests_that_fail_roll_back_what_compiles(root: Path) -> None:
    before = tree(root)

    def passes(folder: Path) -> bool:
        return "1u8" in (folder / "src/lib.rs").read_text()

    bad = patch(edit("    let a = 1; // @E0308", "    let a = 1u64;"), FIX_TWO)
    result, _ = await run(
        root,
        Scripted(always(bad)),
        checker=MarkedChecker(tests=passes),
        run_tests=True,
        stopping={"attempts": 1},
    )
    assert result.records[0].reason.startswith("it compiles, but its tests fail:\nassertion failed")
    assert tree(root) == before

    result, _ = await run(
        root, Scripted(always(RIGHT)), checker=MarkedChecker(tests=passes), run_tests=True
    )
    assert result.fixed


async def test_a_tree_without_errors_costs_no_question(root: Path) -> None:
    (root / "src/lib.rs").write_text("fn one() {}\n")
    model = Scripted(always(RIGHT))
    result, _ = await run(root, model)
    assert (result.fixed, result.stop, model.prompts) == (True, Stop.NOTHING_TO_DO, [])


async def test_partial_repairs_may_be_given_back(root: Path) -> None:
    before = tree(root)
    kept, _ = await run(root, Scripted(always(patch(FIX_ONE))), stopping={"attempts": 3})
    assert (kept.fixed, kept.errors_after) == (False, 1)
    assert "+    let a = 1u8;" in kept.diff

    (root / "src/lib.rs").write_text(SOURCE)
    restored, _ = await run(
        root,
        Scripted(always(patch(FIX_ONE))),
        on_failure=OnFailure.RESTORE,
        stopping={"attempts": 3},
    )
    assert (restored.diff, restored.errors_after) == ("", 2)
    assert tree(root) == before


async def test_the_best_of_several_candidates_is_taken(root: Path) -> None:
    def answer(prompt: Prompt) -> str:
        return (USELESS, patch(FIX_ONE), RIGHT, patch(FIX_TWO))[prompt.candidate]

    model = Scripted(answer)
    result, _ = await run(root, model, candidates=4)

    assert (result.fixed, result.attempts) == (True, 1)
    assert [record.outcome for record in result.records] == [
        "rolled_back", "rolled_back", "kept",
    ]  # fmt: skip
    assert result.records[1].reason == "another candidate was better"
    assert [prompt.temperature for prompt in model.prompts] == [0.0, 0.4, 0.4, 0.4]


async def test_a_candidate_that_only_helps_is_kept_after_all_were_tried(root: Path) -> None:
    def answer(prompt: Prompt) -> str:
        return (USELESS, patch(FIX_ONE), "not JSON")[prompt.candidate]

    result, _ = await run(root, Scripted(answer), candidates=3, stopping={"attempts": 1})
    assert result.errors_after == 1
    assert "1u8" in (root / "src/lib.rs").read_text()


async def test_a_candidate_whose_file_changed_meanwhile_is_not_forced(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(prompt: Prompt) -> str:
        return (patch(FIX_ONE), USELESS)[prompt.candidate]

    keep = Session.keep

    def late(self: Session, changes: ChangeSet) -> None:
        (root / "src/lib.rs").write_text(f"// mine\n{SOURCE}")
        keep(self, changes)

    monkeypatch.setattr(Session, "keep", late)
    result, _ = await run(root, Scripted(answer), candidates=2, stopping={"attempts": 1})

    assert (result.fixed, result.errors_after) == (False, 2)
    assert (root / "src/lib.rs").read_text() == f"// mine\n{SOURCE}"


async def test_cancelling_in_the_middle_of_a_check_rolls_back(root: Path) -> None:
    before = tree(root)
    checker = MarkedChecker()
    made, told = repair(root, Scripted(always(USELESS)), checker)

    def watch(event: Event) -> None:
        if event.kind == "applied":
            checker.seconds = 60
            made.cancel()

    told.also = watch
    result = await made.run()

    assert result.stop is Stop.CANCELLED
    assert tree(root) == before


async def test_a_cancelled_task_rolls_back_before_it_ends(root: Path) -> None:
    before = tree(root)
    applied = asyncio.Event()
    checker = MarkedChecker()
    made, told = repair(root, Scripted(always(USELESS)), checker)

    def watch(event: Event) -> None:
        if event.kind == "applied":
            checker.seconds = 60
            applied.set()

    told.also = watch
    task = asyncio.create_task(made.run())
    await applied.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tree(root) == before


async def test_a_compiler_that_dies_leaves_the_tree_as_it_was(root: Path) -> None:
    before = tree(root)
    made, _ = repair(root, Scripted(always(USELESS)), MarkedChecker(fails_at=2))
    with pytest.raises(CheckError):
        await made.run()
    assert tree(root) == before


def die_with_an_open_transaction(root: Path, data: bytes) -> None:
    """Apply a patch in a process that ends without a verdict."""
    child = os.fork()
    if child == 0:
        broken = FileChange(path="src/lib.rs", before=data, after=b"// half a repair\n")
        Transaction.apply(root, ChangeSet(changes=(broken,)))
        os._exit(0)
    os.waitpid(child, 0)


async def test_what_a_crash_left_is_rolled_back_first(root: Path) -> None:
    data = (root / "src/lib.rs").read_bytes()
    die_with_an_open_transaction(root, data)
    assert (root / "src/lib.rs").read_bytes() != data

    result, _ = await run(root, Scripted(always(RIGHT)))
    assert (result.fixed, result.errors_before) == (True, 2)


async def test_someone_elses_edit_is_never_lost(root: Path) -> None:
    def answer(prompt: Prompt) -> str:
        (root / "src/lib.rs").write_text(f"// zwei\n{SOURCE}")
        return RIGHT

    model = Scripted(answer)
    result, _ = await run(root, model, stopping={"attempts": 2})
    assert result.records[0].problem == "stale"
    assert result.fixed
    assert "// zwei" in (root / "src/lib.rs").read_text()
    assert "// zwei" in model.prompts[1].messages[-1].content


async def test_each_prompt_begins_with_the_one_before(root: Path) -> None:
    answers = in_turn(USELESS, "not JSON", patch(FIX_TWO), WORSE, patch(FIX_ONE))
    model = Scripted(answers)
    result, told = await run(root, model)

    assert (result.fixed, result.attempts) == (True, 5)
    for one, following in itertools.pairwise(model.prompts):
        assert following.text().startswith(one.text())
        assert following.schema is one.schema
    reused = [event.reused for event in told if event.kind == "asked"]  # type: ignore[attr-defined]
    assert min(reused[1:]) == 1.0


async def test_a_full_context_begins_again_with_the_same_front(root: Path) -> None:
    def answer(prompt: Prompt) -> str:
        return patch(edit("fn one() {", f"fn one() {{ // {'long ' * 60}{prompt.attempt}"))

    model = Scripted(answer)
    await run(root, model, prompt_tokens=1_500, stopping={"attempts": 9, "without_progress": 9})
    sizes = [len(prompt.messages) for prompt in model.prompts]
    assert sizes[0] == 2
    assert any(later <= before for before, later in itertools.pairwise(sizes))
    assert all(
        sum(len(message.content) // 3 for message in prompt.messages) <= 1_600
        for prompt in model.prompts
    )
    front = model.prompts[0].messages[0].content
    assert all(prompt.messages[0].content == front for prompt in model.prompts)


async def test_small_models_are_asked_one_error_after_the_other(root: Path) -> None:
    model = Scripted(in_turn("nonsense", patch(FIX_ONE), patch(FIX_TWO)))
    result, _ = await run(root, model, renderer=Renderer.COMPACT)

    assert result.fixed
    assert all(len(prompt.messages) == 1 for prompt in model.prompts)
    first, second = (prompt.messages[0].content.split("\n")[1] for prompt in model.prompts[:2])
    assert (first[:18], second[:18]) == ("src/lib.rs:6 E0425", "src/lib.rs:2 E0308")
