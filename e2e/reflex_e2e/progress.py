"""Phases with their times, on a terminal and in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO


@dataclass
class Phases:
    """Prints what starts and what it took; keeps the times for a summary."""

    out: TextIO = field(default_factory=lambda: sys.stderr)
    seconds: dict[str, float] = field(default_factory=dict)
    _live: str = ""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time one phase; a failure is timed too and says so."""
        self.line(f"==> {name}")
        start = time.monotonic()
        try:
            yield
        except BaseException:
            self.line(f"    {name}: failed after {time.monotonic() - start:.1f} s")
            raise
        self.seconds[name] = time.monotonic() - start
        self.line(f"    {name}: {self.seconds[name]:.1f} s")

    def line(self, text: str) -> None:
        """Print one line, below the live line if there is one."""
        if self._live and self.out.isatty():
            self.out.write("\r\033[K")
        self._live = ""
        print(text, file=self.out, flush=True)

    def live(self, text: str) -> None:
        """Show the state of a wait: in place on a terminal, as a line when it changes elsewhere."""
        if self.out.isatty():
            self.out.write(f"\r\033[K{text}")
            self.out.flush()
        elif text.split("\t", 1)[0] != self._live.split("\t", 1)[0]:
            print(text, file=self.out, flush=True)
        self._live = text

    def summary(self) -> str:
        """Return the phases and their sum, one a line."""
        width = max((len(name) for name in self.seconds), default=0)
        rows = [f"  {name:<{width}}  {took:7.1f} s" for name, took in self.seconds.items()]
        rows.append(f"  {'all phases':<{width}}  {sum(self.seconds.values()):7.1f} s")
        return "\n".join(rows)
