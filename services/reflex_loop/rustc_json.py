"""Reads `cargo check --message-format=json` and `rustc --error-format=json`, whatever is mixed in.

Build scripts and proc macros print into the same stream, a killed compiler cuts its last line, and
new compilers add fields: none of that may hide an error that was reported.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reflex_loop.diagnostics import (
    Applicability,
    Diagnostic,
    Note,
    Replacement,
    Span,
    Stream,
    Suggestion,
)

_SUMMARIES: Final = ("aborting due to ", "could not compile ", "For more information about ")
_MAX_LINE_BYTES: Final = 4 * 1024 * 1024
_MAX_EXPANSIONS: Final = 64


class _Raw(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Text(_Raw):
    text: str = ""
    highlight_start: int = 1
    highlight_end: int = 1


class _Span(_Raw):
    file_name: str = ""
    byte_start: int = 0
    byte_end: int = 0
    line_start: int = 1
    line_end: int = 1
    column_start: int = 1
    column_end: int = 1
    is_primary: bool = False
    label: str | None = None
    text: list[_Text] = Field(default_factory=list)
    suggested_replacement: str | None = None
    suggestion_applicability: str | None = None
    expansion: "_Expansion | None" = None


class _Expansion(_Raw):
    span: _Span


class _Code(_Raw):
    code: str = ""


class _Message(_Raw):
    message: str
    level: str
    code: _Code | None = None
    spans: list[_Span] = Field(default_factory=list)
    children: list["_Message"] = Field(default_factory=list)
    rendered: str | None = None


class _Target(_Raw):
    name: str = ""
    kind: list[str] = Field(default_factory=list)


class _Line(_Raw):
    """A line of cargo (with `reason`), or of rustc (a bare message)."""

    reason: str = ""
    package_id: str = ""
    target: _Target = Field(default_factory=_Target)
    success: bool | None = None
    message: "_Message | str | None" = None


def read(output: bytes, *, root: str = "") -> Stream:
    """Return every diagnostic of the compiler's stdout (cargo) or stderr (rustc).

    Args:
        output: the stream as it came, cut or not.
        root: absolute folder of the workspace; paths under it become relative to it.
    """
    found: list[Diagnostic] = []
    success: bool | None = None
    skipped = 0
    for line in output.split(b"\n"):
        raw = line.strip()
        if not raw:
            continue
        if not raw.startswith(b"{") or len(raw) > _MAX_LINE_BYTES:
            skipped += 1
            continue
        try:
            if b'"reason"' in raw:
                envelope = _Line.model_validate_json(raw)
                if envelope.reason == "build-finished":
                    success = envelope.success
                if envelope.reason:
                    if isinstance(envelope.message, _Message):
                        found += _diagnostics(envelope.message, envelope, root)
                    continue
            found += _diagnostics(_Message.model_validate_json(raw), _Line(), root)
        except ValidationError:
            skipped += 1
    return Stream(diagnostics=tuple(found), success=success, skipped=skipped)


def _diagnostics(raw: _Message, line: _Line, root: str) -> Iterator[Diagnostic]:
    """Yield the diagnostic, unless it only counts the others."""
    if raw.level == "failure-note" or raw.message.startswith(_SUMMARIES):
        return
    spans = tuple(_walked(span, root) for span in raw.spans)
    primary = next((span for span in spans if span.is_primary), None)
    yield Diagnostic(
        level="error" if raw.level.startswith("error") else raw.level,
        code=raw.code.code if raw.code else "",
        message=raw.message,
        span=primary,
        spans=spans,
        notes=tuple(_notes(raw.children, root)),
        suggestions=tuple(_suggestions([raw, *_all(raw.children)], root)),
        rendered=_without(raw.rendered or "", root),
        package=line.package_id,
        target="/".join([*line.target.kind, line.target.name]) if line.reason else "",
    )


def _all(children: Iterable[_Message]) -> Iterator[_Message]:
    for child in children:
        yield child
        yield from _all(child.children)


def _walked(raw: _Span, root: str) -> Span:
    """Return the span, or the call in the workspace that the macro was expanded from."""
    at = raw
    for _ in range(_MAX_EXPANSIONS):
        if at.expansion is None or (at is not raw and _is_ours(at.file_name, root)):
            break
        at = at.expansion.span
    if _is_ours(raw.file_name, root) and _lies_in(raw, at):
        at = raw  # an argument of the call: the user wrote it where it stands
    text = at.text[0] if at.text else _Text()
    return Span(
        path=_relative(at.file_name, root),
        byte_start=at.byte_start,
        byte_end=at.byte_end,
        line_start=at.line_start,
        line_end=at.line_end,
        column_start=at.column_start,
        column_end=at.column_end,
        is_primary=raw.is_primary,
        label=raw.label or "",
        text=tuple(part.text for part in at.text),
        highlight=(text.highlight_start, text.highlight_end),
        in_macro=at is not raw,
    )


def _lies_in(inner: _Span, outer: _Span) -> bool:
    return (
        inner.file_name == outer.file_name
        and outer.byte_start <= inner.byte_start
        and inner.byte_end <= outer.byte_end
    )


def _is_ours(file_name: str, root: str) -> bool:
    """Return whether a file belongs to the workspace: std's and the registry's are absolute."""
    if file_name.startswith("<"):
        return False
    return not file_name.startswith("/") or bool(root and file_name.startswith(root.rstrip("/")))


def _relative(file_name: str, root: str) -> str:
    prefix = root.rstrip("/") + "/"
    name = file_name.removeprefix(prefix) if root else file_name
    return name.removeprefix("./").replace("\\", "/")


def _without(rendered: str, root: str) -> str:
    """Return the text without this machine's folders: they are no part of the question."""
    return rendered.replace(root.rstrip("/") + "/", "") if root else rendered


def _notes(children: Iterable[_Message], root: str) -> Iterator[Note]:
    for child in children:
        if not any(span.suggested_replacement is not None for span in child.spans):
            yield Note(
                level=child.level,
                message=child.message,
                spans=tuple(_walked(span, root) for span in child.spans),
            )


def _suggestions(messages: Iterable[_Message], root: str) -> Iterator[Suggestion]:
    """Yield the changes proposed; alternatives that rustc folds into one child come apart."""
    for message in messages:
        raw = [span for span in message.spans if span.suggested_replacement is not None]
        # Inside a macro the offsets are those of the definition, not of what the user wrote.
        if not raw or any(span.expansion for span in raw):
            continue
        places = Counter((span.file_name, span.byte_start, span.byte_end) for span in raw)
        groups = [[span] for span in raw] if max(places.values()) > 1 else [raw]
        for group in groups:
            yield Suggestion(
                message=message.message,
                applicability=_applicability(group[0].suggestion_applicability),
                parts=tuple(
                    Replacement(span=_walked(span, root), text=span.suggested_replacement or "")
                    for span in group
                ),
            )


def _applicability(word: str | None) -> Applicability:
    try:
        return Applicability(word or "")
    except ValueError:
        return Applicability.UNSPECIFIED
