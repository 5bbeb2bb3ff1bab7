"""Runs the work beside the main thread, and turns every end into a result."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Final

from reflex_api.weights import WeightsResult
from reflex_weights.errors import StoppedError, WeightsError
from reflex_weights.progress import Progress
from reflex_weights.words import plain, size

MAX_RESULT: Final = 4096
_TICK: Final = 0.2

_log = logging.getLogger("reflex_weights")


class Outcome:
    """The main thread only waits, so that a signal finds it free."""

    def __init__(self, progress: Progress, stop: Event) -> None:
        self._progress = progress
        self._stop = stop
        self._over = Event()
        self._result: WeightsResult | None = None
        self._terminated = False

    def terminate(self) -> None:
        """End soon; safe to call from a signal handler."""
        self._terminated = True

    def of(self, work: Callable[[], WeightsResult]) -> tuple[WeightsResult, int]:
        """Return the result and the exit code: 0 success, 1 failure, 143 stopped by a signal."""
        Thread(target=self._work, args=(work,), daemon=True, name="work").start()
        while not self._over.wait(_TICK):
            self._progress.say_if_due()
            if self._terminated:
                self._stop.set()
                return (self._timed_out(), 143)
        result = self._result or WeightsResult(failure="DownloadFailed", message="it ended early")
        return (result, 1 if result.failure else 0)

    def _work(self, work: Callable[[], WeightsResult]) -> None:
        try:
            self._result = work()
        except WeightsError as error:
            self._result = WeightsResult(failure=error.failure, message=plain(error.message))
        except StoppedError:
            self._result = self._timed_out()
        except BaseException as error:
            # A traceback's last line is the error's own text, which may hold an address.
            frames = "".join(traceback.format_tb(error.__traceback__))
            _log.error("unexpected %s\n%s", type(error).__name__, frames)
            text = f"unexpected {type(error).__name__}: {plain(str(error), 200)}"
            self._result = WeightsResult(failure="DownloadFailed", message=plain(text))
        self._over.set()

    def _timed_out(self) -> WeightsResult:
        state = self._progress.snapshot()
        of = f" of {size(state.bytes_total)}" if state.bytes_total else ""
        trouble = f"; last trouble {state.failure}: {state.message}" if state.failure else ""
        return WeightsResult(
            failure="DownloadTimedOut",
            message=plain(f"stopped with {size(state.bytes_done)}{of} on the volume{trouble}"),
        )


def write_result(result: WeightsResult, path: Path) -> None:
    """Write the termination message: the file is the kubelet's, so it is written in place."""
    text = result.model_dump_json(exclude_none=True)
    if len(text.encode()) >= MAX_RESULT:
        text = WeightsResult(failure=result.failure, message=result.message).model_dump_json()
    try:
        path.write_text(text)
    except OSError as error:
        _log.warning("the result cannot be written to %s: %s", path, error.strerror)
