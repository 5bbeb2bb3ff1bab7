"""What the compiler said, as values. Columns are 1-based characters, bytes are file offsets."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Applicability(StrEnum):
    """rustc's own word on a suggestion; an unknown word reads as UNSPECIFIED."""

    MACHINE_APPLICABLE = "MachineApplicable"
    MAYBE_INCORRECT = "MaybeIncorrect"
    HAS_PLACEHOLDERS = "HasPlaceholders"
    UNSPECIFIED = "Unspecified"


@dataclass(frozen=True, kw_only=True)
class Span:
    """A place in a file of the workspace, or outside of it when `path` is absolute."""

    path: str
    byte_start: int
    byte_end: int
    line_start: int
    line_end: int
    column_start: int
    column_end: int
    is_primary: bool = False
    label: str = ""
    text: tuple[str, ...] = ()
    highlight: tuple[int, int] = (1, 1)  # columns of the first text line
    in_macro: bool = False  # it was walked out of an expansion to the call


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """One part of a suggestion."""

    span: Span
    text: str


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A change the compiler proposes; all parts or none."""

    message: str
    applicability: Applicability
    parts: tuple[Replacement, ...]


@dataclass(frozen=True, kw_only=True)
class Note:
    """A note or help below a diagnostic that changes nothing."""

    level: str
    message: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One message of the compiler.

    Attributes:
        code: such as "E0308"; empty for syntax errors and for what has none.
        span: the primary span, walked to the call site of a macro; None for the whole crate.
        same: how many more messages tell of the same cause (see `root_cause`).
    """

    level: str
    code: str
    message: str
    span: Span | None
    spans: tuple[Span, ...] = ()
    notes: tuple[Note, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    rendered: str = ""
    package: str = ""
    target: str = ""
    same: int = 0

    @property
    def path(self) -> str:
        """Return the file of the primary span, or nothing."""
        return self.span.path if self.span else ""

    @property
    def line(self) -> int:
        """Return the 1-based line of the primary span, or 0."""
        return self.span.line_start if self.span else 0


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What a reader found in the compiler's output.

    Attributes:
        success: cargo's own verdict, or None when the stream ended before it.
        skipped: lines that were no message: a build script's prints, a cut last line.
    """

    diagnostics: tuple[Diagnostic, ...]
    success: bool | None = None
    skipped: int = 0

    def errors(self) -> Iterator[Diagnostic]:
        """Yield the errors only."""
        return (each for each in self.diagnostics if each.level.startswith("error"))
