"""Turns, and surroundings of a `Reflector` that remember what was asked of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from reflex_reflection.bundle import Plan, ReflectionBundle, TurnContext
from reflex_reflection.config import ReflectionConfig
from reflex_reflection.redaction import redactor
from reflex_reflection.step import Log, Reflector
from reflex_reflection.writer import MemoryRow, MemorySink

NOW = "2026-01-02T03:04:05Z"
ON = ReflectionConfig(allow_reflection=True)
REDACT = redactor()


def turn(
    utter: str = "Hello there!", *snippets: str, number: int = 1, agent: str = "AgentA",
    reflection: bool = True, dry_run: bool = False,
) -> ReflectionBundle:  # fmt: skip
    return ReflectionBundle(
        ctx=TurnContext(agent_id=agent, turn_id=number, now_iso=NOW, dry_run=dry_run),
        plan=Plan(reflection=reflection),
        utter=utter,
        snippets=snippets,
    )


@dataclass
class Rows:
    """A store in memory that knows its ids."""

    rows: dict[str, MemoryRow] = field(default_factory=dict)

    def add(self, row: MemoryRow) -> bool:
        new = row.id not in self.rows
        self.rows.setdefault(row.id, row)
        return new


@dataclass
class Full:
    """A store that keeps nothing."""

    def add(self, row: MemoryRow) -> bool:
        raise OSError(28, "No space left on device")


@dataclass
class Lines:
    """A log in memory."""

    data: bytes = b""

    def append(self, lines: Iterable[bytes]) -> None:
        self.data += b"".join(lines)


def ticking(*readings: float) -> Callable[[], float]:
    """Return a clock that shows these seconds, one a look."""
    return iter(readings).__next__


def reflector(
    config: ReflectionConfig = ON, *, clock: Callable[[], float] = lambda: 0.0,
    sink: MemorySink | None = None, log: Log | None = None,
    redact: Callable[[str], str] = REDACT, steady: bool = True,
) -> Reflector:  # fmt: skip
    return Reflector(
        config=config, clock=clock, redact=redact, sink=sink, log=log, steady=steady
    )  # fmt: skip
