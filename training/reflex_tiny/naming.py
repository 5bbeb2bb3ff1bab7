"""Renames what a program declares, so that no name of a base is ever learned by heart."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from reflex_bakeoff.suite.rust_words import STANDARD
from reflex_tiny.bases import Line

_WORDS: Final = Path(__file__).parent / "words.txt"
_TOKEN: Final = re.compile(
    r"""(?P<string>b?"(?:\\.|[^"\\])*")|(?P<char>b?'(?:\\.|[^'\\])')|(?P<lifetime>'[A-Za-z_]\w*)"""
    r"""|(?P<name>(?<![\w.])[A-Za-z_]\w*|(?<=\.)[A-Za-z_]\w*)|(?P<number>(?<![\w.])\d[\d_]*(?![\w.]))""",
    re.VERBOSE,
)
_BRACES: Final = re.compile(r"\{([a-z_]\w*)(:[^}]*)?\}")
_SYLLABLES_TEXT: Final = """
ba be bi bo da de di do fa fi ga go ka ke ki ko la le li lo ma me mi mo na ne no pa pe po ra re ri
ro sa se si so ta te ti to va vi wa ze zo qu xi ny
"""
_SYLLABLES: Final = _SYLLABLES_TEXT.split()
_INTEGERS: Final = ("i32", "i64", "u32", "u64", "i32", "usize")
_SMALL: Final = 2
_TRIES: Final = 200


@cache
def words(split: str) -> tuple[str, ...]:
    """Return the words of a split; those of "held_out" and "suite" are in no training program."""
    every = _WORDS.read_text().split()
    return tuple(word for at, word in enumerate(every) if (at % 5 == 0) == (split != "train"))


def fresh(rng: Random, split: str) -> str:
    """Return a word, or sometimes one that is none."""
    if rng.random() < 0.8:
        return rng.choice(words(split))
    syllables = _SYLLABLES[::2] if split != "train" else _SYLLABLES[1::2]
    return "".join(rng.choice(syllables) for _ in range(rng.randint(2, 4)))


class Names:
    """One program's names: what was renamed to what."""

    def __init__(self, rng: Random, split: str) -> None:
        self._rng = rng
        self._split = split
        self._used: set[str] = set()

    def renamer(self, *, integers: bool = True) -> Callable[[str], str]:
        """Return a function that renames one base; equal names get equal names.

        Args:
            integers: whether `i64` may become another type of integer.
        """
        known: dict[str, str] = {}
        if integers:
            known["i64"] = self._rng.choice(_INTEGERS)

        def name(old: str) -> str:
            if old not in known:
                known[old] = old if old in STANDARD else self.like(old)
            return known[old]

        def text(match: re.Match[str]) -> str:
            inner = match[0]
            if re.fullmatch(r'"[a-z]+"', inner):
                key = f"{inner} text"
                known.setdefault(key, f'"{fresh(self._rng, self._split)}"')
                return known[key]
            return _BRACES.sub(lambda m: "{" + name(m[1]) + (m[2] or "") + "}", inner)

        def number(match: re.Match[str]) -> str:
            if int(match[0].replace("_", "")) <= _SMALL or match[0] in (
                "10",
                "26",
                "60",
                "8",
                "64",
            ):
                return match[0]
            key = f"{match[0]} number"
            known.setdefault(key, str(self._rng.choice([3, 4, 5, 6, 7, 9, 12, 20, 25, 40, 50, 75])))
            return known[key]

        def one(match: re.Match[str]) -> str:
            if match["string"]:
                return text(match)
            if match["name"]:
                return name(match[0])
            return number(match) if match["number"] else match[0]

        return lambda line: _TOKEN.sub(one, line)

    def like(self, old: str) -> str:
        """Return an unused name written as `old` is: snake, Camel or UPPER."""
        for _ in range(_TRIES):
            parts = [fresh(self._rng, self._split)]
            if self._rng.random() < 0.3:
                parts.append(fresh(self._rng, self._split))
            if old.isupper() and len(old) > 1:
                new = "_".join(parts).upper()
            elif old[0].isupper():
                if len(old) == 1:
                    return old
                new = "".join(part.capitalize() for part in parts)
            else:
                new = "_".join(parts)
                if len(old) == 1 and self._rng.random() < 0.5:
                    new = old
            if new not in self._used and new not in STANDARD:
                self._used.add(new)
                return new
        return old


def renamed(lines: tuple[Line, ...], rename: Callable[[str], str]) -> tuple[Line, ...]:
    """Return the lines and their breaks under other names."""
    return tuple(
        Line(
            text=rename(line.text),
            breaks=tuple(
                replace(each, lines=tuple(rename(text) for text in each.lines))
                for each in line.breaks
            ),
        )
        for line in lines
    )
