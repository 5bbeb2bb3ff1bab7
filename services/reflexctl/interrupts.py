"""Ctrl-C: the first ends the repair in good order, the second at once. Both roll back first."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Interrupts:
    """Whether, and how often, the user wanted to stop."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def handled(self, gently: Callable[[], None], at_once: Callable[[], object]) -> Iterator[None]:
        """Take SIGINT and SIGTERM for the time of the block.

        Args:
            gently: called for the first.
            at_once: called for every further one.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # signals go to the main thread
            return
        loop = asyncio.get_running_loop()

        def wanted() -> None:
            self.count += 1
            if self.count == 1:
                gently()
            else:
                at_once()

        signals = (signal.SIGINT, signal.SIGTERM)
        for each in signals:
            loop.add_signal_handler(each, wanted)
        try:
            yield
        finally:
            for each in signals:
                loop.remove_signal_handler(each)
