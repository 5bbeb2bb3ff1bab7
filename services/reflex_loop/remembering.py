"""What a repair takes from earlier ones, and what it leaves for later ones.

Nothing of it can fail or hold up a repair: a memory that raises or is slow is one that knows
nothing. What was recalled is never told again as if it had been learned: a lesson is made of the
compiler's words and of code that the compiler has judged, and of no comment, string or reply.
"""

import asyncio
import logging
import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final

from reflex_loop.assessment import Assessment
from reflex_loop.events import Recalled
from reflex_loop.protocols import Form, Lesson, Memory, Recollection
from reflex_loop.result import Record, Result
from reflex_loop.rust_source import code_only
from reflex_loop.session import Session
from reflex_loop.settings import Renderer
from reflex_loop.stopping import Stop

LOG: Final = logging.getLogger("reflex.loop.memory")
LONGEST_RECALL: Final = 30.0
"""Seconds that a question waits for memories at most, whatever the memory promises."""
_CAUSES: Final = 3
_MESSAGE: Final = 200
_LINES: Final = 12
_LINE: Final = 160
_LONGEST: Final = 2_000
_REPAIRED: Final = "repaired"
_NOTHING_LEARNED: Final = frozenset(
    {Stop.NOTHING_TO_DO, Stop.CANCELLED, Stop.NO_ANSWER, Stop.NO_VERDICT, Stop.CONFLICT}
)
_PLACE: Final = re.compile(r"^.*?:\d+ (?=E\d{4} |syntax )")
_WORD: Final = re.compile(r"\w+")
_CODE: Final = re.compile(r"e\d{4}|syntax")


class Remembering:
    """One repair's use of memory; without one it does nothing."""

    def __init__(self, memory: Memory | None) -> None:
        self._memory = memory
        self._known: tuple[Recollection, ...] | None = None

    async def notes(self, session: Session, state: Assessment, form: Form) -> tuple[str, ...]:
        """Return what is remembered of similar repairs; asks once and says the same ever after.

        The question only ever grows: what was put into it first has to stay. Models of the compact
        form read one error and nothing else; nothing is recalled for them.
        """
        if self._memory is None or form.renderer is not Renderer.FULL:
            return ()
        if self._known is None:
            self._known = await self._recalled(self._memory, state)
            if self._known:
                session.emit(Recalled(ids=tuple(each.id for each in self._known)))
        return tuple(each.text for each in self._known)

    async def _recalled(self, memory: Memory, state: Assessment) -> tuple[Recollection, ...]:
        try:
            async with asyncio.timeout(LONGEST_RECALL):
                return similar(state, await memory.recall(query(state)))
        except Exception as error:
            LOG.warning("nothing is recalled: %s", error or type(error).__name__)
            return ()

    def report(self, result: Result) -> None:
        """Tell what a repair came to, without waiting."""
        if self._memory is None:
            return
        try:
            if learned := lesson(result, self._known or ()):
                self._memory.report(learned)
        except Exception as error:
            LOG.warning("the repair is not remembered: %s", error or type(error).__name__)


def query(state: Assessment) -> str:
    """Return the words to search by: codes and messages of the first errors."""
    found = [each.diagnostic for each in state.causes[:_CAUSES]]
    return "\n".join(f"{each.code} {each.message}"[:_MESSAGE] for each in found)


def similar(state: Assessment, found: Sequence[Recollection]) -> tuple[Recollection, ...]:
    """Return the memories of repairs that made an error of the same code go away.

    A search for any of many words finds something for every question.
    """
    codes = {(each.diagnostic.code or "syntax").lower() for each in state.causes}
    return tuple(one for one in found if _fits(_WORD.findall(one.text.lower()), codes))


def _fits(words: list[str], codes: set[str]) -> bool:
    """Return whether the codes that a lesson begins with have one of these among them."""
    if words[:1] != [_REPAIRED]:
        return False
    named: set[str] = set(takewhile(_is_code, words[1:]))
    return not codes.isdisjoint(named)


def _is_code(word: str) -> bool:
    return _CODE.fullmatch(word) is not None


def lesson(result: Result, recalled: Sequence[Recollection] = ()) -> Lesson | None:
    """Return what is worth remembering of a repair; None where nothing was learned."""
    kept = [each for each in result.records if each.outcome == "kept" and each.fixed]
    # A model's repairs first: the compiler makes its own suggestions again.
    kept.sort(key=lambda each: each.source == "compiler")
    if not kept and result.stop in _NOTHING_LEARNED:
        return None
    told = [_heading(kept), *map(_repaired, kept)] if kept else []
    if not result.fixed and result.left:
        left = "; ".join(each.split("\n", 1)[0][:_MESSAGE] for each in result.left[:_CAUSES])
        told.append(f"Not repaired ({result.stop.value}): {left}.")
    if not told:
        return None
    return Lesson(text="\n".join(told)[:_LONGEST], recalled=tuple(one.id for one in recalled))


def _heading(kept: Sequence[Record]) -> str:
    """Return the first line: all codes, so that they are in a summary of any length."""
    causes = [_PLACE.sub("", cause) for record in kept for cause in record.fixed]
    codes = dict.fromkeys(cause.split(" ", 1)[0] for cause in causes)
    return f"Repaired {', '.join(codes)}."


def _repaired(record: Record) -> str:
    causes = "; ".join(_PLACE.sub("", each)[:_MESSAGE] for each in record.fixed[:_CAUSES])
    changes = "; ".join(_changes(record.patch))
    return f"For {causes}: {changes}." if changes else f"For {causes}."


def _changes(patch: str) -> Iterator[str]:
    """Yield what the hunks of a diff change, as code without comments and strings."""
    most = _LINES
    for old, new in _replaced(patch):
        before, after = _code(old)[:most], _code(new)[:most]
        most -= max(len(before), len(after))
        if before and after:
            yield f"replaced {' '.join(before)} with {' '.join(after)}"
        elif before:
            yield f"removed {' '.join(before)}"
        elif after:
            yield f"added {' '.join(after)}"


def _replaced(patch: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the lines that each change of a unified diff takes away and puts there."""
    old: list[str] = []
    new: list[str] = []
    in_hunk = False
    for line in patch.split("\n"):
        if line.startswith("@@"):
            in_hunk = True
        elif line.startswith("diff --git"):
            in_hunk = False
        elif in_hunk and line.startswith("-"):
            old.append(line[1:])
            continue
        elif in_hunk and line.startswith("+"):
            new.append(line[1:])
            continue
        if old or new:
            yield old, new
            old, new = [], []
    if old or new:
        yield old, new


def _code(lines: list[str]) -> list[str]:
    found = (" ".join(line.split()) for line in code_only("\n".join(lines)).split("\n"))
    return [line[:_LINE] for line in found if line]
