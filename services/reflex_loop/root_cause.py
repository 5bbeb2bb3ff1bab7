"""Root causes first: what one mistake makes the compiler say many times is shown once.

Nothing is lost: the loop still counts every error that the compiler reported when it judges a
patch (see `acceptance`), and the number of hidden messages stays on the diagnostic shown.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from reflex_loop.diagnostics import Diagnostic
from reflex_loop.rust_source import enclosing_item

Lines = Callable[[str], Sequence[str]]
"""Returns the lines of a file of the workspace by its path; nothing for an unknown one."""


class Phase(IntEnum):
    """How far rustc came when it found an error: a fixed phase uncovers the errors of the next."""

    SYNTAX = 0
    NAMES = 1
    TYPES = 2
    BORROWS = 3


_NAMES_TEXT: Final = """
E0405 E0407 E0408 E0411 E0412 E0415 E0416 E0422 E0423 E0424 E0425 E0426 E0428 E0429 E0430 E0431
E0432 E0433 E0434 E0435 E0437 E0438 E0451 E0463 E0531 E0532 E0573 E0574 E0575 E0576 E0583 E0603
E0106 E0261 E0262 E0263
"""
_NAMES: Final = frozenset(_NAMES_TEXT.split())
_BORROWS_TEXT: Final = """
E0004 E0005 E0373 E0381 E0382 E0384 E0492 E0493 E0499 E0501 E0502 E0503 E0505 E0506 E0507 E0508
E0509 E0510 E0515 E0516 E0521 E0594 E0595 E0596 E0597 E0621 E0626 E0700 E0712 E0713 E0716
"""
_BORROWS: Final = frozenset(_BORROWS_TEXT.split())
# Codes that rustc also reports where an earlier error left a type or a name unknown.
_FOLLOWERS: Final = frozenset({"E0282", "E0283", "E0392"})
_CODED_LIKE_SYNTAX: Final = ("lifetime may not live long enough", "borrowed data escapes")


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A root cause and the fingerprint that finds it again after lines moved.

    `item` is the file and the header of the item around it.
    """

    diagnostic: Diagnostic
    fingerprint: str
    phase: Phase
    item: tuple[str, str] = ("", "")


def phase_of(diagnostic: Diagnostic) -> Phase:
    """Return the phase of the compiler that reports such an error.

    >>> from reflex_loop.diagnostics import Diagnostic
    >>> phase_of(Diagnostic(level="error", code="E0382", message="use of moved", span=None))
    <Phase.BORROWS: 3>
    """
    if not diagnostic.code:
        late = diagnostic.message.startswith(_CODED_LIKE_SYNTAX)
        return Phase.BORROWS if late else Phase.SYNTAX
    if diagnostic.code in _NAMES:
        return Phase.NAMES
    # Lints that are denied (`unused_must_use`) run when everything else is well.
    if diagnostic.code in _BORROWS or not diagnostic.code.startswith("E"):
        return Phase.BORROWS
    return Phase.TYPES


def unique(errors: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the errors without those that another target (lib, tests, bin) repeats."""
    seen: dict[tuple[str, str, int, int, str], Diagnostic] = {}
    for each in errors:
        span = each.span
        place = (span.path, span.byte_start, span.byte_end) if span else ("", 0, 0)
        seen.setdefault((each.code, *place, normalised(each.message)), each)
    return tuple(seen.values())


def causes(errors: Iterable[Diagnostic], lines: Lines) -> tuple[Cause, ...]:
    """Return the root causes, the first to fix first; the errors must be of one check.

    Hidden are: the same message about the same name elsewhere, later errors of one macro call,
    whatever follows a syntax error in the same file, and unknown types beside another error of the
    same item.
    """
    kept: dict[tuple[str, ...], Cause] = {}
    shown: list[Cause] = []
    ordered = sorted(unique(errors), key=phase_of)
    broken = {each.path for each in ordered if phase_of(each) is Phase.SYNTAX and each.path}
    syntax_seen: set[str] = set()
    items: set[tuple[str, str]] = set()
    for each in ordered:
        phase = phase_of(each)
        item = enclosing_item(lines(each.path), each.line) if each.line else ""
        if each.path in broken:
            # A lost brace is reported again and again: the first tells the place.
            if phase is not Phase.SYNTAX or each.path in syntax_seen:
                _count(kept, shown, ("file", each.path))
                continue
            syntax_seen.add(each.path)
        if each.code in _FOLLOWERS and (each.path, item) in items:
            _count(kept, shown, ("item", each.path, item))
            continue
        keys = _keys(each)
        known = next((key for key in keys if key in kept), None)
        if known:
            _count(kept, shown, known)
            continue
        cause = Cause(
            diagnostic=each,
            fingerprint=fingerprint(each, item),
            phase=phase,
            item=(each.path, item),
        )
        shown.append(cause)
        for key in (*keys, ("file", each.path), ("item", each.path, item)):
            kept.setdefault(key, cause)
        items.add((each.path, item))
    return tuple(shown)


def _keys(each: Diagnostic) -> tuple[tuple[str, ...], ...]:
    """Return under which other messages this one is the same cause."""
    keys: list[tuple[str, ...]] = []
    if phase_of(each) is Phase.NAMES:
        # One missing import or one misspelt definition: every use of the name is an error.
        keys.append(("name", each.path, each.code, normalised(each.message)))
    if each.span and each.span.in_macro:
        keys.append(("call", each.path, str(each.span.byte_start), str(each.span.byte_end)))
    return tuple(keys)


def _count(kept: dict[tuple[str, ...], Cause], shown: list[Cause], key: tuple[str, ...]) -> None:
    """Add one to the messages that a shown cause stands for."""
    before = kept.get(key)
    if before is None:
        return
    after = replace(before, diagnostic=replace(before.diagnostic, same=before.diagnostic.same + 1))
    shown[shown.index(before)] = after
    for each, cause in list(kept.items()):
        if cause is before:
            kept[each] = after


def normalised(message: str) -> str:
    """Return a message without what differs between two runs or two positions.

    >>> normalised("expected  `[closure@src/a.rs:3:9]`, found 2 of 3")
    'expected `[closure@]`, found 2 of 3'
    """
    plain = re.sub(r"@[^\]\s`]*:\d+:\d+(: \d+:\d+)?", "@", message.split("\n", 1)[0])
    return " ".join(re.sub(r"\b0x[0-9a-f]+\b|'_#\d+\w*", "_", plain).split())


def fingerprint(diagnostic: Diagnostic, item: str) -> str:
    """Return 16 hex digits that stay when lines move: no line number is in them.

    Args:
        diagnostic: an error.
        item: the header of the item around it.
    """
    parts = (diagnostic.code, normalised(diagnostic.message), diagnostic.path, item)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def state_fingerprint(found: Iterable[Cause]) -> str:
    """Return the fingerprint of a whole check: seen twice, the loop goes in circles."""
    joined = "|".join(sorted(f"{each.fingerprint}+{each.diagnostic.same}" for each in found))
    return hashlib.sha256(joined.encode()).hexdigest()[:16]
