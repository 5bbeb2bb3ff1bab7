"""Statements that loop, branch and leave."""

from typing import Final

from reflex_tiny.bases import Break, Line
from reflex_tiny.changing import Changing, Made, formed, line
from reflex_tiny.expressions import TYPES, Scope, Variable

_ADDED: Final = ("int", "size", "real", "string", "ints", "names")


class Branching(Changing):
    """Loops, `if`, `match`, `?` and `let ... else`."""

    def _collect(self, scope: Scope, pad: str) -> Made:
        """Loop over something and add up."""
        rng = self._rng
        sources = [
            v
            for v in scope.variables
            if v.kind
            in ("ints", "names", "map", "pairs", "reals", "chars", "size", "int", "string", "str")
        ]
        if not sources:
            return self._let(scope, pad)
        source = rng.choice(sources)
        kind = rng.choice(_ADDED)
        target = self._name()
        start = {
            "int": "0",
            "size": "0",
            "real": "0.0",
            "string": "String::new()",
            "ints": "Vec::new()",
            "names": "Vec::new()",
        }[kind]
        bad_start = {
            "int": '"0"',
            "size": "0.0",
            "real": "0",
            "string": '""',
            "ints": "[]",
            "names": "None",
        }[kind]
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
            wrong = [
                f"for {item} of {form} {{",
                f"for ({item} in {form}) {{",
                head.replace(form, f"{name}.len()"),
                head.replace(".enumerate()", ""),
            ]
        elif source.kind in ("map", "pairs"):
            key = self._name()
            form = (
                f"{name}.iter()" if rng.random() < 0.5 or source.kind == "pairs" else f"{ref}{name}"
            )
            head = f"for ({key}, {item}) in {form} {{"
            inner = [Variable(key, "string", 1, False), Variable(item, "int", 1, False)]
            wrong = [
                f"for {key}, {item} in {form} {{",
                f"for {item} in {form} {{",
                f"for ({key}, {item}, _) in {form} {{",
            ]
        elif source.kind in ("string", "str"):
            head = f"for {item} in {name}.chars() {{"
            inner = [Variable(item, "ch", 0, False)]
            wrong = [
                f"for {item} in {name} {{",
                f"for {item} in &{name} {{",
                f"for {item} in {name}.iter() {{",
            ]
        else:
            bound = f"*{name}" if source.references else name
            head = f"for {item} in 0..{bound} {{"
            inner = [Variable(item, source.kind, 0, False)]
            wrong = [
                f"for {item} in {bound} {{",
                f"for {item} in 0,{bound} {{",
                f"for {item} in range({bound}) {{",
                f"for {item} in 0..{bound}.len() {{",
            ]
        variable = Variable(target, kind)
        # Rather what the loop gives, or the loop has no sense.
        within = scope.inside()
        within = Scope((*inner, *inner, *inner, *within.variables), within.functions, closed=True)
        lines = [
            line(
                pad,
                f"let mut {target}{annotation} = {start};",
                f"let {target}{annotation} = {start};",
                f"let mut {target}{annotation} = {bad_start};",
                f"mut {target}{annotation} = {start};",
                f"let {target} mut = {start};",
            ),
            line(pad, head, *(one for one in wrong if one != head)),
        ]
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

    def _branch(self, scope: Scope, pad: str) -> Made:
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

    def _match(self, scope: Scope, pad: str) -> Made:
        """Bind what a `match` gives."""
        rng = self._rng
        kind = rng.choice(["int", "string", "size", "str", "flag"])
        source = rng.choice(["optint", "resint", "optname", "int", "flag"])
        name, item = self._name(), self._name()
        given = self._typed(source, scope.inside())
        inner = scope.inside()
        if source == "optint":
            arms = [
                (
                    f"Some({item})",
                    Variable(item, "int", 0, False),
                    ["Ok({i})", "Some({i}, _)", "Some", "{i}"],
                ),
                ("None", None, ["null", "Err(_)", "None()", "none"]),
            ]
        elif source == "resint":
            arms = [
                (f"Ok({item})", Variable(item, "int", 0, False), ["Some({i})", "Ok({i}, _)", "Ok"]),
                ("Err(_)", None, ["None", "Err", "Err(_, _)"]),
            ]
        elif source == "optname":
            arms = [
                (
                    f"Some({item})",
                    Variable(item, "string", 0, False),
                    ["Ok({i})", "Some({i}, _)", "Some"],
                ),
                ("None", None, ["null", "Err(_)", "Nothing"]),
            ]
        elif source == "int":
            arms = [
                ("0", None, ['"0"', "0.0", "'0'"]),
                ("1..=9", None, ["1-9", "1..=9.0", "1...9"]),
                ("_", None, ["else", "default", "other =", "_ ="]),
            ]
        else:
            arms = [("true", None, ["True", "1", '"true"']), ("false", None, ["False", "0"])]
        lines = [formed(pad, f"let {name}: {TYPES[kind]} = match @ {{", given)]
        for pattern, variable, wrong in arms:
            here = (
                Scope((variable, variable, *inner.variables), inner.functions, True)
                if variable
                else inner
            )
            value = self._writer.expression(kind, here, 1)
            made = formed(
                pad + "    ",
                f"{pattern} => @,",
                value,
                *(f"{one.replace('{i}', item)} => @," for one in wrong),
                f"{pattern} => @",
                f"{pattern} -> @,",
            )
            gone = Break(count=1, lines=(), weight=2)
            lines.append(Line(text=made.text, breaks=(*made.breaks, gone)))
        lines.append(line(pad, "};", "}"))
        return lines, [Variable(name, kind)]

    def _unwrap(self, scope: Scope, pad: str) -> Made:
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
            line(
                pad,
                f"let mut {target}: {TYPES[kind]} = {start};",
                f"let {target}: {TYPES[kind]} = {start};",
            ),
            formed(
                pad,
                f"if let {word}({item}) = @ {{",
                given,
                f"if let {other}({item}) = @ {{",
                f"if {word}({item}) = @ {{",
                f"if let {item} = @ {{",
                f"if let {word}({item}, _) = @ {{",
                f"if let {word}({item}) == @ {{",
            ),
            self.change(variable, within, pad + "    "),
            line(pad, "}"),
        ], [variable]

    def _question(self, scope: Scope, kind: str, pad: str) -> Made:
        """Go on with a value or return."""
        rng = self._rng
        if kind == "resint":
            name = self._name()
            given = self._typed("resint", scope.inside())
            return [
                formed(
                    pad,
                    f"let {name} = @?;",
                    given,
                    f"let {name}: I = @;",
                    f"let {name}: String = @?;",
                    f"let {name} = @??;",
                )
            ], [Variable(name, "int")]
        inner = rng.choice(["optint", "optname"])
        name = self._name()
        given = self._typed(inner, scope.inside())
        one = "int" if inner == "optint" else "string"
        wrong = f"let {name}: {TYPES[one]} = @;"
        if rng.random() < 0.5 and not given.text.endswith("}"):
            return [
                formed(
                    pad,
                    f"let Some({name}) = @ else {{",
                    given,
                    f"let Some({name}) = @ {{",
                    f"let {name} = @ else {{",
                    f"let Ok({name}) = @ else {{",
                ),
                line(pad, "    return None;", "    None", "    return;", "    return 0;"),
                line(pad, "};", "}"),
            ], [Variable(name, one)]
        return [
            formed(pad, f"let {name}: {TYPES[one]} = @?;", given, wrong, f"let {name} = @.?;")
        ], [Variable(name, one)]
