"""Memories for the items of a run: read and never written, for measuring changes nothing."""

from dataclasses import dataclass, field
from typing import Final

from reflex_loop.adapters.memory import MemoryOptions, Recalling, ReflectionMemory, Reported
from reflex_loop.protocols import Memory

SUFFIX: Final = "+memory"
"""Behind the model's name in evidence: with notes it is another subject than without."""
_SECONDS: Final = (
    30.0  # a measurement is not in a hurry, and a missing note would be a wrong number
)
_OWNER: Final = "bakeoff"


@dataclass(frozen=True, kw_only=True)
class NotesFrom:
    """A reflection service and the key whose memories are recalled."""

    url: str
    key: str = field(repr=False)


class Notes:
    """The notes of one run. Used by one event loop.

    Attributes:
        found: items that had notes.
        lost: searches that were not answered; such an item cannot be judged.
    """

    def __init__(self, source: NotesFrom) -> None:
        self.found = 0
        self.lost = 0
        options = MemoryOptions(
            url=source.url, report=False, recall_seconds=_SECONDS, rest_seconds=0.0
        )
        self._service = ReflectionMemory(options, key_of=lambda _: source.key, tally=self)

    def of(self, item: str) -> Memory | None:
        """Return the memory for one item."""
        return self._service.of(_OWNER, item)

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close(seconds=0.0)

    def memory_reported(self, outcome: Reported) -> None:
        """See `Tally`; nothing is ever reported."""

    def memory_recalled(self, outcome: Recalling) -> None:
        """See `Tally`."""
        self.found += outcome == "found"
        self.lost += outcome in {"failed", "skipped"}
