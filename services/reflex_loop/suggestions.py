"""The compiler's own suggestions as file changes; which of them to try is `suggesting`'s affair."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reflex_loop.changes import ChangeSet, FileChange
from reflex_loop.diagnostics import Applicability, Diagnostic, Replacement, Suggestion
from reflex_loop.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A suggestion and the error it belongs to."""

    suggestion: Suggestion
    diagnostic: Diagnostic

    def label(self) -> str:
        """Return one line that says what it does, and where."""
        at = self.suggestion.parts[0].span
        return f"{at.path}:{at.line_start} {self.diagnostic.code} {self.suggestion.message}"


@dataclass(frozen=True, kw_only=True)
class Round:
    """Suggestions that go together, and those that wait because they want the same bytes."""

    changes: ChangeSet
    used: tuple[Candidate, ...]
    waiting: tuple[Candidate, ...]


def candidates(
    errors: Iterable[Diagnostic], wanted: frozenset[Applicability], shown: Snapshot
) -> list[Candidate]:
    """Return the suggestions of the errors that change files of the workspace, in their order."""
    found: list[Candidate] = []
    parts_seen: set[tuple[tuple[str, int, int, str], ...]] = set()
    for error in errors:
        for suggestion in error.suggestions:
            if suggestion.applicability not in wanted:
                continue
            key = tuple(_key(part) for part in suggestion.parts)
            if key in parts_seen or not _fits(suggestion, shown):
                continue
            parts_seen.add(key)
            found.append(Candidate(suggestion=suggestion, diagnostic=error))
    return found


def together(wanted: Sequence[Candidate], shown: Snapshot) -> Round:
    """Return the change of all suggestions that do not overlap; the earlier one wins.

    An identical part that two suggestions share is made once.
    """
    taken: dict[str, list[tuple[int, int, bytes]]] = {}
    used: list[Candidate] = []
    waiting: list[Candidate] = []
    for candidate in wanted:
        parts = list(_bytes(candidate.suggestion, shown))
        new = [part for part in parts if part[1] not in taken.get(part[0], [])]
        if any(_overlap(part[1], other) for part in new for other in taken.get(part[0], [])):
            waiting.append(candidate)
            continue
        for path, part in new:
            taken.setdefault(path, []).append(part)
        used.append(candidate)
    changes = [_changed(path, parts, shown) for path, parts in sorted(taken.items())]
    return Round(
        changes=ChangeSet(changes=tuple(each for each in changes if each.before != each.after)),
        used=tuple(used),
        waiting=tuple(waiting),
    )


def _key(part: Replacement) -> tuple[str, int, int, str]:
    return part.span.path, part.span.byte_start, part.span.byte_end, part.text


def _fits(suggestion: Suggestion, shown: Snapshot) -> bool:
    """Return whether all bytes lie in files that were read; std's sources do not."""
    for part in suggestion.parts:
        file = shown.files.get(part.span.path)
        if file is None or not 0 <= part.span.byte_start <= part.span.byte_end <= len(file.data):
            return False
    return True


def _bytes(suggestion: Suggestion, shown: Snapshot) -> Iterator[tuple[str, tuple[int, int, bytes]]]:
    """Yield each part as path, range and bytes, with the file's own line ends."""
    for part in suggestion.parts:
        path = part.span.path
        text = part.text.replace("\r\n", "\n")
        if b"\r\n" in shown.files[path].data:
            text = text.replace("\n", "\r\n")
        yield path, (part.span.byte_start, part.span.byte_end, text.encode())


def _overlap(one: tuple[int, int, bytes], other: tuple[int, int, bytes]) -> bool:
    """Return whether two ranges share a byte, or insert at the same place."""
    if one[0] == other[0]:
        return True
    return one[0] < other[1] and other[0] < one[1]


def _changed(path: str, parts: Sequence[tuple[int, int, bytes]], shown: Snapshot) -> FileChange:
    file = shown.files[path]
    data = file.data
    for start, end, text in sorted(parts, reverse=True):
        data = data[:start] + text + data[end:]
    return FileChange(path=path, before=file.data, after=data, mode=file.mode)
