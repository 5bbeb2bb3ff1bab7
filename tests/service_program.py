"""A server process for tests: the real service, over a compiler that reads marks."""

import os
import sys
from pathlib import Path

import uvloop

from marked_checker import MarkedChecker
from reflex_loop.adapters.assembly import repair_with
from reflex_loop.adapters.sandboxes import LocalSandboxes
from reflex_loop.events import Listener
from reflex_loop.loop import Repair
from reflex_loop.options import RepairOptions
from reflex_loop.service.__main__ import run, set_up_logging
from reflex_loop.service.errors import StartError
from reflex_loop.service.parts import Parts
from reflex_loop.service.settings import load_settings
from reflex_loop.service.starting import assemble
from reflex_loop.stopping import Progress
from reflex_routing.config_file import load
from reflex_runner.job import Runner
from service_rig import IdleRunner, configuration


class MarkedRepairs:
    """A RepairFactory: the real loop and the real router, without a real compiler."""

    parts: Parts | None = None

    def __call__(
        self, root: Path, *, runner: Runner, options: RepairOptions, listener: Listener,
        repair_id: str, progress: Progress,
    ) -> Repair:  # fmt: skip
        assert self.parts is not None
        return repair_with(
            root, checker=MarkedChecker(), router=self.parts.router, options=options,
            listener=listener, task_id=repair_id, progress=progress,
        )  # fmt: skip


async def idle(scratch: Path) -> IdleRunner:
    return IdleRunner()


def make() -> Parts:
    settings = load_settings()
    factory = MarkedRepairs()
    config = configuration(Path.cwd(), os.environ["ENGINE"])
    factory.parts = assemble(
        settings,
        load(config, environ={}),
        environ={},
        pool=LocalSandboxes(idle, capacity=8, scratch=settings.data_dir / "sandboxes"),
        factory=factory,
        poll_models=False,
    )
    return factory.parts


if __name__ == "__main__":
    set_up_logging("info")
    try:
        sys.exit(uvloop.run(run(make)))
    except StartError as error:
        sys.exit(str(error))
