"""The simulated engine of the load generators' comparison, and what it says it did."""

import json
import os
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import numpy as np

from reflex_bakeoff.stats.quantiles import quantile

SOURCE: Final = Path(__file__).with_name("mock.rs")
Rule = Literal["rank", "linear"]
"""How a percentile is read: the value at a rank (ours), or interpolated (numpy's, the others')."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What was done for one request; seconds on the engine's clock."""

    kind: str
    read: float
    tokens: int
    written: tuple[tuple[float, int], ...]
    """When each chunk was written, and how many tokens it held."""

    @property
    def first(self) -> float:
        """Return the seconds from the question read to the first chunk written."""
        return self.written[0][0] - self.read

    @property
    def between(self) -> float:
        """Return the mean seconds between tokens after the first chunk."""
        later = sum(size for _, size in self.written[1:])
        return (self.written[-1][0] - self.written[0][0]) / later


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What was done in one run."""

    answered: tuple[Answered, ...]

    @property
    def good(self) -> tuple[Answered, ...]:
        """Return the requests that got their whole answer."""
        return tuple(one for one in self.answered if one.kind == "ok")

    @property
    def failed(self) -> int:
        """Return how many did not."""
        return len(self.answered) - len(self.good)

    @property
    def chunks(self) -> int:
        """Return how many chunks were written."""
        return sum(len(one.written) for one in self.answered)

    @property
    def tokens(self) -> int:
        """Return the tokens of the whole answers."""
        return sum(one.tokens for one in self.good)

    def first(self, percent: float, rule: Rule) -> float:
        """Return a percentile of the times to the first token."""
        return percentile([one.first for one in self.good], percent, rule)

    def between(self) -> float:
        """Return the mean over requests of their mean time between tokens."""
        return float(np.mean([one.between for one in self.good]))

    def between_p99(self, of: Literal["requests", "gaps"], rule: Rule) -> float:
        """Return the 99th percentile, of requests' means or of single gaps a token."""
        if of == "requests":
            return percentile([one.between for one in self.good], 99, rule)
        waits = [
            (after - before) / size
            for one in self.good
            for (before, _), (after, size) in pairwise(one.written)
            for _ in range(size)
        ]
        return percentile(waits, 99, rule)

    def rate(self) -> float:
        """Return the tokens a second, from the first question to the last chunk."""
        last = max(one.written[-1][0] for one in self.good)
        return self.tokens / (last - min(one.read for one in self.good))


def percentile(samples: Sequence[float], percent: float, rule: Rule) -> float:
    """Return a percentile by one of the rules.

    >>> percentile([1.0, 2.0], 50, "rank"), percentile([1.0, 2.0], 50, "linear")
    (1.0, 1.5)
    """
    if rule == "rank":
        return quantile(list(samples), percent / 100)
    return float(np.percentile(samples, percent))


@dataclass(frozen=True, kw_only=True)
class Mock:
    """The running engine."""

    root: str

    def truth(self) -> Truth:
        """Return what was done since the last time this was asked."""
        with urllib.request.urlopen(f"{self.root}/truth", timeout=30) as answer:
            found = json.load(answer)
        return Truth(
            answered=tuple(
                Answered(
                    kind=one["kind"],
                    read=one["read"],
                    tokens=one["tokens"],
                    written=tuple((at, size) for at, size, _ in one["writes"]),
                )
                for one in found
            )
        )


@contextmanager
def mock() -> Iterator[Mock]:
    """Compile and start the engine; end it afterwards."""
    with tempfile.TemporaryDirectory(prefix="reflex-bench-mock-") as home:
        program = Path(home) / "mock"
        subprocess.run(
            ["rustc", "--edition=2021", "-O", "-o", program, SOURCE], check=True, cwd=home
        )
        process = subprocess.Popen(
            [program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        try:
            # What it writes late is the truth all the same, but a steady truth is a better one.
            if os.geteuid() == 0:
                os.setpriority(os.PRIO_PROCESS, process.pid, -10)
            assert process.stdout is not None
            yield Mock(root=f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            assert process.stdout is not None
            process.stdout.close()
