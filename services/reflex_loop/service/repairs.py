"""`/v1/repairs`: a broken workspace in, its repair as it happens, and what became of it."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, StreamingResponse

from reflex_loop.options import RepairOptions
from reflex_loop.service import blobs
from reflex_loop.service.archive import look
from reflex_loop.service.errors import (
    BusyError,
    DrainingError,
    InvalidRequestError,
    NotFinishedError,
    ServiceError,
    UnsupportedTypeError,
)
from reflex_loop.service.parts import Parts, owner_of, parts_of
from reflex_loop.service.records import NewRepair, RepairRow
from reflex_loop.service.rows import same
from reflex_loop.service.views import RepairList, RepairView
from reflex_service.bodies import discard, into_file

router = APIRouter(prefix="/v1/repairs", tags=["repairs"])

Owner = Annotated[str, Depends(owner_of)]
Id = Annotated[str, PathParameter(pattern=r"^[0-9a-f]{32}$", description="of the repair")]
_TYPES: Final = ("application/x-tar", "application/gzip", "application/octet-stream")
_BATCH: Final = 200
_DISCARD_SECONDS: Final = 10.0
_TAR: Final = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    "",
    status_code=202,
    summary="Repair a workspace",
    openapi_extra={"requestBody": {
        "required": True,
        "description": "The workspace as a plain or gzipped tar: files and folders only.",
        "content": dict.fromkeys(_TYPES, _TAR),
    }},
)  # fmt: skip
async def create(
    request: Request,
    response: Response,
    owner: Owner,
    options: Annotated[
        str, Query(max_length=8192, description="RepairOptions as JSON; each has a default")
    ] = "{}",
    idempotency_key: Annotated[
        str | None, Header(max_length=255, pattern=r"^[\x21-\x7e]+$")
    ] = None,
) -> RepairView:
    """Queue a repair. The same Idempotency-Key with the same request returns the same repair."""
    parts = parts_of(request)
    settings = parts.settings
    try:
        wanted = await _admitted(request, parts, owner, options, idempotency_key)
        try:
            row, is_new = await _received(request, parts, owner, wanted, idempotency_key)
        finally:
            parts.uploads.give()
    except ServiceError:
        await discard(request, limit=settings.upload_bytes, seconds=_DISCARD_SECONDS)
        raise
    parts.workers.wake()
    response.headers["Location"] = f"/v1/repairs/{row.id}"
    if not is_new:
        response.headers["Idempotent-Replayed"] = "true"
    return RepairView.of(row)


@router.get("", summary="List the repairs of this key, the newest first")
async def page(
    request: Request,
    owner: Owner,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str, Query(pattern=r"^([0-9a-f]{32})?$")] = "",
) -> RepairList:
    """Return one page; `last_id` is `after` of the next."""
    parts = parts_of(request)
    rows, more = await parts.database.run(lambda: parts.store.page(owner, limit=limit, after=after))
    return RepairList(
        data=[RepairView.of(row) for row in rows],
        has_more=more,
        last_id=rows[-1].id if rows else None,
    )


@router.get("/{id}", summary="Look at a repair")
async def get(request: Request, owner: Owner, id: Id) -> RepairView:
    """Return where it is; with its result when it has ended."""
    return RepairView.of(await _row(parts_of(request), owner, id))


@router.post("/{id}/cancel", summary="End a repair early")
async def cancel(request: Request, owner: Owner, id: Id) -> RepairView:
    """Ask for its end: what is not judged yet is rolled back, what was kept stays kept."""
    parts = parts_of(request)
    row = await parts.database.run(parts.store.cancel, owner, id)
    parts.workers.cancel(id)
    parts.feed.ring(id)
    return RepairView.of(row)


@router.get(
    "/{id}/events",
    summary="Follow a repair",
    response_class=Response,
    responses={200: {
        "description": "Server-sent events: `id` is the number, `event` the kind, `data` JSON. The "
        "stream ends after `stopped`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }},
)  # fmt: skip
async def events(
    request: Request,
    owner: Owner,
    id: Id,
    last_event_id: Annotated[
        str | None, Header(pattern=r"^\d{1,9}$", description="only what came after this one")
    ] = None,
) -> Response:
    """Send what was told so far, and then each event as it comes."""
    parts = parts_of(request)
    await _row(parts, owner, id)
    stream = _events(parts, id, int(last_event_id or 0))
    first = await anext(stream)  # too many streams are refused with a status, not in the stream
    return StreamingResponse(
        _behind(first, stream),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


@router.get(
    "/{id}/workspace",
    summary="Fetch the files that changed",
    response_class=Response,
    responses={200: {"description": "a tar", "content": {"application/x-tar": _TAR}}},
)
async def workspace(request: Request, owner: Owner, id: Id) -> Response:
    """Return a tar of the files that the repair changed; `deleted` is in the repair itself."""
    parts = parts_of(request)
    row = await _row(parts, owner, id)
    if not row.status.ended:
        raise NotFinishedError("the repair has not ended: follow its events", param="id")
    target = parts.scratch.path / f"result-{uuid.uuid4().hex}"
    await parts.database.run(blobs.fetch, parts.database, id, "result", target)
    return FileResponse(
        target,
        media_type="application/x-tar",
        filename=f"{id}.tar",
        background=BackgroundTask(target.unlink, missing_ok=True),
    )


async def _row(parts: Parts, owner: str, repair: str) -> RepairRow:
    return await parts.database.run(parts.store.get, owner, repair)


def _options(text: str, parts: Parts) -> RepairOptions:
    try:
        found = RepairOptions.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(["options", *(str(part) for part in first["loc"])])
        raise InvalidRequestError(f"{where}: {first['msg']}", param=where) from None
    most = parts.settings.repair_seconds
    if found.seconds > most:
        raise InvalidRequestError(f"options.seconds: at most {most:g}", param="options.seconds")
    return found


async def _admitted(
    request: Request, parts: Parts, owner: str, options: str, key: str | None
) -> RepairOptions:
    """Return the options of a request that may be read; it has a place among the uploads then."""
    if parts.workers.draining:
        raise DrainingError("this process is about to end: send it again", retry_after=1.0)
    await parts.repair_rate.hit(owner)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _TYPES:
        raise UnsupportedTypeError(
            f"send the workspace as {_TYPES[0]}, plain or gzipped", param="Content-Type"
        )
    wanted = _options(options, parts)
    if key is None or await parts.database.run(parts.store.replayed, owner, key) is None:
        await parts.database.run(parts.store.room, parts.settings.repairs_queued)
    if not parts.uploads.take():
        raise BusyError(f"{parts.uploads.most} uploads are being read already", retry_after=2.0)
    return wanted


async def _received(
    request: Request, parts: Parts, owner: str, options: RepairOptions, key: str | None
) -> tuple[RepairRow, bool]:
    """Read the workspace, look through it, keep it, and queue the repair."""
    repair = uuid.uuid4().hex
    settings = parts.settings
    file: Path = parts.scratch.path / f"upload-{repair}"
    kept = queued = False
    try:
        body = await into_file(
            request, file, limit=settings.upload_bytes, seconds=settings.upload_seconds
        )
        text = options.model_dump_json()
        digest = hashlib.sha256(f"{body}\n{text}".encode()).hexdigest()
        if key is not None:
            known = await parts.database.run(parts.store.replayed, owner, key)
            if known is not None:
                return same(known, digest), False
        names = await asyncio.to_thread(look, file, parts.limits)
        wanted = options.entry or "Cargo.toml"
        if wanted not in names:
            raise InvalidRequestError(
                f"the workspace has no {wanted!a} at its top: pack the folder that holds it,"
                " or name a root file by options.entry", param="options.entry",
            )  # fmt: skip
        kept = True
        await parts.database.run(
            lambda: blobs.upload(parts.database, repair, file, now=parts.now())
        )
        new = NewRepair(
            id=repair, owner=owner, options=text, request_sha256=digest, idempotency_key=key
        )
        row, is_new = await parts.database.run(
            lambda: parts.store.create(new, queue=settings.repairs_queued)
        )
        queued = row.id == repair
        return row, is_new
    finally:
        if kept and not queued:
            await _dropped(parts, repair)
        await asyncio.to_thread(file.unlink, missing_ok=True)


async def _dropped(parts: Parts, repair: str) -> None:
    """Delete an upload that made no repair; who comes again to a full queue sends it each time."""
    with suppress(SQLAlchemyError):  # housekeeping finds it
        await parts.database.run(parts.store.forget, repair)


async def _events(parts: Parts, repair: str, after: int) -> AsyncGenerator[bytes, None]:
    """Yield events from the database, woken by whoever writes them; the first piece is empty."""
    settings = parts.settings
    clock = asyncio.get_running_loop().time
    with parts.feed.listen(repair) as bell:
        yield b": reflex\n\n"
        said = clock()
        while not parts.ending.is_set():
            bell.clear()
            rows = await parts.database.run(
                lambda last=after: parts.store.events(repair, after=last, limit=_BATCH)
            )
            for row in rows:
                after = row.number
                yield format_sse_event(id=str(row.number), event=row.kind, data_str=row.body)
                said = clock()
                if row.kind == "stopped":
                    return
            if rows:
                continue
            if clock() - said >= settings.ping_seconds:
                yield KEEPALIVE_COMMENT
                said = clock()
                # A reader may be behind the end, or its repair no longer be kept.
                if await parts.database.run(_is_over, parts, repair, after):
                    return
            try:
                async with asyncio.timeout(min(settings.poll_seconds, settings.ping_seconds)):
                    await bell.wait()
            except TimeoutError:
                pass


def _is_over(parts: Parts, repair: str, after: int) -> bool:
    last = parts.store.last_event(repair)
    return last is None or (last.kind == "stopped" and last.number <= after)


async def _behind(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        await rest.aclose()
