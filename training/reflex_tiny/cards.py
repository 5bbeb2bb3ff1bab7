"""The numbers in a model's card: written by an evaluation, read by a test."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from reflex_tiny.errors import DataError
from reflex_tiny.scores import comparison, table

BEGIN: Final = "<!-- numbers: written by `python -m reflex_tiny evaluate --write` -->"
END: Final = "<!-- end of numbers -->"
NUMBERS: Final = "evaluation.json"


def with_numbers(card: str, numbers: Mapping[str, Any]) -> str:
    """Return a card with the table of an evaluation between its two marks.

    Raises:
        DataError: the marks are not there.
    """
    head, begin, rest = card.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise DataError(f"the card has no lines `{BEGIN}` and `{END}` for its numbers")
    return f"{head}{BEGIN}\n{table(numbers)}\n\n{comparison(numbers)}\n{END}{tail}"


def write(folder: Path, numbers: Mapping[str, Any]) -> None:
    """Write an evaluation beside the weights and into the card."""
    (folder / NUMBERS).write_text(json.dumps(numbers, indent=1) + "\n")
    card = folder / "README.md"
    if card.is_file():
        card.write_text(with_numbers(card.read_text("utf-8"), numbers))
