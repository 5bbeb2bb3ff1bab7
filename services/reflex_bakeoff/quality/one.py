"""One item: the real loop with the candidate, the judgement on the whole, and the floors."""

import time
from dataclasses import dataclass
from typing import Final

from reflex_api.items import ItemRecord, Outcome
from reflex_bakeoff.quality.floors import CHECK_SECONDS, first_suggestion, rustfix_only
from reflex_bakeoff.quality.ground import RememberingChecker, laid_out, verdict
from reflex_bakeoff.quality.notes import Notes
from reflex_bakeoff.suite.item import Item
from reflex_loop.adapters.assembly import repair_with
from reflex_loop.errors import LoopError
from reflex_loop.events import Checked, Event
from reflex_loop.options import RepairOptions
from reflex_loop.result import Record, Result
from reflex_loop.settings import Suggestions
from reflex_routing.router import Router
from reflex_runner.job import Runner

NO_PATCH: Final = frozenset({"not_a_patch", "truncated"})
LOST: Final = frozenset({"timeout", "no_answer"})
"""Problems of a question that nobody answered: they say nothing about the model."""
_REASON: Final = 500


@dataclass(frozen=True, kw_only=True)
class Trying:
    """How items are tried.

    Attributes:
        runner: where the compiler and the tests run.
        router: knows the candidate only.
        tries: questions at most; the first decides pass@1.
        seconds: for the whole of one item's repair.
        notes: memories that are put into the questions; None: there are none.
    """

    runner: Runner
    router: Router
    tries: int
    seconds: float = 900.0
    notes: Notes | None = None


async def measure(item: Item, trying: Trying) -> ItemRecord:
    """Return what became of an item; whatever keeps it from being judged is an `error` of it."""
    began = time.monotonic()
    checker = RememberingChecker(trying.runner, item)
    try:
        record = await _repaired(item, trying, checker)
        record = record.model_copy(
            update={
                "rustfix_only": await rustfix_only(item, checker, trying.runner),
                "first_suggestion": await first_suggestion(item, checker, trying.runner),
            }
        )
    except LoopError as error:
        record = unclear(item, str(error))
    return record.model_copy(update={"seconds": round(time.monotonic() - began, 3)})


async def _repaired(item: Item, trying: Trying, checker: RememberingChecker) -> ItemRecord:
    starts: list[Checked] = []

    def hear(event: Event) -> None:
        if isinstance(event, Checked) and event.when == "start":
            starts.append(event)

    options = RepairOptions(
        # The compiler's own suggestions have a floor of their own: here the model answers alone.
        suggestions=Suggestions.OFF,
        max_attempts=trying.tries,
        seconds=trying.seconds,
        check_seconds=CHECK_SECONDS,
        entry=item.entry,
        edition=item.edition,
    )
    with laid_out(item) as root:
        repair = repair_with(
            root,
            checker=checker,
            router=trying.router,
            options=options,
            listener=hear,
            task_id=item.id,
            memory=trying.notes.of(item.id) if trying.notes else None,
        )
        lost_before = trying.notes.lost if trying.notes else 0
        result = await repair.run()
        if trying.notes and trying.notes.lost > lost_before:
            return unclear(item, "the reflection service did not say what it remembers")
        codes = frozenset(starts[0].codes) if starts else frozenset()
        if missing := sorted(set(item.codes) - codes):
            told = ", ".join(sorted(codes)) or "nothing"
            return unclear(
                item,
                f"this compiler reports {told} for it, not {', '.join(missing)}: measure with the"
                " rustc that the suite was verified with",
            )
        asked = [one for one in result.records if one.source == "model"]
        if not asked:
            return unclear(item, f"no question was asked ({result.stop.value}): {result.detail}")
        lost = next(
            (one for one in asked if one.outcome == "unanswered" or one.problem in LOST), None
        )
        if lost is not None and not result.fixed:
            return unclear(item, f"try {lost.attempt} was not answered: {lost.reason}")
        fault = await verdict(item, root, trying.runner) if result.fixed else ""
    return _judged(item, result, asked, fault)


def _judged(item: Item, result: Result, asked: list[Record], fault: str) -> ItemRecord:
    first = asked[0]
    fixed_within = asked[-1].attempt if result.fixed and not fault else None
    reason = fault or ("" if fixed_within == 1 else first.reason)
    answered = first.problem not in LOST and first.outcome != "unanswered"
    fits = first.problem not in NO_PATCH
    return ItemRecord(
        id=item.id,
        stratum=item.stratum,
        outcome=Outcome.PASSED if fixed_within == 1 else Outcome.FAILED,
        fixed_within=fixed_within,
        schema_valid=fits if answered else None,
        applied=first.outcome in {"kept", "rolled_back"} if answered and fits else None,
        truncated=first.problem == "truncated" if answered else None,
        reason=reason[:_REASON],
        prompt_tokens=first.usage.prompt or None,
        completion_tokens=first.usage.completion or None,
        cached_tokens=first.usage.cached if first.usage.prompt else None,
    )


def unclear(item: Item, why: str) -> ItemRecord:
    """Return the record of an item that could not be judged."""
    return ItemRecord(id=item.id, stratum=item.stratum, outcome=Outcome.ERROR, reason=why[:_REASON])
