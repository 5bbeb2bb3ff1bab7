"""Progress on standard error, one line a step with its time; standard output is for data."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(kw_only=True)
class Console:
    """Writes `[  12.3s] text`; quiet for library use."""

    quiet: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    _start: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Print one line with the time since the start."""
        if not self.quiet:
            print(f"[{time.monotonic() - self._start:6.1f}s] {text}", file=self.stream, flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Print the step before it and its time after it."""
        self.say(f"{text} ...")
        began = time.monotonic()
        yield
        self.say(f"{text}: done in {time.monotonic() - began:.1f} s")


QUIET = Console(quiet=True)
