"""What keeps a route from moving too often: limits, delays, and the memory of failed tries."""

from datetime import datetime, timedelta
from typing import Final

from reflex_api.route_status import TransitionKind
from reflex_operator.reconcile.route.facts import Facts, Member
from reflex_operator.reconcile.route.record import Past

LONGEST_DELAY: Final = timedelta(hours=24)
_HOUR: Final = timedelta(hours=1)
COUNTED: Final = {
    TransitionKind.PROMOTION,
    TransitionKind.FAILOVER,
    TransitionKind.FAILBACK,
    TransitionKind.ROLLBACK,
}
"""Swaps that the operator makes by itself. People are not held back; measurements have limits of
their own."""


def swap_wait(facts: Facts) -> timedelta | None:
    """Return how long until the hour has room for another swap; None: it has."""
    most = facts.route.spec.failover.max_swaps_per_hour
    recent = [
        one.at for one in facts.record.history if one.kind in COUNTED and facts.now - one.at < _HOUR
    ]
    if len(recent) < most:
        return None
    return sorted(recent)[-most] + _HOUR - facts.now


def cooldown_wait(facts: Facts) -> timedelta | None:
    """Return how long until another promotion is allowed; None: it is."""
    moved = {TransitionKind.PROMOTION, TransitionKind.ROLLBACK}
    last = max(
        (one.at for one in facts.record.history if one.kind in moved and one.ok), default=None
    )
    return _left(last, facts.route.spec.promotion.cooldown, facts.now)


def failback_wait(facts: Facts, member: Member) -> timedelta | None:
    """Return how long until the incumbent is tried again; None: now.

    The delay doubles with each time that the same revision was left or did not start, and begins
    anew with another revision, or after it served for as long as the longest delay.
    """
    falls = _falls(facts.record.history, member)
    first = facts.route.spec.failover.failback_after
    since = [one.at for one in facts.record.history if one.ok and one.to == facts.routing.model]
    if falls:
        since.append(falls[-1].at)
    return _left(max(since, default=None), _doubled(first, max(len(falls), 1)), facts.now)


def retry_wait(facts: Facts, member: Member) -> timedelta | None:
    """Return how long a member that did not start is not tried again; None: it may be tried."""
    tries = [one for one in facts.record.history if one.to == member.name]
    failed: list[Past] = []
    for one in reversed(tries):
        if one.ok or one.to_revision != member.revision:
            break
        failed.append(one)
    if not failed:
        return None
    delay = _doubled(facts.route.spec.failover.failback_after, len(failed))
    return _left(failed[0].at, delay, facts.now)


def was_rolled_back(facts: Facts, member: Member) -> bool:
    """Return whether this revision was promoted and taken back, on whatever evidence."""
    return any(
        one.kind is TransitionKind.ROLLBACK
        and one.from_ == member.name
        and one.from_revision == member.revision
        for one in facts.record.history
    )


def _falls(history: tuple[Past, ...], member: Member) -> list[Past]:
    """Return the entries, oldest first, in which this revision was left or did not start."""
    falls: list[Past] = []
    for one in reversed(history):
        left = one.kind is TransitionKind.FAILOVER and one.from_ == member.name
        missed = one.kind is TransitionKind.FAILBACK and one.to == member.name and not one.ok
        revision = one.from_revision if left else one.to_revision
        if not (left or missed):
            continue
        if revision != member.revision:
            break
        if falls and falls[-1].at - one.at > 2 * LONGEST_DELAY:
            break
        falls.append(one)
    return falls[::-1]


def _doubled(first: timedelta, count: int) -> timedelta:
    return min(first * (1 << min(count - 1, 20)), LONGEST_DELAY)


def _left(since: datetime | None, wait: timedelta, now: datetime) -> timedelta | None:
    left = since + wait - now if since else timedelta(0)
    return left if left > timedelta(0) else None
