"""What the repository says about the models' data agrees with itself and with the loop."""

import json
from collections import Counter
from typing import Any

import pytest

from reflex_tiny.dataset import digest, load
from reflex_tiny.items import Item
from reflex_tiny.shards import HELD_OUT, HELD_OUT_FILE, INDEX, SHARDS, families, prompts_of_the_loop


@pytest.fixture(scope="module")
def index() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(INDEX.read_text())
    return found


@pytest.fixture(scope="module")
def held_out() -> list[Item]:
    return load(HELD_OUT_FILE)


def test_the_loop_asks_what_the_models_were_trained_for(index: dict[str, Any]) -> None:
    assert prompts_of_the_loop() == index["prompts_of_the_loop"], (
        "reflex_loop asks other questions than when the bundled models were trained: its compact "
        "renderer, its choice of the first error, its schema or its reading of rustc changed. "
        "Either undo that, or train again: `python -m reflex_tiny data`, `index`, `train`, "
        "`export`, then `make evaluate-models` (docs/models.md)"
    )


def test_held_out_shares_no_family_with_training(
    index: dict[str, Any], held_out: list[Item]
) -> None:
    train = set(index["families"])
    assert train <= set(families("train", list(SHARDS.values())))
    assert not train & set(index["held_out"]["families"])
    assert not train & {name for item in held_out for name in item.families}


def test_held_out_shares_no_program_with_training(
    index: dict[str, Any], held_out: list[Item]
) -> None:
    assert not set(index["programs"]) & {item.program for item in held_out}
    assert {item.program for item in held_out} == set(index["held_out"]["programs"])


def test_the_index_is_of_these_held_out_items(index: dict[str, Any], held_out: list[Item]) -> None:
    assert digest(held_out) == index["held_out"]["sha256"]
    assert len(held_out) == index["held_out"]["items"] == HELD_OUT.count
    assert len({item.prompt for item in held_out}) == len(held_out)


def test_no_code_has_more_than_its_share(held_out: list[Item]) -> None:
    codes = Counter(item.code for item in held_out)
    assert len(codes) > 25
    for code, count in codes.items():
        assert count <= HELD_OUT.room(code)
