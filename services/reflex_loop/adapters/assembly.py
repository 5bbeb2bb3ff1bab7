"""Puts a repair together: the one place where the service, the CLI and the bakeoff do it."""

from pathlib import Path

from reflex_loop.adapters.checker import RunnerChecker
from reflex_loop.adapters.proposer import RoutingProposer
from reflex_loop.events import Listener
from reflex_loop.loop import Repair, ignore
from reflex_loop.options import RepairOptions
from reflex_loop.protocols import Checker, Memory
from reflex_loop.stopping import Progress
from reflex_routing.router import Router
from reflex_runner.job import Runner


def open_repair(
    root: Path,
    *,
    runner: Runner,
    router: Router,
    options: RepairOptions | None = None,
    listener: Listener = ignore,
    task_id: str = "",
    progress: Progress | None = None,
    memory: Memory | None = None,
) -> Repair:
    """Return a repair of `root` that compiles in a sandbox and asks by the routing rules.

    Args:
        root: the workspace; it is patched in place.
        runner: the sandbox, for this repair only.
        router: shared by all repairs of a process.
        options: what the caller wants.
        listener: is told what happens, in the repair's own task.
        task_id: names the repair in decision records.
        progress: of an earlier run of the same repair that broke off; counts towards the limits.
        memory: of earlier repairs; None: there is none.
    """
    options = options or RepairOptions()
    checker = RunnerChecker(
        runner, entry=options.entry, edition=options.edition, locked=options.locked
    )
    return repair_with(
        root,
        checker=checker,
        router=router,
        options=options,
        listener=listener,
        task_id=task_id,
        progress=progress,
        memory=memory,
    )


def repair_with(
    root: Path,
    *,
    checker: Checker,
    router: Router,
    options: RepairOptions,
    listener: Listener = ignore,
    task_id: str = "",
    progress: Progress | None = None,
    memory: Memory | None = None,
) -> Repair:
    """Return a repair that compiles by any checker; see `open_repair`.

    A reply may take as long as the router's whole request, so that slow engines are the router's
    affair: it gives them up, counts it against them and asks the next.
    """
    settings = options.settings(reply_seconds=router.parts.section.timeouts.request)
    return Repair(
        root=root,
        checker=checker,
        proposer=RoutingProposer(router, task_id=task_id),
        settings=settings,
        listener=listener,
        progress=progress,
        memory=memory,
    )
