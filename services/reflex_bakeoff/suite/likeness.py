"""The hash of one file that stays when names, numbers and texts are exchanged.

`training_index.json` of the bundled models lists these, so that suites can be held against it.
"""

import hashlib
import re
from typing import Final

from reflex_bakeoff.suite.rust_words import STANDARD

# The lifetimes' letters are no names of the standard library.
_FIXED: Final = STANDARD - {"a", "b"}
_NORMAL: Final = re.compile(
    r'"(?:\\.|[^"\\])*"|\'[A-Za-z_]\w*(?!\')|\'(?:\\.|[^\'])\'|[A-Za-z_]\w*|\d[\w.]*'
)


def program_hash(source: str) -> str:
    """Return 16 hex digits that stay when names, numbers and texts are exchanged."""
    names: dict[str, str] = {}

    def plain(match: re.Match[str]) -> str:
        text = match[0]
        if text[0] == '"':
            return '""'
        if text[0].isdigit():
            return "0"
        if text[0] == "'" or text in _FIXED:
            return text
        return names.setdefault(text, f"n{len(names)}")

    normal = " ".join(_NORMAL.sub(plain, source).split())
    return hashlib.sha256(normal.encode()).hexdigest()[:16]
