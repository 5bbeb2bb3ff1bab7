"""Breaks one place of a program and keeps the edit that undoes it."""

from dataclasses import dataclass
from random import Random
from typing import Final

from reflex_bakeoff.suite.mutators import MUTATORS, Mutation
from reflex_tiny.programs import Program

MAX_SEARCH: Final = 3
MAX_REPLACE: Final = 5
_KNOWN_SHARE: Final = 0.45


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A program with a mistake: its text, and the lines that put it right."""

    kind: str
    source: str
    search: tuple[str, ...]
    replace: tuple[str, ...]


def broken(rng: Random, given: Program) -> Broken | None:
    """Return the program with one mistake in it, or None when the dice found no good one."""
    right = [line.text for line in given.lines]
    known = [
        (at, each)
        for at, line in enumerate(given.lines)
        for each in line.breaks
        for _ in range(each.weight)
    ]
    if known and rng.random() < _KNOWN_SHARE:
        at, chosen = rng.choice(known)
        wrong = [*right[: at - chosen.count + 1], *chosen.lines, *right[at + 1 :]]
        return _undone("known", right, wrong)
    places = [at for at, line in enumerate(right) if line.strip() not in ("", "}", "{", "})")]
    if rng.random() < 0.05 and len(places) > 3:
        at = rng.choice(places[1:-1])
        if at + 1 < len(right):
            wrong = [*right[:at], right[at + 1], right[at], *right[at + 2 :]]
            return _undone("swap", right, wrong)
    at = rng.choice(places)
    found: list[Mutation] = []
    for mutate in rng.sample(MUTATORS, 6):
        found += mutate(rng, right[at])
    found = [each for each in found if each[1] != [right[at]]]
    if not found:
        return None
    kind, lines = rng.choice(found)
    return _undone(kind, right, [*right[:at], *lines, *right[at + 1 :]])


def _undone(kind: str, right: list[str], wrong: list[str]) -> Broken | None:
    """Return the shortest edit from wrong to right whose search block is there once."""
    head = 0
    while head < min(len(right), len(wrong)) and right[head] == wrong[head]:
        head += 1
    tail = 0
    most = min(len(right), len(wrong)) - head
    while tail < most and right[-1 - tail] == wrong[-1 - tail]:
        tail += 1
    start, end = head, len(wrong) - tail
    shift = len(right) - len(wrong)
    if start == end:
        # Something is missing: hold on to the next line, or to the one before.
        if end < len(wrong) and wrong[end].strip():
            end += 1
        elif start > 0 and wrong[start - 1].strip():
            start -= 1
        else:
            return None
    while True:
        search = wrong[start:end]
        replace = right[start : end + shift]
        if len(search) > MAX_SEARCH or len(replace) > MAX_REPLACE:
            return None
        same = sum(wrong[at : at + len(search)] == search for at in range(len(wrong)))
        if same == 1 and any(line.strip() for line in search):
            break
        if end < len(wrong):
            end += 1
        elif start > 0:
            start -= 1
        else:
            return None
    if search == replace:
        return None
    return Broken(
        kind=kind,
        source="\n".join(wrong) + "\n",
        search=tuple(search),
        replace=tuple(replace),
    )
