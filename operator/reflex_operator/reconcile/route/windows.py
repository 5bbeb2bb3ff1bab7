"""When a bakeoff may begin, and when it has to end."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from cronsim import CronSim, CronSimError

from reflex_api.conditions import parse_time
from reflex_api.route_spec import EvaluationTime, Window
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.route.facts import Facts, Member
from reflex_operator.reconcile.route.record import Swap

UNKNOWN_START: Final = timedelta(minutes=5)
UNKNOWN_RUN: Final = timedelta(minutes=15)
_LOOK_AGAIN: Final = timedelta(minutes=1)
_FOR_EVER: Final = timedelta(days=1)


def unreadable(window: Window | None) -> str:
    """Return why a schedule cannot be followed, or nothing."""
    if window is None:
        return ""
    try:
        CronSim(window.schedule, datetime(2026, 1, 1))  # noqa: DTZ001 - only parsed
    except CronSimError as error:
        return f"evaluation.window.schedule: {error}"
    return ""


def open_until(window: Window | None, now: datetime) -> datetime | None:
    """Return when the window that is open now closes; None: none is open."""
    if window is None:
        return None
    try:
        began = next(CronSim(window.schedule, now + timedelta(seconds=1), reverse=True))
    except (CronSimError, StopIteration):
        return None
    closes = began + window.duration
    return closes if began <= now < closes else None


def opens_in(window: Window | None, now: datetime) -> timedelta | None:
    """Return how long until the next window opens, at most a day; None: never."""
    if window is None:
        return None
    try:
        return min(next(CronSim(window.schedule, now)) - now, _FOR_EVER)
    except (CronSimError, StopIteration):
        return None


def begin_wait(facts: Facts, *, by_hand: bool) -> timedelta | None:
    """Return how long a bakeoff has to wait; None: it may begin now.

    Args:
        facts: about the route.
        by_hand: somebody created the ReflexBakeoff.
    """
    wanted = facts.route.spec.evaluation
    if wanted.when is EvaluationTime.MANUAL:
        return None if by_hand else _FOR_EVER
    if wanted.when is EvaluationTime.WINDOW:
        if open_until(wanted.window, facts.now):
            return None
        return opens_in(wanted.window, facts.now) or _FOR_EVER
    if wanted.when is EvaluationTime.IDLE:
        since = idle_since(facts)
        if since is None:
            return _LOOK_AGAIN
        left = since + wanted.idle_for - facts.now
        return left if left > timedelta(0) else None
    return None


def fits(facts: Facts, member: Member) -> bool:
    """Return whether measuring the member, with the incumbent stopped, should end in time."""
    wanted = facts.route.spec.evaluation
    if open_until(wanted.window, facts.now):
        return True
    active = facts.active
    starts = (member.start, active.start if active else None)
    estimate = sum((one or UNKNOWN_START for one in starts), timedelta(0))
    return estimate + _last_run(facts.runs) <= wanted.max_outage


def must_end(facts: Facts, swap: Swap) -> str:
    """Return why an evaluation that stopped the incumbent ends before its bakeoff, or nothing."""
    wanted, feedback = facts.route.spec.evaluation, facts.feedback
    asked = feedback.last_request_at if feedback else None
    if wanted.preempt and asked and asked > swap.since:
        return "a request for the route came"
    if open_until(wanted.window, facts.now):
        return ""
    if facts.now - swap.since >= wanted.max_outage:
        return "evaluation.maxOutage is over"
    return ""


def end_wait(facts: Facts, swap: Swap) -> timedelta:
    """Return when to look again whether an evaluation has to end."""
    wanted = facts.route.spec.evaluation
    closes = open_until(wanted.window, facts.now)
    due = swap.since + wanted.max_outage - facts.now
    waits = [due if due > timedelta(0) else _LOOK_AGAIN]
    if closes:
        waits.append(closes - facts.now)
    return max(min(waits), timedelta(seconds=1))


def idle_since(facts: Facts) -> datetime | None:
    """Return since when nobody has asked the route; None: not known."""
    told = facts.feedback.last_request_at if facts.feedback else None
    known = [one for one in (facts.idle_since, told) if one is not None]
    return max(known, default=None)


def _last_run(runs: Iterable[Manifest]) -> timedelta:
    """Return how long the last finished bakeoff took."""
    lengths = []
    for one in runs:
        status = one.get("status") or {}
        began, over = parse_time(status.get("startedAt")), parse_time(status.get("finishedAt"))
        if began and over:
            lengths.append((over, over - began))
    return max(lengths)[1] if lengths else UNKNOWN_RUN
