"""`t3_reflection.jsonl`: one line for each turn that was reflected on, and no file without one."""

import fcntl
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_reflection.errors import LogError

FILE_NAME: Final = "t3_reflection.jsonl"


@dataclass(frozen=True, kw_only=True)
class LogRecord:
    """One line."""

    turn: int
    agent: str
    backend: str
    """As configured: `rulebased` or `llm`."""
    summary_len: int
    ops_written: int
    """What the store says, not what was meant to be written."""
    embed: bool
    ms: float
    reason: str | None
    fixture_key: str | None = None

    def line(self) -> bytes:
        """Return the line: keys in the specification's order, UTF-8, LF."""
        document: dict[str, object] = {
            "turn": self.turn, "agent": self.agent, "backend": self.backend,
            "summary_len": self.summary_len, "ops_written": self.ops_written,
            "embed": self.embed, "ms": self.ms, "reason": self.reason,
        }  # fmt: skip
        if self.fixture_key is not None:
            document["fixture_key"] = self.fixture_key
        # A lone surrogate has no UTF-8; its backslash form is JSON for the same character.
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


class LogFile:
    """Appends whole lines; safe for several processes on one file system."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, lines: Iterable[bytes]) -> None:
        """Write the lines together, or none of them; the file is made by the first.

        Raises:
            LogError: the file cannot be written, or the disk is full.
        """
        data = b"".join(lines)
        if not data:
            return
        try:
            self._append(data)
        except OSError as error:
            raise LogError(f"{self._path}: cannot be written: {error.strerror}") from error

    def _append(self, data: bytes) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # let go of by close
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                data = b"\n" + data  # somebody was killed in the middle of a line
            try:
                left = memoryview(data)
                while left:
                    left = left[os.write(descriptor, left) :]
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
