"""Tells waiting event streams that there is something new; what it is, they read themselves."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from reflex_loop.service.errors import BusyError


class Feed:
    """Bells by repair, for the streams of this process; others find out by looking."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._bells: dict[str, set[asyncio.Event]] = {}
        self.listeners = 0

    @contextmanager
    def listen(self, repair: str) -> Iterator[asyncio.Event]:
        """Lend a bell that rings after every write about this repair.

        Raises:
            BusyError: too many listen already.
        """
        if self.listeners >= self._most:
            raise BusyError(f"{self._most} event streams are open already", retry_after=5.0)
        bell = asyncio.Event()
        self.listeners += 1
        self._bells.setdefault(repair, set()).add(bell)
        try:
            yield bell
        finally:
            self.listeners -= 1
            bells = self._bells[repair]
            bells.discard(bell)
            if not bells:
                del self._bells[repair]

    def ring(self, repair: str) -> None:
        """Wake those who listen to this repair."""
        for bell in self._bells.get(repair, ()):
            bell.set()

    def ring_all(self) -> None:
        """Wake everybody, to end."""
        for bells in self._bells.values():
            for bell in bells:
                bell.set()
