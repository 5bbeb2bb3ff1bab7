"""`/v1/memories/export` and `/import`: lines of JSON (NDJSON), out and in."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import IO, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from reflex_reflection.errors import ImportFileError
from reflex_reflection.service.parts import Owner, Parts, parts_of
from reflex_reflection.service.views import ImportView
from reflex_reflection.store.exchange import Imported, MemoryDocument, export, read_line, take
from reflex_service.bodies import into_open
from reflex_service.errors import BusyError, DrainingError, InvalidRequestError

router = APIRouter(tags=["memories"])
NDJSON: Final = "application/x-ndjson"
_LINES: Final[dict[str, Any]] = {"content": {NDJSON: {"schema": {"type": "string"}}}}
_LETTER_BYTES: Final = 12  # \ud83d\ude00
_LINE_BYTES: Final = 1024 * 1024
"""Small JSON may be large in memory: an empty list of two letters takes 56 bytes."""


@router.get(
    "/v1/memories/export",
    response_class=StreamingResponse,
    summary="All memories, a line each",
    responses={200: {"description": "In the order of writing; `import` takes it.", **_LINES}},
)
async def export_all(request: Request, owner: Owner) -> StreamingResponse:
    """Send every memory of this key, vectors and evidence included."""
    parts = parts_of(request)
    lines = export(parts.memories, owner)

    async def sent() -> AsyncIterator[bytes]:
        while piece := await parts.database.run(_some, lines):
            yield piece

    return StreamingResponse(sent(), media_type=NDJSON)


@router.post(
    "/v1/memories/import",
    summary="Take memories of an export",
    openapi_extra={"requestBody": {"required": True, **_LINES}},
)
async def import_lines(request: Request, owner: Owner) -> ImportView:
    """Read every line first; then add what is not there. The same file again adds nothing."""
    parts = parts_of(request)
    settings = parts.settings
    if parts.life.imports >= settings.imports:
        raise BusyError(f"{settings.imports} imports are under way already", retry_after=5.0)
    parts.life.imports += 1
    began = parts.clock()
    try:
        # Without a name: a killed process leaves nothing behind.
        with tempfile.TemporaryFile(dir=settings.data_dir) as file:
            await into_open(
                request, file, limit=settings.import_bytes, seconds=settings.body_seconds
            )
            taken = await parts.database.run(_take, parts, owner, file)
    except ImportFileError as error:
        raise InvalidRequestError(f"nothing was taken: {error}") from None
    finally:
        parts.life.imports -= 1
    parts.metrics.imported(taken.written)
    parts.metrics.took("import", parts.clock() - began)
    return ImportView(read=taken.read, written=taken.written)


def _take(parts: Parts, owner: str, file: IO[bytes]) -> Imported:
    for _ in _documents(parts, file):
        pass  # all lines are read before the first is taken
    return take(parts.of(owner), owner, _documents(parts, file), actor=owner)


def _documents(parts: Parts, file: IO[bytes]) -> Iterator[MemoryDocument]:
    file.seek(0)
    longest = parts.settings.memory_characters
    most = _LINE_BYTES + _LETTER_BYTES * longest
    number = 0
    while line := file.readline(most + 1):
        number += 1
        if parts.life.draining:
            raise DrainingError("this process is about to end: send the file again")
        if len(line) > most:
            raise ImportFileError(f"line {number} has more than {most} bytes")
        found = read_line(line, number)
        if found is not None:
            if len(found.text) > longest:
                raise ImportFileError(f"line {number}: text has more than {longest} characters")
            yield found


def _some(lines: Iterator[bytes]) -> bytes:
    """Return the next lines, none at the end."""
    piece = bytearray()
    for line in lines:
        piece += line
        if len(piece) >= 64 * 1024:
            break
    return bytes(piece)
