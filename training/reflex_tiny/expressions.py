"""Expressions of a wanted type, put together at random from a table of productions.

A production says how a value of one kind is made of others, and the usual wrong ways to write it.
What comes of it are programs that no template foresees, each with its known mistakes.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from reflex_tiny.errors import BaseSyntaxError
from reflex_tiny.leaves import leaf, literals
from reflex_tiny.naming import Names, fresh

_FOLDER: Final = Path(__file__).parent / "bases"
_HOLE: Final = re.compile(r"\{(@?)([a-z]\w*)(&|!)?(#\w+)?\}")
_BINDING: Final = re.compile(r"\$(\w+)(?::(\w+))?")
_BINARY: Final = re.compile(r"[-+*/%<>=&|] | as |^[&*!]|^if |^match |[)\]] \.\.|\.\.")
_WRONGS: Final = 5
_ATTEMPTS: Final = 4
_LONGEST: Final = 66
# What has a type when it stands alone, so that methods can be called on it.
_PLAIN: Final = frozenset({"flag", "ch", "str"})

TYPES: Final = {
    "int": "I",
    "size": "usize",
    "real": "f64",
    "flag": "bool",
    "ch": "char",
    "str": "&str",
    "string": "String",
    "ints": "Vec<I>",
    "reals": "Vec<f64>",
    "names": "Vec<String>",
    "optint": "Option<I>",
    "optname": "Option<String>",
    "map": "HashMap<String, I>",
    "pair": "(I, I)",
    "pairs": "Vec<(String, I)>",
    "resint": "Result<I, String>",
    "chars": "Vec<char>",
    "set": "HashSet<I>",
    "grid": "Vec<Vec<I>>",
}
COPY: Final = frozenset({"int", "size", "real", "flag", "ch", "str", "optint", "pair"})
# What a closure's argument is: the kind, and how often it is a reference to it.
_BOUND: Final = {
    "intref": ("int", 1),
    "intrefref": ("int", 2),
    "stringref": ("string", 1),
    "stringrefref": ("string", 2),
    "chref": ("ch", 1),
    "realref": ("real", 1),
    "intsref": ("ints", 1),
}


@dataclass(frozen=True)
class Variable:
    """A name in scope: `references` counts the `&` of its type."""

    name: str
    kind: str
    references: int = 0
    movable: bool = True


@dataclass(frozen=True)
class Expression:
    """A text of the wanted type, and wrong ways to write it."""

    text: str
    wrongs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Production:
    """How to make a value: the right text and wrong ones, with holes."""

    right: str
    wrongs: tuple[str, ...]


@dataclass(frozen=True)
class Scope:
    """What an expression may use."""

    variables: tuple[Variable, ...]
    functions: tuple[tuple[str, Production], ...] = ()
    """Of the program: the kind that each returns, and its call."""
    closed: bool = False
    """Whether nothing may be moved: inside closures and loops."""

    def plus(self, *more: Variable) -> "Scope":
        """Return the scope with further variables."""
        return Scope((*self.variables, *more), self.functions, self.closed)

    def inside(self) -> "Scope":
        """Return the scope in a closure or a loop."""
        return Scope(self.variables, self.functions, True)

    def of(self, kind: str) -> list[Variable]:
        """Return the variables of a kind."""
        return [each for each in self.variables if each.kind == kind]


@cache
def productions(split: str) -> dict[str, tuple[Production, ...]]:
    """Return the table of a split by the kinds that they make.

    Raises:
        BaseSyntaxError: a line is malformed.
    """
    found: dict[str, list[Production]] = {}
    path = _FOLDER / f"grammar_{split}.txt"
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        kind, _, rest = line.partition(": ")
        right, *wrongs = rest.split(" ~ ")
        holes = [match[2] for match in _HOLE.finditer(rest)]
        bad = [hole for hole in holes if hole not in TYPES]
        if kind not in TYPES or bad:
            raise BaseSyntaxError(f"{path.name}:{number}: unknown kind {bad or kind}")
        if right.strip() != "{" + kind + "}":
            found.setdefault(kind, []).append(Production(right, tuple(wrongs)))
    return {kind: tuple(each) for kind, each in found.items()}


class Writer:
    """Writes expressions for one program."""

    def __init__(self, rng: Random, split: str, names: Names) -> None:
        self._rng = rng
        self._split = split
        self._names = names
        self._table = productions(split)

    def expression(self, kind: str, scope: Scope, depth: int = 2) -> Expression:
        """Return an expression of a kind, usually more than a variable and not too long."""
        for _ in range(_ATTEMPTS):
            made = self._made(kind, scope, depth)
            if len(made.text) <= _LONGEST:
                return made
        return self._leaf(kind, scope)

    def _made(self, kind: str, scope: Scope, depth: int) -> Expression:
        rng = self._rng
        calls = [made for returned, made in scope.functions if returned == kind]
        if depth > 0 and calls and rng.random() < 0.45:
            return self._filled(rng.choice(calls), scope, depth)
        choices = self._table.get(kind, ())
        if depth <= 0 or not choices:
            return self._leaf(kind, scope)
        # Rather what uses the variables that are there.
        present = {each.kind for each in scope.variables}
        known = [
            each
            for each in choices
            if any(
                m[2] in present and not (m[4] or "").startswith("#w")
                for m in _HOLE.finditer(each.right)
            )
        ]
        pool = known if known and rng.random() < 0.9 else list(choices)
        for _ in range(4):
            chosen = rng.choice(pool)
            if self._fits(chosen, scope):
                return self._filled(chosen, scope, depth)
        return self._leaf(kind, scope)

    def reference(self, kind: str, scope: Scope, depth: int = 1) -> Expression:
        """Return a reference to a value."""
        return self._hole("@", kind, "", scope, depth)

    def word(self) -> str:
        """Return a text's content."""
        return fresh(self._rng, self._split)

    def _fits(self, given: Production, scope: Scope) -> bool:
        for match in _HOLE.finditer(given.right):
            after = given.right[match.end() : match.end() + 1]
            before = given.right[: match.start()]
            receiver = match[3] == "!" or after in (".", "[") or before.endswith(("match ", "&"))
            receiver = receiver or (match[1] == "@" and "format" in before)
            if receiver and match[2] not in _PLAIN and not scope.of(match[2]):
                bound = any(
                    _BOUND.get(b[2], (b[2],))[0] == match[2]
                    for b in _BINDING.finditer(before)
                    if b[2]
                )
                if match[3] == "!" or not bound:
                    return False
        return True

    def _filled(self, given: Production, scope: Scope, depth: int) -> Expression:
        rng = self._rng
        inner = scope
        renamed: dict[str, str] = {}
        for match in _BINDING.finditer(given.right):
            if match[1] in renamed or match[2] is None:
                continue
            renamed[match[1]] = match[1] if rng.random() < 0.5 else self._names.like(match[1] * 2)
            kind, references = _BOUND.get(match[2], (match[2], 0))
            variable = Variable(renamed[match[1]], kind, references, movable=False)
            inner = inner.inside().plus(variable)
        if "|" in given.right or renamed:
            inner = inner.inside()
        holes: dict[str, Expression] = {}
        bound = [each for each in inner.variables if each.name in renamed.values()]
        for text in (given.right, *given.wrongs):
            for match in _HOLE.finditer(text):
                if match[0] in holes:
                    continue
                before = given.right[: match.start()]
                if given.right.startswith("match "):
                    before = before.rsplit(", ", 1)[-1]
                behind = any(f"${old}" in before for old in renamed)
                here = inner if behind and text == given.right else scope.inside()
                if text == given.right and not renamed and "|" not in text:
                    here = scope
                if text != given.right and match[3] == "!" and not here.of(match[2]):
                    continue
                usable = [each for each in bound if each.kind == match[2]] if behind else []
                if usable and rng.random() < 0.75 and match[1] == "":
                    holes[match[0]] = self._variable(rng.choice(usable), match[3] or "")
                else:
                    deeper = depth - 1 if rng.random() < 0.7 else 0
                    if text != given.right:
                        deeper = 0
                    holes[match[0]] = self._hole(match[1], match[2], match[3] or "", here, deeper)
        right = _placed(given.right, holes, renamed)
        wrongs: list[str] = []
        for text in given.wrongs:
            if all(match[0] in holes for match in _HOLE.finditer(text)):
                wrongs.append(_placed(text, holes, renamed))
        for name, one in holes.items():
            if name in given.right:
                wrongs += [
                    _placed(given.right, {**holes, name: Expression(bad)}, renamed)
                    for bad in one.wrongs
                ]
        wrongs = [each for each in dict.fromkeys(wrongs) if each != right]
        rng.shuffle(wrongs)
        return Expression(right, tuple(wrongs[:_WRONGS]))

    def _hole(self, mark: str, kind: str, form: str, scope: Scope, depth: int) -> Expression:
        rng = self._rng
        here = scope.of(kind)
        if form == "!":
            if not here:
                return self._leaf(kind, scope)
            return self._variable(rng.choice(here), "&")
        if here and (depth <= 0 or rng.random() < 0.7):
            chosen = rng.choice(here)
            if mark == "@":
                if chosen.references or kind == "str":
                    return Expression(chosen.name)
                return Expression(f"&{chosen.name}", (chosen.name,))
            return self._variable(chosen, form)
        made = self.expression(kind, scope, depth if not here else depth - 1)
        if mark == "@":
            inner = made.text if _atomic(made.text) else f"({made.text})"
            return Expression(f"&{inner}", (*(f"&{each}" for each in made.wrongs), inner))
        return made

    def _variable(self, given: Variable, form: str) -> Expression:
        if form in ("&", "!"):
            return Expression(given.name)
        if given.kind in COPY:
            if not given.references:
                return Expression(given.name)
            stars = "*" * given.references
            return Expression(f"{stars}{given.name}", (given.name,))
        if given.references and given.kind in ("ints", "names", "reals", "chars"):
            return Expression(f"{given.name}.to_vec()", (given.name, f"{given.name}.clone()"))
        if given.references and given.kind == "string":
            return Expression(f"{given.name}.to_string()", (given.name, f"&{given.name}"))
        return Expression(f"{given.name}.clone()", (given.name, f"&{given.name}"))

    def _leaf(self, kind: str, scope: Scope) -> Expression:
        rng = self._rng
        here = scope.of(kind)
        if here and rng.random() < 0.8:
            return self._variable(rng.choice(here), "")
        numbers = literals(rng)
        text, wrongs = leaf(rng, kind, numbers, (self.word(), self.word()))
        return Expression(text, wrongs)


def _atomic(text: str) -> bool:
    """Return whether a method can be called on it as it stands."""
    plain = re.sub(r"\"[^\"]*\"|'[^']*'", "x", text)
    depth = 0
    outer = []
    for char in plain:
        if char in "([{":
            depth += 1
        if depth == 0:
            outer.append(char)
        if char in ")]}":
            depth -= 1
    return not _BINARY.search("".join(outer))


def _placed(text: str, holes: dict[str, Expression], renamed: dict[str, str]) -> str:
    """Return the text with its holes filled, in parentheses where it needs them."""

    def one(match: re.Match[str]) -> str:
        inner = holes[match[0]].text
        before, after = text[: match.start()], text[match.end() :]
        loose = (
            not before
            or before[-1] in "(|[,{;"
            or before.endswith((", ", "{ ", "| ", "(", "=> ", "[", "if ", "match "))
        ) and (not after or after[0] in "),;]" or after.startswith((" }", " {", ", ")))
        return inner if loose or _atomic(inner) else f"({inner})"

    named = _HOLE.sub(one, text)
    return _BINDING.sub(lambda m: renamed.get(m[1], m[1]), named)
