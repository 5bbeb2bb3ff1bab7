"""The question for very small models: one error in about 160 tokens, without rules or history.

Source lines are written as JSON strings, so that an answer is a copy of them token for token.
"""

import json
import re
from collections.abc import Sequence
from typing import Final

from reflex_loop.diagnostics import Diagnostic, Note, Suggestion
from reflex_loop.protocols import Message
from reflex_loop.root_cause import Cause
from reflex_loop.snapshot import Snapshot

_AROUND: Final = 2
_HINTS: Final = 3
_LINES: Final = 16
_HEAD_LINES: Final = 6
_MESSAGE: Final = 110
_NAME: Final = re.compile(r"`&?(?:mut )?([A-Za-z_]\w*)")
_LABEL_NAME: Final = re.compile(r"`&?([A-Za-z_]\w*)")
_KEYWORDS: Final = """
as break const continue crate dyn else enum extern false fn for if impl in let loop match mod move
mut pub ref return self Self static struct super trait true type unsafe use where while async await
"""
_NO_NAMES: Final = frozenset(_KEYWORDS.split())
_QUIET: Final = ("full name", "for more")


def question(cause: Cause, shown: Snapshot) -> str:
    """Return the prompt for one error; the same error and file give the same bytes."""
    each = cause.diagnostic
    lines = shown.lines(each.path)
    out = [
        "fix rust",
        f"{each.path}:{each.line} {each.code or 'E'} {_first(each.message)[:_MESSAGE]}",
    ]
    out += _labels(each, len(lines))
    hints = _hints(each, shown)
    out += hints
    out.append("code")
    for number in _window(each, lines):
        mark = ">" if number == each.line else ""
        out.append(f"{mark}{number} {_quoted(lines[number - 1])}")
    return "\n".join(out) + "\n"


def messages(cause: Cause, shown: Snapshot) -> tuple[Message, ...]:
    """Return the chat: one message."""
    return (Message(role="user", content=question(cause, shown)),)


def can_ask(cause: Cause, shown: Snapshot) -> bool:
    """Return whether the error points at a line that can be shown."""
    return 0 < cause.diagnostic.line <= len(shown.lines(cause.diagnostic.path))


def _quoted(line: str) -> str:
    return json.dumps(line, ensure_ascii=False)


def _first(message: str) -> str:
    return message.split("\n", 1)[0]


def _labels(each: Diagnostic, length: int) -> list[str]:
    """Return what the compiler underlined, and its remarks on other lines."""
    out: list[str] = []
    span = each.span
    if span and span.text:
        start, end = span.highlight
        marked = span.text[0][start - 1 : end - 1]
        if 0 < len(marked) <= 40:
            out.append(f"at {_quoted(marked)}" + (f" {span.label[:70]}" if span.label else ""))
    for other in each.spans:
        telling = other.label and not other.is_primary and other.line_start <= length
        if telling and len(out) + 2 < _HEAD_LINES:
            out.append(f"note {other.line_start} {other.label[:60]}")
    return out


def _hints(each: Diagnostic, shown: Snapshot) -> list[str]:
    """Return up to three hints: suggestions as line diffs first, then plain notes."""
    out: list[str] = []
    used = 0
    for suggestion in each.suggestions:
        if used >= _HINTS:
            break
        change = line_change(suggestion, each.path, shown)
        if change is None or len(change[0]) > 3 or len(change[1]) > 4:
            continue
        used += 1
        out.append(f"help {_first(suggestion.message)[:70]}")
        out += [f"-{_quoted(line)}" for line in change[0]]
        out += [f"+{_quoted(line)}" for line in change[1]]
    for note in each.notes:
        if used < _HINTS and _is_telling(note):
            used += 1
            out.append(f"{note.level} {_first(note.message)}")
    return out


def _is_telling(note: Note) -> bool:
    return (
        note.level in ("note", "help")
        and len(note.message) < _MESSAGE
        and not any(word in note.message for word in _QUIET)
    )


def line_change(
    suggestion: Suggestion, path: str, shown: Snapshot
) -> tuple[list[str], list[str]] | None:
    """Return the lines a suggestion takes away and those it puts there, or None if elsewhere."""
    before = list(shown.lines(path))
    text = "\n".join(before) + "\n"
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line) + 1)
    edits = []
    for part in suggestion.parts:
        span = part.span
        if span.path != path or not 0 < span.line_start <= span.line_end <= len(starts):
            return None
        edits.append(
            (
                starts[span.line_start - 1] + span.column_start - 1,
                starts[span.line_end - 1] + span.column_end - 1,
                part.text,
            )
        )
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    after = text.split("\n")
    if text.endswith("\n"):
        after.pop()
    return _trimmed(before, after)


def _trimmed(before: list[str], after: list[str]) -> tuple[list[str], list[str]]:
    """Return what differs; a pure insertion is anchored at the next line that is not blank."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    most = min(len(before), len(after)) - head
    while tail < most and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if not old and head < len(before):
        at = head
        if not before[at].strip() and at + 1 < len(before):
            old, new = [before[at]], [*new, before[at]]
            at += 1
        old, new = [*old, before[at]], [*new, before[at]]
        if not old[0].strip():
            old, new = old[1:], [line for line in new if line.strip()]
    return old, new


def _window(each: Diagnostic, lines: Sequence[str]) -> list[int]:
    """Return the numbers of the lines to show: near the error, its remarks, and definitions."""
    wanted: set[int] = set()
    for span in each.spans:
        if span.line_start <= len(lines):
            reach = _AROUND if span.line_start == each.line else 0
            wanted.update(
                range(max(1, span.line_start - reach), min(len(lines), span.line_start + reach) + 1)
            )
    wanted.update(range(max(1, each.line - _AROUND), min(len(lines), each.line + _AROUND) + 1))
    for name in _names(each):
        wanted.update(_definition(name, lines))
    found = sorted(number for number in wanted if lines[number - 1].strip())[:_LINES]
    if each.line not in found:
        found = sorted([*found[: _LINES - 1], each.line])
    return found


def _names(each: Diagnostic) -> list[str]:
    """Return the names the message speaks of, at most four."""
    found = _NAME.findall(each.message)
    if each.span and each.span.label:
        found += _LABEL_NAME.findall(each.span.label)
    telling = [name for name in dict.fromkeys(found) if name not in _NO_NAMES and len(name) > 2]
    return telling[:4]


def _definition(name: str, lines: Sequence[str]) -> set[int]:
    """Return the lines that define a name: a type with its first members, else its header."""
    header = re.compile(rf"\b(struct|enum|trait|fn|const|mod|let|let mut) {re.escape(name)}\b")
    for index, line in enumerate(lines):
        if not header.search(line):
            continue
        found = {index + 1}
        if re.search(r"\b(struct|enum|trait) ", line):
            for at in range(index + 1, min(len(lines), index + 5)):
                found.add(at + 1)
                if lines[at].strip() == "}":
                    break
        if index > 0 and lines[index - 1].startswith("#["):
            found.add(index)
        return found
    return set()
