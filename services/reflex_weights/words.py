"""What may be said: one bounded line of printable text, hosts in place of URLs, sizes in GiB."""

import re
from typing import Final
from urllib.parse import urlsplit

MESSAGE_LIMIT: Final = 512
_NAME_LIMIT: Final = 96
_URL: Final = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://\S+")


def plain(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Return one line of printable ASCII; of a URL only the host is left.

    >>> plain("cannot open https://me:pw@cdn.example/a?sig=1\\n\\x1b[31m")
    'cannot open cdn.example ?[31m'
    """
    line = " ".join(_URL.sub(lambda found: host_of(found.group()), text).split())
    line = "".join(letter if " " <= letter <= "~" else "?" for letter in line)
    return line if len(line) <= limit else line[: limit - 3] + "..."


def host_of(url: str) -> str:
    """Return host and port of a URL: no user, path or query, which may be secrets.

    >>> host_of("https://user:password@cdn.example:8443/file?signature=1")
    'cdn.example:8443'
    """
    try:
        return urlsplit(url).netloc.rpartition("@")[2][:_NAME_LIMIT] or "?"
    except ValueError:
        return "?"


def named(path: str) -> str:
    """Return a path of the source, short and printable; its end says more than its start."""
    path = plain(path, limit=10 * _NAME_LIMIT)
    return path if len(path) <= _NAME_LIMIT else "..." + path[-_NAME_LIMIT + 3 :]


def size(count: int) -> str:
    """Return bytes for people.

    >>> [size(n) for n in (12, 2048, 13 << 30)]
    ['12 B', '2.0 KiB', '13.0 GiB']
    """
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} TiB"
