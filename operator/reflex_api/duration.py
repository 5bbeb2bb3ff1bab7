"""Durations as users write them: hours, minutes and seconds, in this order (`1h30m`)."""

import re
from datetime import timedelta
from typing import Final

PATTERN: Final = "^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$"
MAX_LENGTH: Final = 18

_PARTS = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Return the duration that a string such as `15m`, `2h` or `1h30m` means.

    Raises:
        ValueError: it is empty, has another unit, or units in another order.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    >>> parse_duration("90")
    Traceback (most recent call last):
    ValueError: '90' is not a duration such as 90s, 15m or 1h30m
    """
    match = _PARTS.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is not a duration such as 90s, 15m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def format_duration(length: timedelta) -> str:
    """Return the shortest spelling; parts of a second are dropped.

    Raises:
        ValueError: it is negative or longer than 9999 hours.

    >>> format_duration(timedelta(minutes=90)), format_duration(timedelta(0))
    ('1h30m', '0s')
    """
    total = int(length.total_seconds())
    hours, rest = divmod(total, 3600)
    if length < timedelta(0) or hours > 9999:
        raise ValueError("a duration is between 0s and 9999h59m59s")
    parts = ((hours, "h"), (rest // 60, "m"), (rest % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
