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
    """Appends whole lines; safe for several processes on one file system.

    Args:
        path: the file.
        keep_bytes: a file of this size is kept as `<name>.1` and begun anew; None: it grows.
    """

    def __init__(self, path: Path, *, keep_bytes: int | None = None) -> None:
        self._path = path
        self._keep = keep_bytes

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
        descriptor = self._open()
        try:
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

    def _open(self) -> int:
        """Return the file, held by us alone until it is closed."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        while True:
            descriptor = os.open(self._path, flags, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)  # let go of by close
                if self._keep is None:
                    return descriptor
                if _is_at(self._path, descriptor):  # nobody moved it while we waited
                    if os.fstat(descriptor).st_size < self._keep:
                        return descriptor
                    self._path.replace(self._path.with_name(self._path.name + ".1"))
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
