"""Where budgets are kept: the interface, and the one for a single process.

Every method is one atomic step. Methods may block (a database), so they are called from threads.
"""

import threading
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from reflex_routing.budget import (
    Limits,
    NearLimit,
    Override,
    Refused,
    Reservation,
    Reserved,
    Window,
    WindowKind,
    blocks,
    key_of,
    warns,
)


class BudgetStore(Protocol):
    """Atomic steps; two callers never see or make half of one."""

    def reserve(
        self, reservation: Reservation, *, limits: Limits, now: datetime, override: Override | None
    ) -> Reserved | Refused:
        """Hold the amount in both windows, or in none.

        `override` is the process's own (from the environment); a stored one that is active at
        `now` counts too.
        """
        ...

    def close(self, reservation: Reservation, *, spent: int) -> bool:
        """End a reservation with what it really cost: 0 releases it.

        Return False, and change nothing, when it was closed before.
        """
        ...

    def windows(self, now: datetime) -> tuple[Window, ...]:
        """Return the daily and the monthly window of this moment."""
        ...

    def add_override(self, override: Override, *, now: datetime) -> None:
        """Let calls pass the limits until it expires; kept for audit afterwards."""
        ...

    def overrides(self) -> tuple[Override, ...]:
        """Return all that were ever given, the oldest first."""
        ...


class MemoryBudgetStore:
    """Budgets of one process, gone with it: for the command line and for tests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, Window] = {}
        self._held: set[str] = set()
        self._overrides: list[Override] = []

    def reserve(
        self, reservation: Reservation, *, limits: Limits, now: datetime, override: Override | None
    ) -> Reserved | Refused:
        """See `BudgetStore`."""
        with self._lock:
            active = override or next((one for one in self._overrides if one.active(now)), None)
            windows = [self._window(kind, key) for kind, key in _keys(reservation)]
            overflow = False
            for window in windows:
                limit = limits.of(window.kind)
                if blocks(window, amount=reservation.amount, limit=limit) and limit is not None:
                    overflow = True
                    if active is None:
                        return Refused(window=window, limit=limit)
            warnings = []
            for window in windows:
                held = replace(window, reserved=window.reserved + reservation.amount)
                limit = limits.of(window.kind)
                if limit is not None and warns(held, limit=limit, percent=limits.warn_percent):
                    held = replace(held, warned=True)
                    warnings.append(
                        NearLimit(
                            kind=held.kind, key=held.key, committed=held.committed, limit=limit
                        )
                    )
                self._windows[held.key] = held
            self._held.add(reservation.id)
            return Reserved(
                reservation=replace(reservation, overflow=overflow),
                warnings=tuple(warnings),
                override=active if overflow else None,
            )

    def close(self, reservation: Reservation, *, spent: int) -> bool:
        """See `BudgetStore`."""
        with self._lock:
            if reservation.id not in self._held:
                return False
            self._held.remove(reservation.id)
            for kind, key in _keys(reservation):
                window = self._window(kind, key)
                self._windows[key] = replace(
                    window,
                    reserved=window.reserved - reservation.amount,
                    spent=window.spent + spent,
                )
            return True

    def windows(self, now: datetime) -> tuple[Window, ...]:
        """See `BudgetStore`."""
        with self._lock:
            return tuple(self._window(kind, key_of(kind, now)) for kind in WindowKind)

    def add_override(self, override: Override, *, now: datetime) -> None:  # noqa: ARG002
        """See `BudgetStore`."""
        with self._lock:
            self._overrides.append(override)

    def overrides(self) -> tuple[Override, ...]:
        """See `BudgetStore`."""
        with self._lock:
            return tuple(self._overrides)

    def _window(self, kind: WindowKind, key: str) -> Window:
        return self._windows.get(key) or Window(kind=kind, key=key)


def _keys(reservation: Reservation) -> tuple[tuple[WindowKind, str], ...]:
    return ((WindowKind.DAILY, reservation.day), (WindowKind.MONTHLY, reservation.month))
