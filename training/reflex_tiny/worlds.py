"""Programs that are made up whole: structs, enums, traits and functions with bodies at random."""

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from reflex_tiny.bases import Break, Line
from reflex_tiny.expressions import COPY, TYPES, Expression, Production, Scope, Variable, Writer
from reflex_tiny.naming import Names, fresh
from reflex_tiny.programs import Program
from reflex_tiny.statements import Body

_FOLDERS: Final = ("src", "src", "src", "core/src")
_INTEGERS: Final = ("i32", "i64", "i64", "u32", "u64")
_PARAMETERS: Final = (
    "int", "int", "size", "real", "flag", "ch", "str", "str", "string", "ints", "ints", "reals",
    "names", "names", "optint", "optname", "map", "pair", "pairs", "resint", "chars", "set", "grid",
)  # fmt: skip
_FIELDS: Final = (
    "int", "int", "size", "real", "flag", "string", "string", "ints", "names", "optint", "optname",
    "map", "pair",
)  # fmt: skip
_RESULTS: Final = (
    "int", "int", "size", "real", "flag", "string", "string", "ints", "names", "optint", "optname",
    "resint", "pair", "ch", "map", "pairs", "reals",
)  # fmt: skip
_SLICES: Final = {"ints": "&[I]", "names": "&[String]", "reals": "&[f64]", "chars": "&[char]"}


def world(rng: Random, split: str) -> Program:
    """Return a program of one to three made-up parts."""
    made = _World(rng, split)
    names = []
    for _ in range(rng.choice([1, 1, 2, 2, 3])):
        name, part = rng.choice(_PARTS)
        names.append(f"made_{name}")
        part(made)
    return made.program(names)


class _World:
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


def _function(made: _World) -> None:
    """Add a free function."""
    rng = made.rng
    given = made.parameters(rng.choice([1, 1, 2, 2, 3]))
    kind = rng.choice(_RESULTS)
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


def _value(given: Expression, form: str, pad: str, rng: Random) -> Line:
    """Return a line with an expression at `@`, and its known mistakes."""
    return Line(
        text=pad + form.replace("@", given.text, 1),
        breaks=tuple(
            Break(count=1, lines=(pad + form.replace("@", bad, 1),)) for bad in given.wrongs
        ),
    )


def _struct(made: _World) -> None:
    """Add a struct with a constructor and methods."""
    rng, names = made.rng, made.names
    name = names.like("Thing")
    fields = [(names.like("xx"), rng.choice(_FIELDS)) for _ in range(rng.choice([2, 2, 3, 4]))]
    derives = ["Debug", "Clone", "PartialEq"][: rng.choice([1, 2, 3])]
    lines = [Line(text=f"#[derive({', '.join(derives)})]"), Line(text=f"pub struct {name} {{")]
    for field, kind in fields:
        lines.append(
            Line(
                text=f"    pub {field}: {TYPES[kind]},",
                breaks=(Break(count=1, lines=(f"    pub {field} {TYPES[kind]},",)),),
            )
        )
    lines += [Line(text="}"), Line(text=""), Line(text=f"impl {name} {{")]
    shorthand = [(f, k) for f, k in fields if rng.random() < 0.6] or fields[:1]
    given = [(Variable(f, k), TYPES[k]) for f, k in shorthand]
    head = ", ".join(f"{v.name}: {t}" for v, t in given)
    lines.append(Line(text=f"    pub fn new({head}) -> Self {{"))
    scope = Scope(tuple(v for v, _ in given if v.kind in COPY))
    values = [
        field
        if (field, kind) in shorthand
        else f"{field}: {made.writer.expression(kind, scope, 1).text}"
        for field, kind in fields
    ]
    text = f"Self {{ {', '.join(values)} }}"
    wrong = [f"Self {{ {', '.join(values[:-1])} }}", f"Self {{ {', '.join(values[1:])} }}",
             f"Self {{ {', '.join([*values, 'extra: 1'])} }}",
             f"Self({', '.join(values)})"]  # fmt: skip
    lines.append(_value(Expression(text, tuple(wrong)), "@", "        ", rng))
    lines.append(Line(text="    }"))
    made.known(f"{name}::", "new", given, "never")
    own = [Variable(f"self.{field}", kind, movable=False) for field, kind in fields]
    for _ in range(rng.choice([1, 1, 2])):
        lines.append(Line(text=""))
        lines += _method(made, own, name)
    lines.append(Line(text="}"))
    made.parts.append(lines)
    if rng.random() < 0.5:
        made.parts.append(_user(made, name, fields, given, derives))


