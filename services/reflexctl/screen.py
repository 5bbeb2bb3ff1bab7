"""Where output goes: data to stdout, everything for people to stderr."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Final, TextIO

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from reflexctl.errors import CliError
from reflexctl.plain import in_json, plain

_TOLD_ANYWAY: Final = "request %s is refused"  # the command ends with the same words


class Screen:
    """The two streams of one command.

    Args:
        out: for data: the diff, a table, or the JSON object.
        err: for progress, warnings and errors.
        as_json: exactly one JSON value on `out` and nothing else.
        verbosity: 0 for people; 1 adds what routing decided; 2 the libraries' logs.
    """

    def __init__(
        self,
        out: TextIO | None = None,
        err: TextIO | None = None,
        *,
        as_json: bool = False,
        verbosity: int = 0,
    ) -> None:
        self.out = Console(file=out, highlight=False, soft_wrap=True)
        self.err = Console(file=err, stderr=err is None, highlight=False, soft_wrap=True)
        self.as_json = as_json
        self.verbosity = verbosity

    @property
    def is_live(self) -> bool:
        """Return whether progress may be redrawn in place."""
        return self.err.is_terminal and not self.as_json

    def say(self, text: str | Text) -> None:
        """Tell people something; with --json only when asked for by -v."""
        if not self.as_json or self.verbosity:
            self.err.print(_shown(text))

    def note(self, kind: str, text: str) -> None:
        """Print a line such as `warning: …` or `hint: …`."""
        style = {"error": "bold red", "warning": "bold yellow", "hint": "bold cyan"}[kind]
        self.err.print(Text.assemble((f"{kind}: ", style), plain(text)))

    def error(self, error: CliError) -> None:
        """Print an error and its hints; with --json also as the one object."""
        self.note("error", str(error))
        for hint in error.hints:
            self.note("hint", hint)
        if self.as_json:
            self.json({"error": str(error), "hints": list(error.hints)})

    def json(self, value: Mapping[str, Any] | list[Any]) -> None:
        """Print the command's value."""
        text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
        self.out.file.write(in_json(text) + "\n")
        self.out.file.flush()

    def diff(self, text: str) -> None:
        """Print a diff: coloured and harmless for people, byte for byte into a pipe."""
        if self.out.is_terminal:
            self.out.print(
                Syntax(plain(text).rstrip("\n"), "diff", theme="ansi_dark", word_wrap=True)
            )
        else:
            self.out.file.write(text)
            self.out.file.flush()

    @contextmanager
    def logs(self) -> Iterator[None]:
        """Show what the libraries log: warnings always, more with -v."""
        handler = _ScreenHandler(self)
        levels = (logging.WARNING, logging.INFO, logging.DEBUG)
        root, ours = logging.getLogger(), logging.getLogger("reflex")
        before = (root.level, ours.level)
        root.addHandler(handler)
        ours.setLevel(levels[min(self.verbosity, 2)])
        if self.verbosity >= 2:
            root.setLevel(logging.INFO)
        try:
            yield
        finally:
            root.removeHandler(handler)
            root.setLevel(before[0])
            ours.setLevel(before[1])


class _ScreenHandler(logging.Handler):
    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith(_TOLD_ANYWAY) and not self._screen.verbosity:
            return
        if record.levelno >= logging.WARNING:
            self._screen.note("warning", record.getMessage())
        else:
            self._screen.err.print(Text(plain(record.getMessage()), style="dim"))


def _shown(text: str | Text) -> Text:
    """Return a text whose words are harmless; its own styles stay."""
    if isinstance(text, str):
        return Text(plain(text))
    if text.plain == plain(text.plain):
        return text
    out = Text(overflow=text.overflow, no_wrap=text.no_wrap, style=text.style)
    # The styles' places are counted in the old text: so it is taken apart at them.
    cuts = sorted({0, len(text), *(edge for span in text.spans for edge in (span.start, span.end))})
    for at, end in pairwise(cuts):
        styles = [span.style for span in text.spans if span.start <= at and end <= span.end]
        out.append(plain(text.plain[at:end]), style=styles[-1] if styles else None)
    return out
