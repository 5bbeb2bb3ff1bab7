"""What is asked next: a growing chat for large models, single small questions for small ones."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from reflex_loop import render_compact, render_full
from reflex_loop.assessment import Assessment
from reflex_loop.patch import COMPACT_SCHEMA, SCHEMA
from reflex_loop.protocols import Form, Intent, Message
from reflex_loop.root_cause import Cause
from reflex_loop.rust_source import words
from reflex_loop.settings import Renderer, Settings
from reflex_loop.snapshot import Snapshot

_MEMORY_SHARE: Final = 8  # of the room that rules and crate leave: so much is for memories
_KEPT_REPLY: Final = 6_000  # characters of a reply that stay in the chat


@dataclass(frozen=True, kw_only=True)
class Question:
    """A prompt's content.

    Attributes:
        causes: the errors in it.
        tokens: estimated, of all messages.
        is_repeat: the same bytes were asked before, so a greedy model would answer the same.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any]
    causes: tuple[Cause, ...]
    tokens: int
    is_repeat: bool = False

    def text(self) -> str:
        """Return all messages in one."""
        return "".join(f"\x02{each.role}\x03{each.content}" for each in self.messages)


class Conversation(Protocol):
    """Remembers what was asked and answered."""

    def question(self, state: Assessment, shown: Snapshot) -> Question | None:
        """Return the next question, or None when nothing is left to ask."""

    def answered(self, reply: str, feedback: str) -> None:
        """Add a reply and what became of it."""


class Talks:
    """The conversations of one repair: one for each form of question, begun when first needed.

    A model that takes over in another form begins with the errors as they are then; it is not
    shown a chat that it could not have had.
    """

    def __init__(self, settings: Settings, shown: Snapshot) -> None:
        self._settings = settings
        self._first = shown
        self.recalled: tuple[str, ...] = ()
        """Memories of earlier repairs, for the forms that have room for them."""
        self._full: FullConversation | None = None
        self._compact: CompactConversation | None = None

    def of(self, form: Form) -> Conversation:
        """Return the conversation for a form, with the room that this model has."""
        if form.renderer is Renderer.COMPACT:
            self._compact = self._compact or CompactConversation(self._settings)
            return self._compact
        self._full = self._full or FullConversation(self._settings, self._first)
        self._full.room = form.prompt_tokens
        self._full.recalled = self.recalled
        return self._full


def intent(state: Assessment, shown: Snapshot, *, attempt: int, failures: int) -> Intent:
    """Return what the next question is about, before it is known how it is written.

    It speaks of the whole repair, also where a small model is shown one error only: who answers
    must not depend on how many errors fit into a prompt.
    """
    paths = {each.diagnostic.path for each in state.causes if each.diagnostic.path}
    texts = ["\n".join(shown.lines(path)) for path in sorted(paths)]
    return Intent(
        attempt=attempt,
        failures=failures,
        paths=tuple(sorted(paths)),
        has_unsafe=any("unsafe" in text and "unsafe" in words(text) for text in texts),
    )


class FullConversation:
    """One chat that is only appended to, until it is longer than the model's context."""

    def __init__(self, settings: Settings, shown: Snapshot) -> None:
        self.room = settings.prompt_tokens
        self.recalled: tuple[str, ...] = ()
        self._settings = settings
        self._context = render_full.opening(shown)
        self._turns: list[str] = []
        self._feedback = ""
        self._state = ""
        self._shown: tuple[Cause, ...] = ()
        self._asked = ""

    def question(self, state: Assessment, shown: Snapshot) -> Question | None:
        """Return the chat so far with the errors of `state`, unless they were shown last."""
        if not state.causes:
            return None
        pending = len(self._turns) % 2 == 0
        if not self._turns or (pending and not self._add(state, shown)):
            # The context is full: begin again, with the errors as they are now.
            self._turns = [self._problem(state, shown) + self._recalled()]
        self._state = _seen(state, shown)
        messages = render_full.messages(self._context, self._turns)
        question = _question(messages, SCHEMA, self._shown, self._settings)
        text = question.text()
        repeat, self._asked = text == self._asked, text
        return question if not repeat else _repeated(question)

    def answered(self, reply: str, feedback: str) -> None:
        """Add a reply and what became of it."""
        if len(self._turns) % 2:
            self._turns.append(reply[:_KEPT_REPLY])
        self._feedback = feedback

    def _add(self, state: Assessment, shown: Snapshot) -> bool:
        """Append the feedback and, when they are other ones now, the errors; False: no room."""
        turn = self._feedback
        if _seen(state, shown) != self._state:
            turn += "\n\n" + self._problem(state, shown)
        count = self._settings.count_tokens
        turns = [*self._turns, turn]
        if count(self._context + render_full.SYSTEM + "".join(turns)) > self.room:
            return False
        self._turns = turns
        return True

    def _recalled(self) -> str:
        """Return the memories: behind the errors, so that all before them is as without any."""
        count = self._settings.count_tokens
        room = (self.room - count(self._context + render_full.SYSTEM)) // _MEMORY_SHARE
        return render_full.recalled(self.recalled, room=room, count=count)

    def _problem(self, state: Assessment, shown: Snapshot) -> str:
        count = self._settings.count_tokens
        fixed = count(self._context + render_full.SYSTEM)
        # Half of what is left: attempts are appended, and each brings its own errors.
        room = max((self.room - fixed) // 2, 256)
        body, self._shown = render_full.problem(state, shown, room=room, count=count)
        return body


def _seen(state: Assessment, shown: Snapshot) -> str:
    """Return what the model has seen when it was shown this: the errors and their files."""
    paths = sorted({cause.diagnostic.path for cause in state.causes})
    return state.state + "".join(shown.files[path].sha256 for path in paths if path in shown.files)


class CompactConversation:
    """One error at a time, without memory; an error that was asked in vain waits for the others."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._asked: Counter[str] = Counter()

    def question(self, state: Assessment, shown: Snapshot) -> Question | None:
        """Return the question for the error that was asked for least often."""
        able = [cause for cause in state.causes if render_compact.can_ask(cause, shown)]
        if not able:
            return None
        prompts = [(render_compact.messages(cause, shown), cause) for cause in able]
        messages, cause = min(prompts, key=lambda each: self._asked[each[0][0].content])
        times = self._asked[messages[0].content]
        self._asked[messages[0].content] += 1
        question = _question(messages, COMPACT_SCHEMA, (cause,), self._settings)
        return _repeated(question) if times else question

    def answered(self, reply: str, feedback: str) -> None:
        """Forget it: the model understands one question only."""


def reused(before: str, after: str) -> float:
    """Return which part of a prompt is the beginning of the next one, from 0 to 1.

    >>> reused("abcd", "abcdef"), reused("abcd", "abxx")
    (1.0, 0.5)
    """
    if not before:
        return 0.0
    if after.startswith(before):
        return 1.0
    same = next(
        (at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]),
        min(len(before), len(after)),
    )
    return same / len(before)


def _question(
    messages: tuple[Message, ...],
    schema: Mapping[str, Any],
    causes: tuple[Cause, ...],
    settings: Settings,
) -> Question:
    return Question(
        messages=messages,
        schema=schema,
        causes=causes,
        tokens=sum(settings.count_tokens(each.content) for each in messages),
    )


def _repeated(question: Question) -> Question:
    return replace(question, is_repeat=True)
