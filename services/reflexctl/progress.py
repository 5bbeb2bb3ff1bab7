"""What people see while a repair runs: one line for each event, and a status line below them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from reflex_loop.events import (
    Answered,
    Applied,
    Asked,
    Checked,
    Event,
    Judged,
    Recalled,
    Refused,
    Stopped,
    SuggestionsTried,
)
from reflexctl.plain import plain
from reflexctl.screen import Screen

_WIDTH: Final = 9
_KEPT: Final = "green"
_LOST: Final = "yellow"


@dataclass(frozen=True, kw_only=True)
class Status:
    """What the status line shows."""

    doing: str = "checking"
    attempt: int = 0
    attempts: int = 0
    errors: int | None = None
    tokens: int = 0
    cached: int = 0
    by: str = ""
    cost: str = ""

    def after(self, event: Event) -> "Status":
        """Return the status when an event was heard."""
        match event:
            case Checked():
                trying = event.when in ("start", "suggestion")
                return replace(
                    self,
                    doing="trying the compiler's suggestions" if trying else "judging",
                    errors=event.errors if event.when == "start" else self.errors,
                )
            case SuggestionsTried():
                return replace(self, doing="asking")
            case Asked():
                return replace(
                    self,
                    doing="waiting for",
                    attempt=event.attempt,
                    by=event.expected or self.by,
                )
            case Answered():
                return replace(
                    self,
                    doing="reading the answer of",
                    tokens=self.tokens + event.prompt + event.completion,
                    cached=self.cached + event.cached,
                    by=event.answered_by,
                )
            case Applied():
                return replace(self, doing="compiling the patch of")
            case Judged() if event.verdict != "rejected":
                return replace(self, errors=event.errors)
            case Stopped():
                return replace(self, doing="done", errors=event.errors)
            case _:
                return self

    def text(self, seconds: float) -> Text:
        """Return the line."""
        parts = [f"attempt {self.attempt}/{self.attempts}"] if self.attempt else []
        if self.errors is not None:
            parts.append(f"{counted(self.errors, 'error')} left")
        if self.tokens:
            cached = f" ({self.cached:,} cached)" if self.cached else ""
            parts.append(f"{self.tokens:,} tokens{cached}")
        parts.append(f"{seconds:.0f} s")
        # Last, because the name may be longer than the line.
        parts.append(f"{self.doing} {self.by}".rstrip() if self.attempt else self.doing)
        return Text(plain(" · ".join(parts)), style="cyan", overflow="ellipsis", no_wrap=True)


def counted(number: int, what: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "error"), counted(2, "error")
    ('1 error', '2 errors')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def line(event: Event) -> Text | None:
    """Return the line that stays on the screen for an event, if it has one."""
    match event:
        case Checked(when="start"):
            if not event.errors:
                return _line("check", "no errors")
            codes = ", ".join(code or "syntax" for code in event.codes)
            return _line("check", f"{counted(event.errors, 'error')} ({codes})", event.first)
        case SuggestionsTried():
            what = f"{counted(len(event.labels), 'suggestion')}: {event.reason}"
            return _line("rustc", what, style=_KEPT if event.kept else "")
        case Recalled():
            return _line("recall", counted(len(event.ids), "similar repair"))
        case Asked():
            who = event.expected or "a model"
            about = ", ".join(event.shown)
            return _line(
                f"ask {event.attempt}",
                f"{who} about {about}",
                f"{event.renderer}, ~{event.prompt_tokens:,} tokens",
            )
        case Answered():
            used = f"{event.prompt:,} + {event.completion:,} tokens"
            cached = f", {event.cached:,} of them cached" if event.cached else ""
            return _line("answer", f"{event.answered_by}: {used}{cached}")
        case Refused():
            return _line("refused", f"{event.problem}: {first_line(event.reason)}", style=_LOST)
        case Judged(verdict="rejected"):
            return _line("undone", first_line(event.reason), style=_LOST)
        case Judged():
            return _line("kept", first_line(event.reason), style=_KEPT)
        case _:
            return None


def first_line(text: str) -> str:
    """Return the first line of a text that may have many."""
    return text.strip().split("\n", 1)[0]


def _line(head: str, text: str, more: str = "", *, style: str = "") -> Text:
    out = Text.assemble((f"{head:>{_WIDTH}}", f"bold {style or 'cyan'}"), " ", (text, style))
    return out.append(f"  {more}", style="dim") if more else out


class Progress:
    """A listener that shows a repair."""

    def __init__(self, screen: Screen, *, attempts: int, clock: Callable[[], float]) -> None:
        self._screen = screen
        self._status = Status(attempts=attempts)
        self._clock = clock
        self._began = clock()
        self._spinner = Spinner("dots", style="cyan")
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the status line on a terminal; elsewhere only lines."""
        if not self._screen.is_live:
            yield
            return
        self._live = Live(
            get_renderable=self._now, console=self._screen.err, refresh_per_second=8, transient=True
        )
        try:
            with self._live:
                yield
        finally:
            self._live = None

    def hear(self, event: Event) -> None:
        """Take an event; never raises, for the repair must not end by its own display."""
        self._status = self._status.after(event)
        text = line(event)
        if text is not None:
            self._screen.say(text)
        if self._live is not None:
            self._live.refresh()

    def _now(self) -> Table:
        grid = Table.grid(padding=(0, 1))
        grid.add_row(self._spinner, self._status.text(self._clock() - self._began))
        return grid
