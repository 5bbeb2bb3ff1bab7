"""The part of a file that a question needs: the item around an error, or some lines of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reflex_loop.root_cause import Cause
from reflex_loop.rust_source import item_end, item_start
from reflex_loop.snapshot import Snapshot

_WHOLE_ITEM: Final = 60
_GAP: Final = 4


@dataclass(frozen=True, kw_only=True)
class Window:
    """Lines of one file, 1-based, both ends included."""

    path: str
    start: int
    end: int


def windows(found: Iterable[Cause], shown: Snapshot, around: int) -> tuple[Window, ...]:
    """Return what to show for some errors, without overlaps, by file and line.

    Args:
        found: the errors.
        shown: the files.
        around: lines above and below each place an error points at.
    """
    wanted: dict[str, list[tuple[int, int]]] = {}
    for cause in found:
        for number, span in enumerate(_places(cause, shown)):
            path, line, last = span
            lines = shown.lines(path)
            # Secondary places get less: they are there to be read, not changed.
            reach = around if number == 0 else around // 2
            first, end = max(1, line - reach), min(len(lines), last + reach)
            start = item_start(lines, line)
            if number == 0 and start and around:
                stop = item_end(lines, start)
                if stop - start < _WHOLE_ITEM and stop >= line:
                    first, end = min(first, start), max(end, stop)
            wanted.setdefault(path, []).append((first, end))
    return tuple(
        Window(path=path, start=start, end=end)
        for path in sorted(wanted)
        for start, end in _joined(wanted[path], len(shown.lines(path)))
    )


def _places(cause: Cause, shown: Snapshot) -> list[tuple[str, int, int]]:
    """Return the lines an error points at, the primary one first."""
    each = cause.diagnostic
    spans = sorted((*each.spans,), key=lambda span: not span.is_primary)
    spans += [span for note in each.notes for span in note.spans]
    found: list[tuple[str, int, int]] = []
    for span in spans:
        place = (span.path, span.line_start, span.line_end)
        if shown.lines(span.path) and place not in found:
            found.append(place)
    return found


def _joined(ranges: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Return the ranges sorted; near ones are one, for a gap costs as much as its lines."""
    out: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if out and start <= out[-1][1] + _GAP:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return [(start, min(end, length)) for start, end in out]


def text(window: Window, shown: Snapshot) -> str:
    """Return a window as the model sees it: the lines as they are, so that they can be copied."""
    lines = shown.lines(window.path)
    part = lines[window.start - 1 : window.end]
    whole = window.start == 1 and window.end == len(lines)
    where = "all" if whole else f"lines {window.start}-{window.end} of {len(lines)}"
    body = "\n".join(part).encode("utf-8", "replace").decode()
    return f"--- {window.path} ({where})\n{body}\n"
