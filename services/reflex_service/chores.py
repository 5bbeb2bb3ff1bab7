"""What a service does beside its requests, again and again, until it is cancelled."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from reflex_service.errors import StartError


class Refreshable(Protocol):
    """Keys that lie in files."""

    def refresh(self) -> bool:
        """Return whether the files had changed and were read again."""


async def regularly(
    chore: Callable[[], Awaitable[None]], *, seconds: float, complaint: str, log: logging.Logger
) -> None:
    """Do a chore, then again after each pause.

    Args:
        chore: one round of it.
        seconds: pause between two rounds.
        complaint: what is told with the error of a round that failed.
        log: where it is told.
    """
    while True:
        try:
            await chore()
        except Exception as error:  # one bad round, a defect's too, must not end all later ones
            log.error("%s: %s: %s", complaint, type(error).__name__, str(error).partition("\n")[0])
        await asyncio.sleep(seconds)


async def follow_keys(
    keys: Mapping[str, Refreshable], *, seconds: float, log: logging.Logger
) -> None:
    """Follow keys' files, named for the log; a wrong file leaves the old keys in force."""
    told = ""
    while True:
        await asyncio.sleep(seconds)
        try:
            for name, ring in keys.items():
                if await asyncio.to_thread(ring.refresh):
                    log.info("%s were read again", name)
            told = ""
        except StartError as error:
            if str(error) != told:
                log.error("%s; the old keys stay", error)
            told = str(error)
