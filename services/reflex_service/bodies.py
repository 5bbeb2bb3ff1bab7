"""Reads request bodies: within a size, within a time, and never as a whole in memory if large."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import IO

from starlette.requests import ClientDisconnect, Request

from reflex_service.errors import (
    InvalidRequestError,
    ServiceError,
    TooLargeError,
    UploadTimeoutError,
)


async def into_file(request: Request, target: Path, *, limit: int, seconds: float) -> str:
    """Write the body into a new file as it comes; return the SHA-256 of it in hex.

    Raises:
        TooLargeError: it has more than `limit` bytes; no more than that was read.
        UploadTimeoutError: it took longer than `seconds`, or paused for a tenth of that.
    """
    with target.open("xb") as file:
        return await into_open(request, file, limit=limit, seconds=seconds)


async def into_open(request: Request, file: IO[bytes], *, limit: int, seconds: float) -> str:
    """Write the body into an open file as it comes; return the SHA-256 of it in hex.

    Raises:
        TooLargeError: see `into_file`.
        UploadTimeoutError: see `into_file`.
    """
    digest = hashlib.sha256()
    async for piece in _pieces(request, limit=limit, seconds=seconds):
        digest.update(piece)
        file.write(piece)
    return digest.hexdigest()


async def into_memory(request: Request, *, limit: int, seconds: float) -> bytes:
    """Return the whole body.

    Raises:
        TooLargeError: see `into_file`.
        UploadTimeoutError: see `into_file`.
    """
    pieces = [piece async for piece in _pieces(request, limit=limit, seconds=seconds)]
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def discard(request: Request, *, limit: int, seconds: float) -> None:
    """Read a body that nobody wants, within bounds: most clients send all before they listen."""
    if "100-continue" in request.headers.get("expect", "").lower():
        return  # this one asks first
    if getattr(request.state, "body_is_read", False):
        return
    try:
        async for _ in _pieces(request, limit=limit, seconds=seconds, trusting=False):
            pass
    except ServiceError:
        pass


async def _pieces(
    request: Request, *, limit: int, seconds: float, trusting: bool = True
) -> AsyncGenerator[bytes, None]:
    told = request.headers.get("content-length", "")
    if trusting and told.isdecimal() and int(told) > limit:
        raise TooLargeError(f"the body has {int(told)} bytes, more than {limit}")
    seen = 0
    stream = request.stream()
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    while True:
        try:
            async with asyncio.timeout_at(min(end, clock() + seconds / 10)):
                piece = await anext(stream, None)
        except TimeoutError:
            what = "took too long" if clock() >= end else "paused for too long"
            raise UploadTimeoutError(f"the body {what}: send it faster, or a smaller one") from None
        except ClientDisconnect:
            raise InvalidRequestError("the body ended early") from None
        if piece is None:
            request.state.body_is_read = True
            return
        seen += len(piece)
        if seen > limit:
            raise TooLargeError(f"the body has more than {limit} bytes")
        if piece:
            yield piece
