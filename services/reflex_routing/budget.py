"""The cloud budget's rules: windows in UTC, what blocks, what warns. Pure.

A call reserves its upper bound in the daily and in the monthly window before it is made, and is
settled with its real cost afterwards. What is spent and what is reserved together is *committed*;
only that is compared with a limit, so that concurrent callers cannot pass it together.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)


class WindowKind(StrEnum):
    """The two windows of a budget, in the order in which they are reserved."""

    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits in nano-dollars; None: no limit for that window."""

    daily: int | None = None
    monthly: int | None = None
    warn_percent: int = 80

    def of(self, kind: WindowKind) -> int | None:
        """Return the limit of one window."""
        return self.daily if kind is WindowKind.DAILY else self.monthly


@dataclass(frozen=True, kw_only=True)
class Window:
    """One window and what is committed in it, in nano-dollars."""

    kind: WindowKind
    key: str
    """`2026-11-21` or `2026-11`."""
    spent: int = 0
    reserved: int = 0
    warned: bool = False

    @property
    def committed(self) -> int:
        """What is spent or reserved."""
        return self.spent + self.reserved


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """Money held for one call; it is charged to the windows in which it was made."""

    id: str
    amount: int
    """Nano-dollars."""
    day: str
    month: str
    model: str
    price_version: str
    overflow: bool = False
    """Made beyond a limit, by an override."""


@dataclass(frozen=True, kw_only=True)
class Override:
    """Somebody's permission to pass the limits for a while."""

    actor: str
    reason: str
    expires_at: datetime

    def active(self, now: datetime) -> bool:
        """Return whether it still holds."""
        return now < self.expires_at


@dataclass(frozen=True, kw_only=True)
class NearLimit:
    """A window has passed its warning threshold, told once in its life."""

    kind: WindowKind
    key: str
    committed: int
    limit: int


@dataclass(frozen=True, kw_only=True)
class Reserved:
    """A reservation was made; `warnings` are those that it caused."""

    reservation: Reservation
    warnings: tuple[NearLimit, ...] = ()
    override: Override | None = None


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The reservation would pass this window's limit."""

    window: Window
    limit: int


def key_of(kind: WindowKind, now: datetime) -> str:
    """Return the name of the window that holds this moment.

    >>> key_of(WindowKind.MONTHLY, datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    '2026-12'
    """
    moment = now.astimezone(UTC)
    return f"{moment:%Y-%m-%d}" if kind is WindowKind.DAILY else f"{moment:%Y-%m}"


def resets_at(kind: WindowKind, now: datetime) -> datetime:
    """Return when the window that holds this moment ends."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if kind is WindowKind.DAILY:
        return midnight + timedelta(days=1)
    first = midnight.replace(day=1)
    return (first + timedelta(days=32)).replace(day=1)


def blocks(window: Window, *, amount: int, limit: int | None) -> bool:
    """Return whether one more call of at most `amount` would pass the limit."""
    return limit is not None and window.committed + amount > limit


def warns(window: Window, *, limit: int | None, percent: int) -> bool:
    """Return whether the window is at its warning threshold and nobody was told yet."""
    if limit is None or window.warned:
        return False
    return window.committed * 100 >= limit * percent
