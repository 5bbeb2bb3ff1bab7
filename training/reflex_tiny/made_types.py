"""Made-up structs and enums with their methods."""

import re

from reflex_tiny.bases import Break, Line
from reflex_tiny.declared import FIELDS, RESULTS, World, value_line
from reflex_tiny.expressions import COPY, TYPES, Expression, Scope, Variable
from reflex_tiny.statements import Body


def struct(made: World) -> None:
    """Add a struct with a constructor and methods."""
    rng, names = made.rng, made.names
    name = names.like("Thing")
    fields = [(names.like("xx"), rng.choice(FIELDS)) for _ in range(rng.choice([2, 2, 3, 4]))]
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
    wrong = [
        f"Self {{ {', '.join(values[:-1])} }}",
        f"Self {{ {', '.join(values[1:])} }}",
        f"Self {{ {', '.join([*values, 'extra: 1'])} }}",
        f"Self({', '.join(values)})",
    ]
    lines.append(value_line(Expression(text, tuple(wrong)), "@", "        "))
    lines.append(Line(text="    }"))
    made.known(f"{name}::", "new", given, "never")
    own = [Variable(f"self.{field}", kind, movable=False) for field, kind in fields]
    for _ in range(rng.choice([1, 1, 2])):
        lines.append(Line(text=""))
        lines += _method(made, own)
    lines.append(Line(text="}"))
    made.parts.append(lines)
    if rng.random() < 0.5:
        made.parts.append(_user(made, name, fields, given, derives))


def _method(made: World, own: list[Variable]) -> list[Line]:
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
        wrong = (
            head.replace("&mut self", "&self"),
            head.replace("&mut self", "self"),
            head.replace("&mut self, ", "").replace("&mut self", ""),
        )
        lost = tuple(Break(count=1, lines=(each,)) for each in wrong)
        bare = change.text.replace("self.", "", 1)
        broken = Break(count=1, lines=(bare,))
        return [
            Line(text=head, breaks=lost),
            Line(text=change.text, breaks=(*change.breaks, broken)),
            Line(text="    }"),
        ]
    kind = rng.choice(RESULTS)
    head = f"    pub fn {name}(&self{tail}) -> {TYPES[kind]} {{"
    wrong2 = (head.replace("&self, ", "").replace("&self", ""), re.sub(r" -> .* \{", " {", head))
    lines = body.block(made.scope(variables), kind, rng.choice([0, 0, 1, 2]), pad)
    return [
        Line(text=head, breaks=tuple(Break(count=1, lines=(one,)) for one in wrong2)),
        *lines,
        Line(text="    }"),
    ]


def _user(
    made: World,
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
    kind = rng.choice(RESULTS)
    lines = [
        Line(
            text=f"pub fn {names.like('function')}"
            f"({', '.join(f'{v.name}: {t}' for v, t in parameters)}) -> {TYPES[kind]} {{"
        ),
        value_line(Expression(call, tuple(wrong)), f"let {value} = @;", "    "),
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


def enum(made: World) -> None:
    """Add an enum and a method that matches it."""
    rng, names = made.rng, made.names
    name = names.like("Thing")
    variants: list[tuple[str, str, list[tuple[str, str]]]] = []
    for _ in range(rng.choice([2, 3, 3, 4])):
        form = rng.choice(["unit", "tuple", "tuple", "struct"])
        count = 0 if form == "unit" else rng.choice([1, 2, 2, 3])
        fields = [(names.like("xx"), rng.choice(FIELDS)) for _ in range(count)]
        variants.append((names.like("Variant"), form, fields))
    lines = [Line(text="#[derive(Debug, Clone, PartialEq)]"), Line(text=f"pub enum {name} {{")]
    for variant, form, fields in variants:
        inside = ", ".join(TYPES[k] if form == "tuple" else f"{f}: {TYPES[k]}" for f, k in fields)
        shown = {"unit": "", "tuple": f"({inside})", "struct": f" {{ {inside} }}"}[form]
        lines.append(Line(text=f"    {variant}{shown},"))
    lines += [Line(text="}"), Line(text=""), Line(text=f"impl {name} {{")]
    kind = rng.choice(RESULTS)
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
        pattern, wrong = _pattern(owner, variant, form, [f for f, _ in fields], here)
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
    owner: str, variant: str, form: str, fields: list[str], used: list[str]
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
