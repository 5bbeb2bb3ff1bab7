"""Where a repair runs, by what the user said, and what its end means for the exit code."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from reflex_loop.changes import ChangeSet
from reflex_loop.options import RepairOptions
from reflexctl import cluster, local_fix, remote_fix, report, sources
from reflexctl.errors import (
    INTERRUPTED,
    NOT_DONE,
    OK,
    CliError,
    ClusterError,
    ConfigurationError,
)
from reflexctl.interrupts import Interrupts
from reflexctl.place import find, refuse_read_only
from reflexctl.remote_fix import Server
from reflexctl.screen import Screen
from reflexctl.service_key import service_key
from reflexctl.sources import Source
from reflexctl.upload import put_in_place


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user wants, checked.

    Attributes:
        path: what is repaired.
        options: of the repair.
        unsafe: run the compiler without a sandbox.
        fetch: dependencies first; None: when Cargo.lock names any.
    """

    path: Path
    options: RepairOptions
    dry_run: bool = False
    endpoint: str = ""
    model: str = ""
    renderer: str = ""
    config: Path | None = None
    server: str = ""
    key_file: Path | None = None
    context: str = ""
    namespace: str = ""
    fetch: bool | None = None
    unsafe: bool = False


def wish(arguments: Mapping[str, Any]) -> Wish:
    """Return the wish of a command line's arguments.

    Raises:
        ConfigurationError: one of them makes no sense.
    """
    chosen = {name: arguments[name] for name in RepairOptions.model_fields if name in arguments}
    try:
        options = RepairOptions.model_validate(chosen)
    except ValidationError as error:
        raise ConfigurationError(
            "; ".join(_fault(each) for each in error.errors(include_url=False))
        ) from error
    others = {name: value for name, value in arguments.items() if name not in chosen}
    given = {name: value for name, value in others.items() if value is not None}
    places = [f"--{name}" for name in ("server", "endpoint") if given.get(name)]
    if len(places) > 1:
        raise ConfigurationError(
            "--server and --endpoint are both given",
            hints=("the service chooses its models itself: leave --endpoint out",),
        )
    return Wish(options=options, **given)


async def run(wanted: Wish, screen: Screen) -> int:
    """Repair, show what it came to, and return the exit code.

    Raises:
        CliError: it could not be done as asked.
    """
    place = find(wanted.path, wanted.options.entry)
    options = wanted.options.model_copy(update={"entry": place.entry})
    for note in place.notes:
        screen.say(note)
    interrupts = Interrupts()
    try:
        async with _way(wanted, screen) as way:
            if isinstance(way, Source):
                result = await local_fix.fix(
                    place, options, way, screen, interrupts,
                    dry_run=wanted.dry_run, unsafe=wanted.unsafe, fetch=wanted.fetch,
                )  # fmt: skip
            else:
                if not wanted.dry_run:
                    refuse_read_only(place.root)
                result, changes = await remote_fix.fix(place, options, way, screen, interrupts)
                if changes and not wanted.dry_run and not interrupts.count:
                    _put_in_place(place.root, changes, screen)
    except asyncio.CancelledError:
        if not interrupts.count:
            raise
        screen.note("error", "stopped; what was not judged was rolled back")
        return INTERRUPTED
    if screen.as_json:
        screen.json({**result, "dry_run": wanted.dry_run})
    else:
        report.show(screen, result, dry_run=wanted.dry_run)
    if interrupts.count:
        return INTERRUPTED
    return OK if result["fixed"] else NOT_DONE


@asynccontextmanager
async def _way(wanted: Wish, screen: Screen) -> AsyncIterator[Source | Server]:
    """Lend who repairs: this machine with some models, or a service. The first that is named.

    Raises:
        ConfigurationError: nothing is named, and there is no default.
    """
    file = sources.find_file(wanted.config, os.environ)
    in_cluster = bool(wanted.context or wanted.namespace)
    if wanted.server:
        yield Server(url=wanted.server, key=service_key(wanted.key_file))
    elif wanted.endpoint:
        source = await sources.from_endpoint(
            wanted.endpoint, wanted.model, renderer=wanted.renderer
        )
        for note in source.notes:
            screen.say(note)
        yield source
    elif file is not None and (wanted.config is not None or not in_cluster):
        yield sources.from_file(file, model=wanted.model)
    else:
        async with AsyncExitStack() as stack:
            try:
                kubectl = cluster.Kubectl(context=wanted.context, namespace=wanted.namespace)
                server, name = await stack.enter_async_context(
                    cluster.service(kubectl, service_key(wanted.key_file))
                )
            except ClusterError as error:
                if in_cluster:
                    raise
                raise sources.no_source((f"the kube context does not help: {error}",)) from error
            screen.say(f"using {name}")
            yield server


def _put_in_place(root: Path, changes: ChangeSet, screen: Screen) -> None:
    try:
        put_in_place(root, changes)
    except CliError:
        if not screen.as_json:
            screen.diff(changes.diff())
        raise


def _fault(error: ErrorDetails) -> str:
    names = {"max_attempts": "attempts", "cost_usd": "cost"}
    name = str(error["loc"][0])
    option = names.get(name, name).replace("_", "-")
    return f"--{option}: {error['msg'].removeprefix('Value error, ')}"
