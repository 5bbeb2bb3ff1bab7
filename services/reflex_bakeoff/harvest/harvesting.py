"""Breaks programs one after the other until a suite is full; what was judged is never lost.

Mistake k is a pure function of the seed and k. What came of it is told at once, so that an aborted
harvest goes on where it ended.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from reflex_bakeoff.harvest.program import Mistake, Program, mistake
from reflex_bakeoff.quality.run import Tell, quiet
from reflex_bakeoff.suite.item import Item
from reflex_bakeoff.suite.lint import program_hash

_TRIES: Final = 25
"""Mistakes that are tried for each item that is wanted; then it is given up."""
_OF_LINE: Final = 2
_OF_CODE: Final = 0.2


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What came of one mistake: an item, or why there is none."""

    number: int
    item: Item | None = None
    why: str = ""


class Choice:
    """Which items are kept: no code more than a fifth, no line more than twice, no twins."""

    def __init__(self, count: int) -> None:
        self.kept: list[Item] = []
        self._of_code = max(3, round(count * _OF_CODE))
        self._codes: Counter[str] = Counter()
        self._lines: Counter[tuple[str, ...]] = Counter()
        self._twins: set[str] = set()

    def take(self, item: Item) -> bool:
        """Keep an item if there is room for it."""
        line = _changed(item)
        twin = program_hash(item)
        full = self._codes[item.stratum] >= self._of_code or self._lines[line] >= _OF_LINE
        if full or twin in self._twins:
            return False
        self._codes[item.stratum] += 1
        self._lines[line] += 1
        self._twins.add(twin)
        self.kept.append(item)
        return True


async def harvest(
    programs: Sequence[Program],
    *,
    count: int,
    seed: int,
    earlier: Iterable[Judged],
    judge: Callable[[Program, str, Mistake], Awaitable[Item | str]],
    kept: Callable[[Judged], None],
    stopped: Callable[[], bool],
    tell: Tell = quiet,
) -> tuple[Item, ...]:
    """Return up to `count` items.

    Args:
        programs: that compile.
        count: how many items are wanted.
        seed: of all draws.
        earlier: what came of the first mistakes in an aborted run.
        judge: asks the compiler; see `Verifier.item`.
        kept: is given each judgement at once.
        stopped: asked before each mistake whether to end.
        tell: hears of each.
    """
    known = {each.number: each for each in earlier}
    choice = Choice(count)
    for number in range(_TRIES * count):
        if len(choice.kept) >= count or (stopped() and number not in known):
            break
        one = known.get(number)
        if one is None:
            one = await _judged(programs, number, seed, judge)
            kept(one)
        if one.item is not None and not choice.take(one.item):
            continue
        what = one.item.id if one.item is not None else one.why
        tell("items", len(choice.kept), count, f"mistake {number + 1}: {what}")
    return tuple(choice.kept)


async def _judged(
    programs: Sequence[Program],
    number: int,
    seed: int,
    judge: Callable[[Program, str, Mistake], Awaitable[Item | str]],
) -> Judged:
    rng = Random(f"harvest {seed} {number}")
    program = rng.choices(programs, weights=[each.weight for each in programs])[0]
    drawn = mistake(rng, program)
    if drawn is None:
        return Judged(number=number, why="nothing drawn")
    found = await judge(program, f"{number:05}", drawn)
    if isinstance(found, str):
        return Judged(number=number, why=found)
    return Judged(number=number, item=found)


def _changed(item: Item) -> tuple[str, ...]:
    """Return the right lines that a mistake took away."""
    found = []
    for path, text in sorted(item.solution.items()):
        broken = set(item.files.get(path, "").split("\n"))
        found += [path, *(line for line in text.split("\n") if line not in broken)]
    return tuple(found)
