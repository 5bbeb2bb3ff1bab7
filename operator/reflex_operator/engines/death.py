"""Finds in the log of a container what SGLang says when it ends.

A log also holds what users sent: prompts (`--log-requests`), error texts with their words in them,
access lines. So a line counts only where SGLang 0.5.23 or Python would have written it: at its
logger's prefix, as the exception below a traceback's frames, at the end of argparse's usage. A
traceback that SGLang merely logs and survives is recognised by the log line right above it, and
any death by later work of what is supposed to be dead.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

TEXT_LIMIT: Final = 256 << 10
"""Characters of a log that are looked at, from its end."""
_LINE_LIMIT: Final = 2000
_SURVIVED_AFTER: Final = timedelta(seconds=30)
"""SGLang ends 5 s after a fatal error; what works longer than this has not died."""

_CRI_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:\d\d) ")
_COLOUR: Final = re.compile(r"\x1b\[[\d;]{0,12}m")
_LOGGED: Final = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?: [^\]]{1,60})?\] (.*)")
_PROGRESS: Final = re.compile(r"(?:/s|s/it)\](?=\[\d{4}-)")
"""A progress bar leaves its line open: the next line of the logger begins in its middle."""
_FRAME: Final = re.compile(r'  File "([^"]{1,400})", line \d{1,9}, in (\S{1,200})')
_EXCEPTION: Final = re.compile(
    r"(?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]?\w{0,60}"
    r"(?:Error|Exception|Interrupt|Exit|OutOfResources|Warning|Timeout)(?:: .*|:?)"
)
_HIT: Final = re.compile(r"\w{1,40} hit an exception: Traceback \(most recent call last\):")
_WARMUP: Final = "Initialization failed. warmup error: Traceback (most recent call last):"
_WATCHDOG: Final = re.compile(r"\w{1,40} watchdog timeout \(.{0,80}self\.soft=False\)")
_CRASHED: Final = re.compile(r"Subprocess \S{1,60} \(pid=\d{1,9}\) crashed with exit code ")
_BIND: Final = re.compile(
    r"ERROR: {1,8}\[Errno \d{1,4}\] error while attempting to bind on address"
)
_ARGUMENTS: Final = re.compile(r"[\w. /-]{1,60}: error: ")
_PROCESS: Final = re.compile(r"Process \S{1,60}:")
_TRACEBACK: Final = "Traceback (most recent call last):"
_LINKS: Final = {
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
}
_STOP: Final = ("SIGTERM received.", "Signal SIGTERM received")
_WORK: Final = ("Prefill batch", "Decode batch")
_NOISE: Final = (
    "kill_process_tree called",
    "SIGQUIT received.",
    "Received sigquit from a child process.",
    "Dumping requests",
    "Sleeping ",
    "Subprocess ",
)
"""Logged while SGLang ends: no sign of life."""
_SURVIVED: Final = (
    "Exception ignored",
    "Exception in thread",
    "Error in atexit",
    "Task exception was never retrieved",
    "Task was destroyed",
    "--- Logging error ---",
)


class Kind(Enum):
    """How an end announced itself."""

    CHILD = auto()  # a worker process logged its exception and signalled the server
    UNCAUGHT = auto()  # an exception that nobody caught, in the main process
    LOGGED = auto()  # a single line of SGLang's logger
    PRINTED = auto()  # a line of argparse, of the launcher, or of a crashing native library


@dataclass(frozen=True, kw_only=True)
class Death:
    """One sign that the engine was ending. `said`: root cause first; `frames`: as printed."""

    kind: Kind
    said: tuple[str, ...]
    frames: tuple[tuple[str, str], ...] = ()  # file, function
    at: datetime | None = None  # the log's own clock, without a zone


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a log says about the end. `stopped`: the line that tells of a SIGTERM, or nothing."""

    deaths: tuple[Death, ...]  # in the order of the log
    stopped: str = ""


class _State(Enum):
    BODY = auto()  # frames
    SAID = auto()  # the exception was printed; its message may have more lines
    LINKED = auto()  # another traceback follows, of the same failure


@dataclass
class _Block:
    kind: Kind | None  # None: SGLang lives on
    at: datetime | None
    said: list[str] = field(default_factory=list)
    frames: list[tuple[str, str]] = field(default_factory=list)
    state: _State = _State.BODY


def read(text: str) -> Reading:
    """Return how the log says that the engine ended; time and memory grow with its length only."""
    reader = _Reader()
    for line in _lines(text):
        reader.take(line)
    return reader.reading()


