"""Programs, mistakes and items, without a compiler."""

import json
from random import Random

import pytest

from reflex_bakeoff.suite.likeness import program_hash
from reflex_loop.patch import read_reply
from reflex_tiny.bases import bases
from reflex_tiny.breaking import MAX_REPLACE, MAX_SEARCH, broken
from reflex_tiny.dataset import Plan, candidates
from reflex_tiny.items import reply_text
from reflex_tiny.naming import Names, renamed, words
from reflex_tiny.programs import program
from reflex_tiny.shards import HELD_OUT, SHARDS

PLANS = [*SHARDS.values(), HELD_OUT]


def applied(source: str, search: tuple[str, ...], replace: tuple[str, ...]) -> str:
    lines = source.split("\n")
    size = len(search)
    places = [at for at in range(len(lines)) if lines[at : at + size] == list(search)]
    assert len(places) == 1
    lines[places[0] : places[0] + size] = replace
    return "\n".join(lines)


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.split}-{plan.seed}")
def test_a_candidate_is_a_function_of_seed_and_number(plan: Plan) -> None:
    first = [candidates(plan, number) for number in range(20)]
    again = [candidates(plan, number) for number in reversed(range(20))]
    assert first == list(reversed(again))
    assert len({made.source() for made, _ in first}) == 20


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.split}-{plan.seed}")
def test_the_reply_of_every_mistake_restores_the_program_to_the_byte(plan: Plan) -> None:
    seen = 0
    for number in range(30):
        made, mistakes = candidates(plan, number)
        for mistake in mistakes:
            assert mistake.source != made.source()
            assert applied(mistake.source, mistake.search, mistake.replace) == made.source()
            assert len(mistake.search) <= MAX_SEARCH
            assert len(mistake.replace) <= MAX_REPLACE
            seen += 1
    assert seen > 20 * min(plan.mistakes, 4)


def test_training_and_held_out_share_no_family_and_no_word() -> None:
    train = {name for plan in SHARDS.values() for name in bases("train", plan.groups).families()}
    held_out = set(bases("held_out", HELD_OUT.groups).families())
    assert len(train) > 250
    assert len(held_out) > 60
    assert not train & held_out
    assert not set(words("train")) & set(words("held_out"))


def test_every_known_mistake_changes_the_program() -> None:
    """A `//~` line that is the line above it again would be noise."""
    for split, groups in (("train", (1, 2, 3)), ("held_out", (1, 2))):
        found = bases(split, groups)
        bodies = [each.lines for each in found.templates] + [each.lines for each in found.idioms]
        for lines in bodies:
            for at, line in enumerate(lines):
                for each in line.breaks:
                    right = tuple(one.text for one in lines[at - each.count + 1 : at + 1])
                    assert each.lines != right, line.text


def test_names_change_and_meaning_stays() -> None:
    (template,) = [
        each for each in bases("train", (1,)).templates if each.family == "running_total"
    ]
    rename = Names(Random(3), "train").renamer(integers=False)
    lines = [line.text for line in renamed(template.lines, rename)]
    before = "\n".join(line.text for line in template.lines)
    after = "\n".join(lines)
    assert after != before
    assert "total" not in after.split("(")[0]
    assert program_hash(after) == program_hash(before)
    assert "let mut" in after


def test_the_hash_sees_structure_and_nothing_else() -> None:
    one = 'fn a(b: i64) -> i64 { b + 3 }  // "x"'
    assert program_hash(one) == program_hash('fn q(w: i64) -> i64 { w + 99 } // "longer"')
    assert program_hash(one) != program_hash("fn a(b: i64) -> i64 { b - 3 }")
    assert program_hash(one) != program_hash("fn a(b: u64) -> u64 { b + 3 }")


def test_a_reply_is_a_patch_document_with_json_dumps_own_separators() -> None:
    text = reply_text("src/a.rs", ('let a = "x";',), ())
    assert text == json.dumps(json.loads(text))
    document, _ = read_reply(text)
    assert (document.edits[0].search, document.edits[0].replace) == (['let a = "x";'], [])


def test_a_place_that_is_there_twice_is_told_apart_by_its_neighbours() -> None:
    plan = SHARDS["train1"]
    found = bases(plan.split, plan.groups)
    longer = 0
    for number in range(200):
        rng = Random(number)
        mistake = broken(rng, program(rng, plan.split, found))
        longer += mistake is not None and len(mistake.search) > 1
    assert longer > 5
