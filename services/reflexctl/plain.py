"""Text from repositories, models and servers, before it comes to a terminal.

A terminal obeys what it is shown: sequences move the cursor, rename the window, write the
clipboard, hide lines. So control characters are shown by their code, and so are those that turn
the direction of text, by which a diff can show other code than it has.
"""

import re
from typing import Final

_OBEYED: Final = re.compile(
    # C0 but tab and line feed, DEL and C1; directions and invisible marks; halves of characters.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def plain(text: str) -> str:
    r"""Return a text that a terminal shows and does not obey.

    >>> plain("\x1b]0;title\x07 x\r\n")
    '\\x1b]0;title\\x07 x\n'
    """
    return _OBEYED.sub(_shown, text.replace("\r\n", "\n"))


def in_json(text: str) -> str:
    """Return a JSON text with these characters as its escapes: the value is the same."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
