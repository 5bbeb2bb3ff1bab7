"""Bodies of functions: statements that bind, change, loop and branch, then a value."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from reflex_tiny.bases import Break, Line
from reflex_tiny.expressions import COPY, TYPES, Expression, Scope, Variable, Writer
from reflex_tiny.naming import Names

_BOUND: Final = (
    "int", "int", "int", "size", "size", "real", "flag", "string", "string", "ints", "ints",
    "names", "optint", "optname", "reals", "ch", "resint", "pair", "map", "str", "chars", "grid",
)  # fmt: skip
_ADDED: Final = ("int", "size", "real", "string", "ints", "names")


def line(pad: str, text: str, *wrongs: str, weight: int = 1) -> Line:
    """Return a line with known mistakes; `¶` separates lines in them."""
    return Line(
        text=pad + text,
        breaks=tuple(
            Break(count=1, weight=weight, lines=tuple(pad + one for one in wrong.split(" ¶ ") if wrong))
            for wrong in wrongs
        ),
    )  # fmt: skip


def formed(pad: str, form: str, given: Expression, *more: str) -> Line:
    """Return a line with an expression at `@`."""
    return line(
        pad,
        form.replace("@", given.text, 1),
        *(form.replace("@", bad, 1) for bad in given.wrongs),
        *(one.replace("@", given.text, 1) for one in more),
    )


class Body:
    """Writes the bodies of one program's functions."""

    def __init__(self, rng: Random, writer: Writer, names: Names) -> None:
        self._rng = rng
        self._writer = writer
        self._names = names
        self._statements: Sequence[Callable[[Scope, str], tuple[list[Line], list[Variable]]]] = (
            self._let, self._let, self._let, self._let, self._let, self._collect, self._collect,
            self._branch, self._unwrap, self._choose, self._grow, self._grow, self._borrow,
            self._shadow, self._match,
        )  # fmt: skip

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

    def change(self, target: Variable, scope: Scope, pad: str) -> Line:
        """Return a statement that changes a variable."""
        rng, name, writer = self._rng, target.name, self._writer
        others = Scope(
            tuple(v for v in scope.variables if v.name != name), scope.functions, closed=True
        )
        value = lambda kind: writer.expression(kind, others, 1)  # noqa: E731
        if target.kind == "int":
            form = rng.choice(["{n} += @;", "{n} += @;", "{n} = @;", "{n} *= @;"])
            more = ("{n} =+ @", "{n}.add(@);", "{n}++;", "{n} += Some(@);")
            return formed(
                pad, form.replace("{n}", name), value("int"),
                *(one.replace("{n}", name) for one in more),
            )  # fmt: skip
        if target.kind == "size":
            form = rng.choice(["{n} += @;", "{n} = @;"])
            return formed(pad, form.replace("{n}", name), value("size"), f"{name} += (@) as i32;")
        if target.kind == "real":
            return formed(pad, f"{name} += @;", value("real"), f"{name} += 1;")
        if target.kind == "string":
            if rng.random() < 0.4:
                return formed(
                    pad, f"{name}.push(@);", value("ch"), f"{name}.push_str(@);", f"{name}.add(@);",
                    f'{name}.push("x");',
                )  # fmt: skip
            if rng.random() < 0.3:
                return formed(
                    pad, f"{name} += @;", writer.reference("string", others), f"{name} =+ @;"
                )
            return formed(
                pad, f"{name}.push_str(@);", writer.reference("string", others),
                f"{name}.append(@);", f"{name}.push(@);", f"{name}.push_str();",
            )  # fmt: skip
        if target.kind == "ints":
            return formed(
                pad, f"{name}.push(@);", value("int"), f"{name}.push();", f"{name}.append(@);",
                f"{name}.add(@);", f"{name}.push(&@);", f"{name}.push_back(@);",
            )  # fmt: skip
        if target.kind == "names":
            return formed(
                pad, f"{name}.push(@);", value("string"), f"{name}.push();", f"{name}.append(@);",
                f"{name}.push(&@);", f'{name}.push("new");',
            )  # fmt: skip
        return formed(pad, f"{name} = @;", value(target.kind))

    def _end(self, name: str, pad: str) -> list[Line]:
        return [line(pad, name, f"&{name}", f"{name};", f"Some({name})", f"{name}?")]

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

    def _let(self, scope: Scope, pad: str) -> tuple[list[Line], list[Variable]]:
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

    def _shadow(self, scope: Scope, pad: str) -> tuple[list[Line], list[Variable]]:
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

    def _collect(self, scope: Scope, pad: str) -> tuple[list[Line], list[Variable]]:
        """Loop over something and add up."""
        rng = self._rng
        sources = [v for v in scope.variables if v.kind in ("ints", "names", "map", "pairs", "reals", "chars", "size", "int", "string", "str")]  # fmt: skip  # noqa: E501
        if not sources:
            return self._let(scope, pad)
        source = rng.choice(sources)
        kind = rng.choice(_ADDED)
        target = self._name()
        start = {
            "int": "0", "size": "0", "real": "0.0", "string": "String::new()",
            "ints": "Vec::new()", "names": "Vec::new()",
        }[kind]  # fmt: skip
        bad_start = {
            "int": '"0"', "size": "0.0", "real": "0", "string": '""', "ints": "[]", "names": "None",
        }[kind]  # fmt: skip
        annotation = (
            f": {TYPES[kind]}" if kind in ("int", "ints", "names") or rng.random() < 0.3 else ""
        )
        item = self._name()
        ref = "" if source.references else "&"
        name = source.name
        inner: list[Variable]
        if source.kind in ("ints", "names", "reals", "chars"):
            one = {"ints": "int", "names": "string", "reals": "real", "chars": "ch"}[source.kind]
            form = rng.choice([f"{ref}{name}", f"{name}.iter()"])
            head = f"for {item} in {form} {{"
            inner = [Variable(item, one, 1, False)]
            if rng.random() < 0.25:
                at = self._name()
                form = f"{name}.iter().enumerate()"
                head = f"for ({at}, {item}) in {form} {{"
                inner.append(Variable(at, "size", 0, False))
            wrong = [f"for {item} of {form} {{", f"for ({item} in {form}) {{",
                     head.replace(form, f"{name}.len()"), head.replace(".enumerate()", "")]  # fmt: skip
        elif source.kind in ("map", "pairs"):
            key = self._name()
            form = (
                f"{name}.iter()" if rng.random() < 0.5 or source.kind == "pairs" else f"{ref}{name}"
            )
            head = f"for ({key}, {item}) in {form} {{"
            inner = [Variable(key, "string", 1, False), Variable(item, "int", 1, False)]
            wrong = [f"for {key}, {item} in {form} {{", f"for {item} in {form} {{",
                     f"for ({key}, {item}, _) in {form} {{"]  # fmt: skip
        elif source.kind in ("string", "str"):
            head = f"for {item} in {name}.chars() {{"
            inner = [Variable(item, "ch", 0, False)]
            wrong = [f"for {item} in {name} {{", f"for {item} in &{name} {{",
                     f"for {item} in {name}.iter() {{"]  # fmt: skip
        else:
            bound = f"*{name}" if source.references else name
            head = f"for {item} in 0..{bound} {{"
            inner = [Variable(item, source.kind, 0, False)]
            wrong = [f"for {item} in {bound} {{", f"for {item} in 0,{bound} {{",
                     f"for {item} in range({bound}) {{", f"for {item} in 0..{bound}.len() {{"]  # fmt: skip
        variable = Variable(target, kind)
        # Rather what the loop gives, or the loop has no sense.
        within = scope.inside()
        within = Scope((*inner, *inner, *inner, *within.variables), within.functions, closed=True)
        lines = [
            line(
                pad, f"let mut {target}{annotation} = {start};",
                f"let {target}{annotation} = {start};", f"let mut {target}{annotation} = {bad_start};",
                f"mut {target}{annotation} = {start};", f"let {target} mut = {start};",
            ),
            line(pad, head, *(one for one in wrong if one != head)),
        ]  # fmt: skip
        if rng.random() < 0.35:
            flag = self._writer.expression("flag", within, 1)
            lines += [
                formed(pad + "    ", "if @ {", flag, "if (@ {", "if @"),
                self.change(variable, within, pad + " " * 8),
                line(pad + "    ", "}"),
            ]
        else:
            lines.append(self.change(variable, within, pad + "    "))
        lines.append(line(pad, "}"))
        return lines, [variable]

    def _branch(self, scope: Scope, pad: str) -> tuple[list[Line], list[Variable]]:
        """Bind what an `if` gives."""
        kind = self._rng.choice(["int", "string", "size", "str", "real", "optint"])
        name = self._name()
        flag = self._writer.expression("flag", scope.inside(), 1)
        first = self._writer.expression(kind, scope.inside(), 1)
        second = self._writer.expression(kind, scope.inside(), 1)
        typed = f": {TYPES[kind]}"
        return [
            formed(pad, f"let {name}{typed} = if @ {{", flag),
            formed(pad + "    ", "@", first, "@;"),
            line(pad, "} else {", "}", "} otherwise {"),
            formed(pad + "    ", "@", second, "@;"),
            line(pad, "};", "}"),
        ], [Variable(name, kind)]

    def _match(self, scope: Scope, pad: str) -> tuple[list[Line], list[Variable]]:
        """Bind what a `match` gives."""
        rng = self._rng
        kind = rng.choice(["int", "string", "size", "str", "flag"])
        source = rng.choice(["optint", "resint", "optname", "int", "flag"])
        name, item = self._name(), self._name()
        given = self._typed(source, scope.inside())
        inner = scope.inside()
        if source == "optint":
            arms = [(f"Some({item})", Variable(item, "int", 0, False), ["Ok({i})", "Some({i}, _)", "Some", "{i}"]), ("None", None, ["null", "Err(_)", "None()", "none"])]  # fmt: skip  # noqa: E501
        elif source == "resint":
            arms = [(f"Ok({item})", Variable(item, "int", 0, False), ["Some({i})", "Ok({i}, _)", "Ok"]), ("Err(_)", None, ["None", "Err", "Err(_, _)"])]  # fmt: skip  # noqa: E501
        elif source == "optname":
            arms = [(f"Some({item})", Variable(item, "string", 0, False), ["Ok({i})", "Some({i}, _)", "Some"]), ("None", None, ["null", "Err(_)", "Nothing"])]  # fmt: skip  # noqa: E501
        elif source == "int":
            arms = [("0", None, ['"0"', "0.0", "'0'"]), ("1..=9", None, ["1-9", "1..=9.0", "1...9"]), ("_", None, ["else", "default", "other =", "_ ="])]  # fmt: skip  # noqa: E501
        else:
            arms = [("true", None, ["True", "1", '"true"']), ("false", None, ["False", "0"])]
        lines = [formed(pad, f"let {name}: {TYPES[kind]} = match @ {{", given)]
        for pattern, variable, wrong in arms:
            here = Scope((variable, variable, *inner.variables), inner.functions, True) if variable else inner  # fmt: skip  # noqa: E501
            value = self._writer.expression(kind, here, 1)
            made = formed(
                pad + "    ", f"{pattern} => @,", value,
                *(f"{one.replace('{i}', item)} => @," for one in wrong),
                f"{pattern} => @", f"{pattern} -> @,",
            )  # fmt: skip
            gone = Break(count=1, lines=(), weight=2)
            lines.append(Line(text=made.text, breaks=(*made.breaks, gone)))
        lines.append(line(pad, "};", "}"))
        return lines, [Variable(name, kind)]

    def _unwrap(self, scope: Scope, pad: str) -> tuple[list[Line], list[Variable]]:
        """Change something if there is a value."""
        rng = self._rng
        source = rng.choice(["optint", "optname", "resint"])
        given = self._typed(source, scope.inside())
        target, item = self._name(), self._name()
        kind = rng.choice(["int", "size", "string"])
        start = {"int": "0", "size": "0", "string": "String::new()"}[kind]
        word = "Ok" if source == "resint" else "Some"
        other = "Some" if source == "resint" else "Ok"
        inner_kind = "string" if source == "optname" else "int"
        one = Variable(item, inner_kind, 0, False)
        within = Scope((one, one, one, *scope.inside().variables), scope.functions, True)
        variable = Variable(target, kind)
        return [
            line(pad, f"let mut {target}: {TYPES[kind]} = {start};",
                 f"let {target}: {TYPES[kind]} = {start};"),
            formed(pad, f"if let {word}({item}) = @ {{", given, f"if let {other}({item}) = @ {{",
                   f"if {word}({item}) = @ {{", f"if let {item} = @ {{",
                   f"if let {word}({item}, _) = @ {{", f"if let {word}({item}) == @ {{"),
            self.change(variable, within, pad + "    "),
            line(pad, "}"),
        ], [variable]  # fmt: skip

    def _choose(self, scope: Scope, pad: str) -> tuple[list[Line], list[Variable]]:
        """Bind a closure and call it."""
        rng = self._rng
        name, item, result = self._name(), self._name(), self._name()
        one = Variable(item, "int", 0, False)
        value = self._writer.expression(
            "int", Scope((one, one, *(v for v in scope.variables if v.kind in COPY)), (), True), 1
        )
        given = self._writer.expression("int", scope.inside(), 1)
        wrong = [f"let {result} = {name}();", f"let {result} = {name}(@, 1);",
                 f"let {result} = {name}.call(@);", f"let {result} = {name}(Some(@));",
                 f"let {result} = {name};"]  # fmt: skip
        del rng
        return [
            formed(pad, f"let {name} = |{item}: I| @;", value, f"let {name} = |{item}: String| @;",
                   f"let {name} = || @;", f"let {name} = ({item}) => @;"),
            formed(pad, f"let {result}: I = {name}(@);", given, *wrong),
        ], [Variable(result, "int")]  # fmt: skip

    def _grow(self, scope: Scope, pad: str) -> tuple[list[Line], list[Variable]]:
        """Copy something, change the copy."""
        rng = self._rng
        kind = rng.choice(["ints", "names", "string", "map", "set"])
        name = self._name()
        start = self._writer.expression(kind, scope.inside(), 1)
        lines = [
            formed(pad, f"let mut {name}: {TYPES[kind]} = @;", start,
                   f"let {name}: {TYPES[kind]} = @;")
        ]  # fmt: skip
        variable = Variable(name, kind)
        if kind in ("ints", "names", "string"):
            lines.append(self.change(variable, scope, pad))
        else:
            key = self._writer.expression("string", scope.inside(), 1)
            number = self._writer.expression("int", scope.inside(), 1)
            if kind == "map" and rng.random() < 0.5:
                lines.append(
                    formed(pad, f"*{name}.entry(@).or_insert(0) += 1;", key,
                           f"{name}.entry(@).or_insert(0) += 1;", f"*{name}.entry(@) += 1;",
                           f"*{name}.entry(@).or_insert() += 1;", f"{name}[@] += 1;",
                           f"*{name}.get_or_insert(@) += 1;", f"*{name}.entry(@).or_insert(0.0) += 1;")
                )  # fmt: skip
            elif kind == "map":
                lines.append(
                    formed(pad, f"{name}.insert(@, {number.text});", key, f"{name}.insert(@);",
                           f"{name}.put(@, {number.text});", f"{name}[@] = {number.text};",
                           f"{name}.insert((@, {number.text}));",
                           f"{name}.insert({number.text}, @);")
                )  # fmt: skip
            else:
                lines.append(
                    formed(pad, f"{name}.insert(@);", number, f"{name}.add(@);", f"{name}.insert();",
                           f"{name}.push(@);", f"{name}.insert(&@);", f"{name}.insert(@, 1);")
                )  # fmt: skip
        if kind in ("ints", "names") and rng.random() < 0.4:
            call, *wrong = rng.choice(
                [
                    ("sort()", "sorted()", "sort(1)", "sort"),
                    ("reverse()", "rev()", "reversed()", "reverse(true)"),
                    ("dedup()", "unique()", "dedup(1)"),
                    ("truncate(3)", "truncate()", 'truncate("3")', "limit(3)"),
                    ("clear()", "empty()", "clear(0)"),
                    ("retain(|n| n != &n.clone())", "retain(n != 1)", "filter(|n| true)"),
                    ("swap(0, 1)", "swap(0)", "swap(0.0, 1)", "exchange(0, 1)"),
                    ("sort_by(|a, b| b.cmp(a))", "sort_by(b.cmp(a))", "sort_by(|a| b.cmp(a))",
                     "sort_by(|a, b| b > a)", "sort_by(|a, b| b - a)"),
                    ("sort_by_key(|n| n.clone())", "sort_by_key()", "sort_by_key(n.clone())"),
                ]
            )  # fmt: skip
            lines.append(line(pad, f"{name}.{call};", *(f"{name}.{one};" for one in wrong)))
        return lines, [variable]

    def _question(self, scope: Scope, kind: str, pad: str) -> tuple[list[Line], list[Variable]]:
        """Go on with a value or return."""
        rng = self._rng
        if kind == "resint":
            name = self._name()
            given = self._typed("resint", scope.inside())
            return [
                formed(pad, f"let {name} = @?;", given, f"let {name}: I = @;",
                       f"let {name}: String = @?;", f"let {name} = @??;")
            ], [Variable(name, "int")]  # fmt: skip
        inner = rng.choice(["optint", "optname"])
        name = self._name()
        given = self._typed(inner, scope.inside())
        one = "int" if inner == "optint" else "string"
        wrong = f"let {name}: {TYPES[one]} = @;"
        if rng.random() < 0.5 and not given.text.endswith("}"):
            return [
                formed(pad, f"let Some({name}) = @ else {{", given, f"let Some({name}) = @ {{",
                       f"let {name} = @ else {{", f"let Ok({name}) = @ else {{"),
                line(pad, "    return None;", "    None", "    return;", "    return 0;"),
                line(pad, "};", "}"),
            ], [Variable(name, one)]  # fmt: skip
        return [
            formed(pad, f"let {name}: {TYPES[one]} = @?;", given, wrong, f"let {name} = @.?;")
        ], [Variable(name, one)]

    def _borrow(self, scope: Scope, pad: str) -> tuple[list[Line], list[Variable]]:
        """Lend, move and change in an order that the borrow checker allows."""
        rng = self._rng
        kind = rng.choice(["ints", "names", "string"])
        start = self._writer.expression(kind, scope.inside(), 1)
        name, other = self._name(), self._name()
        typed = TYPES[kind]
        push = {"ints": f"{name}.push(3);", "names": f"{name}.push(String::new());",
                "string": f"{name}.push('x');"}[kind]  # fmt: skip
        mutable = formed(pad, f"let mut {name}: {typed} = @;", start, f"let {name}: {typed} = @;")
        plain = formed(pad, f"let {name}: {typed} = @;", start)
        result = [Variable(other, "size")]
        form = rng.randrange(6)
        size = f"let {other} = {name}.len();"
        if form == 0:
            return [
                plain,
                line(pad, f"let copy = {name}.clone();", f"let copy = {name};", weight=3),
                line(pad, f"let {other} = {name}.len() + copy.len();"),
            ], result
        if form == 1:
            return [
                mutable,
                line(
                    pad, size, f"let {other} = &{name};", f"let {other} = {name}.iter();", weight=2
                ),
                line(pad, push),
                line(pad, f'println!("{{:?}}", {other});'),
            ], result
        if form == 2:
            return [
                plain,
                line(pad, size),
                Line(
                    text=f"{pad}drop({name});",
                    breaks=(
                        Break(count=2, weight=3, lines=(f"{pad}drop({name});", f"{pad}{size}")),
                    ),
                ),
            ], result
        if form == 3:
            return [
                plain,
                line(pad, f"let task = std::thread::spawn(move || {name}.len());",
                     f"let task = std::thread::spawn(|| {name}.len());",
                     f"let task = thread::spawn(move || {name}.len());",
                     f"let task = std::thread::spawn({name}.len());", weight=2),
                line(pad, f"let {other}: usize = task.join().unwrap();",
                     f"let {other}: usize = task.join();", f"let {other}: usize = task.wait();",
                     f"let {other}: usize = task;"),
            ], result  # fmt: skip
        if form == 4:
            return [
                mutable,
                line(pad, "{"),
                line(pad, f"    let view = &mut {name};", f"    let view = &{name};",
                     f"    let view = {name};", weight=2),
                line(pad, "    " + push.replace(name, "view")),
                line(pad, "}"),
                line(pad, size),
            ], result  # fmt: skip
        inner = f"{pad}    let inner: {typed} = {start.text};"
        return [
            Line(text=inner[4:]),
            line(pad, f"let {other}: usize;"),
            Line(
                text=f"{pad}{{",
                breaks=(Break(count=1, lines=(f"{pad}(",)),),
            ),
            line(pad, f"    let {name} = &inner;", f"    let {name} = &&mut inner;"),
            line(pad, f"    {other} = {name}.len();", f"    {other} = {name};", f"    {other} = {name}.len;"),
            line(pad, "}"),
        ], result  # fmt: skip
