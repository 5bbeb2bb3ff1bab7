"""Waits for an engine that starts again: while it is away nothing can be measured."""

import asyncio
import time
from typing import Final

import aiohttp

_PAUSE: Final = 1.0
_ANSWER_SECONDS: Final = 10.0


async def answers(base_url: str, *, key: str = "") -> bool:
    """Return whether a server lists its models."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    limits = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=limits, trust_env=False) as session,
            session.get(f"{base_url.rstrip('/')}/models", headers=headers) as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def until_it_answers(base_url: str, *, key: str = "", seconds: float) -> bool:
    """Wait until a server lists its models; return False when it does not for so long."""
    deadline = time.monotonic() + seconds
    while not await answers(base_url, key=key):
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_PAUSE)
    return True
