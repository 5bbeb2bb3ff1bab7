"""Bodies of functions: statements that bind, change, loop and branch, then a value."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from reflex_tiny.bases import Line
from reflex_tiny.branching import Branching
from reflex_tiny.changing import Made, formed, line
from reflex_tiny.expressions import COPY, TYPES, Expression, Scope, Variable, Writer
from reflex_tiny.lending import Lending
from reflex_tiny.naming import Names

_BOUND: Final = (
    "int",
    "int",
    "int",
    "size",
    "size",
    "real",
    "flag",
    "string",
    "string",
    "ints",
    "ints",
    "names",
    "optint",
    "optname",
    "reals",
    "ch",
    "resint",
    "pair",
    "map",
    "str",
    "chars",
    "grid",
)


class Body(Branching, Lending):
    """Writes the bodies of one program's functions."""

    def __init__(self, rng: Random, writer: Writer, names: Names) -> None:
        super().__init__(rng, writer, names)
        self._statements: Sequence[Callable[[Scope, str], Made]] = (
            self._let,
            self._let,
            self._let,
            self._let,
            self._let,
            self._collect,
            self._collect,
            self._branch,
            self._unwrap,
            self._choose,
            self._grow,
            self._grow,
            self._borrow,
            self._shadow,
            self._match,
        )

    def block(self, scope: Scope, kind: str, count: int, pad: str) -> list[Line]:
        """Return statements and a last expression of a kind."""
        lines: list[Line] = []
        new: list[Variable] = []
        if kind in ("resint", "optint", "optname") and self._rng.random() < 0.5:
            made, more = self._question(scope, kind, pad)
            lines += made
            new += more
        for _ in range(count):
            made, more = self._rng.choice(self._statements)(scope.plus(*new), pad)
            lines += made
            new += more
        inner = scope.plus(*new)
        # The newest values are what the end is made of.
        fresh = [v for v in new if v.kind == kind]
        if fresh and self._rng.random() < 0.6:
            return [*lines, *self._end(fresh[-1].name, pad)]
        prefer = Scope(tuple(new), scope.functions) if new and self._rng.random() < 0.6 else inner
        value = self._writer.expression(kind, prefer, 2 if not new else 1)
        if len(value.text) > 80:
            value = self._writer.expression(kind, inner, 1)
        return [*lines, formed(pad, "@", value, "@;", "return @")]

    def _end(self, name: str, pad: str) -> list[Line]:
        return [line(pad, name, f"&{name}", f"{name};", f"Some({name})", f"{name}?")]

    def _let(self, scope: Scope, pad: str) -> Made:
        kind = self._rng.choice(_BOUND)
        name = self._name()
        value = self._writer.expression(kind, scope, 2)
        if len(value.text) > 80:
            value = self._writer.expression(kind, scope, 1)
        typed = self._rng.random() < 0.55 or value.text in ("None", "Vec::new()")
        typed = typed or kind in (
            "optint",
            "resint",
            "map",
            "set",
            "grid",
            "pair",
            "pairs",
            "optname",
        )
        annotation = f": {TYPES[kind]}" if typed else ""
        tail = value.text.rpartition("::<")
        if typed and tail[2].endswith(">()") and tail[1] and self._rng.random() < 0.6:
            value = Expression(f"{tail[0]}()", value.wrongs)
        more = [f"let {name} = @", f"{name} = @;"]
        if value.text.endswith(("collect()", "sum()")):
            more.append(f"let {name} = @;")
        return [formed(pad, f"let {name}{annotation} = @;", value, *more)], [Variable(name, kind)]

    def _shadow(self, scope: Scope, pad: str) -> Made:
        """Print a value."""
        shown = [v for v in scope.variables if v.kind in ("int", "size", "string", "str", "real")]
        if not shown:
            return self._let(scope, pad)
        one = self._rng.choice(shown)
        word = self._writer.word()
        return [
            line(
                pad,
                f'println!("{word} {{}}", {one.name});',
                f'println!("{word} {{}}");',
                f'println("{word} {{}}", {one.name});',
                f'println!("{word} {{}} {{}}", {one.name});',
                f"println!({one.name});",
                f'println!("{word} {{}}" {one.name});',
            )
        ], []

    def _choose(self, scope: Scope, pad: str) -> Made:
        """Bind a closure and call it."""
        rng = self._rng
        name, item, result = self._name(), self._name(), self._name()
        one = Variable(item, "int", 0, False)
        value = self._writer.expression(
            "int", Scope((one, one, *(v for v in scope.variables if v.kind in COPY)), (), True), 1
        )
        given = self._writer.expression("int", scope.inside(), 1)
        wrong = [
            f"let {result} = {name}();",
            f"let {result} = {name}(@, 1);",
            f"let {result} = {name}.call(@);",
            f"let {result} = {name}(Some(@));",
            f"let {result} = {name};",
        ]
        del rng
        return [
            formed(
                pad,
                f"let {name} = |{item}: I| @;",
                value,
                f"let {name} = |{item}: String| @;",
                f"let {name} = || @;",
                f"let {name} = ({item}) => @;",
            ),
            formed(pad, f"let {result}: I = {name}(@);", given, *wrong),
        ], [Variable(result, "int")]
