"""Programs that are made up whole: structs, enums, traits and functions with bodies at random."""

import re
from collections.abc import Callable
from random import Random
from typing import Final

from reflex_tiny.bases import Break, Line
from reflex_tiny.declared import RESULTS, World
from reflex_tiny.expressions import TYPES
from reflex_tiny.made_traits import module, trait
from reflex_tiny.made_types import enum, struct
from reflex_tiny.programs import Program
from reflex_tiny.statements import Body


def world(rng: Random, split: str) -> Program:
    """Return a program of one to three made-up parts."""
    made = World(rng, split)
    names = []
    for _ in range(rng.choice([1, 1, 2, 2, 3])):
        name, part = rng.choice(_PARTS)
        names.append(f"made_{name}")
        part(made)
    return made.program(names)


def _function(made: World) -> None:
    """Add a free function."""
    rng = made.rng
    given = made.parameters(rng.choice([1, 1, 2, 2, 3]))
    kind = rng.choice(RESULTS)
    name = made.names.like("function")
    returns = TYPES[kind]
    head = f"pub fn {name}({', '.join(f'{v.name}: {t}' for v, t in given)}) -> {returns} {{"
    body = Body(made.rng, made.writer, made.names).block(
        made.scope([v for v, _ in given]), kind, rng.choice([1, 2, 2, 3, 3]), "    "
    )
    breaks = _head_breaks(rng, head)
    made.parts.append([Line(text=head, breaks=breaks), *body, Line(text="}")])
    made.known("", name, given, kind)


def _head_breaks(rng: Random, head: str) -> tuple[Break, ...]:
    wrong = [head.replace(" -> ", " => ", 1), re.sub(r" -> .* \{", " {", head)]
    if "&[" in head:
        wrong.append(re.sub(r"&\[(\w+)\]", r"[\1]", head, count=1))
    if "&str" in head:
        wrong.append(head.replace("&str", "str", 1))
    if "HashMap<String, I>" in head:
        wrong.append(head.replace("HashMap<String, I>", "HashMap<String>", 1))
    if ": Vec<I>" in head:
        wrong.append(head.replace(": Vec<I>", ": Vec", 1))
    return (Break(count=1, lines=(rng.choice(wrong),)),)


_PARTS: Final[tuple[tuple[str, Callable[[World], None]], ...]] = (
    ("function", _function),
    ("function", _function),
    ("function", _function),
    ("struct", struct),
    ("struct", struct),
    ("enum", enum),
    ("trait", trait),
    ("module", module),
)
FAMILIES: Final = tuple(sorted({f"made_{name}" for name, _ in _PARTS}))
