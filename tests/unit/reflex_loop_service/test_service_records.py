"""What the events of earlier runs tell a later one."""

from decimal import Decimal

from reflex_loop.events import Answered, Asked, Checked, Event, Judged, Refused, SuggestionsTried
from reflex_loop.service.records import EventRow, earlier


def test_what_was_used_up_counts() -> None:
    told: list[Event] = [
        Checked(when="start", errors=5, codes=("E0308",), first=""),
        SuggestionsTried(labels=("a", "b"), kept=True, reason=""),
        SuggestionsTried(labels=("c",), kept=False, reason=""),
        Asked(attempt=1, candidates=1, prompt_tokens=9, shown=()),
        Answered(attempt=1, candidate=0, answered_by="m", prompt=10, cached=4, completion=2),
        Judged(attempt=1, candidate=0, verdict="improved", reason="", errors=2),
        Asked(attempt=2, candidates=1, prompt_tokens=9, shown=()),
        Answered(attempt=2, candidate=0, answered_by="m", prompt=20, cached=8, completion=3),
        Refused(attempt=2, candidate=0, problem="not_found", reason=""),
        Checked(when="attempt", errors=2, codes=(), first=""),
        Asked(attempt=3, candidates=1, prompt_tokens=9, shown=()),  # and then the process died
    ]
    rows = [
        EventRow.of(type(event)(**{**vars(event), "number": number, "seconds": number / 2}))
        for number, event in enumerate(told, start=1)
    ]
    found = earlier(rows, cost_usd=Decimal("0.5"))
    assert (found.events, found.seconds) == (11, 5.5)
    assert (found.errors_first, found.errors_last, found.suggestions) == (5, 2, 2)
    progress = found.progress
    assert (progress.attempts, progress.failures, progress.failures_in_row) == (3, 2, 2)
    assert (progress.usage.prompt, progress.usage.cached, progress.usage.completion) == (30, 12, 5)
    assert progress.cost_usd == Decimal("0.5")


def test_nothing_was_told() -> None:
    assert earlier([]).errors_first is None