def _method(made: _World, own: list[Variable], owner: str) -> list[Line]:
    rng, names = made.rng, made.names
    name = names.like("method")
    extra = made.parameters(rng.choice([0, 0, 1, 1]))
    tail = "".join(f", {v.name}: {t}" for v, t in extra)
    pad = " " * 8
    body = Body(rng, made.writer, names)
    variables = [*own, *(v for v, _ in extra)]
    changing = [v for v in own if v.kind in ("int", "size", "string", "ints", "names", "optint")]
    if changing and rng.random() < 0.45:
        target = rng.choice(changing)
        scope = made.scope(variables)
        change = body.change(target, scope, pad)
        head = f"    pub fn {name}(&mut self{tail}) {{"
        wrong = (head.replace("&mut self", "&self"), head.replace("&mut self", "self"),
                 head.replace("&mut self, ", "").replace("&mut self", ""))  # fmt: skip
        lost = tuple(Break(count=1, lines=(each,)) for each in wrong)
        bare = change.text.replace("self.", "", 1)
        broken = Break(count=1, lines=(bare,))
        return [
            Line(text=head, breaks=lost),
            Line(text=change.text, breaks=(*change.breaks, broken)),
            Line(text="    }"),
        ]
    kind = rng.choice(_RESULTS)
    head = f"    pub fn {name}(&self{tail}) -> {TYPES[kind]} {{"
    wrong2 = (head.replace("&self, ", "").replace("&self", ""), re.sub(r" -> .* \{", " {", head))
    lines = body.block(made.scope(variables), kind, rng.choice([0, 0, 1, 2]), pad)
    return [
        Line(text=head, breaks=tuple(Break(count=1, lines=(one,)) for one in wrong2)),
        *lines,
        Line(text="    }"),
    ]


def _user(
    made: _World,
    name: str,
    fields: list[tuple[str, str]],
    given: list[tuple[Variable, str]],
    derives: list[str],
) -> list[Line]:
    """Return a function that makes and reads a struct."""
    rng, names = made.rng, made.names
    parameters = made.parameters(1)
    scope = made.scope([v for v, _ in parameters])
    value = names.like("xx")
    arguments = [made.writer.expression(v.kind, scope, 1).text for v, _ in given]
    call = f"{name}::new({', '.join(arguments)})"
    wrong = [
        f"{name}::new({', '.join(arguments[:-1])})",
        f"{name}::new({', '.join([*arguments, '0'])})",
        f"{name}.new({', '.join(arguments)})",
        f"{name}({', '.join(arguments)})",
        f"new {name}({', '.join(arguments)})",
        f"{name}::create({', '.join(arguments)})",
    ]
    kind = rng.choice(_RESULTS)
    lines = [
        Line(
            text=f"pub fn {names.like('function')}"
            f"({', '.join(f'{v.name}: {t}' for v, t in parameters)}) -> {TYPES[kind]} {{"
        ),
        _value(Expression(call, tuple(wrong)), f"let {value} = @;", "    ", rng),
    ]
    own = [Variable(f"{value}.{field}", k, movable=False) for field, k in fields]
    if "Debug" in derives and rng.random() < 0.5:
        lines.append(
            Line(
                text=f'    println!("{{:?}}", {value});',
                breaks=(Break(count=1, lines=(f'    println!("{{}}", {value});',)),),
            )
        )
    inner = scope.plus(*own)
    lines += Body(rng, made.writer, names).block(inner, kind, rng.choice([0, 1]), "    ")
    lines.append(Line(text="}"))
    return lines


