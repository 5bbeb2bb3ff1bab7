"""Facts for the routing rules, told by a client in headers; each raises InvalidRequestError."""

from collections.abc import Mapping
from typing import Final

from reflex_loop.service.errors import InvalidRequestError
from reflex_routing.policy import IMPLEMENT_STAGE, Role

_STAGE_LETTERS: Final = 64
_FILES: Final = 64


def role(headers: Mapping[str, str]) -> Role:
    """Return who asks; the implementer unless told otherwise."""
    told = headers.get("x-reflex-role")
    if told is None:
        return Role.IMPLEMENTER
    try:
        return Role(told)
    except ValueError:
        raise InvalidRequestError(
            "X-Reflex-Role: implementer or judge", param="X-Reflex-Role"
        ) from None


def stage(headers: Mapping[str, str]) -> str:
    """Return the stage of the work."""
    told = headers.get("x-reflex-stage", IMPLEMENT_STAGE)
    if not told or len(told) > _STAGE_LETTERS or not told.isprintable():
        raise InvalidRequestError(
            f"X-Reflex-Stage: at most {_STAGE_LETTERS} letters", param="X-Reflex-Stage"
        )
    return told


def failed_attempts(headers: Mapping[str, str]) -> int:
    """Return how many local attempts at the same task have failed."""
    told = headers.get("x-reflex-failed-attempts", "0")
    if not (told.isascii() and told.isdecimal()) or len(told) > 4 or int(told) > 1000:
        raise InvalidRequestError(
            "X-Reflex-Failed-Attempts: a number from 0 to 1000", param="X-Reflex-Failed-Attempts"
        )
    return int(told)


def files(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the paths that the task may touch."""
    told = headers.get("x-reflex-files")
    if not told:
        return ()
    found = tuple(path.strip() for path in told.split(",") if path.strip())
    if len(found) > _FILES:
        raise InvalidRequestError(f"X-Reflex-Files: at most {_FILES}", param="X-Reflex-Files")
    return found
