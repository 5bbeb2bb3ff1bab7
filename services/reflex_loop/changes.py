"""File changes: what every source of edits comes down to, and its unified diff."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from reflex_loop.snapshot import File, Snapshot, digest

_CONTEXT: Final = 3


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """One file before and after. `before` is None for a new file, `after` None for a deleted one.

    `mode` is the permission bits of the file after the change.
    """

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = 0o644

    @property
    def base_sha256(self) -> str:
        """Return the hash the file must still have; empty for a file that must not exist."""
        return "" if self.before is None else digest(self.before)


@dataclass(frozen=True, kw_only=True)
class EditRecord:
    """What became of one edit: bound to the file's hash, with the level that matched."""

    path: str
    op: str
    base_sha256: str
    search: tuple[str, ...]
    replace: tuple[str, ...]
    level: str
    line: int


@dataclass(frozen=True, kw_only=True)
class ChangeSet:
    """Everything a patch does: all of it is applied, or nothing.

    Attributes:
        changes: by path, only files whose bytes differ.
        edits: the bound document; empty for the compiler's suggestions.
    """

    changes: tuple[FileChange, ...]
    edits: tuple[EditRecord, ...] = ()
    document: str = ""
    moved: Mapping[str, str] = field(default_factory=dict)  # new path -> old path

    def __bool__(self) -> bool:
        return bool(self.changes)

    def digest(self) -> str:
        """Return 16 hex digits of the bytes it leads to: equal for two spellings of one patch."""
        parts = [
            f"{each.path}\0{each.base_sha256}\0{'-' if each.after is None else digest(each.after)}"
            for each in self.changes
        ]
        return digest("\n".join(parts).encode())[:16]

    def written(self) -> frozenset[tuple[str, int]]:
        """Return the path and 1-based number of every line that the patch wrote."""
        return self._written

    @cached_property
    def _written(self) -> frozenset[tuple[str, int]]:
        found: set[tuple[str, int]] = set()
        for each in self.changes:
            for tag, _, _, j1, j2 in opcodes(_shown(each.before), _shown(each.after)):
                if tag != "equal":
                    found.update((each.path, line + 1) for line in range(j1, j2))
        return frozenset(found)

    def diff(self) -> str:
        """Return the unified diff that `patch -p1` and `git apply` read."""
        return self._diff

    @cached_property
    def _diff(self) -> str:
        return "".join(file_diff(each.path, each.before, each.after) for each in self.changes)


def between(before: Mapping[str, File], after: Snapshot) -> ChangeSet:
    """Return the change from one state of a workspace to another."""
    paths = sorted({*before, *after.files})
    changes = []
    for path in paths:
        old, new = before.get(path), after.files.get(path)
        if (old and old.data) != (new and new.data) or (old is None) != (new is None):
            changes.append(
                FileChange(
                    path=path,
                    before=old.data if old else None,
                    after=new.data if new else None,
                    mode=(new or old or File(path=path, data=b"", sha256="")).mode,
                )
            )
    return ChangeSet(changes=tuple(changes))


Opcode = tuple[str, int, int, int, int]


def opcodes(old: Sequence[str], new: Sequence[str]) -> list[Opcode]:
    """Return difflib's opcodes; equal heads and tails are cut first, for long files.

    >>> opcodes(["a", "b", "c"], ["a", "x", "c"])
    [('equal', 0, 1, 0, 1), ('replace', 1, 2, 1, 2), ('equal', 2, 3, 2, 3)]
    """
    most = min(len(old), len(new))
    head = next((at for at in range(most) if old[at] != new[at]), most)
    most -= head
    tail = next((at for at in range(most) if old[-1 - at] != new[-1 - at]), most)
    inner = difflib.SequenceMatcher(
        None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False
    )
    out: list[Opcode] = [("equal", 0, head, 0, head)] if head else []
    for tag, i1, i2, j1, j2 in inner.get_opcodes():
        out.append((tag, i1 + head, i2 + head, j1 + head, j2 + head))
    if tail:
        out.append(("equal", len(old) - tail, len(old), len(new) - tail, len(new)))
    return out


def file_diff(path: str, before: bytes | None, after: bytes | None) -> str:
    """Return the unified diff of one file; bytes that are no UTF-8 are shown replaced."""
    old, new = _shown(before), _shown(after)
    out = [f"diff --git a/{path} b/{path}\n"]
    if before is None:
        out.append("new file mode 100644\n")
    if after is None:
        out.append("deleted file mode 100644\n")
    out.append(f"--- {'/dev/null' if before is None else f'a/{path}'}\n")
    out.append(f"+++ {'/dev/null' if after is None else f'b/{path}'}\n")
    for group in _grouped(opcodes(old, new)):
        first, last = group[0], group[-1]
        out.append(f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                out += [_line(" ", line) for line in old[i1:i2]]
                continue
            out += [_line("-", line) for line in old[i1:i2]]
            out += [_line("+", line) for line in new[j1:j2]]
    return "".join(out)


def _grouped(codes: Sequence[Opcode]) -> Iterable[list[Opcode]]:
    """Yield the hunks: changes with three lines around, joined where those meet."""
    group: list[Opcode] = []
    for tag, i1, i2, j1, j2 in codes:
        if tag != "equal":
            group.append((tag, i1, i2, j1, j2))
            continue
        if group and i2 - i1 > 2 * _CONTEXT:
            group.append((tag, i1, i1 + _CONTEXT, j1, j1 + _CONTEXT))
            yield group
            group = []
        if not group:
            i1, j1 = max(i1, i2 - _CONTEXT), max(j1, j2 - _CONTEXT)
        group.append((tag, i1, i2, j1, j2))
    if any(each[0] != "equal" for each in group):
        if group[-1][0] == "equal":
            tag, i1, i2, j1, j2 = group.pop()
            group.append((tag, i1, min(i2, i1 + _CONTEXT), j1, min(j2, j1 + _CONTEXT)))
        yield group


def _range(start: int, stop: int) -> str:
    """Return a hunk's range as unified diffs write it: an empty one names the line before."""
    length = stop - start
    if length == 1:
        return f"{start + 1}"
    return f"{start + 1 if length else start},{length}"


def _line(mark: str, line: str) -> str:
    return (
        f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"
    )


def _shown(data: bytes | None) -> list[str]:
    """Return the lines with their ends; carriage returns stay, as git shows them."""
    text = (data or b"").decode("utf-8", "replace")
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def text_of(data: bytes | None) -> str:
    """Return a file's text for reading its words; nothing for a missing file."""
    if data is None:
        return ""
    return data.decode("utf-8", "surrogateescape")
