"""Memories for measuring: the same ones for every store, made up from a seed."""

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from reflex_reflection import embedding
from reflex_reflection.ids import memory_id

SEED: Final = 7
_VOCABULARY: Final = 5000
_WORDS: Final = (20, 60)
OWNER: Final = "bench"
TIME: Final = "2026-01-02T03:04:05Z"


def vocabulary() -> list[str]:
    """Return made-up words; low places come more often, as in any language."""
    source = random.Random(SEED)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return ["".join(source.choices(letters, k=source.randint(3, 9))) for _ in range(_VOCABULARY)]


def texts(count: int) -> Iterator[str]:
    """Yield texts in the form of summaries, no two of them equal."""
    source, known = random.Random(SEED + 1), vocabulary()
    weights = [1 / (place + 10) for place in range(len(known))]
    for number in range(count):
        words = source.choices(known, weights, k=source.randint(*_WORDS))
        yield f"repaired e{number % 600:04} {' '.join(words)} n{number}"


def document(number: int, text: str) -> dict[str, Any]:
    """Return a memory as an export has it."""
    name = memory_id(agent=OWNER, turn=number, slot=0, text=text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    seen = {"id": name, "turn": number, "input_sha256": digest, "snippet_ids": []}
    return {
        "id": name, "owner": OWNER, "ts": TIME, "kind": "summary", "tags": ["reflection"],
        "text": text, "vec_full": list(embedding.embed(text)), "vec_model": embedding.MODEL,
        "seen": 1, "evidence": [seen],
    }  # fmt: skip


def write(file: Path, count: int) -> None:
    """Write so many memories as NDJSON."""
    with file.open("w", encoding="utf-8") as out:
        for number, text in enumerate(texts(count)):
            out.write(json.dumps(document(number, text)) + "\n")


def queries(count: int) -> list[str]:
    """Return what is searched for: a few words, as of a compiler's message."""
    source, known = random.Random(SEED + 2), vocabulary()
    return [
        f"e{source.randrange(600):04} {' '.join(source.choices(known[50:], k=4))}"
        for _ in range(count)
    ]
