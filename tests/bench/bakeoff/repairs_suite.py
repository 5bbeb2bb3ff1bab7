"""How many items of a suite are measured in a minute, through `reflexctl bakeoff run`.

With scripted replies, which are right and take no time, what is left is the harness: compiling,
testing, judging, keeping. With the tiny model on the real engine it is a whole run without load.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from reflex_e2e.engine_image import EngineImage
from reflex_e2e.kubectl import ROOT

import scripted_openai as api
from bench.rows import Rows
from reflex_api import items as documents
from reflex_api.items import Outcome
from reflex_bakeoff.suite.item import Item
from reflex_bakeoff.suite.suite import load_suite
from scripted_model import patch
from served import listing, served
from served_engine import MODEL, serving

SUITE: Final = ROOT / "configs/suites/rust-repair-smoke"
WEIGHTS: Final = "reflex-tiny-a"
_WITHIN: Final = 3600.0


def run(rows: Rows, *, count: int, real: bool) -> None:
    """Measure and add the rows.

    Args:
        rows: get the numbers.
        count: items of the suite.
        real: with the tiny model on the CPU engine, too.
    """
    suite = load_suite(SUITE)
    order = {name: place for place, name in enumerate(suite.order())}
    items = sorted(suite.items, key=lambda item: order[item.id])[:count]
    with tempfile.TemporaryDirectory(prefix="reflex-bench-") as home:
        print(f"repairs: {count} items, scripted replies", file=sys.stderr)
        with served(_scripted(items)) as server:
            _add(rows, "scripted", _bakeoff(server.base_url, count, Path(home) / "scripted", True),
                 note="scripted replies, all right; compiler and sandbox real")  # fmt: skip
        if real:
            print(f"repairs: {count} items, {WEIGHTS} on the engine", file=sys.stderr)
            image = EngineImage.build()
            with serving(image, Path(home), weights=WEIGHTS) as engine:
                found = _bakeoff(engine.base_url, count, Path(home) / "real", False)
            _add(rows, "engine", found, note=f"{WEIGHTS} on the real engine on CPU, N = 3")


def _add(rows: Rows, name: str, found: tuple[float, Path], *, note: str) -> None:
    seconds, out = found
    items = documents.read((out / "items.jsonl").read_text()).items
    right = sum(item.outcome is Outcome.PASSED for item in items)
    note = f"{note}; {right} of {len(items)} repaired by the first patch"
    rows.add(f"repairs_{name}", 60 * len(items) / seconds, "items/min", n=len(items), note=note)


def _bakeoff(url: str, count: int, home: Path, simulated: bool) -> tuple[float, Path]:
    """Run it and return its seconds, start and reports included, and where it wrote."""
    home.mkdir()
    gate = home / "gate.yaml"
    gate.write_text(
        f"suite: {SUITE.name}\nlabel: bench\nquality: {{passAt1Floor: '0', looks: [{count}]}}\n"
    )
    paths = os.pathsep.join(str(ROOT / part) for part in ("services", "operator"))
    command: list[str | Path] = [
        sys.executable, "-m", "reflexctl", "bakeoff", "run", "--endpoint", url, "--model", MODEL,
        "--suite", SUITE, "--gate", gate, "--out", home / "out", "--skip-speed", "--skip-cache",
        *(["--simulated"] if simulated else []),
    ]  # fmt: skip
    began = time.perf_counter()
    # Exit code 2: nothing is said about speed, and so the verdict is Error.
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, stdin=subprocess.DEVNULL,
        timeout=_WITHIN, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    assert (home / "out/items.jsonl").is_file(), f"reflexctl bakeoff run: {done.returncode}"
    return seconds, home / "out"


def _scripted(items: Iterable[Item]) -> Any:
    """Return a server that knows each item's repair."""
    replies = {}
    for item in items:
        edits = [
            {"path": path, "search": text.splitlines(), "replace": item.solution[path].splitlines()}
            for path, text in item.files.items()
            if item.solution.get(path, text) != text
        ]
        replies[item.retained[0]] = api.answer(patch(*edits))

    def answer(body: Any) -> api.Reply:
        if body is None:
            return listing(MODEL, context=16384)
        asked = json.dumps(body["messages"])
        return next(reply for name, reply in replies.items() if f" {name}" in asked)

    return answer
