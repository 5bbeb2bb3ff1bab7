"""What a repair tells while it runs: numbered, so that a listener that was away can resume."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base. `number` counts from 1 without gaps; `seconds` is since the repair began."""

    kind: ClassVar[str] = "event"
    number: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object, `kind` first."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class Checked(Event):
    """The compiler ran. `when` is "start", "suggestion", "attempt" or "candidate"."""

    kind: ClassVar[str] = "checked"
    when: str
    errors: int
    codes: tuple[str, ...]
    first: str  # the first root cause in one line


@dataclass(frozen=True, kw_only=True)
class SuggestionsTried(Event):
    """Suggestions of the compiler were tried together."""

    kind: ClassVar[str] = "suggestions_tried"
    labels: tuple[str, ...]
    kept: bool
    reason: str


@dataclass(frozen=True, kw_only=True)
class Recalled(Event):
    """Memories of earlier repairs are in the questions from now on; not told without any."""

    kind: ClassVar[str] = "recalled"
    ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Asked(Event):
    """A question is on its way to a model."""

    kind: ClassVar[str] = "asked"
    attempt: int
    candidates: int
    prompt_tokens: int  # estimated
    shown: tuple[str, ...]  # codes of the causes in the question
    reused: float = 0.0  # the part of the prompt before that is the beginning of this one
    renderer: str = ""  # how it is written
    expected: str = ""  # who will answer, as things were when it was written


@dataclass(frozen=True, kw_only=True)
class Answered(Event):
    """A reply came, with the tokens it used."""

    kind: ClassVar[str] = "answered"
    attempt: int
    candidate: int
    answered_by: str
    prompt: int
    cached: int
    completion: int


@dataclass(frozen=True, kw_only=True)
class Refused(Event):
    """A reply was not applied; `problem` is PatchError's kind."""

    kind: ClassVar[str] = "refused"
    attempt: int
    candidate: int
    problem: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Applied(Event):
    """A patch is on the disk, not yet judged."""

    kind: ClassVar[str] = "applied"
    attempt: int
    candidate: int
    diff: str
    levels: tuple[str, ...]  # how each edit matched


@dataclass(frozen=True, kw_only=True)
class Judged(Event):
    """The patch was kept, or every byte of it rolled back."""

    kind: ClassVar[str] = "judged"
    attempt: int
    candidate: int
    verdict: str
    reason: str
    errors: int


@dataclass(frozen=True, kw_only=True)
class Stopped(Event):
    """The repair ended."""

    kind: ClassVar[str] = "stopped"
    why: str
    fixed: bool
    errors: int
    detail: str


Listener = Callable[[Event], None]
"""Called in the loop's own task: it must not block and must not raise."""

KINDS: dict[str, type[Any]] = {
    each.kind: each
    for each in (
        Checked, SuggestionsTried, Recalled, Asked, Answered, Refused, Applied, Judged, Stopped,
    )
}  # fmt: skip


def from_json(value: dict[str, Any]) -> Event:
    """Return the event of a JSON object that `to_json` made, also after a round through a file."""
    kind = KINDS[value["kind"]]
    known = {field.name for field in fields(kind)}
    event: Event = kind(
        **{
            name: tuple(part) if isinstance(part, list) else part
            for name, part in value.items()
            if name in known
        }
    )
    return event
