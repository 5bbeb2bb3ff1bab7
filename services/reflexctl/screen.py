"""Where output goes: data to stdout, everything for people to stderr."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TextIO

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from reflexctl.errors import CliError

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
            self.err.print(Text(text) if isinstance(text, str) else text)

    def note(self, kind: str, text: str) -> None:
        """Print a line such as `warning: …` or `hint: …`."""
        style = {"error": "bold red", "warning": "bold yellow", "hint": "bold cyan"}[kind]
        self.err.print(Text.assemble((f"{kind}: ", style), text))

    def error(self, error: CliError) -> None:
        """Print an error and its hints; with --json also as the one object."""
        self.note("error", str(error))
        for hint in error.hints:
            self.note("hint", hint)
        if self.as_json:
            self.json({"error": str(error), "hints": list(error.hints)})

    def json(self, value: Mapping[str, Any] | list[Any]) -> None:
        """Print the command's value."""
        self.out.file.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")
        self.out.file.flush()

    def diff(self, text: str) -> None:
        """Print a diff: coloured for people, byte for byte into a pipe."""
        if self.out.is_terminal:
            self.out.print(Syntax(text.rstrip("\n"), "diff", theme="ansi_dark", word_wrap=True))
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
            self._screen.err.print(Text(record.getMessage(), style="dim"))
