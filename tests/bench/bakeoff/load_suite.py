"""How far load generators are from the truth: the same loads, one after the other, in one run."""

import math
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_e2e.kubectl import ROOT

from bench.bakeoff.generators import PERCENTS, Generator, Said, aiperf, ours
from bench.bakeoff.scenarios import (
    CLOSED,
    EVERY,
    FAILING,
    SEVERAL,
    SILENT,
    STALL,
    STALLING,
    stalled_share,
)
from bench.bakeoff.sglang_client import sglang
from bench.bakeoff.truth import Mock, Truth, mock
from bench.environments import programs
from bench.rows import Bar, Rows

SIMULATED: Final = "simulated engine"
FIRST_MS: Final = 8.0
BETWEEN_MS: Final = 1.0
ENOUGH_SECONDS: Final = 400.0
"""After which no run is repeated any more: all of it ends within ten minutes."""
_REPEATED: Final = CLOSED[1:]
"""Run in each round; the others once, for they show what is wrong in kind."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a generator, and what the engine did meanwhile."""

    said: Said
    truth: Truth


Runs = dict[tuple[str, str], list[Run]]


def run(rows: Rows, *, rounds: int, peers: bool) -> None:
    """Measure and add the rows; without `peers` of Reflex only."""
    with tempfile.TemporaryDirectory(prefix="reflex-bench-") as home, ExitStack() as stack:
        engine = stack.enter_context(mock())
        generators: dict[str, Generator] = {"": ours}
        if peers:
            print("load: preparing AIPerf and the engine image", file=sys.stderr)
            lock = ROOT / "requirements/load.txt"
            generators["aiperf"] = aiperf(programs(lock) / "aiperf")
            generators["sglang"] = stack.enter_context(sglang(Path(home)))
        runs = _all_runs(engine, generators, Path(home), rounds)
    for name in generators:
        mine = {scenario.name: runs[name, scenario.name] for scenario in EVERY}
        _report(rows, f"@{name}" if name else "", mine)


def _all_runs(engine: Mock, generators: dict[str, Generator], home: Path, rounds: int) -> Runs:
    order = random.Random(1)
    plan = [(number, one) for number in range(rounds) for one in EVERY
            if number == 0 or one in _REPEATED]  # fmt: skip
    runs: Runs = defaultdict(list)
    began = time.monotonic()
    for step, (number, scenario) in enumerate(plan, start=1):
        spent = time.monotonic() - began
        if number and spent > ENOUGH_SECONDS:
            print(f"load: no further round after {spent:.0f} s", file=sys.stderr)
            break
        names = list(generators)
        order.shuffle(names)
        for name in names:
            shown = name or "reflex"
            spent = time.monotonic() - began
            print(
                f"load {step}/{len(plan)}: {scenario.name}, {shown} ({spent:.0f} s so far)",
                file=sys.stderr,
            )
            place = home / f"{number}-{scenario.name}-{shown}"
            place.mkdir()
            engine.truth()  # forget what was before
            said = generators[name](scenario, engine, place)
            truth = engine.truth()
            if len(truth.answered) != scenario.requests:
                raise AssertionError(f"{shown} sent {len(truth.answered)}: {scenario}")
            runs[name, scenario.name].append(Run(said=said, truth=truth))
    return runs


def _report(rows: Rows, suffix: str, of: Mapping[str, list[Run]]) -> None:
    held = not suffix
    for scenario in (*CLOSED, SEVERAL):
        runs = of[scenario.name]
        for name, errors, unit in _errors(runs):
            limit = {"ttft_p99": FIRST_MS, "itl_p99": BETWEEN_MS}.get(name)
            bar = None
            if held and limit is not None and scenario in CLOSED:
                bar = Bar(limit=limit, strict=False, either_way=True)
            rows.add(
                f"load_{name}_error_{scenario.name}{suffix}", statistics.median(errors), unit,
                n=len(errors), bar=bar, note=_spread(errors),
            )  # fmt: skip
    _cpu(rows, suffix, of)
    _noticed(rows, suffix, of, held=held)


def _errors(runs: Sequence[Run]) -> Iterator[tuple[str, list[float], str]]:
    """Yield what was reported less what was true, of each run."""
    for percent in PERCENTS:
        yield f"ttft_p{percent}", [
            1000 * (run.said.first[percent] - run.truth.first(percent, run.said.rule))
            for run in runs
        ], "ms"  # fmt: skip
    yield "itl_mean", [
        1000 * (_known(run.said.between) - run.truth.between()) for run in runs
    ], "ms"  # fmt: skip
    yield "itl_p99", [
        1000 * (_known(run.said.between_p99)
                - run.truth.between_p99(run.said.between_of, run.said.rule))
        for run in runs
    ], "ms"  # fmt: skip
    yield "rate", [100 * (_known(run.said.rate) / run.truth.rate() - 1) for run in runs], "%"


def _cpu(rows: Rows, suffix: str, of: Mapping[str, list[Run]]) -> None:
    """Add the CPU of the largest run, and what each further chunk costs beside the start-up."""
    small = of[CLOSED[0].name][0]
    large = of[CLOSED[-1].name]
    more = [
        1000
        * (run.said.cpu_seconds - small.said.cpu_seconds)
        / (run.truth.chunks - small.truth.chunks)
        for run in large
    ]
    whole = [1000 * run.said.cpu_seconds / run.truth.chunks for run in large]
    for name, values in (("cpu_per_1000", whole), ("cpu_per_1000_more", more)):
        rows.add(f"load_{name}{suffix}", statistics.median(values), "CPU-s", n=len(values),
                 note=_spread(values))  # fmt: skip


def _noticed(rows: Rows, suffix: str, of: Mapping[str, list[Run]], *, held: bool) -> None:
    (failing,), (stalling,), (silent,) = of[FAILING.name], of[STALLING.name], of[SILENT.name]
    wanted = failing.truth.failed
    rows.add(
        f"load_w5_failures{suffix}", failing.said.failed, "requests",
        bar=Bar(limit=wanted, strict=False, at_least=True) if held else None,
        note=f"{SIMULATED}; {wanted} of {FAILING.requests} had no usable answer",
    )  # fmt: skip
    # Of the requests that are due in the stall the first waits longest, the last hardly.
    least = STALL * (1 - 0.1 / stalled_share(STALLING))
    rows.add(
        f"load_w7_waited_p90{suffix}", 1000 * stalling.said.waited_p90, "ms",
        bar=Bar(limit=500 * least, at_least=True) if held else None,
        note=f"{SIMULATED}; at least {1000 * least:.0f} ms from when it was due",
    )  # fmt: skip
    claimed = silent.said.tokens or 0.0
    rows.add(
        f"load_w8_claimed{suffix}", claimed, "tokens",
        bar=Bar(limit=0, strict=False) if held else None,
        note=f"{SIMULATED}; {silent.truth.tokens} were written and none told",
    )  # fmt: skip


def _known(value: float | None) -> float:
    if value is None or not math.isfinite(value):
        raise AssertionError("a load that nothing is wrong with has times and counts")
    return value


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return SIMULATED
    return f"{SIMULATED}; spread {min(values):.3g} to {max(values):.3g}, n {len(values)}"
