"""What an item of Rust promises to others: a function's head, a type's whole definition. Pure."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from reflex_loop.rust_source import code_only

_KINDS: Final = r"fn|struct|enum|union|trait|type|const|static|mod|macro_rules!"
_VISIBILITY: Final = r"(?:pub\s*(?:\([^)]*\))?\s+)?"
_QUALIFIERS: Final = r"(?:(?:async|const|default|unsafe|extern(?:\s*\"[^\"]*\")?)\s+(?=\S+\s))*"
_WHOLE: Final = frozenset({"struct", "enum", "union", "trait"})
_WORD: Final = re.compile(r"'?\w+|->|=>|::|\S")
_OPEN: Final = {"(": ")", "[": "]", "{": "}"}


def signatures(texts: Iterable[str], name: str) -> Counter[str]:
    """Return how an item of that name is declared, and how often, over all texts.

    A function counts with its visibility, its parameters and what it returns; struct, enum, union
    and trait with their whole body, because taking a field or a method away changes what others
    may rely on. Comments, line ends and trailing commas do not matter.

    >>> signatures(["pub fn add(a: u8,\\n  b: u8,) -> u8 { a + b } // fn add()"], "add")
    Counter({'pub fn add ( a : u8 , b : u8 ) -> u8': 1})
    """
    wanted = re.compile(
        rf"(?<![\w#]){_VISIBILITY}{_QUALIFIERS}(?P<kind>{_KINDS})\s+(?:mut\s+)?(?:r\#)?"
        rf"{re.escape(name)}(?!\w)"
    )
    found: Counter[str] = Counter()
    for text in texts:
        code = code_only(text)
        for match in wanted.finditer(code):
            end = _end(code, match.end(), whole=match["kind"] in _WHOLE)
            found[_plain(code[match.start() : end])] += 1
    return found


def _end(code: str, at: int, *, whole: bool) -> int:
    """Return where the declaration ends: at its `;`, its `=`, or its body's begin or end."""
    depth: list[str] = []
    while at < len(code):
        char = code[at]
        if not depth and (char == ";" or _is_definition(code, at)):
            return at
        if not depth and char == "{" and not whole:
            return at
        if char in _OPEN:
            depth.append(_OPEN[char])
        elif depth and char == depth[-1]:
            depth.pop()
            if not depth and char == "}":
                return at + 1
        at += 1
    return len(code)


def _is_definition(code: str, at: int) -> bool:
    """Return whether an item's value begins here; `=` inside of <...> is an associated type."""
    if code[at] != "=" or code[at + 1 : at + 2] in {"=", ">"} or not code[at - 1].isspace():
        return False
    part = code[code.rfind(";", 0, at) + 1 : at].replace("->", "  ").replace("=>", "  ")
    return part.count("<") <= part.count(">")


def _plain(code: str) -> str:
    joined = " ".join(_WORD.findall(code))
    return re.sub(r" , ([)}\]>])", r" \1", joined).strip()
