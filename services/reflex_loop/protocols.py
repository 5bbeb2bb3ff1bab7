"""What the loop asks of the world: a compiler, a model, a clock. All three are passed in."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol

from reflex_loop.diagnostics import Stream
from reflex_loop.settings import Renderer


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What a run of the compiler said.

    Attributes:
        ok: the compiler ended by itself and found nothing wrong.
        complete: it was not cut by the deadline or the output limit; an incomplete report with no
            errors says nothing.
        detail: why it is not complete, or the last words of a compiler that failed without errors.
    """

    stream: Stream
    ok: bool
    complete: bool = True
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TestReport:
    """What the crate's own tests said; `detail` is the end of their output."""

    __test__ = False  # no test class, whatever pytest thinks of the name

    ok: bool
    detail: str = ""
    seconds: float = 0.0


class Checker(Protocol):
    """Runs the compiler on a tree, in whatever confinement it promises."""

    async def check(self, root: Path, *, seconds: float) -> CheckReport:
        """Compile without producing a program; at most for `seconds`.

        Raises:
            CheckError: the compiler could not be run at all.
        """
        ...

    async def test(self, root: Path, *, seconds: float) -> TestReport:
        """Build and run the tests; at most for `seconds`.

        Raises:
            CheckError: they could not be run at all.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Message:
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What is known of a question before it is written: enough to tell who would answer it.

    Attributes:
        attempt: counted from 1.
        failures: attempts of this repair that were not accepted so far.
        paths: files with errors: those that the repair may touch.
        has_unsafe: whether their code has the word `unsafe`.
    """

    attempt: int = 1
    failures: int = 0
    paths: tuple[str, ...] = ()
    has_unsafe: bool = False


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a model wants to be asked.

    Attributes:
        renderer: how the question is written.
        prompt_tokens: the room for it.
        reply_tokens: the longest answer.
        expected: who will answer as things are now, for people.
    """

    renderer: Renderer
    prompt_tokens: int
    reply_tokens: int
    expected: str = ""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One question to a model, with what a router needs to choose who answers.

    Attributes:
        schema: the JSON Schema of the reply; the same object, and so the same text, every time.
        renderer: how it was written; a model that wants another form cannot answer it.
        intent: which attempt it is, and what the repair touches.
        candidate: 0 is the first of several replies to the same prompt.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any]
    max_tokens: int
    temperature: float = 0.0
    renderer: Renderer = Renderer.FULL
    intent: Intent = field(default_factory=Intent)
    candidate: int = 0

    @property
    def attempt(self) -> int:
        """Return the number of the attempt, from 1."""
        return self.intent.attempt

    def text(self) -> str:
        """Return all of it in order: what the engine's prefix cache sees, up to the template."""
        return "".join(f"\x02{each.role}\x03{each.content}" for each in self.messages)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one call; `cached` are those of the prompt that the engine had already."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            prompt=self.prompt + other.prompt,
            cached=self.cached + other.cached,
            completion=self.completion + other.completion,
        )


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A model's answer.

    Attributes:
        text: the content, without reasoning.
        cut: the engine stopped at `max_tokens`.
        answered_by: the model's name, for people.
        decision: the router's record of why this model was asked; kept as it is.
    """

    text: str
    usage: Usage = field(default_factory=Usage)
    cut: bool = False
    answered_by: str = ""
    cost_usd: Decimal = Decimal(0)
    decision: Mapping[str, Any] = field(default_factory=dict)


class Proposer(Protocol):
    """Asks a model. Retries, breakers, budgets and the choice of model are its own affair."""

    async def form(self, intent: Intent) -> Form | None:
        """Return how whoever would answer now wants to be asked; None: as the settings say.

        Nothing is asked, counted or reserved by it.
        """
        ...

    async def propose(self, prompt: Prompt) -> Reply:
        """Return one reply.

        Raises:
            ProposerError: nobody can answer, now or later: the repair ends.
            OtherFormError: who is left to answer wants another form; the loop writes it anew.
            TimeoutError: this one took too long or broke off: the attempt is lost.
        """
        ...

    def unusable(self, reply: Reply, kind: str) -> None:
        """Hear that a reply was refused before it was tried; `kind` is PatchError's."""
        ...


@dataclass(frozen=True, kw_only=True)
class Recollection:
    """A memory of an earlier repair."""

    id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What a repair leaves for later ones.

    Attributes:
        text: what was wrong and what made it right.
        recalled: ids of the memories that this repair was shown; their text is not in `text`.
    """

    text: str
    recalled: tuple[str, ...] = ()


class Memory(Protocol):
    """Remembers repairs. One for each repair; a repair does without it as well."""

    async def recall(self, query: str) -> tuple[Recollection, ...]:
        """Return memories of similar repairs, best first; nothing rather than late."""
        ...

    def report(self, lesson: Lesson) -> None:
        """Take a lesson, without waiting; it may be lost."""
        ...


class Clock(Protocol):
    """Time that only grows, in seconds."""

    def __call__(self) -> float:
        """Return the seconds since some moment."""
        ...


monotonic: Clock = time.monotonic
