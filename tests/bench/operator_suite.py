"""The operator with many models on fake nodes; each number of models gets its own control plane."""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.rig import rig
from bench.rows import Rows
from bench.scale import SCENARIOS, START_SETTLED, Settings, memory_at_2000


def run(
    rows: Rows, *, counts: Sequence[int], only: Sequence[str], rest_seconds: float, memory: bool
) -> None:
    """Run the chosen scenarios.

    Args:
        rows: get the numbers.
        counts: of models.
        only: scenarios beside `settle`, which makes the models.
        rest_seconds: how long rest is watched.
        memory: whether to go on to 2,000 models at the highest count (minutes).
    """
    for count in counts:
        settings = Settings(count=count, rest_seconds=rest_seconds)
        with tempfile.TemporaryDirectory(prefix="reflex-bench-") as home, rig(Path(home)) as made:
            time.sleep(START_SETTLED)  # the first lists belong to the start, not to the work
            for name, scenario in SCENARIOS.items():
                if name == "settle" or name in only:
                    print(f"{count} models: {name}", file=sys.stderr)
                    scenario(made, rows, settings)
            if memory and count == max(counts):
                memory_at_2000(made, rows, settings)
