"""What programs are made of: whole templates, and idioms that are chained into functions.

Both are written as plain Rust. `//~` below a line (or below lines) is a way to break it:

    //~ text        this instead of the line above; ` ¶ ` separates lines
    //~2 text       this instead of the two lines above
    //~ -           nothing instead of the line above
    //~! text       as the first one, taken more often: for codes that few mistakes lead to
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from reflex_tiny.errors import BaseSyntaxError

FOLDER: Final = Path(__file__).parent / "bases"
_BREAK: Final = re.compile(r"^\s*//~(\d?)(!?) ?(.*)$")
_OFTEN: Final = 4
_IDIOM: Final = re.compile(r"^= (\w+): (\w+)(!?) -> (\w+)$")


@dataclass(frozen=True, kw_only=True)
class Break:
    """A known mistake: `lines` stand instead of the `count` lines that end at the one it is at.

    `weight` says how often it is taken: mistakes of rare codes are marked with `!`.
    """

    count: int
    lines: tuple[str, ...]
    weight: int = 1


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a correct program and the known mistakes for it."""

    text: str
    breaks: tuple[Break, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Template:
    """Items that compile on their own."""

    family: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class Idiom:
    """Statements that make `$o` out of `$x`; `takes` moves `$x` away."""

    family: str
    source: str
    takes: bool
    target: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class Bases:
    """The bases of one split."""

    templates: tuple[Template, ...]
    idioms: tuple[Idiom, ...]

    def families(self) -> tuple[str, ...]:
        """Return the names of all families, sorted."""
        names = [each.family for each in self.templates]
        return tuple(sorted(names + [each.family for each in self.idioms]))


@cache
def bases(split: str, groups: tuple[int, ...]) -> Bases:
    """Return the bases of "train" or "held_out" in the files of some groups.

    Raises:
        BaseSyntaxError: a file is malformed; the text names it.
    """
    templates: list[Template] = []
    idioms: list[Idiom] = []
    files = [path for group in groups for path in sorted(FOLDER.glob(f"{split}_{group}_*.rs"))]
    for path in files:
        for head, lines in _sections(path):
            if head.startswith("@ "):
                templates.append(Template(family=head[2:].strip(), lines=lines))
                continue
            match = _IDIOM.match(head)
            if match is None:
                raise BaseSyntaxError(f"{path.name}: `{head}` is no heading: `= name: a -> b`")
            idioms.append(
                Idiom(
                    family=match[1],
                    source=match[2],
                    takes=bool(match[3]),
                    target=match[4],
                    lines=lines,
                )
            )
    found = Bases(templates=tuple(templates), idioms=tuple(idioms))
    names = found.families()
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise BaseSyntaxError(f"{split}: families are there twice: {', '.join(sorted(twice))}")
    return found


def _sections(path: Path) -> Iterator[tuple[str, tuple[Line, ...]]]:
    head = ""
    lines: list[Line] = []
    for number, text in enumerate(path.read_text("utf-8").split("\n"), 1):
        if text.startswith(("@ ", "= ")):
            if head:
                yield head, _trimmed(lines)
            head, lines = text, []
            continue
        match = _BREAK.match(text)
        if match is None:
            if head:
                lines.append(Line(text=text.rstrip()))
            continue
        if not lines:
            raise BaseSyntaxError(f"{path.name}:{number}: `//~` has no line above it")
        new = () if match[3].strip() == "-" else tuple(match[3].split(" ¶ "))
        margin = re.match(r" *", lines[-1].text)
        blanks = margin[0] if margin else ""
        kept = Break(
            count=int(match[1] or 1),
            weight=_OFTEN if match[2] else 1,
            # The first line takes the margin of the line it stands for, the others add their own.
            lines=tuple(blanks + line for line in new),
        )
        last = lines[-1]
        lines[-1] = Line(text=last.text, breaks=(*last.breaks, kept))
    if head:
        yield head, _trimmed(lines)


def _trimmed(lines: list[Line]) -> tuple[Line, ...]:
    while lines and not lines[-1].text:
        lines.pop()
    while lines and not lines[0].text:
        lines.pop(0)
    return tuple(lines)
