"""What `reflexctl memory` asks of a reflection service, and how the answers are shown."""

import asyncio
import codecs
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from reflexctl import cluster
from reflexctl.errors import NOT_DONE, OK, CliError, ClusterError, ConfigurationError
from reflexctl.memory_client import Json, MemoryService
from reflexctl.plain import in_json, plain
from reflexctl.screen import Screen
from reflexctl.service_key import service_key

_TEXT: Final = 100  # characters of a memory in a table


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which service is meant; an empty `server` is that of the kube context."""

    server: str
    key_file: Path | None
    context: str
    namespace: str


@asynccontextmanager
async def _service(place: Place, screen: Screen) -> AsyncIterator[MemoryService]:
    key = service_key(place.key_file)
    if place.server:
        if place.context or place.namespace:
            raise ConfigurationError("--server and a kube context are both given: leave one out")
        async with MemoryService.opened(place.server, key) as service:
            yield service
        return
    try:
        kubectl = cluster.Kubectl(
            context=place.context, namespace=place.namespace, component="reflex-reflection"
        )
        async with cluster.service(kubectl, key) as (found, name):
            screen.say(f"using {name}")
            async with MemoryService.opened(found.url, found.key) as service:
                yield service
    except ClusterError as error:
        raise ClusterError(
            str(error), hints=(*error.hints, "or name the service: --server URL")
        ) from error


async def search(
    place: Place, screen: Screen, *, query: str, k: int, mode: str, mmr_lambda: float | None,
    kind: str | None, since: str | None,
) -> int:  # fmt: skip
    """Search and show what is found."""
    wish: Json = {"query": query, "k": k, "mode": mode}
    for name, value in (("mmr_lambda", mmr_lambda), ("kind", kind), ("since", since)):
        if value is not None:
            wish[name] = value
    async with _service(place, screen) as service:
        found = await service.search(wish)
    if screen.as_json:
        screen.json(found)
    elif found["results"]:
        _table(screen, found["results"], scores=True)
    else:
        screen.say("nothing is found")
    return OK if found["results"] else NOT_DONE


async def page(place: Place, screen: Screen, *, limit: int, after: str) -> int:
    """List a page and say how to go on."""
    async with _service(place, screen) as service:
        found = await service.page(limit=limit, after=after)
    if screen.as_json:
        screen.json(found)
        return OK
    _table(screen, found["data"], scores=False)
    if found.get("has_more"):
        screen.say(f"there are more: --after {found['last_id']}")
    return OK


async def get(place: Place, screen: Screen, *, memory_id: str) -> int:
    """Show one memory."""
    async with _service(place, screen) as service:
        found = await service.get(memory_id)
    if screen.as_json:
        screen.json(found)
        return OK
    screen.out.print(plain(str(found["text"])), markup=False)
    hidden = {"text", "vec_full", "evidence"}
    for name, value in found.items():
        if name not in hidden and value is not None:
            screen.say(f"{name}: {value}")
    for one in found.get("evidence") or ():
        screen.say(f"evidence: {one}")
    return OK


async def delete(place: Place, screen: Screen, *, memory_ids: tuple[str, ...]) -> int:
    """Delete one after the other; stops at the first that cannot be deleted."""
    deleted: list[str] = []
    try:
        async with _service(place, screen) as service:
            for memory_id in memory_ids:
                await service.delete(memory_id)
                deleted.append(memory_id)
                screen.say(f"deleted {memory_id}")
    except CliError as error:
        if deleted:
            raise type(error)(
                f"{error}; deleted before it: {', '.join(deleted)}", hints=error.hints
            ) from error
        raise
    if screen.as_json:
        screen.json({"deleted": deleted})
    return OK


async def export(place: Place, screen: Screen, *, out: Path | None) -> int:
    """Write all memories to a file, which appears when it is whole, or to stdout."""
    async with _service(place, screen) as service:
        if out is None:
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            async for part in service.export():
                screen.out.file.write(in_json(decoder.decode(part)))
            screen.out.file.flush()
            return OK
        partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
        lines = 0
        try:
            with partial.open("xb") as file:
                os.fchmod(file.fileno(), 0o600)  # what is remembered is nobody else's affair
                async for part in service.export():
                    file.write(part)
                    lines += part.count(b"\n")
            partial.replace(out)
        except OSError as error:
            raise ConfigurationError(f"{out} cannot be written: {error.strerror}") from error
        finally:
            with suppress(OSError):
                partial.unlink()
    if screen.as_json:
        screen.json({"exported": lines, "file": str(out)})
    else:
        screen.say(f"{lines} memories are in {out}")
    return OK


async def bring(place: Place, screen: Screen, *, file: Path) -> int:
    """Import a file and say what became of its lines."""
    try:
        lines = await asyncio.to_thread(file.read_bytes)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    async with _service(place, screen) as service:
        told = await service.bring(lines)
    _values(screen, told)
    return OK


async def stats(place: Place, screen: Screen) -> int:
    """Show the service's numbers."""
    async with _service(place, screen) as service:
        told = await service.stats()
    _values(screen, told)
    return OK


def _values(screen: Screen, told: Mapping[str, Any]) -> None:
    if screen.as_json:
        screen.json(told)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in told.items():
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        table.add_row(Text(plain(name), style="bold"), Text(plain(shown)))
    screen.out.print(table)


def _table(screen: Screen, memories: list[Json], *, scores: bool) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ([] if not scores else ["SCORE"]) + ["TIME", "ID", "TEXT"]:
        table.add_column(name, no_wrap=name != "TEXT")
    for each in memories:
        said = str(each.get("text", ""))
        said = said if len(said) <= _TEXT else said[: _TEXT - 1] + "…"
        cells = [str(each.get("ts") or each.get("created_at", "")), str(each.get("id", "")), said]
        if scores:
            score = each.get("score")
            cells.insert(0, f"{score:.3f}" if isinstance(score, int | float) else "")
        table.add_row(*(Text(plain(cell)) for cell in cells))
    screen.out.print(table)
