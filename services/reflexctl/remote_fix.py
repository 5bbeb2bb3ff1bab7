"""`reflexctl fix --server`: a service repairs a copy, and its changes come back in one piece."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reflex_loop.changes import ChangeSet
from reflex_loop.options import RepairOptions
from reflex_loop.stopping import Stop
from reflexctl.errors import ServerError
from reflexctl.interrupts import Interrupts
from reflexctl.place import Place
from reflexctl.progress import Progress, counted
from reflexctl.screen import Screen
from reflexctl.service_client import Service
from reflexctl.upload import Upload, changes_of, pack

_SHOWN: Final = frozenset(
    {"fixed", "attempts", "rustfix_edits", "errors_before", "errors_after", "tokens", "seconds",
     "left", "detail"}
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where a service is, and the key for it."""

    url: str
    key: str = ""


async def fix(
    place: Place,
    options: RepairOptions,
    server: Server,
    screen: Screen,
    interrupts: Interrupts,
) -> tuple[Mapping[str, Any], ChangeSet]:
    """Repair a tree by a service; return its `Result` and the changes, which are not made yet.

    Raises:
        CliError: the service refuses, fails or is gone.
    """
    upload = await asyncio.to_thread(pack, place.root)
    if upload.links:
        screen.say(f"{counted(upload.links, 'link')} left out: a service takes files only")
    if upload.odd:
        screen.say(f"{counted(upload.odd, 'file')} left out: a service takes names in UTF-8 only")
    progress = Progress(screen, attempts=options.max_attempts, clock=time.monotonic)
    async with Service.opened(server.url, server.key, tell=screen.say) as service:
        size = f"{counted(len(upload.files), 'file')}, {len(upload.tar) / 1024:,.0f} KiB"
        screen.say(f"sending {size} to {server.url}")
        repair = str((await service.start(upload.tar, options))["id"])
        screen.say(f"repair {repair}")
        with progress.shown():
            await _follow(service, repair, progress, screen, interrupts)
        end = await service.ended(repair)
        try:
            return await _result(service, end, upload, options)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ServerError(
                f"the result of repair {repair} is none that is known here ({error!r})"
            ) from error


async def _follow(
    service: Service, repair: str, progress: Progress, screen: Screen, interrupts: Interrupts
) -> None:
    asked: set[asyncio.Task[None]] = set()

    async def listen() -> None:
        async for event in service.events(repair):
            progress.hear(event)

    def gently() -> None:
        screen.say("stopping: the service is asked to cancel")
        asked.add(asyncio.ensure_future(service.cancel(repair)))

    work = asyncio.ensure_future(listen())
    with interrupts.handled(gently, work.cancel):
        try:
            await work
        finally:
            await asyncio.gather(*asked, return_exceptions=True)


async def _result(
    service: Service, end: Mapping[str, Any], upload: Upload, options: RepairOptions
) -> tuple[Mapping[str, Any], ChangeSet]:
    result = end.get("result")
    if result is None:
        error = end.get("error") or {}
        raise ServerError(f"the service's repair failed: {error.get('message', end['status'])}")
    Stop(result["stop"])
    if missing := sorted(_SHOWN - result.keys()):
        raise KeyError(", ".join(missing))
    changed, deleted = end.get("changed", []), end.get("deleted", [])
    changes = ChangeSet(changes=())
    if changed or deleted:
        archive = await service.workspace(str(end["id"]))
        changes = changes_of(
            upload, archive, changed=changed, deleted=deleted, manifests=options.allow_manifest
        )
    # What is shown is what is written here, not what the service says of it.
    return {**result, "repair": end["id"], "diff": changes.diff()}, changes
