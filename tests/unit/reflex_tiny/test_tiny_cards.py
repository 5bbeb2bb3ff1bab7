"""The model cards say what was measured."""

import json

import pytest

from reflex_tiny.__main__ import BUNDLED, MODELS
from reflex_tiny.cards import NUMBERS, with_numbers
from reflex_tiny.errors import DataError
from reflex_tiny.shards import HELD_OUT

LARGEST = 16 * 1024 * 1024


@pytest.mark.parametrize("name", BUNDLED)
def test_a_card_has_the_numbers_of_its_evaluation(name: str) -> None:
    numbers = json.loads((MODELS / name / NUMBERS).read_text())
    card = (MODELS / name / "README.md").read_text()
    assert with_numbers(card, numbers) == card
    assert numbers["model"] == name
    assert numbers["items"] == HELD_OUT.count
    assert "license: apache-2.0" in card


def test_the_two_models_differ_by_more_than_chance() -> None:
    better, worse = (json.loads((MODELS / name / NUMBERS).read_text()) for name in BUNDLED)
    assert better["interval"][0] > worse["interval"][1]


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_model_is_small(name: str) -> None:
    assert sum(path.stat().st_size for path in (MODELS / name).iterdir()) < LARGEST


def test_a_card_without_marks_is_refused() -> None:
    with pytest.raises(DataError, match="no lines"):
        with_numbers("# card\n", {})
