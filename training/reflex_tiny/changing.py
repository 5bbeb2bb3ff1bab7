"""Lines with their known mistakes, and the statements that change a variable."""

from abc import ABC, abstractmethod
from random import Random

from reflex_tiny.bases import Break, Line
from reflex_tiny.expressions import Expression, Scope, Variable, Writer
from reflex_tiny.naming import Names

Made = tuple[list[Line], list[Variable]]
"""Statements, and the variables that they bind."""


def line(pad: str, text: str, *wrongs: str, weight: int = 1) -> Line:
    """Return a line with known mistakes; `¶` separates lines in them."""
    return Line(
        text=pad + text,
        breaks=tuple(
            Break(
                count=1,
                weight=weight,
                lines=tuple(pad + one for one in wrong.split(" ¶ ") if wrong),
            )
            for wrong in wrongs
        ),
    )


def formed(pad: str, form: str, given: Expression, *more: str) -> Line:
    """Return a line with an expression at `@`."""
    return line(
        pad,
        form.replace("@", given.text, 1),
        *(form.replace("@", bad, 1) for bad in given.wrongs),
        *(one.replace("@", given.text, 1) for one in more),
    )


class Changing(ABC):
    """What all statements need: names, expressions, changes."""

    def __init__(self, rng: Random, writer: Writer, names: Names) -> None:
        self._rng = rng
        self._writer = writer
        self._names = names

    def change(self, target: Variable, scope: Scope, pad: str) -> Line:
        """Return a statement that changes a variable."""
        rng, name, writer = self._rng, target.name, self._writer
        others = Scope(
            tuple(v for v in scope.variables if v.name != name), scope.functions, closed=True
        )

        def value(kind: str) -> Expression:
            return writer.expression(kind, others, 1)

        if target.kind == "int":
            form = rng.choice(["{n} += @;", "{n} += @;", "{n} = @;", "{n} *= @;"])
            more = ("{n} =+ @", "{n}.add(@);", "{n}++;", "{n} += Some(@);")
            return formed(
                pad,
                form.replace("{n}", name),
                value("int"),
                *(one.replace("{n}", name) for one in more),
            )
        if target.kind == "size":
            form = rng.choice(["{n} += @;", "{n} = @;"])
            return formed(pad, form.replace("{n}", name), value("size"), f"{name} += (@) as i32;")
        if target.kind == "real":
            return formed(pad, f"{name} += @;", value("real"), f"{name} += 1;")
        if target.kind == "string":
            if rng.random() < 0.4:
                return formed(
                    pad,
                    f"{name}.push(@);",
                    value("ch"),
                    f"{name}.push_str(@);",
                    f"{name}.add(@);",
                    f'{name}.push("x");',
                )
            if rng.random() < 0.3:
                return formed(
                    pad, f"{name} += @;", writer.reference("string", others), f"{name} =+ @;"
                )
            return formed(
                pad,
                f"{name}.push_str(@);",
                writer.reference("string", others),
                f"{name}.append(@);",
                f"{name}.push(@);",
                f"{name}.push_str();",
            )
        if target.kind == "ints":
            return formed(
                pad,
                f"{name}.push(@);",
                value("int"),
                f"{name}.push();",
                f"{name}.append(@);",
                f"{name}.add(@);",
                f"{name}.push(&@);",
                f"{name}.push_back(@);",
            )
        if target.kind == "names":
            return formed(
                pad,
                f"{name}.push(@);",
                value("string"),
                f"{name}.push();",
                f"{name}.append(@);",
                f"{name}.push(&@);",
                f'{name}.push("new");',
            )
        return formed(pad, f"{name} = @;", value(target.kind))

    def _typed(self, kind: str, scope: Scope) -> Expression:
        """Return an expression that has a type without help."""
        for _ in range(4):
            made = self._writer.expression(kind, scope, 1)
            if not (made.text.startswith(("Ok(", "Err(", "None", "Some(")) or len(made.text) > 50):
                return made
        word = self._writer.word()
        return {
            "resint": Expression(f'"{word}".parse::<I>().map_err(|e| e.to_string())'),
            "optname": Expression(f'Some("{word}".to_string())', (f'"{word}".to_string()',)),
        }.get(kind, Expression("Some(5)", ("5",)))

    def _name(self) -> str:
        return self._names.like("xx")

    @abstractmethod
    def _let(self, scope: Scope, pad: str) -> Made:
        """Bind an expression; the fallback of statements that find nothing to work on."""
