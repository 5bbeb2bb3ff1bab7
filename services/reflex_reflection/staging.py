"""Lines of logs from turns that run side by side, held back and then written in one order.

The order is that of (turn, stage, slice, sequence, file): who was first by the clock plays no part.
"""

from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import Final

from reflex_reflection.errors import LogError
from reflex_reflection.log import FILE_NAME

STAGE_ORDINALS: Final = MappingProxyType(
    {
        "t1.jsonl": 1, "t2.jsonl": 2, "t3_plan.jsonl": 3, "t3_dialogue.jsonl": 4, "t4.jsonl": 5,
        "apply.jsonl": 6, "health.jsonl": 7, "turn.jsonl": 8, "scheduler.jsonl": 9, FILE_NAME: 10,
    }
)  # fmt: skip
"""The place of each log within a turn; reflection is last, for it runs last."""
UNKNOWN_ORDINAL: Final = 99
MAX_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, order=True)
class Staged:
    """A line and its place; compares by its place."""

    turn: int
    stage: int
    slice: int
    sequence: int
    file: str
    line: bytes = field(compare=False)


class Stage:
    """Holds lines back; safe for threads.

    Lines of one slice keep the order in which they came, so each slice must be one thread's.
    """

    def __init__(self, *, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = Lock()
        self._held: list[Staged] = []
        self._bytes = 0
        self._sequences: dict[tuple[int, int], int] = {}

    def put(self, file: str, line: bytes, *, turn: int, slice: int = 0) -> None:
        """Hold a line back.

        Raises:
            LogError: too much is held already; the line is not, so drain and put it again.
        """
        with self._lock:
            if self._held and self._bytes + len(line) > self._max_bytes:
                raise LogError(
                    f"LOG_STAGING_BACKPRESSURE: {self._bytes} bytes are held; drain them first"
                )
            sequence = self._sequences.get((turn, slice), 0)
            self._sequences[turn, slice] = sequence + 1
            stage = STAGE_ORDINALS.get(file, UNKNOWN_ORDINAL)
            self._held.append(Staged(turn, stage, slice, sequence, file, line))
            self._bytes += len(line)

    def drain(self) -> list[Staged]:
        """Return all lines in order, and hold none."""
        with self._lock:
            held, self._held, self._bytes, self._sequences = self._held, [], 0, {}
        return sorted(held)
