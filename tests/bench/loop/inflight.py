"""A process with many repairs whose models do not answer yet; tells its memory as JSON.

python -m bench.loop.inflight 100
"""

import asyncio
import gc
import json
import os
import sys
import tempfile
from pathlib import Path

from bench.loop import crates
from bench.rig import usage_of
from reflex_loop.loop import Repair
from reflex_loop.protocols import Prompt, Reply
from reflex_loop.settings import Settings


class Waiting(crates.PlainProposer):
    """A Proposer that never answers."""

    def __init__(self) -> None:
        self.asked = 0
        self.all_asked = asyncio.Event()
        self.wanted = 0

    async def propose(self, prompt: Prompt) -> Reply:
        """Wait until the repair is cancelled."""
        self.asked += 1
        if self.asked == self.wanted:
            self.all_asked.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


async def _fly(count: int, home: Path) -> float:
    model = Waiting()
    model.wanted = count
    repairs = []
    for number in range(count):
        root = home / str(number)
        crates.write(root, crates.SMALL)
        repairs.append(
            Repair(
                root=root, checker=crates.SimulatedCompiler(), proposer=model, settings=Settings()
            )
        )
    tasks = [asyncio.create_task(each.run()) for each in repairs]
    async with asyncio.timeout(120):
        await model.all_asked.wait()
    gc.collect()
    memory = usage_of(os.getpid()).rss_mib
    for each in repairs:
        each.cancel()
    await asyncio.gather(*tasks)
    return memory


def main() -> None:
    """Measure and print."""
    gc.collect()
    idle = usage_of(os.getpid()).rss_mib
    with tempfile.TemporaryDirectory(prefix="reflex-bench-") as home:
        flight = asyncio.run(_fly(int(sys.argv[1]), Path(home)))
    json.dump({"idle": idle, "flight": flight}, sys.stdout)


if __name__ == "__main__":
    main()
