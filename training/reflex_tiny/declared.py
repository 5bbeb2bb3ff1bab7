"""What a made-up program declares: its names, its functions, its parts."""

import re
from collections.abc import Sequence
from random import Random
from typing import Final

from reflex_tiny.bases import Break, Line
from reflex_tiny.expressions import COPY, TYPES, Expression, Production, Scope, Variable, Writer
from reflex_tiny.naming import Names, fresh
from reflex_tiny.programs import Program

_FOLDERS: Final = ("src", "src", "src", "core/src")
_INTEGERS: Final = ("i32", "i64", "i64", "u32", "u64")
_PARAMETERS: Final = (
    "int",
    "int",
    "size",
    "real",
    "flag",
    "ch",
    "str",
    "str",
    "string",
    "ints",
    "ints",
    "reals",
    "names",
    "names",
    "optint",
    "optname",
    "map",
    "pair",
    "pairs",
    "resint",
    "chars",
    "set",
    "grid",
)
FIELDS: Final = (
    "int",
    "int",
    "size",
    "real",
    "flag",
    "string",
    "string",
    "ints",
    "names",
    "optint",
    "optname",
    "map",
    "pair",
)
RESULTS: Final = (
    "int",
    "int",
    "size",
    "real",
    "flag",
    "string",
    "string",
    "ints",
    "names",
    "optint",
    "optname",
    "resint",
    "pair",
    "ch",
    "map",
    "pairs",
    "reals",
)
_SLICES: Final = {"ints": "&[I]", "names": "&[String]", "reals": "&[f64]", "chars": "&[char]"}


class World:
    """What a program declares so far."""

    def __init__(self, rng: Random, split: str) -> None:
        self.rng = rng
        self.split = split
        self.names = Names(rng, split)
        self.writer = Writer(rng, split, self.names)
        self.parts: list[list[Line]] = []
        self.functions: list[tuple[str, Production]] = []

    def program(self, families: Sequence[str]) -> Program:
        """Return what was made, with the imports that it needs."""
        integer = self.rng.choice(_INTEGERS)
        lines: list[Line] = []
        for part in self.parts:
            lines += [Line(text=""), *part] if lines else part
        text = "\n".join(line.text for line in lines)
        uses = [
            Line(text=f"use {path};")
            for word, path in (
                ("HashMap", "std::collections::HashMap"),
                ("HashSet", "std::collections::HashSet"),
                ("fmt::", "std::fmt"),
                ("Rc::", "std::rc::Rc"),
                ("RefCell", "std::cell::RefCell"),
                ("thread::", "std::thread"),
                ("Add for", "std::ops::Add"),
            )
            if word in text
        ]
        if uses:
            lines = [*uses, Line(text=""), *lines]
        rng = self.rng
        name = rng.choice(["lib", "main", "", ""]) or fresh(rng, self.split)

        def typed(line: str) -> str:
            return re.sub(r"\bI\b(?![\"'])", integer, line)

        return Program(
            path=f"{rng.choice(_FOLDERS)}/{name}.rs",
            families=tuple(dict.fromkeys(families)),
            lines=tuple(
                Line(
                    text=typed(line.text),
                    breaks=tuple(
                        Break(
                            count=each.count,
                            weight=each.weight,
                            lines=tuple(typed(one) for one in each.lines),
                        )
                        for each in line.breaks
                    ),
                )
                for line in lines
            ),
        )

    def scope(self, variables: Sequence[Variable]) -> Scope:
        """Return a scope with the functions of the program."""
        return Scope(tuple(variables), tuple(self.functions))

    def parameters(self, count: int) -> list[tuple[Variable, str]]:
        """Return parameters and their types."""
        found = []
        for _ in range(count):
            kind = self.rng.choice(_PARAMETERS)
            name = self.names.like("xx")
            if kind in COPY:
                found.append((Variable(name, kind), TYPES[kind]))
            elif kind in _SLICES and self.rng.random() < 0.6:
                found.append((Variable(name, kind, 1), _SLICES[kind]))
            elif self.rng.random() < 0.4 and kind not in ("optname", "resint"):
                found.append((Variable(name, kind, 1), f"&{TYPES[kind]}"))
            else:
                found.append((Variable(name, kind), TYPES[kind]))
        return found

    def known(self, prefix: str, name: str, given: list[tuple[Variable, str]], kind: str) -> None:
        """Let later expressions call a function."""
        holes = []
        for number, (variable, _) in enumerate(given):
            mark = "@" if variable.references else ""
            holes.append(f"{{{mark}{variable.kind}#a{number}}}")
        call = f"{prefix}{name}({', '.join(holes)})"
        wrongs = [f"{prefix}{name}({', '.join([*holes, extra])})" for extra in ("1", '"x"')][:1]
        if holes:
            wrongs.append(f"{prefix}{name}({', '.join(holes[:-1])})")
            wrongs.append(f"{prefix}{name}({', '.join(holes[1:])})")
            wrongs.append(f"{prefix}{name}({', '.join(h.replace('@', '') for h in holes)})")
            wrongs.append(f"{prefix}{name}")
        if len(holes) > 1:
            swapped = [holes[1], holes[0], *holes[2:]]
            wrongs.append(f"{prefix}{name}({', '.join(swapped)})")
        if prefix.endswith("::"):
            wrongs += [f"{name}({', '.join(holes)})", f"{prefix[:-2]}.{name}({', '.join(holes)})"]
        self.functions.append((kind, Production(call, tuple(dict.fromkeys(wrongs)))))


def value_line(given: Expression, form: str, pad: str) -> Line:
    """Return a line with an expression at `@`, and its known mistakes."""
    return Line(
        text=pad + form.replace("@", given.text, 1),
        breaks=tuple(
            Break(count=1, lines=(pad + form.replace("@", bad, 1),)) for bad in given.wrongs
        ),
    )
