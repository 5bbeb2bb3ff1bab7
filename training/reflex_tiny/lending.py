"""Statements that change what they were given, and those that lend and move in a lawful order."""

from reflex_tiny.bases import Break, Line
from reflex_tiny.changing import Changing, Made, formed, line
from reflex_tiny.expressions import TYPES, Scope, Variable


class Lending(Changing):
    """Copies that grow, borrows that end in time."""

    def _grow(self, scope: Scope, pad: str) -> Made:
        """Copy something, change the copy."""
        rng = self._rng
        kind = rng.choice(["ints", "names", "string", "map", "set"])
        name = self._name()
        start = self._writer.expression(kind, scope.inside(), 1)
        lines = [
            formed(
                pad, f"let mut {name}: {TYPES[kind]} = @;", start, f"let {name}: {TYPES[kind]} = @;"
            )
        ]
        variable = Variable(name, kind)
        if kind in ("ints", "names", "string"):
            lines.append(self.change(variable, scope, pad))
        else:
            key = self._writer.expression("string", scope.inside(), 1)
            number = self._writer.expression("int", scope.inside(), 1)
            if kind == "map" and rng.random() < 0.5:
                lines.append(
                    formed(
                        pad,
                        f"*{name}.entry(@).or_insert(0) += 1;",
                        key,
                        f"{name}.entry(@).or_insert(0) += 1;",
                        f"*{name}.entry(@) += 1;",
                        f"*{name}.entry(@).or_insert() += 1;",
                        f"{name}[@] += 1;",
                        f"*{name}.get_or_insert(@) += 1;",
                        f"*{name}.entry(@).or_insert(0.0) += 1;",
                    )
                )
            elif kind == "map":
                lines.append(
                    formed(
                        pad,
                        f"{name}.insert(@, {number.text});",
                        key,
                        f"{name}.insert(@);",
                        f"{name}.put(@, {number.text});",
                        f"{name}[@] = {number.text};",
                        f"{name}.insert((@, {number.text}));",
                        f"{name}.insert({number.text}, @);",
                    )
                )
            else:
                lines.append(
                    formed(
                        pad,
                        f"{name}.insert(@);",
                        number,
                        f"{name}.add(@);",
                        f"{name}.insert();",
                        f"{name}.push(@);",
                        f"{name}.insert(&@);",
                        f"{name}.insert(@, 1);",
                    )
                )
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
                    (
                        "sort_by(|a, b| b.cmp(a))",
                        "sort_by(b.cmp(a))",
                        "sort_by(|a| b.cmp(a))",
                        "sort_by(|a, b| b > a)",
                        "sort_by(|a, b| b - a)",
                    ),
                    ("sort_by_key(|n| n.clone())", "sort_by_key()", "sort_by_key(n.clone())"),
                ]
            )
            lines.append(line(pad, f"{name}.{call};", *(f"{name}.{one};" for one in wrong)))
        return lines, [variable]

    def _borrow(self, scope: Scope, pad: str) -> Made:
        """Lend, move and change in an order that the borrow checker allows."""
        rng = self._rng
        kind = rng.choice(["ints", "names", "string"])
        start = self._writer.expression(kind, scope.inside(), 1)
        name, other = self._name(), self._name()
        typed = TYPES[kind]
        push = {
            "ints": f"{name}.push(3);",
            "names": f"{name}.push(String::new());",
            "string": f"{name}.push('x');",
        }[kind]
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
                line(
                    pad,
                    f"let task = std::thread::spawn(move || {name}.len());",
                    f"let task = std::thread::spawn(|| {name}.len());",
                    f"let task = thread::spawn(move || {name}.len());",
                    f"let task = std::thread::spawn({name}.len());",
                    weight=2,
                ),
                line(
                    pad,
                    f"let {other}: usize = task.join().unwrap();",
                    f"let {other}: usize = task.join();",
                    f"let {other}: usize = task.wait();",
                    f"let {other}: usize = task;",
                ),
            ], result
        if form == 4:
            return [
                mutable,
                line(pad, "{"),
                line(
                    pad,
                    f"    let view = &mut {name};",
                    f"    let view = &{name};",
                    f"    let view = {name};",
                    weight=2,
                ),
                line(pad, "    " + push.replace(name, "view")),
                line(pad, "}"),
                line(pad, size),
            ], result
        inner = f"{pad}    let inner: {typed} = {start.text};"
        return [
            Line(text=inner[4:]),
            line(pad, f"let {other}: usize;"),
            Line(
                text=f"{pad}{{",
                breaks=(Break(count=1, lines=(f"{pad}(",)),),
            ),
            line(pad, f"    let {name} = &inner;", f"    let {name} = &&mut inner;"),
            line(
                pad,
                f"    {other} = {name}.len();",
                f"    {other} = {name};",
                f"    {other} = {name}.len;",
            ),
            line(pad, "}"),
        ], result
