"""What stands between a client and an engine costs: added latency, requests a second, CPU.

The engine is a stub, so nothing here is a model's speed. All targets are asked in turn within each
round, in another order each time, by the same client; what is added is the latency less the median
of the requests that went to the stub directly in the same round.
"""

import asyncio
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.chat.client import Kind, Round, play
from bench.chat.targets import Target, litellm, reflex, router, stub
from bench.rows import Bar, Rows

STUB: Final = "stub engine"
WHOLE: Final = Kind(name="whole")
STREAM: Final = Kind(name="stream", pieces=32)
PACED: Final = Kind(name="paced", pieces=20, pace_ms=10)
AT_ONCE: Final = (1, 8, 32)
ADDED_MS: Final = 3.0
_WARM_UP: Final = 30


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much is sent: rounds, and requests to each target, kind and concurrency in each."""

    rounds: int = 5
    requests: int = 160


@dataclass
class Measured:
    """What was seen of one target, kind and concurrency."""

    added: list[float] = field(default_factory=list)  # ms
    first_added: list[float] = field(default_factory=list)  # ms
    delays: list[float] = field(default_factory=list)  # ms
    requests: int = 0
    seconds: float = 0.0
    cpu: float = 0.0


Key = tuple[str, str, int]


def run(rows: Rows, load: Load, *, peers: bool) -> None:
    """Measure and add the rows; without `peers` of the stub and Reflex only."""
    with tempfile.TemporaryDirectory(prefix="reflex-bench-") as home, ExitStack() as stack:
        targets = list(_targets(Path(home), stack, peers=peers))
        found: dict[Key, Measured] = defaultdict(Measured)
        asyncio.run(_warm(targets))
        for number in range(load.rounds):
            print(f"round {number + 1} of {load.rounds}", file=sys.stderr)
            for kind in (WHOLE, STREAM, PACED):
                for at_once in AT_ONCE if kind is not PACED else AT_ONCE[:1]:
                    asyncio.run(_round(targets, kind, at_once, number, load, found))
        memory = {target.name: target.rss_mib() for target in targets}
    _report(rows, targets, found, memory)


def _targets(home: Path, stack: ExitStack, *, peers: bool) -> Iterator[Target]:
    engine = stack.enter_context(stub(home))
    yield engine
    for start in (reflex, litellm, router) if peers else (reflex,):
        print(f"starting {start.__name__}", file=sys.stderr)
        yield stack.enter_context(start(engine.base_url, home))


async def _warm(targets: Sequence[Target]) -> None:
    for target in targets:
        for kind in (WHOLE, STREAM):
            await play(target.base_url, kind, at_once=4, requests=_WARM_UP, headers=target.headers)


async def _round(
    targets: Sequence[Target], kind: Kind, at_once: int, number: int, load: Load,
    found: dict[Key, Measured],
) -> None:  # fmt: skip
    """Ask every target once, the stub itself among them, each time beginning with another one."""
    order = [*targets[number % len(targets) :], *targets[: number % len(targets)]]
    requests = load.requests // 8 if kind.pace_ms else load.requests
    played: dict[str, Round] = {}
    for target in order:
        before = target.cpu_seconds()
        played[target.name] = await play(
            target.base_url, kind, at_once=at_once, requests=requests, headers=target.headers
        )
        one = found[target.name, kind.name, at_once]
        one.cpu += target.cpu_seconds() - before
        one.requests += requests
        one.seconds += played[target.name].seconds
    direct = played["direct"].exchanges
    last = statistics.median(each.last for each in direct)
    first = statistics.median(each.first for each in direct)
    for name, each in played.items():
        one = found[name, kind.name, at_once]
        one.added += [(exchange.last - last) * 1000 for exchange in each.exchanges]
        one.first_added += [(exchange.first - first) * 1000 for exchange in each.exchanges]
        one.delays += [delay * 1000 for exchange in each.exchanges for delay in exchange.delays]
    await asyncio.sleep(0)


def _report(
    rows: Rows, targets: Sequence[Target], found: dict[Key, Measured], memory: dict[str, float]
) -> None:
    for target in targets:
        suffix = f"@{target.name}" if target.name else ""
        for kind in (WHOLE, STREAM):
            for at_once in AT_ONCE:
                one = found[target.name, kind.name, at_once]
                name = f"chat_{kind.name}_{{}}_{at_once}{suffix}"
                rate = one.requests / one.seconds
                rows.add(name.format("rate"), rate, "requests/s", n=one.requests, note=STUB)
                if target.pid is None:
                    continue
                held = not suffix and kind is WHOLE and at_once == 1
                bar = Bar(limit=ADDED_MS) if held else None
                rows.add(
                    name.format("added"), statistics.median(one.added), "ms",
                    samples=one.added, bar=bar, note=STUB,
                )  # fmt: skip
            if target.pid is not None:
                one = found[target.name, kind.name, 8]
                cpu = 1000 * one.cpu / one.requests
                name = f"chat_{kind.name}_cpu_per_1000{suffix}"
                rows.add(name, cpu, "CPU-s", n=one.requests, note=STUB)
        paced = found[target.name, PACED.name, 1]
        name = f"chat_piece_delay{suffix}"
        rows.add(
            name, statistics.median(paced.delays), "ms", samples=paced.delays,
            note=f"{STUB}; sent to received, {PACED.pace_ms} ms apart",
        )  # fmt: skip
        if target.pid is not None:
            name = f"chat_first_piece_added{suffix}"
            value = statistics.median(paced.first_added)
            bar = None if suffix else Bar(limit=ADDED_MS)
            rows.add(name, value, "ms", samples=paced.first_added, bar=bar, note=STUB)
            rows.add(f"chat_rss{suffix}", memory[target.name], "MiB", note=STUB)
