"""Times for people: how long ago, how long still, and spans as they are typed."""

import re
from datetime import datetime, timedelta
from typing import Final

from reflex_api.duration import format_duration, parse_duration

_PLAIN: Final = re.compile(r"(\d{1,7})([smhd]?)", re.ASCII)
_LONGEST: Final = timedelta(hours=9999)
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def span(text: str) -> timedelta:
    """Return what `24h`, `7d`, `90m`, `1h30m` or a number of seconds means.

    Raises:
        ValueError: none of these, or nothing.

    >>> span("7d"), span("1h30m"), span("90")
    (datetime.timedelta(days=7), datetime.timedelta(seconds=5400), datetime.timedelta(seconds=90))
    """
    match = _PLAIN.fullmatch(text.strip())
    try:
        found = (
            timedelta(seconds=int(match[1]) * _UNITS[match[2]])
            if match
            else parse_duration(text.strip())
        )
    except ValueError:
        raise ValueError(f"{text!r} is no span such as 24h, 7d or 90m") from None
    if not timedelta(0) < found <= _LONGEST:
        raise ValueError("a span is longer than nothing, and at most 9999h")
    return found


def lasting(length: timedelta) -> str:
    """Return a length in its two largest units.

    >>> lasting(timedelta(days=13, hours=7)), lasting(timedelta(seconds=61)), lasting(timedelta(0))
    ('13 d 7 h', '1 min 1 s', '0 s')
    """
    seconds = max(0, int(length.total_seconds()))
    parts: list[str] = []
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        number, seconds = divmod(seconds, size)
        if number or parts:
            parts.append(f"{number} {unit}" if number else "")
        if len(parts) == 2:
            break
    return " ".join(filter(None, parts)) or "0 s"


def moment(at: datetime, now: datetime) -> str:
    """Return a time with its distance: `2026-11-21 14:03 UTC (in 3 h)`."""
    near = f"in {lasting(at - now)}" if at > now else f"{lasting(now - at)} ago"
    return f"{at:%Y-%m-%d %H:%M} UTC ({near})"


def written(length: timedelta) -> str:
    """Return a span as resources write it."""
    return format_duration(length)
