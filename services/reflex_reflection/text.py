"""What counts as a word, and as white space; the whole of the summariser's language."""

import re
from collections.abc import Iterator
from typing import Final

_SPACE: Final = re.compile(r"\s+")
_WORD: Final = re.compile(r"\w+")
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def collapse(text: str) -> str:
    """Return the text with every run of white space as one space, and none at the ends."""
    return _SPACE.sub(" ", text).strip()


def words(text: str) -> Iterator[str]:
    """Yield the words in lower case: runs of letters, digits and underscores of any script.

    The same as lower case, every run of other characters as a space, split at spaces; but no more
    of a long text is worked on than is asked for. Nothing is composed or decomposed (no NFC).

    >>> " ".join(words("É à—naïve_foo Bar's"))
    "é à naïve_foo bar s"
    """
    return (match.group() for match in _WORD.finditer(text.lower()))


def storable(text: str) -> str:
    """Return the text as every database and UTF-8 file can keep it.

    NUL and lone surrogates become U+FFFD.
    """
    return _UNSTORABLE.sub("\ufffd", text)
