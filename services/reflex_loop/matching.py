"""Finds a search block in a file: exactly first, then graded, and never by a guess."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reflex_loop.errors import SearchAmbiguousError, SearchNotFoundError

_SHOWN_CANDIDATES: Final = 8
_NEAREST_LINES: Final = 20_000  # a nearest line is not searched for in longer files
_TELLING: Final = 4


class Level(StrEnum):
    """How much of the text had to be ignored; the first level that matches is taken."""

    EXACT = "exact"
    TRAILING_SPACE = "trailing_space"
    INDENTATION = "indentation"
    ALREADY_APPLIED = "already_applied"


@dataclass(frozen=True, kw_only=True)
class Match:
    """Where a block is: lines `start` to before `stop`, 0-based, and what to put there."""

    start: int
    stop: int
    level: Level
    replace: tuple[str, ...]


_KEYS: Final[dict[Level, Callable[[str], str]]] = {
    Level.EXACT: lambda line: line,
    Level.TRAILING_SPACE: lambda line: line.rstrip(),
    Level.INDENTATION: lambda line: line.strip(),
}


def find(
    lines: Sequence[str],
    search: Sequence[str],
    replace: Sequence[str],
    *,
    occurrence: int | None = None,
    line_hint: int | None = None,
) -> Match:
    """Return the one place that the block means.

    Args:
        lines: the file.
        search: at least one line, of which one is not blank.
        replace: what shall stand there; re-indented when only the indentation differed.
        occurrence: which of several equal places, counted from 1.
        line_hint: a 1-based line; it only chooses between equal places, the nearest one.

    Raises:
        SearchNotFoundError: no place; the text names the nearest line.
        SearchAmbiguousError: several places and nothing that chooses between them.
    """
    if not any(line.strip() for line in search):
        raise SearchNotFoundError(
            "the search block is empty: copy the lines to replace, or those next to an insertion"
        )
    for level, key in _KEYS.items():
        starts = _places([key(line) for line in lines], [key(line) for line in search])
        if starts:
            start = _chosen(starts, lines, occurrence, line_hint)
            found = lines[start : start + len(search)]
            new: tuple[str, ...] | None = tuple(replace)
            if level is Level.INDENTATION:
                new = _reindented(found, search, replace)
            if new is None:  # the block has another shape, not only another margin
                continue
            return Match(start=start, stop=start + len(search), level=level, replace=new)
    applied = _places(list(lines), list(replace))
    if len(applied) == 1 and _is_telling(replace):
        at = applied[0]
        return Match(
            start=at, stop=at + len(replace), level=Level.ALREADY_APPLIED, replace=tuple(replace)
        )
    raise SearchNotFoundError(_nearest(lines, search))


def _places(lines: Sequence[str], block: Sequence[str]) -> list[int]:
    """Return the 0-based starts of the block; overlapping ones count."""
    if not block:
        return []
    # The rarest test first: most lines differ from the block's first line.
    first, size = block[0], len(block)
    return [
        at
        for at in range(len(lines) - size + 1)
        if lines[at] == first and lines[at : at + size] == block
    ]


def _chosen(
    starts: Sequence[int], lines: Sequence[str], occurrence: int | None, line_hint: int | None
) -> int:
    if len(starts) == 1:
        return starts[0]
    if occurrence is not None:
        if occurrence <= len(starts):
            return starts[occurrence - 1]
        raise SearchAmbiguousError(
            f"occurrence {occurrence} was asked for, and the block is there {len(starts)} times",
            lines=[start + 1 for start in starts],
        )
    if line_hint is not None:
        near = sorted(starts, key=lambda start: abs(start + 1 - line_hint))
        if abs(near[0] + 1 - line_hint) < abs(near[1] + 1 - line_hint):
            return near[0]
    shown = ", ".join(
        f"{start + 1} ({lines[start].strip()[:40]})" for start in starts[:_SHOWN_CANDIDATES]
    )
    raise SearchAmbiguousError(
        f"the search block is there {len(starts)} times, at lines {shown}: "
        "add a line around it, or say which by `occurrence`",
        lines=[start + 1 for start in starts],
    )


def _reindented(
    found: Sequence[str], search: Sequence[str], replace: Sequence[str]
) -> tuple[str, ...] | None:
    """Return the replacement moved to the file's margin, or None when no one margin explains it.

    Each line of the block may differ by the same shift only: a prefix that is added or taken off.
    """
    shifts = {
        (_margin(theirs), _margin(ours))
        for ours, theirs in zip(found, search, strict=True)
        if ours.strip()
    }
    prefixes = {_shift(theirs, ours) for theirs, ours in shifts}
    if len(prefixes) != 1 or None in prefixes:
        # Tabs against blanks: a table of the margins seen, if each has one meaning.
        table = dict(shifts)
        if len(table) != len(shifts):
            return None
        moved = []
        for line in replace:
            if line.strip() and _margin(line) not in table:
                return None
            moved.append(table.get(_margin(line), "") + line.strip() if line.strip() else "")
        return tuple(moved)
    shift = prefixes.pop()
    assert shift is not None
    added, removed = shift
    out = []
    for line in replace:
        if not line.strip():
            out.append("")
        elif line.startswith(removed):
            out.append(added + line[len(removed) :])
        else:
            return None
    return tuple(out)


def _margin(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _shift(theirs: str, ours: str) -> tuple[str, str] | None:
    """Return (added, removed) so that `ours` is `theirs` with its front changed."""
    if ours.endswith(theirs):
        return ours[: len(ours) - len(theirs)], ""
    if theirs.endswith(ours):
        return "", theirs[: len(theirs) - len(ours)]
    return None


def _is_telling(replace: Sequence[str]) -> bool:
    """Return whether a block is no mere brace, which stands everywhere."""
    return sum(character.isalnum() for line in replace for character in line) >= _TELLING


def _nearest(lines: Sequence[str], search: Sequence[str]) -> str:
    """Return the refusal with the place that looks most like the block."""
    wanted = next(line for line in search if line.strip())
    text = f"the search block is not in the file: {wanted.strip()[:60]!r} begins it"
    if len(lines) > _NEAREST_LINES:
        return text
    index = list(search).index(wanted)
    exact = [at for at, line in enumerate(lines) if line.strip() == wanted.strip()]
    if exact:
        start = exact[0] - index
        for offset, line in enumerate(search):
            at = start + offset
            theirs = lines[at] if 0 <= at < len(lines) else "(no such line)"
            if theirs.strip() != line.strip():
                return f"{text}; line {at + 1} differs: the file has {theirs.strip()[:60]!r}"
    near = difflib.get_close_matches(wanted.strip(), [line.strip() for line in lines], 1, 0.6)
    if near:
        at = next(at for at, line in enumerate(lines) if line.strip() == near[0])
        return f"{text}; nearest is line {at + 1}: {near[0][:60]!r}"
    return text
