"""Several files at a time: one connection alone seldom fills a link."""

from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

from reflex_weights.errors import StoppedError

T = TypeVar("T")
R = TypeVar("R")


class Crew(Generic[T, R]):
    """Threads that do one kind of work on a list of things; the first error ends it."""

    def __init__(self, work: Callable[[T], R], stop: Event) -> None:
        self._work = work
        self._stop = stop
        self._lock = Lock()
        self._over = Event()
        self._running = 0
        self._error: BaseException | None = None

    def run(self, things: Sequence[T], *, threads: int) -> list[R]:
        """Return the results in the order of `things`.

        Raises:
            Exception: the first that the work raised, at once: a thread that waits for a server
                may end later.
            StoppedError: `stop` was set from outside.
        """
        waiting: SimpleQueue[tuple[int, T]] = SimpleQueue()
        for item in enumerate(things):
            waiting.put(item)
        results: dict[int, R] = {}
        self._running = min(threads, len(things))
        for number in range(self._running):
            Thread(
                target=self._loop, args=(waiting, results), daemon=True, name=f"fetch-{number}"
            ).start()
        if things:
            self._over.wait()
        if self._error is not None:
            raise self._error
        if len(results) < len(things):
            raise StoppedError
        return [results[number] for number in range(len(things))]

    def _loop(self, waiting: "SimpleQueue[tuple[int, T]]", results: dict[int, R]) -> None:
        try:
            while not self._stop.is_set():
                number, thing = waiting.get_nowait()
                done = self._work(thing)
                with self._lock:
                    results[number] = done
        except Empty:
            pass
        except BaseException as error:
            with self._lock:
                self._error = self._error or error
            self._stop.set()
            self._over.set()
        with self._lock:
            self._running -= 1
            if not self._running:
                self._over.set()