def _enum(made: _World) -> None:
    """Add an enum and a method that matches it."""
    rng, names = made.rng, made.names
    name = names.like("Thing")
    variants: list[tuple[str, str, list[tuple[str, str]]]] = []
    for _ in range(rng.choice([2, 3, 3, 4])):
        form = rng.choice(["unit", "tuple", "tuple", "struct"])
        count = 0 if form == "unit" else rng.choice([1, 2, 2, 3])
        fields = [(names.like("xx"), rng.choice(_FIELDS)) for _ in range(count)]
        variants.append((names.like("Variant"), form, fields))
    lines = [Line(text="#[derive(Debug, Clone, PartialEq)]"), Line(text=f"pub enum {name} {{")]
    for variant, form, fields in variants:
        inside = ", ".join(TYPES[k] if form == "tuple" else f"{f}: {TYPES[k]}" for f, k in fields)
        shown = {"unit": "", "tuple": f"({inside})", "struct": f" {{ {inside} }}"}[form]
        lines.append(Line(text=f"    {variant}{shown},"))
    lines += [Line(text="}"), Line(text=""), Line(text=f"impl {name} {{")]
    kind = rng.choice(_RESULTS)
    extra = made.parameters(rng.choice([0, 0, 1]))
    tail = "".join(f", {v.name}: {t}" for v, t in extra)
    lines.append(Line(text=f"    pub fn {names.like('method')}(&self{tail}) -> {TYPES[kind]} {{"))
    lines.append(
        Line(text="        match self {", breaks=(Break(count=1, lines=("        match {",)),))
    )
    owner = rng.choice(["Self", name])
    pad = " " * 12
    for number, (variant, form, fields) in enumerate(variants):
        used = [f for f in fields if rng.random() < 0.8]
        scope = made.scope([*(v for v, _ in extra), *(Variable(f, k, 1, False) for f, k in used)])
        value = made.writer.expression(kind, scope.inside(), 1)
        here = [f for f, _ in fields if any(f in one for one in [value.text])]
        pattern, wrong = _pattern(rng, owner, variant, form, [f for f, _ in fields], here)
        last = number == len(variants) - 1
        known = [f"{bad} => {value.text}," for bad in wrong]
        known += [f"{pattern} => {bad}," for bad in value.wrongs]
        known += [f"{pattern} = {value.text},", f"{pattern} => {value.text}"][: 1 if last else 2]
        breaks = [Break(count=1, lines=(pad + one,)) for one in known]
        breaks.append(Break(count=1, lines=(), weight=2))
        lines.append(Line(text=f"{pad}{pattern} => {value.text},", breaks=tuple(breaks)))
    lines += [Line(text="        }"), Line(text="    }"), Line(text="}")]
    made.parts.append(lines)


def _pattern(
    rng: Random, owner: str, variant: str, form: str, fields: list[str], used: list[str]
) -> tuple[str, list[str]]:
    """Return a pattern of a variant and wrong ones."""
    path = f"{owner}::{variant}"
    if form == "unit":
        return path, [f"{path}(_)", variant.lower(), f"{owner}.{variant}", f"{path}()"]
    shown = [f if f in used else "_" for f in fields]
    if form == "tuple":
        wrong = [f"{path}({', '.join([*shown, '_'])})", f"{path}"]
        if len(shown) > 1:
            wrong += [f"{path}({', '.join(shown[:-1])})", f"{path}({', '.join(shown[1:])})"]
        wrong.append(f"{path} {{ {', '.join(used or ['..'])} }}")
        return f"{path}({', '.join(shown)})", wrong
    inside = [*used, ".."] if len(used) < len(fields) else used
    wrong = [f"{path}({', '.join(shown)})", f"{path} {{ {', '.join([*used, 'other'])} }}"]
    if inside and inside[-1] == ".." and used:
        wrong.append(f"{path} {{ {', '.join(used)} }}")
    if len(used) > 1 and inside[-1] != "..":
        wrong.append(f"{path} {{ {', '.join(used[:-1])} }}")
    return f"{path} {{ {', '.join(inside)} }}", wrong


