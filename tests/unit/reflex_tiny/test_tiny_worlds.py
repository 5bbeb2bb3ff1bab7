"""Made-up programs and the table of expressions, without a compiler."""

from pathlib import Path
from random import Random

import pytest

from reflex_bakeoff.suite.likeness import program_hash
from reflex_tiny import expressions
from reflex_tiny.errors import BaseSyntaxError
from reflex_tiny.expressions import TYPES, Scope, Variable, Writer, productions
from reflex_tiny.naming import Names
from reflex_tiny.worlds import FAMILIES, world


def test_hardly_any_made_up_program_has_the_structure_of_another() -> None:
    made = [world(Random(number), "train") for number in range(150)]
    assert len({program_hash(each.source()) for each in made}) > 140
    assert {name for each in made for name in each.families} == set(FAMILIES)


def test_every_line_of_a_made_up_program_differs_from_its_known_mistakes() -> None:
    known = 0
    for number in range(60):
        for line in world(Random(number), "train").lines:
            known += sum(each.lines != (line.text,) for each in line.breaks)
    assert known > 500


def test_every_kind_can_be_made_out_of_nothing_and_out_of_what_is_there() -> None:
    for kind in TYPES:
        rng = Random(kind)
        writer = Writer(rng, "train", Names(rng, "train"))
        assert writer.expression(kind, Scope(()), 0).text
        scope = Scope((Variable("given", kind),))
        assert any("given" in writer.expression(kind, scope, 0).text for _ in range(20))


def test_brackets_are_closed_in_every_expression() -> None:
    rng = Random(4)
    writer = Writer(rng, "train", Names(rng, "train"))
    scope = Scope(tuple(Variable(f"v{number}", kind) for number, kind in enumerate(TYPES)))
    for kind in TYPES:
        for _ in range(60):
            text = writer.expression(kind, scope, 2).text
            assert all(text.count(a) == text.count(b) for a, b in ("()", "[]", "{}")), text


def test_an_unknown_kind_in_the_table_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grammar_other.txt").write_text("int: {weird} + 1 ~ 2\n")
    monkeypatch.setattr(expressions, "_FOLDER", tmp_path)
    with pytest.raises(BaseSyntaxError, match=r"grammar_other.txt:1: .*weird"):
        productions("other")
