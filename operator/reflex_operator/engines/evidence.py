"""One line of a log, fit for a status: short, on one line, without secrets."""

import re
from typing import Final

LIMIT: Final = 200

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+|\s+")
_SECRETS: Final = (
    re.compile(r"(?i)\b(bearer|basic)\s+[^\s'\",;]+"),
    re.compile(r"(?i)\b((?:[\w-]{0,20}[_-])?(?:api[_-]?key|token|password|secret))(['\"]?\s{0,3}[=:]\s{0,3}['\"]?)[^\s'\",;)}]{3,}"),
    re.compile(r"\b(?:sk|pk|rk)-[\w-]{8,}"),
    re.compile(r"\bhf_\w{8,}"),
    re.compile(r"\bgh[opsu]_\w{8,}"),
    re.compile(r"\bAKIA[0-9A-Z]{12,}"),
    re.compile(r"(?<=://)[^\s/@]{1,200}@"),
)  # fmt: skip
_TOKEN: Final = re.compile(r"\b[\w-]{32,}\b")
HIDDEN: Final = "<redacted>"


def evidence(line: str, keep: str = "", *, limit: int = LIMIT) -> str:
    """Return a line of at most `limit` characters that holds `keep`, if the line does.

    What looks like a key, a token or a password is replaced: the launcher has done so with the
    engine's own keys, and this is the second net.
    """
    text = _CONTROL.sub(" ", line[:8000]).strip()
    for pattern in _SECRETS:
        text = pattern.sub(_hide, text)
    text = _TOKEN.sub(lambda found: HIDDEN if _is_random(found[0]) else found[0], text)
    if len(text) <= limit:
        return text
    at = text.find(keep) if keep else 0
    if at + len(keep) < limit:
        return text[: limit - 1] + "…"
    start = max(0, min(at - 20, len(text) - limit + 1))
    cut = "…" + text[start + 1 : start + limit - 1]
    return cut if start + limit - 1 >= len(text) else cut + "…"


def _hide(found: re.Match[str]) -> str:
    """Keep the name of what is hidden, where the pattern has it in groups."""
    if found.re.groups == 2:
        return f"{found[1]}{found[2]}{HIDDEN}"
    if found.re.groups == 1:
        return f"{found[1]} {HIDDEN}"
    return HIDDEN


def _is_random(word: str) -> bool:
    return any(c.isdigit() for c in word) and any(c.isalpha() for c in word)
