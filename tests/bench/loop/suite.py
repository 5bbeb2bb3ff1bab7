"""What the repair loop itself costs, with a model and a compiler that take no time.

Both are simulated; the files, their reading and writing and the journal are real.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Final

from bench.loop import crates
from bench.loop.crates import LARGE, SMALL, SimulatedCompiler, SimulatedModel, Size, Times
from bench.rows import Bar, Rows, percentile
from reflex_loop.changes import ChangeSet
from reflex_loop.loop import Repair
from reflex_loop.patch import read_reply
from reflex_loop.planning import plan
from reflex_loop.policy import check as check_policy
from reflex_loop.rustc_json import read
from reflex_loop.settings import Settings, Stopping
from reflex_loop.snapshot import Workspace
from reflex_loop.transaction import Transaction

SIMULATED: Final = "simulated model and compiler"
OVERHEAD_MS: Final = 20.0
_ATTEMPTS: Final = 20
_LONG_FILE: Final = 10_000
_PARSED_MIB: Final = 8
_IN_FLIGHT: Final = 100


def run(rows: Rows, *, repeats: int) -> None:
    """Measure everything and add the rows.

    Args:
        rows: get the numbers.
        repeats: repairs of each size, and applications of the patch times ten.
    """
    for size in (SMALL, LARGE):
        print(f"loop: {size.name} crate", file=sys.stderr)
        spent = [one for _ in range(repeats) for one in _repair(size)]
        note = f"{SIMULATED}; {size.files} files, {size.lines} lines, {size.errors} errors"
        bar = Bar(limit=OVERHEAD_MS)
        wall, cpu = [1000 * one.wall for one in spent], [1000 * one.cpu for one in spent]
        name = f"loop_iteration_{size.name}"
        rows.add(name, statistics.median(wall), "ms", samples=wall, bar=bar, note=note)
        rows.add(f"{name}_p99", percentile(wall, 99), "ms", n=len(wall), bar=bar, note=note)
        rows.add(f"{name}_cpu", statistics.median(cpu), "ms", samples=cpu, note=note)
    print("loop: patch on a long file", file=sys.stderr)
    samples = _apply_patches(repeats * 10)
    note = f"file of {_LONG_FILE} lines, 3 edits; read, match, check, stage, fsync, rename"
    rows.add("patch_apply_10k", statistics.median(samples), "ms", samples=samples, note=note)
    print("loop: diagnostics", file=sys.stderr)
    speed = _parse(repeats)
    rows.add("diagnostics_read", statistics.median(speed), "MB/s", samples=speed,
             note="cargo's JSON, made up in the shape of rustc 1.95's")  # fmt: skip
    print("loop: repairs in flight", file=sys.stderr)
    told = _in_flight()
    note = f"{SIMULATED}; a process with {_IN_FLIGHT} repairs of the small crate that wait"
    rows.add("loop_rss_idle", told["idle"], "MiB", note="imported, nothing begun")
    rows.add("loop_rss_100_repairs", told["flight"], "MiB", n=_IN_FLIGHT, note=note)


def _repair(size: Size) -> list[Times]:
    """Return the times of each iteration: question to question, less the compiler.

    What is before the first question (the first reading of the tree) belongs to no iteration.
    """
    compiler = SimulatedCompiler()
    model = SimulatedModel(compiler=compiler)
    with tempfile.TemporaryDirectory(prefix="reflex-bench-") as home:
        root = Path(home) / "crate"
        crates.write(root, size)
        stopping = Stopping(attempts=_ATTEMPTS, without_progress=_ATTEMPTS, revisits=_ATTEMPTS)
        repair = Repair(
            root=root, checker=compiler, proposer=model,
            settings=Settings(stopping=stopping, prompt_tokens=24_000),
        )  # fmt: skip
        asyncio.run(repair.run())
        moments = [*model.begun, Times.now() - compiler.spent]
    return [after - before for before, after in pairwise(moments)]


def _apply_patches(count: int) -> list[float]:
    """Return the milliseconds of reading a reply and putting it on the disk."""
    found = []
    with tempfile.TemporaryDirectory(prefix="reflex-bench-") as home:
        root = Path(home)
        lines = [f"    let value_{n} = compute({n}, {n * 7 % 13});" for n in range(_LONG_FILE - 2)]
        (root / "long.rs").write_text("\n".join(["fn long() {", *lines, "}", ""]))
        workspace, settings = Workspace(root), Settings()
        shown = workspace.snapshot()
        for number in range(count):
            edits = []
            for at in (100, 5000, 9900):
                old = shown.lines("long.rs")[at]
                new = f"    let value_{at - 1} = again_{number}();"
                edits.append({"path": "long.rs", "search": [old], "replace": [new]})
            reply = json.dumps({"edits": edits})
            began = time.perf_counter()
            changes: ChangeSet = plan(read_reply(reply)[0], shown)
            check_policy(changes, settings.policy, root)
            Transaction.apply(root, changes).accept()
            shown = workspace.snapshot()
            found.append(1000 * (time.perf_counter() - began))
    return found


def _parse(repeats: int) -> list[float]:
    """Return megabytes a second of cargo's output."""
    with tempfile.TemporaryDirectory(prefix="reflex-bench-") as home:
        root = Path(home) / "crate"
        crates.write(root, Size(name="wrong", files=200, functions=8, errors=200))
        output = crates.output(root)
    whole = output * (_PARSED_MIB * 1024 * 1024 // len(output) + 1)
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        read(whole, root="/work")
        found.append(len(whole) / 1e6 / (time.perf_counter() - began))
    return found


def _in_flight() -> dict[str, float]:
    """Return MiB of a process of its own without and with repairs that wait for their model."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.loop.inflight", str(_IN_FLIGHT)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    told: dict[str, float] = json.loads(done.stdout)
    return told
