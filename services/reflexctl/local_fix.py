"""`reflexctl fix` on this machine: this compiler, and the models of a configuration."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from reflex_loop.adapters.assembly import open_repair
from reflex_loop.errors import CheckError, LoopError
from reflex_loop.loop import Repair
from reflex_loop.options import RepairOptions
from reflex_routing.assembly import open_router
from reflex_routing.router import Router
from reflexctl.errors import CliError
from reflexctl.interrupts import Interrupts
from reflexctl.place import Place, refuse_read_only
from reflexctl.progress import Progress
from reflexctl.sandbox import sandbox
from reflexctl.screen import Screen
from reflexctl.sources import Source
from reflexctl.trial_copy import copied


async def fix(
    place: Place,
    options: RepairOptions,
    source: Source,
    screen: Screen,
    interrupts: Interrupts,
    *,
    dry_run: bool = False,
    unsafe: bool = False,
    fetch: bool | None = None,
) -> Mapping[str, Any]:
    """Repair a tree in place, or a copy of it, and return `Result.to_json()`.

    Raises:
        ConfigurationError: there is no compiler, no sandbox, or a tree that cannot be
            copied or written.
        CliError: the compiler cannot be run, or the files cannot be changed.
    """
    progress = Progress(screen, attempts=options.max_attempts, clock=time.monotonic)
    async with AsyncExitStack() as stack:
        if not dry_run:
            refuse_read_only(place.root)
        root = stack.enter_context(copied(place.root)) if dry_run else place.root
        runner = await stack.enter_async_context(sandbox(root, screen, unsafe=unsafe, fetch=fetch))
        router = await stack.enter_async_context(_router(source))
        repair = open_repair(
            root, runner=runner, router=router, options=options, listener=progress.hear
        )
        try:
            with progress.shown():
                return await _run(repair, screen, interrupts)
        except CheckError as error:
            raise CliError(f"the compiler cannot be run: {error}") from error
        except LoopError as error:
            raise CliError(str(error)) from error


async def _run(repair: Repair, screen: Screen, interrupts: Interrupts) -> Mapping[str, Any]:
    work = asyncio.ensure_future(repair.run())

    def gently() -> None:
        screen.say("stopping: what is not judged yet is rolled back")
        repair.cancel()

    with interrupts.handled(gently, work.cancel):
        result = await work
    return result.to_json()


@asynccontextmanager
async def _router(source: Source) -> AsyncIterator[Router]:
    router = open_router(source.loaded, registry=CollectorRegistry())
    try:
        yield router
    finally:
        await router.close()
