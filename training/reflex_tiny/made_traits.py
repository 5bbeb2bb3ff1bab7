"""Made-up traits with who has them and who asks for them, and modules."""

import re

from reflex_tiny.bases import Break, Line
from reflex_tiny.declared import FIELDS, RESULTS, World, value_line
from reflex_tiny.expressions import TYPES, Expression, Scope, Variable
from reflex_tiny.statements import Body


def trait(made: World) -> None:
    """Add a trait, a struct that has it and a function that asks for it."""
    rng, names = made.rng, made.names
    trait, owner = names.like("Trait"), names.like("Thing")
    field, kind = names.like("xx"), rng.choice(FIELDS)
    method, result = names.like("method"), rng.choice(RESULTS)
    extra = made.parameters(rng.choice([0, 0, 1]))
    tail = "".join(f", {v.name}: {t}" for v, t in extra)
    scope = made.scope([Variable(f"self.{field}", kind, movable=False), *(v for v, _ in extra)])
    value = made.writer.expression(result, scope, 2)
    arguments = [
        made.writer.reference(v.kind, Scope(()), 0).text
        if v.references
        else made.writer.expression(v.kind, Scope(()), 0).text
        for v, _ in extra
    ]
    call = f"{names.like('xx')}"
    signature = f"fn {method}(&self{tail}) -> {TYPES[result]}"
    generic = rng.choice(
        [f"<T: {trait}>({call}: &T)", f"({call}: &dyn {trait})", f"({call}: &impl {trait})"]
    )
    use = f"{call}.{method}({', '.join(arguments)})"
    user = names.like("function")
    head = f"pub fn {user}{generic} -> {TYPES[result]} {{"
    wrong_heads = [
        head.replace(f"T: {trait}", "T"),
        head.replace("dyn ", ""),
        head.replace("impl ", ""),
        head.replace("<T", "<U"),
    ]
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
        value_line(value, "@", "        "),
        Line(text="    }"),
        Line(text="}"),
        Line(text=""),
        Line(
            text=head,
            breaks=tuple(Break(count=1, lines=(one,)) for one in wrong_heads if one != head),
        ),
        value_line(
            Expression(
                use,
                (
                    f"{call}.{method}",
                    f"{method}({call})",
                    f"{trait}.{method}({call})",
                    f"{call}.{method}({', '.join([*arguments, '1'])})",
                    f"{call}.{method}({', '.join(arguments[1:])})"
                    if arguments
                    else f"{call}::{method}()",
                ),
            ),
            "@",
            "    ",
        ),
        Line(text="}"),
    ]
    made.parts.append(lines)


def module(made: World) -> None:
    """Add a module with a function, and a function outside that calls it."""
    rng, names = made.rng, made.names
    module, inner, outer = names.like("module"), names.like("function"), names.like("function")
    given = [p for p in made.parameters(rng.choice([1, 2])) if p[0].kind not in ("map", "set")]
    kind = rng.choice([k for k in RESULTS if k != "map"])
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
            breaks=(
                Break(count=1, lines=(f"    fn {inner}({head}) -> {TYPES[kind]} {{",), weight=2),
            ),
        ),
        value_line(body[0], "@", "        "),
        Line(text="    }"),
        Line(text="}"),
        Line(text=""),
    ]
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
