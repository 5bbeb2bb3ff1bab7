"""Locks that die with their holder (flock), so that a crash leaves none behind."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reflex_lab.console import QUIET, Console
from reflex_lab.errors import LabError


@contextmanager
def exclusive(path: Path, *, what: str, seconds: float, console: Console = QUIET) -> Iterator[None]:
    """Hold `path` exclusively, waiting at most `seconds` for another holder.

    Raises:
        LabError: the lock was still held at the deadline; names the holder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        _wait(file.fileno(), path, what=what, seconds=seconds, console=console)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _wait(fd: int, path: Path, *, what: str, seconds: float, console: Console) -> None:
    deadline = time.monotonic() + seconds
    told = False
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = path.read_text().strip() or "unknown"
        if time.monotonic() >= deadline:
            raise LabError(
                f"{what}: process {holder} has held {path} for {seconds:.0f} s"
            ) from None
        if not told:
            console.say(f"{what}: waiting for process {holder}")
            told = True
        time.sleep(0.1)