def _trait(made: _World) -> None:
    """Add a trait, a struct that has it and a function that asks for it."""
    rng, names = made.rng, made.names
    trait, owner = names.like("Trait"), names.like("Thing")
    field, kind = names.like("xx"), rng.choice(_FIELDS)
    method, result = names.like("method"), rng.choice(_RESULTS)
    extra = made.parameters(rng.choice([0, 0, 1]))
    tail = "".join(f", {v.name}: {t}" for v, t in extra)
    scope = made.scope([Variable(f"self.{field}", kind, movable=False), *(v for v, _ in extra)])
    value = made.writer.expression(result, scope, 2)
    arguments = [made.writer.reference(v.kind, Scope(()), 0).text if v.references
                 else made.writer.expression(v.kind, Scope(()), 0).text
                 for v, _ in extra]  # fmt: skip
    call = f"{names.like('xx')}"
    signature = f"fn {method}(&self{tail}) -> {TYPES[result]}"
    generic = rng.choice(
        [f"<T: {trait}>({call}: &T)", f"({call}: &dyn {trait})", f"({call}: &impl {trait})"]
    )
    use = f"{call}.{method}({', '.join(arguments)})"
    user = names.like("function")
    head = f"pub fn {user}{generic} -> {TYPES[result]} {{"
    wrong_heads = [head.replace(f"T: {trait}", "T"), head.replace("dyn ", ""),
                   head.replace("impl ", ""), head.replace("<T", "<U")]  # fmt: skip
    lines = [
        Line(text=f"pub trait {trait} {{"),
        Line(text=f"    {signature};"),
        Line(text="}"),
        Line(text=""),
        Line(text=f"pub struct {owner} {{"),
        Line(text=f"    pub {field}: {TYPES[kind]},"),
        Line(text="}"),
        Line(text=""),
        Line(
            text=f"impl {trait} for {owner} {{",
            breaks=(
                Break(count=1, lines=(f"impl {owner} for {trait} {{",)),
                Break(count=1, lines=(f"impl {trait}: {owner} {{",)),
            ),
        ),
        Line(
            text=f"    {signature} {{",
            breaks=tuple(
                Break(count=1, lines=(f"    {one} {{",))
                for one in (
                    signature.replace("&self", "&mut self"),
                    signature.replace("&self, ", "").replace("&self", ""),
                    f"pub {signature}",
                    signature.replace(method, method + "s"),
                    re.sub(r" -> .*", "", signature),
                )
            ),
        ),
        _value(value, "@", "        ", rng),
        Line(text="    }"),
        Line(text="}"),
        Line(text=""),
        Line(
            text=head,
            breaks=tuple(Break(count=1, lines=(one,)) for one in wrong_heads if one != head),
        ),
        _value(
            Expression(
                use,
                (f"{call}.{method}", f"{method}({call})", f"{trait}.{method}({call})",
                 f"{call}.{method}({', '.join([*arguments, '1'])})",
                 f"{call}.{method}({', '.join(arguments[1:])})" if arguments else f"{call}::{method}()"),
            ),
            "@",
            "    ",
            rng,
        ),
        Line(text="}"),
    ]  # fmt: skip
    made.parts.append(lines)


def _module(made: _World) -> None:
    """Add a module with a function, and a function outside that calls it."""
    rng, names = made.rng, made.names
    module, inner, outer = names.like("module"), names.like("function"), names.like("function")
    given = [p for p in made.parameters(rng.choice([1, 2])) if p[0].kind not in ("map", "set")]
    kind = rng.choice([k for k in _RESULTS if k != "map"])
    head = ", ".join(f"{v.name}: {t}" for v, t in given)
    keep = made.functions
    made.functions = []
    body = [made.writer.expression(kind, made.scope([v for v, _ in given]), 1)]
    if "Hash" in body[0].text:
        body = [made.writer.expression(kind, Scope(()), 0)]
    lines = [
        Line(text=f"pub mod {module} {{"),
        Line(
            text=f"    pub fn {inner}({head}) -> {TYPES[kind]} {{",
            breaks=(Break(count=1, lines=(f"    fn {inner}({head}) -> {TYPES[kind]} {{",), weight=2),),
        ),
        _value(body[0], "@", "        ", rng),
        Line(text="    }"),
        Line(text="}"),
        Line(text=""),
    ]  # fmt: skip
    made.functions = []
    made.known(f"{module}::", inner, given, kind)
    made.functions = [*made.functions, *keep]
    block = Body(rng, made.writer, names).block(
        Scope(tuple(v for v, _ in given), tuple(made.functions[:1])), kind, 1, "    "
    )
    lines += [
        Line(text=f"pub fn {outer}({head}) -> {TYPES[kind]} {{"),
        *block,
        Line(text="}"),
    ]
    made.parts.append(lines)


_PARTS: Final[tuple[tuple[str, Callable[[_World], None]], ...]] = (
    ("function", _function),
    ("function", _function),
    ("function", _function),
    ("struct", _struct),
    ("struct", _struct),
    ("enum", _enum),
    ("trait", _trait),
    ("module", _module),
)
FAMILIES: Final = tuple(sorted({f"made_{name}" for name, _ in _PARTS}))
