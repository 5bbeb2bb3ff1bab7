"""Makes a data set: candidates by number, rustc's word on each, a share for every error code.

Candidate k of a seed is a pure function of both, and candidates are taken in order, so the same
arguments give the same items on every machine with the same rustc; the cache only saves time.
"""

import hashlib
import itertools
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from reflex_tiny.bases import bases
from reflex_tiny.breaking import Broken, broken
from reflex_tiny.compiler import Compiler, Source
from reflex_tiny.errors import DataError
from reflex_tiny.items import Item, item, shown_repair, shown_repairs
from reflex_tiny.programs import Program, program
from reflex_tiny.worlds import world

_TRIES: Final = 40
_SAY_EVERY: Final = 5.0
_CHUNK: Final = 32
_TORN: Final = 0.8
# The largest part of the data set that one code may be; the others share what these leave.
SHARES: Final = {"syntax": 0.10, "E0308": 0.20, "E0425": 0.13, "E0599": 0.12, "E0277": 0.12}
OTHER_SHARE: Final = 0.07


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A program, and a mistake in it."""

    program: Program
    mistake: Broken


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to make: `split` is "train" or "held_out", `groups` those of its files of bases."""

    split: str
    groups: tuple[int, ...]
    count: int
    seed: int
    mistakes: int = 8
    """In one program; the correct program is compiled once for all of them."""
    share: float = 1.0
    """Factor of the largest parts that codes may have: a smaller one makes them more even."""
    policy: bool = False
    """Whether a label may not be a proposal that the loop's policy refuses, such as `todo!()`."""
    together: bool = False
    """Whether rustc is asked about many programs in one run, as modules of a crate."""
    made_up: float = 0.0
    """Which part of the programs is made up whole (`worlds.py`), not put together of bases."""
    known: frozenset[str] = frozenset()
    """Hashes of programs that may not be made: those of the other split."""

    def room(self, code: str) -> int:
        """Return how many items of a code there may be."""
        return math.ceil(SHARES.get(code, OTHER_SHARE) * self.share * self.count + 1)


def candidates(plan: Plan, number: int) -> tuple[Program, list[Broken]]:
    """Return program `number` and its mistakes."""
    rng = Random(f"{plan.split} {plan.seed} {number}")
    if plan.made_up and rng.random() < plan.made_up:
        made = world(rng, plan.split)
    else:
        made = program(rng, plan.split, bases(plan.split, plan.groups))
    found: dict[str, Broken] = {}
    for _ in range(_TRIES):
        if len(found) == plan.mistakes:
            break
        one = broken(rng, made)
        if plan.made_up and one and torn(one) and rng.random() < _TORN:
            continue
        if one is not None:
            found.setdefault(one.source, one)
    return made, list(found.values())


def torn(mistake: Broken) -> bool:
    """Return whether a bracket, a quote or a semicolon is missing: half of all mistakes else."""
    wrong, right = "\n".join(mistake.search), "\n".join(mistake.replace)
    return any(wrong.count(each) != right.count(each) for each in "()[]{}\";") and (
        any(wrong.count(o) - wrong.count(c) != right.count(o) - right.count(c)
            for o, c in ("()", "[]", "{}")) or wrong.count(";") < right.count(";")
        or (wrong.count('"') - right.count('"')) % 2 == 1
    )  # fmt: skip


def items(
    plan: Plan, compiler: Compiler, say: Callable[[str], None] | None = None
) -> Iterator[Item]:
    """Yield verified items until there are enough.

    The correct program compiles, the broken one does not, the question shows the lines to change,
    and no code has more than its share.
    """
    codes: Counter[str] = Counter()
    seen: set[str] = set()
    rejected: Counter[str] = Counter()
    made = 0
    began = last = time.monotonic()
    for start in itertools.count(0, _CHUNK):
        programs = [candidates(plan, number) for number in range(start, start + _CHUNK)]
        sources = [Source(path=each.path, text=each.source()) for each, _ in programs]
        verdicts = _asked(plan, compiler, sources)
        good = [pair for pair, (code, _) in zip(programs, verdicts, strict=True) if code == 0]
        rejected["base does not compile"] += len(programs) - len(good)
        pairs = [(each, mistake) for each, mistakes in good for mistake in mistakes]
        tried = [Source(path=each.path, text=mistake.source) for each, mistake in pairs]
        said = _asked(plan, compiler, tried)
        asked = [
            item(each, mistake, code, output) if code else None
            for (each, mistake), (code, output) in zip(pairs, said, strict=True)
        ]
        if plan.together:
            repaired = shown_repairs(asked, said, compiler)
        else:
            repaired = [
                shown_repair(found, code, output, compiler, policy=plan.policy)
                if found is not None and not found.gold_is_shown
                else found
                for found, (code, output) in zip(asked, said, strict=True)
            ]
        for found, (code, _) in zip(repaired, said, strict=True):
            if code == 0:
                rejected["no error"] += 1
                continue
            if found is None:
                rejected["lines not shown"] += 1
                continue
            if found.program in plan.known or found.prompt in seen:
                rejected["known"] += 1
                continue
            if codes[found.code] >= plan.room(found.code):
                rejected["code is full"] += 1
                continue
            seen.add(found.prompt)
            codes[found.code] += 1
            made += 1
            yield found
            now = time.monotonic()
            if say and now - last > _SAY_EVERY:
                last = now
                say(
                    f"{plan.split}: {made} of {plan.count} items, {compiler.runs} rustc runs, "
                    f"{now - began:.0f} s, {dict(rejected)}"
                )
            if made == plan.count:
                return


def _asked(plan: Plan, compiler: Compiler, sources: list[Source]) -> list[tuple[int, bytes]]:
    if plan.together:
        return compiler.check_together(sources)
    return [(code, output) for _, code, output in compiler.check(sources)]


def write(path: Path, found: Iterator[Item]) -> int:
    """Write items as JSON lines; the file appears when it is complete."""
    part = path.with_suffix(".part")
    count = 0
    with part.open("w") as out:
        for each in found:
            out.write(json.dumps(each.to_json(), ensure_ascii=False) + "\n")
            count += 1
    part.replace(path)
    return count


def load(path: Path) -> list[Item]:
    """Return the items of a file.

    Raises:
        DataError: it is not there.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing: make it with `python -m reflex_tiny data`")
    with path.open() as lines:
        return [Item.from_json(json.loads(line)) for line in lines]


def digest(found: list[Item]) -> str:
    """Return 16 hex digits of a data set's prompts and replies."""
    state = hashlib.sha256()
    for each in found:
        state.update(f"{each.prompt}\0{each.reply}\0".encode())
    return state.hexdigest()[:16]


def say(text: str) -> None:
    """Tell on stderr."""
    print(text, file=sys.stderr, flush=True)
