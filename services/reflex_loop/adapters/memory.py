"""The loop's memory: a reflection service over HTTP, each owner's repairs under a key of its own.

Lessons wait in a bounded queue for one sender; what finds no room, or cannot be sent, is counted
and lost. A service that does not answer a search is not asked again for a while, so that it costs
one repair its patience and not every one.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol

import httpx2

from reflex_loop.protocols import Lesson, Memory, Recollection

LOG: Final = logging.getLogger("reflex.loop.memory")
RECALLED: Final = "recalled:"
"""Marks an id among a turn's evidence: the repair was shown this memory."""
_TRIES: Final = 3
_FIRST_PAUSE: Final = 0.5
_CONNECT_SECONDS: Final = 2.0
_BUSY: Final = frozenset({408, 429, 502, 503, 504})
_SHOWN: Final = 10_000  # characters of one memory that are looked at

Reported = Literal["sent", "failed", "dropped"]
Recalling = Literal["found", "empty", "failed", "skipped"]


class Tally(Protocol):
    """Counts what became of it."""

    def memory_reported(self, outcome: Reported) -> None:
        """Count a lesson."""
        ...

    def memory_recalled(self, outcome: Recalling) -> None:
        """Count a search."""
        ...


@dataclass(frozen=True, kw_only=True)
class MemoryOptions:
    """How a reflection service is used.

    Attributes:
        url: of the service, without `/v1`.
        report: send what repairs came to.
        recall: search before the first question.
        k: memories asked for.
        recall_seconds: for one search; a repair waits for it.
        report_seconds: for one report; nobody waits for it.
        rest_seconds: without searches after one that was not answered.
        held: lessons that wait to be sent.
    """

    url: str
    report: bool = True
    recall: bool = True
    k: int = 3
    recall_seconds: float = 1.0
    report_seconds: float = 10.0
    rest_seconds: float = 30.0
    held: int = 64


@dataclass(frozen=True, kw_only=True)
class _Letter:
    key: str
    bundle: dict[str, Any]


