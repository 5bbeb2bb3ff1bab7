"""Holds back writes to an object that somebody else keeps changing back.

Two controllers that want different things would write for ever, each woken by the other. A start-up
or a change of the spec needs a handful of writes to one object; more than that within a minute are
held back, each time for longer, until a minute has passed in which nothing had to be written. The
other objects of the model, its status among them, are written as before.
"""

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reflex_api.names import FIELD_MANAGER

WRITES: Final = 10
WINDOW: Final = 60.0
"""Seconds in which an object may be written WRITES times."""
_FIRST_HOLD: Final = 5.0
_LONGEST_HOLD: Final = 300.0


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Do not write for so long. `begins`: this answer started it, the `number`-th in a row."""

    seconds: float
    number: int
    begins: bool


@dataclass
class _Object:
    generation: int
    written: deque[float] = field(default_factory=lambda: deque(maxlen=WRITES))
    holds: int = 0  # in a row
    until: float = 0.0


class Brake:
    """When the objects of one model were written."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with an empty memory.

        Args:
            clock: seconds that only grow.
        """
        self._clock = clock
        self._objects: dict[Hashable, _Object] = {}

    def hold(self, what: Hashable, generation: int) -> Hold | None:
        """Return whether a write that is about to be sent has to wait; None: send it.

        A new generation of the model's spec starts afresh: its user wants the change.

        Args:
            what: the object, or an object and what it is to say.
            generation: the model's.
        """
        seen, now = self._objects.get(what), self._clock()
        if seen is None or seen.generation != generation:
            return None
        if now < seen.until:
            return Hold(seconds=seen.until - now, number=seen.holds, begins=False)
        last = seen.written[-1]
        if now - max(last, seen.until) > WINDOW:
            del self._objects[what]
            return None
        # After a hold one write is free; until then, as many as fit into the window.
        due = last >= seen.until if seen.holds else _full(seen.written, now)
        if not due:
            return None
        seen.holds += 1
        length = min(_FIRST_HOLD * 2.0 ** min(seen.holds - 1, 16), _LONGEST_HOLD)
        seen.until = now + length
        return Hold(seconds=length, number=seen.holds, begins=True)

    def wrote(self, what: Hashable, generation: int) -> None:
        """Count a write that was sent."""
        now = self._clock()
        oldest = now - WINDOW - _LONGEST_HOLD
        kept = self._objects.items()
        self._objects = {key: one for key, one in kept if one.written[-1] > oldest}
        seen = self._objects.get(what)
        if seen is None or seen.generation != generation:
            seen = self._objects[what] = _Object(generation=generation)
        seen.written.append(now)


def rival(manifest: Mapping[str, Any]) -> str:
    """Return the field manager, other than ours, that changed the object last, or nothing."""
    others = [
        (entry.get("time") or "", str(entry.get("manager") or ""))
        for entry in manifest["metadata"].get("managedFields") or []
        if entry.get("manager") != FIELD_MANAGER and entry.get("subresource") != "status"
    ]
    return max(others, default=("", ""))[1]


def _full(written: deque[float], now: float) -> bool:
    return len(written) == WRITES and now - written[0] <= WINDOW
