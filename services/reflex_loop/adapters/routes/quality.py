"""Are repairs in production worse than what the model was qualified for? Pure.

Counted are first answers of a local model to a repair, as in the bakeoff's pass@1, and one is good
when its patch was kept: it repaired everything, or left fewer errors. That is milder than pass@1,
for a user's crate is no item of a suite. A model has regressed when even the upper bound of that
share is below the floor of the route's gate.

The bound is Wilson's with z = 3.5, because it is looked at after every answer. Simulated, over
1,000 answers of a model that is exactly at the floor: told wrongly in 2.4 % of runs or fewer (with
z = 1.645: in 83 % and more); one that is 20 points worse is told after 54 to 67 answers, half of
the time.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from reflex_loop.result import Result

WINDOW: Final = 100
"""Answers that are remembered."""
LEAST: Final = 30
"""Answers below which nothing is told."""
_Z: Final = 3.5
_NOT_ITS_FAULT: Final = frozenset({"stale", "timeout"})


@dataclass(frozen=True, kw_only=True)
class FirstAnswer:
    """What became of the first answer that a local model gave in a repair."""

    endpoint: str
    revision: str
    kept: bool


def first_answer(result: Result) -> FirstAnswer | None:
    """Return what a repair says about the local model that was asked first; None: nothing."""
    records = [
        one
        for one in result.records
        if one.source == "model" and one.attempt == 1 and one.problem not in _NOT_ITS_FAULT
    ]
    for one in records:
        chosen = one.routing.get("chosen") if one.routing.get("mode") == "reflex" else None
        if chosen and one.outcome != "unanswered":
            kept = any(each.outcome == "kept" for each in records)
            return FirstAnswer(endpoint=chosen["endpoint"], revision=chosen["revision"], kept=kept)
    return None


def upper_bound(kept: int, tried: int) -> float:
    """Return the largest share that so many kept answers leave possible.

    >>> round(upper_bound(10, 50), 3)
    0.451
    """
    share = kept / tried
    square = _Z * _Z / tried
    spread = _Z * math.sqrt(share * (1 - share) / tried + square / (4 * tried))
    return min(1.0, (share + square / 2 + spread) / (1 + square))


def regressed(counts: Iterable[tuple[int, int]], floor: float | None) -> str:
    """Return the numbers that show a regression, in words; empty: none is shown.

    Args:
        counts: (kept, tried) of each replica.
        floor: of the route's gate; None: nothing can be shown.
    """
    pairs = list(counts)
    kept, tried = sum(one[0] for one in pairs), sum(one[1] for one in pairs)
    if floor is None or tried < LEAST:
        return ""
    bound = upper_bound(kept, tried)
    if bound >= floor:
        return ""
    return (
        f"{kept} of {tried} first answers kept ({100 * kept / tried:.0f} %), at most"
        f" {100 * bound:.0f} % by their bound; the gate's floor is {100 * floor:.0f} %"
    )