class ReflectionMemory:
    """One reflection service; shared by all repairs of a process, used by one event loop.

    Args:
        options: what is asked of it.
        key_of: the bearer key of an owner; empty where there is none: then nothing is remembered.
        tally: counts.
        now: seconds since 1970.
        clock: seconds that only grow.
        sleep: between two tries.
    """

    def __init__(
        self, options: MemoryOptions, *, key_of: Callable[[str], str], tally: Tally,
        now: Callable[[], float] = time.time, clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        self.options = options
        self._key_of = key_of
        self.tally = tally
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._letters: asyncio.Queue[_Letter] = asyncio.Queue(options.held)
        self._rests_until = -1.0
        # No proxies or .netrc of the environment: they are not where code is sent.
        self._client = httpx2.AsyncClient(
            base_url=options.url.rstrip("/").removesuffix("/v1"), trust_env=False
        )

    def of(self, owner: str, task: str) -> Memory | None:
        """Return the memory for one repair; None where its owner has no key for it.

        Args:
            owner: whose repair it is.
            task: names it; the same repair under the same name leaves the same memory.
        """
        key = self._key_of(owner)
        return _OneRepair(self, owner, task, key) if key and task else None

    async def run(self) -> None:
        """Send lessons as they come, until cancelled."""
        while True:
            letter = await self._letters.get()
            try:
                self.tally.memory_reported("sent" if await self._sent(letter) else "failed")
            except asyncio.CancelledError:
                self.tally.memory_reported("dropped")
                raise
            except Exception:
                LOG.exception("what a repair came to is not remembered, for a fault of our own")
                self.tally.memory_reported("failed")
            finally:
                self._letters.task_done()

    async def close(self, *, seconds: float = 2.0) -> None:
        """Give what waits a moment to be sent, then drop it; `run` is cancelled afterwards."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._letters.join()
        while not self._letters.empty():
            self._letters.get_nowait()
            self._letters.task_done()
            self.tally.memory_reported("dropped")
        await self._client.aclose()

    def post(self, owner: str, task: str, key: str, lesson: Lesson) -> None:
        """Put a lesson into the queue; one that finds no room is lost."""
        letter = _Letter(key=key, bundle=_bundle(owner, task, lesson, self._now()))
        try:
            self._letters.put_nowait(letter)
        except asyncio.QueueFull:
            LOG.warning("what repair %s came to is not remembered: too much waits", task)
            self.tally.memory_reported("dropped")

    async def search(self, query: str, key: str) -> tuple[Recollection, ...]:
        """Return what the service finds; nothing where it does not answer in time."""
        if self._clock() < self._rests_until:
            self.tally.memory_recalled("skipped")
            return ()
        wish = {"query": _sendable(query), "k": self.options.k, "mode": "hybrid"}
        try:
            async with asyncio.timeout(self.options.recall_seconds):
                answer = await self._client.post(
                    "/v1/memories/search", json=wish, headers=_bearer(key), timeout=None
                )
            if answer.status_code != 200:
                raise ValueError(f"it answers {answer.status_code}")
            found = _recollections(answer.json())
        except (httpx2.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            self._rests_until = self._clock() + self.options.rest_seconds
            LOG.warning("nothing is recalled for %g s: %s", self.options.rest_seconds, _told(error))
            self.tally.memory_recalled("failed")
            return ()
        self.tally.memory_recalled("found" if found else "empty")
        return found[: self.options.k]

    async def _sent(self, letter: _Letter) -> bool:
        problem = ""
        timeout = httpx2.Timeout(self.options.report_seconds, connect=_CONNECT_SECONDS)
        for number in range(_TRIES):
            if number:
                await self._sleep(_FIRST_PAUSE * 2 ** (number - 1))
            try:
                answer = await self._client.post(
                    "/v1/reflections",
                    json={"bundle": letter.bundle},
                    headers=_bearer(letter.key),
                    timeout=timeout,
                )
            except (httpx2.HTTPError, RuntimeError) as error:  # RuntimeError: it was closed
                problem = _told(error)
                continue
            if answer.is_success:
                return _taken(answer)
            problem = f"it answers {answer.status_code}"
            if answer.status_code not in _BUSY:
                break
        LOG.warning("what a repair came to is not remembered: %s", problem)
        return False


class _OneRepair:
    """A `Memory` of one repair."""

    def __init__(self, service: ReflectionMemory, owner: str, task: str, key: str) -> None:
        self._service = service
        self._owner = owner
        self._task = task
        self._key = key

    async def recall(self, query: str) -> tuple[Recollection, ...]:
        """See `Memory`."""
        if not self._service.options.recall:
            return ()
        return await self._service.search(query, self._key)

    def report(self, lesson: Lesson) -> None:
        """See `Memory`."""
        if self._service.options.report:
            self._service.post(self._owner, self._task, self._key, lesson)


def turn_number(task: str) -> int:
    """Return a repair's number as a turn: the same every time, and below 2^53.

    >>> turn_number("b606fe59") == turn_number("b606fe59") < 2**48
    True
    """
    return int.from_bytes(hashlib.sha256(task.encode()).digest()[:6], "big")


def _bundle(owner: str, task: str, lesson: Lesson, now: float) -> dict[str, Any]:
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    return {
        "ctx": {
            "agent_id": owner,
            "turn_id": turn_number(task),
            "now_iso": moment.replace("+00:00", "Z"),
        },
        "plan": {"reflection": True},
        "utter": _sendable(lesson.text),
        # What was recalled is named and not quoted: else it would become a memory once more.
        "snippets": [],
        "snippet_ids": [_sendable(f"{RECALLED}{each}"[:200]) for each in lesson.recalled],
    }


def _taken(answer: httpx2.Response) -> bool:
    """Return whether a turn was reflected on, as the service says; one that says nothing did."""
    try:
        told = answer.json()
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict) and told.get("reflected") is False:
        LOG.warning("the reflection service's gate is closed: see its t3.allow_reflection")
        return False
    return True


def _sendable(text: str) -> str:
    """Return a text without halves of characters: code may have them, UTF-8 does not."""
    return text.encode("utf-8", "replace").decode()


def _recollections(answer: Any) -> tuple[Recollection, ...]:  # noqa: ANN401 - another server's JSON
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list):
        raise ValueError("its answer is no list of results")
    return tuple(
        Recollection(id=one["id"], text=one["text"][:_SHOWN])
        for one in results
        if isinstance(one, dict)
        and isinstance(one.get("id"), str)
        and isinstance(one.get("text"), str)
    )


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__
