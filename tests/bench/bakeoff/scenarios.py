"""What is asked of the load generators: loads that are easy, and those that mislead."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reflex_bakeoff.speed.workload import text

_WORDS: Final = 250
STALL: Final = 2.0
"""Seconds for which the engine stands still in `w7`."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One run of each load generator.

    Attributes:
        name: of the rows.
        model: by which the engine knows how to behave.
        streams: requests kept running; with a rate: the most that may be running.
        rate: requests a second that arrive by themselves; 0: a closed loop.
        tokens: of each answer.
    """

    name: str
    model: str = "plain"
    requests: int
    streams: int
    rate: float = 0.0
    tokens: int = 128

    def prompts(self) -> Iterator[str]:
        """Yield the questions: the same ones for all."""
        source = random.Random(42)
        return (text(source, _WORDS) for _ in range(self.requests))


CLOSED: Final = (
    Scenario(name="1", requests=16, streams=1),
    Scenario(name="8", requests=80, streams=8),
    Scenario(name="32", requests=256, streams=32),
)
SEVERAL: Final = Scenario(name="w3", model="w3", requests=48, streams=8)
FAILING: Final = Scenario(name="w5", model="w5", requests=200, streams=8, tokens=32)
STALLING: Final = Scenario(name="w7", model="w7", requests=160, streams=8, rate=16.0, tokens=32)
SILENT: Final = Scenario(name="w8", model="w8", requests=48, streams=8)
EVERY: Final = (*CLOSED, SEVERAL, FAILING, STALLING, SILENT)


def stalled_share(scenario: Scenario) -> float:
    """Return the share of requests that are due while the engine stands still."""
    return scenario.rate * STALL / scenario.requests
