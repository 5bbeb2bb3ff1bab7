"""The dry run: a patch document against a snapshot, all edits or none, nothing on disk."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from reflex_loop.changes import ChangeSet, EditRecord, FileChange
from reflex_loop.errors import (
    EditConflictError,
    EditTargetError,
    SearchAmbiguousError,
    SearchNotFoundError,
)
from reflex_loop.matching import Level, Match, find
from reflex_loop.patch import VERSION, Edit, Op, PatchDocument
from reflex_loop.paths import cleaned
from reflex_loop.snapshot import Snapshot
from reflex_loop.source_text import SourceText

_NEW_MODE: Final = 0o644


@dataclass
class _Draft:
    """A file under work: replacements wait until all are known, so that none moves another."""

    text: SourceText
    before: bytes | None
    mode: int = _NEW_MODE
    matches: list[Match] = field(default_factory=list)
    gone: bool = False
    created: bool = False


def plan(document: PatchDocument, shown: Snapshot) -> ChangeSet:
    """Return what the patch would do to the files that the prompt showed.

    Every search block is looked for in the file as shown, never in what an earlier edit of the
    same document made of it.

    Raises:
        PatchError: one edit does not fit; the text names it by its number and path.
    """
    drafts: dict[str, _Draft] = {}
    records: list[EditRecord] = []
    moved: dict[str, str] = {}
    for number, edit in enumerate(document.edits, start=1):
        path = cleaned(edit.path)
        try:
            records.append(_edit(edit, path, shown, drafts, moved))
        except (
            SearchNotFoundError,
            SearchAmbiguousError,
            EditTargetError,
            EditConflictError,
        ) as error:
            error.args = (f"edit {number}, {path}: {error}",)
            raise
    changes = []
    for path, draft in sorted(drafts.items()):
        after = None if draft.gone else _written(draft, path)
        if after != draft.before:
            changes.append(FileChange(path=path, before=draft.before, after=after, mode=draft.mode))
    return ChangeSet(
        changes=tuple(changes),
        edits=tuple(records),
        document=bound_document(records),
        moved=moved,
    )


def _edit(
    edit: Edit, path: str, shown: Snapshot, drafts: dict[str, _Draft], moved: dict[str, str]
) -> EditRecord:
    """Add one edit to the drafts and return what it was bound to."""
    file = shown.files.get(path)
    level, line = Level.EXACT, 1
    search, replace = _split(edit.search), _split(edit.replace)
    if edit.op is Op.CREATE:
        level = _create(path, replace, shown, drafts)
    elif edit.op is Op.REPLACE and file is not None and not file.data and not search:
        draft = _draft(path, shown, drafts)  # the only place in an empty file
        draft.matches.append(Match(start=0, stop=0, level=level, replace=replace))
    else:
        draft = _draft(path, shown, drafts)
        if edit.op is Op.DELETE:
            if draft.matches:
                raise EditConflictError("it is deleted and edited in one document")
            draft.gone = True
        elif edit.op is Op.RENAME:
            _rename(path, replace, shown, drafts, moved)
        else:
            match = find(
                draft.text.lines,
                search,
                replace,
                occurrence=edit.occurrence,
                line_hint=edit.line_hint,
            )
            level, line = match.level, match.start + 1
            _add(draft, match)
    return EditRecord(
        path=path,
        op=edit.op.value,
        base_sha256=file.sha256 if file else "",
        search=search,
        replace=replace,
        level=level.value,
        line=line,
    )


def _draft(path: str, shown: Snapshot, drafts: dict[str, _Draft]) -> _Draft:
    known = drafts.get(path)
    if known is None:
        file = shown.files.get(path)
        if file is None:
            raise EditTargetError("there is no such file among those shown")
        known = _Draft(text=SourceText.parse(file.data, path), before=file.data, mode=file.mode)
        drafts[path] = known
    if known.gone or known.created:
        raise EditConflictError("another edit of the document deletes, renames or creates it")
    return known


def _create(
    path: str, replace: tuple[str, ...], shown: Snapshot, drafts: dict[str, _Draft]
) -> Level:
    if path in drafts:
        raise EditConflictError("another edit of the document has it too")
    text = SourceText(lines=replace, ends=("\n",) * len(replace))
    file = shown.files.get(path)
    if file is not None:
        if SourceText.parse(file.data, path).lines == replace:
            return Level.ALREADY_APPLIED
        raise EditTargetError("it exists already: use op `replace` with a search block")
    drafts[path] = _Draft(text=text, before=None, created=True)
    return Level.EXACT


def _rename(
    path: str,
    replace: tuple[str, ...],
    shown: Snapshot,
    drafts: dict[str, _Draft],
    moved: dict[str, str],
) -> None:
    if len(replace) != 1:
        raise EditTargetError("op `rename` takes the new path as the one line of `replace`")
    target = cleaned(replace[0])
    if target in shown.files or target in drafts:
        raise EditTargetError(f"it cannot be renamed: {target} exists already")
    old = drafts[path]
    drafts[target] = _Draft(
        text=old.text, before=None, mode=old.mode, matches=old.matches, created=True
    )
    old.matches = []
    old.gone = True
    moved[target] = path


def _add(draft: _Draft, match: Match) -> None:
    """Add a replacement; the same one twice counts once."""
    if match in draft.matches:
        return
    for other in draft.matches:
        if match.start < other.stop and other.start < match.stop:
            raise EditConflictError(
                f"two edits replace the same lines ({max(match.start, other.start) + 1})"
            )
    draft.matches.append(match)


def _written(draft: _Draft, path: str) -> bytes:
    text = draft.text
    for match in sorted(draft.matches, key=lambda each: each.start, reverse=True):
        if match.level is not Level.ALREADY_APPLIED:
            text = text.replaced(match.start, match.stop, match.replace)
    try:
        return text.data()
    except UnicodeEncodeError:
        raise EditTargetError(f"{path}: the new lines are no valid Unicode") from None


def _split(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the lines; an entry that holds several lines, as models write it, comes apart."""
    out: list[str] = []
    for line in lines:
        out += line.replace("\r\n", "\n").removesuffix("\n").split("\n") if "\n" in line else [line]
    return tuple(line.removesuffix("\r") for line in out)


def bound_document(records: Sequence[EditRecord]) -> str:
    """Return the versioned document that is stored: the edits with the hashes they are bound to."""
    edits = [
        {
            "path": each.path,
            "op": each.op,
            "base_sha256": each.base_sha256,
            "search": list(each.search),
            "replace": list(each.replace),
            "level": each.level,
            "line": each.line,
        }
        for each in records
    ]
    return json.dumps({"version": VERSION, "edits": edits}, ensure_ascii=True)
