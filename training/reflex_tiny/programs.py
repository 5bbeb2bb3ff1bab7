"""Puts programs together: templates as they are, and functions out of chained idioms."""

from dataclasses import dataclass, replace
from random import Random
from typing import Final

from reflex_tiny.bases import Bases, Idiom, Line
from reflex_tiny.naming import Names, fresh, renamed

# How a parameter of each kind of value is written; `&` forms serve idioms that only read.
_OWNED: Final = {
    "int": "i64",
    "size": "usize",
    "real": "f64",
    "flag": "bool",
    "ch": "char",
    "str": "&str",
    "string": "String",
    "ints": "Vec<i64>",
    "reals": "Vec<f64>",
    "names": "Vec<String>",
    "optint": "Option<i64>",
    "optname": "Option<String>",
    "map": "HashMap<String, i64>",
    "pair": "(i64, i64)",
    "pairs": "Vec<(String, i64)>",
    "resint": "Result<i64, String>",
    "chars": "Vec<char>",
    "set": "HashSet<i64>",
    "grid": "Vec<Vec<i64>>",
}
_READ: Final = {
    "ints": "&[i64]",
    "names": "&[String]",
    "reals": "&[f64]",
    "pairs": "&[(String, i64)]",
}
_COPY: Final = frozenset({"int", "size", "real", "flag", "ch", "str", "optint", "pair"})
_STARTS: Final = (
    "ints", "ints", "names", "str", "string", "map", "int", "optint", "pairs", "reals", "grid",
    "optname", "chars", "size", "resint",
)  # fmt: skip
_FOLDERS: Final = ("src", "src", "src", "src", "core/src")


@dataclass(frozen=True, kw_only=True)
class Program:
    """A correct file: where it lies, what it was made of, its lines."""

    path: str
    families: tuple[str, ...]
    lines: tuple[Line, ...]

    def source(self) -> str:
        """Return the text of the file."""
        return "\n".join(line.text for line in self.lines) + "\n"


@dataclass(frozen=True, kw_only=True)
class _Value:
    name: str
    kind: str
    by_reference: bool


def program(rng: Random, split: str, found: Bases) -> Program:
    """Return a program of one to three parts, of bases of one split only."""
    names = Names(rng, split)
    parts: list[tuple[Line, ...]] = []
    families: list[str] = []
    for _ in range(rng.choice([1, 2, 2, 3])):
        if rng.random() < 0.55 or not found.idioms:
            template = rng.choice(found.templates)
            if template.family in families:
                continue
            families.append(template.family)
            # Many templates hold only with the integers they were written with.
            parts.append(renamed(template.lines, names.renamer(integers=rng.random() < 0.5)))
        else:
            used, lines = _function(rng, names, found)
            families += used
            parts.append(lines)
    uses = list(dict.fromkeys(line.text for part in parts for line in part if _is_use(line)))
    body: list[Line] = []
    for part in parts:
        rest = [line for line in part if not _is_use(line)]
        while rest and not rest[0].text:
            rest.pop(0)
        body += [Line(text=""), *rest] if body else rest
    head = [Line(text=use) for use in uses]
    return Program(
        path=_path(rng, split),
        families=tuple(dict.fromkeys(families)),
        lines=tuple([*head, Line(text=""), *body] if head else body),
    )


def _path(rng: Random, split: str) -> str:
    name = rng.choice(["lib", "main", "", ""]) or fresh(rng, split)
    return f"{rng.choice(_FOLDERS)}/{name}.rs"


def _is_use(line: Line) -> bool:
    return line.text.startswith("use ")


def _function(rng: Random, names: Names, found: Bases) -> tuple[list[str], tuple[Line, ...]]:
    """Return a function whose body is a chain of idioms."""
    by_source: dict[str, list[Idiom]] = {}
    for idiom in found.idioms:
        by_source.setdefault(idiom.source, []).append(idiom)
    starts = [kind for kind in _STARTS if kind in by_source]
    first = rng.choice(starts)
    steps: list[tuple[Idiom, int]] = []
    kinds: list[str] = [first]
    families: list[str] = []
    for _ in range(rng.choice([1, 1, 2, 2, 3])):
        # Usually go on from the newest value, sometimes from an older one.
        at = len(kinds) - 1 if rng.random() < 0.7 else rng.randrange(len(kinds))
        choices = by_source.get(kinds[at])
        if not choices:
            at, choices = 0, by_source[first]
        idiom = rng.choice(choices)
        if idiom.family in families:
            continue
        families.append(idiom.family)
        steps.append((idiom, at))
        kinds.append(idiom.target)
    shown = sorted(
        {len(kinds) - 1} | ({rng.randrange(1, len(kinds))} if rng.random() < 0.3 else set())
    )
    taken = {at for idiom, at in steps if idiom.takes}
    read = _READ.get(first) if 0 not in taken and rng.random() < 0.6 else None
    values = [_Value(name=names.like("x"), kind=first, by_reference=read is not None)]
    if len(values[0].name) == 1:
        values[0] = _Value(name=names.like("input"), kind=first, by_reference=read is not None)
    body: list[Line] = []
    for number, (idiom, at) in enumerate(steps):
        later = any(other == at for _, other in steps[number + 1 :]) or (at > 0 and at in shown)
        given = values[at].name
        if idiom.takes and later and values[at].kind not in _COPY:
            given += ".clone()"
        out = names.like("made")
        rename = names.renamer(integers=False)

        def placed(text: str, given: str = given, out: str = out) -> str:
            return text.replace("\x00", given).replace("\x01", out)

        lines = tuple(
            Line(
                text=line.text.replace("$x", "\x00").replace("$o", "\x01"),
                breaks=tuple(
                    replace(
                        each,
                        lines=tuple(
                            one.replace("$x", "\x00").replace("$o", "\x01") for one in each.lines
                        ),
                    )
                    for each in line.breaks
                ),
            )
            for line in idiom.lines
        )
        for line in renamed(lines, rename):
            if _is_use(line):
                body.append(line)
                continue
            body.append(
                Line(
                    text=f"    {placed(line.text)}",
                    breaks=tuple(
                        replace(each, lines=tuple(f"    {placed(one)}" for one in each.lines))
                        for each in line.breaks
                    ),
                )
            )
        values.append(_Value(name=out, kind=idiom.target, by_reference=False))
    results = [values[at] for at in shown]
    kind = read or _OWNED[first]
    made = [_OWNED[value.kind] if value.kind != "str" else "String" for value in results]
    ends = [f"{value.name}.to_string()" if value.kind == "str" else value.name for value in results]
    returns = made[0] if len(made) == 1 else f"({', '.join(made)})"
    end = ends[0] if len(ends) == 1 else f"({', '.join(ends)})"
    uses = [line for line in body if _is_use(line)]
    text = f"{kind} {returns}"
    for name in ("HashMap", "HashSet"):
        if name in text:
            uses.append(Line(text=f"use std::collections::{name};"))
    lines = (
        *dict.fromkeys(uses),
        Line(text=f"pub fn {names.like('function')}({values[0].name}: {kind}) -> {returns} {{"),
        *(line for line in body if not _is_use(line)),
        Line(text=f"    {end}"),
        Line(text="}"),
    )
    # One type of integer for the whole function.
    integer = rng.choice(["i32", "i64", "i64", "u32", "u64"])
    return families, tuple(
        Line(
            text=line.text.replace("i64", integer),
            breaks=tuple(
                replace(b, lines=tuple(one.replace("i64", integer) for one in b.lines))
                for b in line.breaks
            ),
        )
        for line in lines
    )
