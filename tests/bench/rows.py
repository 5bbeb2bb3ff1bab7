"""One measured number, with what it means and what it is held against."""

import json
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SIMULATED = "simulated engine"


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What a value has to be: below a limit, at most it, at least it, or so near to 0."""

    limit: float
    strict: bool = True  # False: the limit itself holds too
    at_least: bool = False
    either_way: bool = False  # the limit is one of distance from 0

    def __str__(self) -> str:
        if self.either_way:
            return f"± {self.limit:g}"
        sign = ">=" if self.at_least else "<" if self.strict else "<="
        return f"{sign} {self.limit:g}"

    def holds(self, value: float) -> bool:
        """Return whether the value keeps to the bar."""
        if self.at_least:
            return value >= self.limit
        value = abs(value) if self.either_way else value
        return value < self.limit or (not self.strict and value == self.limit)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of latest.json. `bar` and `holds` are None for what is only reported."""

    name: str
    value: float
    unit: str
    n: int
    command: str
    machine: str
    note: str = ""
    p50: float | None = None
    p99: float | None = None
    bar: str | None = None
    holds: bool | None = None


class Rows:
    """Collects the rows of one run."""

    def __init__(self, *, command: str, machine: str) -> None:
        self._command = command
        self._machine = machine
        self.rows: list[Row] = []

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        n: int = 1,
        bar: Bar | None = None,
        samples: Sequence[float] = (),
        note: str = SIMULATED,
    ) -> Row:
        """Add a number; with samples, their median and 99th percentile go with it."""
        row = Row(
            name=name,
            value=_rounded(value),
            unit=unit,
            n=len(samples) or n,
            p50=_rounded(percentile(samples, 50)) if samples else None,
            p99=_rounded(percentile(samples, 99)) if samples else None,
            bar=str(bar) if bar else None,
            holds=bar.holds(value) if bar else None,
            command=self._command,
            machine=self._machine,
            note=note,
        )
        self.rows.append(row)
        return row


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 50), percentile([1.0, 2.0, 3.0, 4.0], 99)
    (2.0, 4.0)

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        raise ValueError("no samples")
    rank = max(1, math.ceil(percent / 100 * len(samples)))
    return sorted(samples)[rank - 1]


def merged(path: Path, fresh: Sequence[Row]) -> list[Row]:
    """Return the file's rows with those of this run in the place of their namesakes."""
    before = [Row(**row) for row in json.loads(path.read_text())] if path.is_file() else []
    names = {row.name for row in fresh}
    return [row for row in before if row.name not in names] + list(fresh)


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows as JSON, one a line."""
    lines = ",\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def machine() -> str:
    """Return the machine in words, with the load that it has besides us."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()},"
        f" load {load:.1f} before the run"
    )


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