def _lines(text: str) -> Iterator[str]:
    # A progress bar ends its lines with a carriage return; splitlines() would split at more.
    for raw in text[-TEXT_LIMIT:].replace("\r", "\n").split("\n"):
        line = _COLOUR.sub("", raw[:_LINE_LIMIT])
        if prefix := _CRI_TIME.match(line):
            line = line[prefix.end() :]
        if "%" in line and (bar := _PROGRESS.search(line)):
            line = line[bar.end() :]
        yield line


class _Reader:
    def __init__(self) -> None:
        self._deaths: list[Death] = []
        self._block: _Block | None = None
        self._before = ""  # the last line that was not empty
        self._clock: datetime | None = None
        self._seen_life: datetime | None = None  # any other line of the logger
        self._seen_work: datetime | None = None  # the scheduler's
        self._usage = False
        self._stopped = ""

    def reading(self) -> Reading:
        self._close()
        alive = [death for death in self._deaths if not self._survived(death)]
        return Reading(deaths=tuple(alive), stopped=self._stopped)

    def take(self, line: str) -> None:
        logged = _LOGGED.fullmatch(line)
        if self._block is not None and self._take_inside(self._block, line, logged is not None):
            return
        if logged is not None:
            self._take_logged(logged[1], logged[2])
        elif line == _TRACEBACK:
            self._open(self._kind_of_bare(), self._clock)
        elif line:
            self._take_printed(line)
        if line:
            self._before = line

    def _take_inside(self, block: _Block, line: str, logged: bool) -> bool:
        """Return whether the line belongs to the open traceback, or stands in its way."""
        if block.state is _State.BODY:
            if frame := _FRAME.match(line):
                block.frames.append((frame[1], frame[2]))
            elif block.frames and not logged and _EXCEPTION.fullmatch(line):
                block.said.append(line)
                block.state = _State.SAID
            # What other processes print in between is left out; their log lines are heard.
            return not logged and line != _TRACEBACK
        if block.state is _State.LINKED and line == _TRACEBACK:
            block.state = _State.BODY
            return True
        if block.state is _State.SAID and line in _LINKS:
            block.state = _State.LINKED
            return True
        if not line or not (logged or line == _TRACEBACK):
            return True
        self._close()
        return False

    def _take_logged(self, moment: str, words: str) -> None:
        self._clock = _time(moment) or self._clock
        if _HIT.fullmatch(words) or words == _WARMUP:
            self._open(Kind.CHILD, self._clock)
        elif _WATCHDOG.match(words) or _CRASHED.match(words) or _BIND.match(words):
            self._died(Kind.LOGGED, words)
        elif words.startswith(_STOP):
            self._stopped = self._stopped or words
        elif words.startswith(_WORK):
            self._seen_work = self._seen_life = self._clock
        elif not words.startswith(_NOISE):
            self._seen_life = self._clock

    def _take_printed(self, line: str) -> None:
        if line.startswith("usage: "):
            self._usage = True
        elif (self._usage and _ARGUMENTS.match(line)) or line.startswith("error: no api-key in "):
            self._died(Kind.PRINTED, line)
        elif line.startswith("  what():  ") and self._before.startswith("terminate called after"):
            self._died(Kind.PRINTED, line.removeprefix("  what():  "))
        elif line.startswith("Fatal Python error: "):
            self._died(Kind.PRINTED, line)

    def _kind_of_bare(self) -> Kind | None:
        """Return whose traceback begins without a line of the logger of its own."""
        before = self._before
        if _PROCESS.fullmatch(before):
            return Kind.CHILD
        logged = _LOGGED.fullmatch(before)
        if logged is not None and not logged[2].startswith(_NOISE):
            return None  # SGLang logs it and goes on, as after `post-warmup freeze_gc failed`
        return None if before.startswith(_SURVIVED) else Kind.UNCAUGHT

    def _open(self, kind: Kind | None, at: datetime | None) -> None:
        self._close()
        self._block = _Block(kind=kind, at=at)

    def _close(self) -> None:
        block, self._block = self._block, None
        if block is None or block.kind is None or not block.said or self._stopped:
            return
        self._deaths.append(
            Death(
                kind=block.kind,
                said=tuple(block.said),
                frames=tuple(block.frames),
                at=block.at,
            )
        )

    def _died(self, kind: Kind, line: str) -> None:
        if not self._stopped:  # what ends after a SIGTERM was asked to
            self._deaths.append(Death(kind=kind, said=(line,), at=self._clock))

    def _survived(self, death: Death) -> bool:
        # The main process may answer probes for a while after its scheduler has died.
        others = death.kind in (Kind.CHILD, Kind.LOGGED)
        later = self._seen_work if others else self._seen_life
        return death.at is not None and later is not None and later - death.at > _SURVIVED_AFTER


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
