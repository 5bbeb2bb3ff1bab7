"""The order of what was found: by score, then by id; or by score and difference."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Final

from reflex_reflection.store.rows import Memory
from reflex_reflection.text import words

_FUSION: Final = 60
"""Of reciprocal rank fusion: how little the first places stand out."""
_LOOKED_AT: Final = 128
"""Words of a memory that say how like another it is; they are held for later searches."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A memory and how well it answers; scores of two ways of searching are not comparable."""

    memory: Memory
    score: float
    recent: bool = True
    """Whether it is of the first tier; see `search.Search`."""


def ordered(found: Sequence[Found]) -> list[Found]:
    """Return the recent tier first, in each the best first, and equals by id."""
    return sorted(found, key=lambda one: (not one.recent, -one.score, one.memory.id))


def nearest(
    keys: Sequence[tuple[int, str, bool]], scores: Sequence[float], *, limit: int
) -> dict[int, float]:
    """Return the first of (seq, id, recent) in the order of `ordered`, with their scores."""
    rows = (
        (not recent, -score, name, seq)
        for (seq, name, recent), score in zip(keys, scores, strict=True)
    )
    return {row[-1]: -row[1] for row in heapq.nsmallest(limit, rows)}


def fused(ways: Sequence[Sequence[Found]]) -> list[Found]:
    """Return what several ways found, in no order; the score is the sum of 1 / (60 + place)."""
    places: dict[str, float] = {}
    found: dict[str, Found] = {}
    for way in ways:
        for place, one in enumerate(way, start=1):
            name = one.memory.id
            found.setdefault(name, one)
            places[name] = places.get(name, 0.0) + 1 / (_FUSION + place)
    return [replace(one, score=round(places[name], 6)) for name, one in found.items()]


def alike(left: Memory, right: Memory) -> float:
    """Return the share of words that two memories have in common, 0 to 1."""
    mine, other = _words(left.text), _words(right.text)
    union = mine | other
    return len(mine & other) / len(union) if union else 1.0


def diverse(
    found: Sequence[Found],
    *,
    limit: int,
    balance: float = 0.7,
    likeness: Callable[[Memory, Memory], float] = alike,
) -> list[Found]:
    """Choose by maximal marginal relevance: what answers well and does not repeat the chosen.

    Args:
        found: candidates; their order does not matter.
        limit: how many are chosen.
        balance: 1 looks at scores alone, 0 at difference alone.
        likeness: of two memories, 0 to 1.
    """
    left = ordered(found)
    top = max((one.score for one in left), default=0.0)
    nearest = [0.0] * len(left)
    chosen: list[Found] = []
    while left and len(chosen) < limit:
        worth = [
            balance * (one.score / top if top > 0 else 0.0) - (1 - balance) * near
            for one, near in zip(left, nearest, strict=True)
        ]
        best = worth.index(max(worth))  # the first of equals: `ordered` decides
        pick = left.pop(best)
        nearest.pop(best)
        chosen.append(pick)
        nearest = [
            max(near, likeness(pick.memory, one.memory))
            for one, near in zip(left, nearest, strict=True)
        ]
    return chosen


@lru_cache(maxsize=1024)
def _words(said: str) -> frozenset[str]:
    return frozenset(islice(words(said), _LOOKED_AT))
