"""How a repair is put together: the one place of the adapters, behind a protocol for tests."""

from pathlib import Path
from typing import Protocol

from reflex_loop.adapters.assembly import open_repair
from reflex_loop.adapters.memory import ReflectionMemory
from reflex_loop.events import Listener
from reflex_loop.options import RepairOptions
from reflex_loop.result import Result
from reflex_loop.service.decisions import OWNER
from reflex_loop.stopping import Progress
from reflex_routing.router import Router
from reflex_runner.job import Runner


class RunningRepair(Protocol):
    """What is run: `reflex_loop.loop.Repair`."""

    async def run(self) -> Result:
        """Repair and return what it came to."""
        ...

    def cancel(self) -> None:
        """End soon."""
        ...


class RepairFactory(Protocol):
    """Puts a repair together."""

    def __call__(
        self, root: Path, *, runner: Runner, options: RepairOptions, listener: Listener,
        repair_id: str, progress: Progress,
    ) -> RunningRepair:  # fmt: skip
        """Return the repair of the tree under `root`; `progress` counts towards its limits."""
        ...


class RoutedRepairs:
    """The factory of the service: a sandbox compiles, the router's models answer."""

    def __init__(self, router: Router, memory: ReflectionMemory | None = None) -> None:
        self._router = router
        self._memory = memory

    def __call__(
        self, root: Path, *, runner: Runner, options: RepairOptions, listener: Listener,
        repair_id: str, progress: Progress,
    ) -> RunningRepair:  # fmt: skip
        """See `RepairFactory`."""
        return open_repair(
            root,
            runner=runner,
            router=self._router,
            options=options,
            listener=listener,
            task_id=repair_id,
            progress=progress,
            memory=self._memory.of(OWNER.get(), repair_id) if self._memory else None,
        )
