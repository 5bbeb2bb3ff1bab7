"""Just enough of Rust's syntax to count words outside of comments and strings.

A full parser would refuse the very files that are repaired here, because they do not parse.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final

_MARK: Final = re.compile(r"[/\"']")
"""Every token that is blanked has one of these at its start or after a short prefix: looking for
them first is twenty times as fast as trying whole tokens at each character."""
_TOKEN: Final = re.compile(
    r"""
    (?P<line>//[^\n]*)
  | (?P<block>/\*)
  | (?P<string>"(?:\\.|[^"\\])*"?)
  | (?P<char>'(?:\\(?:u\{[0-9a-fA-F_]*\}|x[0-9a-fA-F]{2}|.)|[^'\\\n])')
    """,
    re.VERBOSE | re.DOTALL,
)
_RAW: Final = re.compile(r"\b[bc]?r(?P<hashes>\#*)\Z")
_LONGEST_RAW: Final = 258  # rustc allows 255 hashes
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_DEEP: Final = 10_000
_NOT_NEWLINE: Final = re.compile(r"[^\n]")
_WORD: Final = re.compile(r"\b(?:r\#)?([A-Za-z_]\w*)(\s*!(?!=))?")
_ITEM: Final = re.compile(
    r"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:(?:async|const|default|unsafe|extern(?:\s+\"[^\"]*\")?)\s+)*"
    r"(?P<kind>fn|struct|enum|union|trait|impl|mod|macro_rules!|type|static)\b\s*(?P<rest>[^{;]*)"
)
_TEST_FN: Final = re.compile(
    r"\#\[\s*(?:[\w:]+::)?(?:test|rstest|test_case)\b[^\]]*\]"
    r"(?:\s*\#\[[^\]]*\])*\s*(?:pub(?:\([^)]*\))?\s+)?(?:async\s+)?fn\s+(\w+)"
)


@lru_cache(maxsize=64)
def code_only(source: str) -> str:
    """Return the source with comments, strings and characters blanked; lines keep their numbers.

    >>> code_only('let a = "unsafe"; // todo!()')
    'let a =         ;           '
    """
    out: list[str] = []
    at = seen = 0
    while mark := _MARK.search(source, seen):
        start, end = _token(source, at, mark.start())
        if end:
            out += [source[at:start], _NOT_NEWLINE.sub(" ", source[start:end])]
            at = end
        seen = end or mark.end()
    out.append(source[at:])
    return "".join(out)


def _token(source: str, since: int, mark: int) -> tuple[int, int]:
    """Return where the token with its mark there begins and ends; an end of 0: it is none.

    Args:
        source: the whole text.
        since: the end of the token before; no prefix reaches further back.
        mark: the index of a slash or a quote.
    """
    start = mark
    if source[mark] == '"' and mark > since and source[mark - 1] in "r#":
        # The boundary before a prefix is seen from the character that ended the last token.
        raw = _RAW.search(source, max(since, mark - _LONGEST_RAW), mark)
        if raw:
            close = source.find('"' + raw["hashes"], mark + 1)
            return raw.start(), len(source) if close < 0 else close + 1 + len(raw["hashes"])
    match = _TOKEN.match(source, mark)
    if match is None:
        return mark, 0
    if match["block"]:
        return start, _end_of_comment(source, match.end())
    if not match["line"] and _has_prefix(source, since, mark):
        start -= 1
    return start, match.end()


def _has_prefix(source: str, since: int, mark: int) -> bool:
    """Return whether a `b` or `c` that belongs to no longer word stands before the quote."""
    if mark - 1 < since or source[mark - 1] not in ("bc" if source[mark] == '"' else "b"):
        return False
    before = source[mark - 2 : mark - 1]
    return not (before.isalnum() or before == "_")


def _end_of_comment(source: str, at: int) -> int:
    """Return the index after a block comment that is open at `at`; they nest in Rust."""
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(source, at)
        if edge is None:
            return len(source)
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return at


@lru_cache(maxsize=64)
def words(source: str) -> Mapping[str, int]:
    """Return how often identifiers, macros (`todo!`) and attributes (`#allow`) are in the code."""
    code = code_only(source)
    pairs = _WORD.findall(code)
    found = Counter(name for name, _ in pairs)
    found.update(f"{name}!" for name, bang in pairs if bang)
    for attribute in re.findall(r"\#!?\[([^\]]*)\]", code):
        found.update(f"#{name}" for name in re.findall(r"[A-Za-z_]\w*", attribute))
    return MappingProxyType(found)


def names_of_tests(source: str) -> Counter[str]:
    """Return the names of the test functions and how often each is there."""
    return Counter(_TEST_FN.findall(code_only(source)))


def declares_main(source: str) -> bool:
    """Return whether the file has a `fn main` at the left margin: a program, no library."""
    return (
        re.search(r"^(?:pub )?(?:async )?fn main\s*\(", code_only(source), re.MULTILINE) is not None
    )


def enclosing_item(lines: Sequence[str], line: int) -> str:
    """Return the header of the item around a line, such as "fn total", or nothing.

    Indentation decides, not braces: a file that does not parse often lacks one.

    Args:
        lines: the file.
        line: 1-based.
    """
    start = item_start(lines, line)
    if start == 0:
        return ""
    match = _ITEM.match(lines[start - 1])
    assert match is not None
    name = re.split(r"[(<:]| where\b|=", match["rest"].strip(), maxsplit=1)[0].strip()
    if match["kind"] == "impl":
        name = " ".join(match["rest"].split())
    return f"{match['kind']} {name}".strip()


def item_start(lines: Sequence[str], line: int) -> int:
    """Return the 1-based line of the innermost item's header around a line, or 0."""
    at = min(line, len(lines))
    if at < 1:
        return 0
    if _ITEM.match(lines[at - 1]):
        return at
    closing = lines[at - 1].lstrip().startswith("}")
    margin = _indent(lines[at - 1]) if lines[at - 1].strip() else _DEEP
    for number in range(at - 1, 0, -1):
        text = lines[number - 1]
        if not text.strip():
            continue
        indent = _indent(text)
        if _ITEM.match(text) and (indent < margin or (closing and indent == margin)):
            return number
        # What may stand at the margin of an item between its header and its body.
        if not text.lstrip().startswith(("{", "}", ")", "]", "where", "#", "//")):
            margin = min(margin, indent)
        if margin == 0 and not closing:
            return 0
    return 0


def item_end(lines: Sequence[str], start: int) -> int:
    """Return the 1-based last line of the item whose header is at `start`."""
    margin = _indent(lines[start - 1])
    if lines[start - 1].rstrip().endswith((";", "}")):
        return start
    for number in range(start + 1, len(lines) + 1):
        text = lines[number - 1].strip()
        if not text or _indent(lines[number - 1]) > margin:
            continue
        if text.startswith("}") or (text.startswith((")", "]")) and text.endswith(";")):
            return number
        if not text.startswith((")", "]", "{", ">", "where")):
            return number - 1
    return len(lines)


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())
