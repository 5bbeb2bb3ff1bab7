"""A suite's items in their planned order, one after the other; finished ones are kept."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol

from reflex_api.items import ItemRecord, Items, Outcome, RunRecord
from reflex_bakeoff.errors import MeasureError
from reflex_bakeoff.suite.item import Item
from reflex_bakeoff.suite.suite import Suite

GIVE_UP: Final = 5
"""Items in a row that cannot be judged: whatever it is, it is none of the items."""


class Tell(Protocol):
    """Hears how far a part of the measurement is; must not block."""

    def __call__(self, part: str, done: int, total: int, text: str) -> None:
        """Hear of one step.

        Args:
            part: such as `repairs`.
            done: steps that are finished.
            total: of so many.
            text: one line about the last.
        """
        ...


def quiet(part: str, done: int, total: int, text: str) -> None:
    """Hear nothing."""


async def measure_items(
    suite: Suite,
    *,
    upto: int,
    finished: Iterable[ItemRecord],
    one: Callable[[Item], Awaitable[ItemRecord]],
    kept: Callable[[ItemRecord], None],
    tell: Tell = quiet,
) -> tuple[ItemRecord, ...]:
    """Return the records of the first `upto` items.

    Args:
        suite: whose items.
        upto: how many, in the planned order.
        finished: of an earlier part of the same run; those that could be judged stand.
        one: measures one item; see `one.measure`.
        kept: is given each new record at once, so that it survives an abort.
        tell: hears of each that is new.

    Raises:
        MeasureError: several in a row cannot be judged.
    """
    known = {record.id: record for record in finished if record.outcome is not Outcome.ERROR}
    items = {item.id: item for item in suite.items}
    wanted = suite.order()[:upto]
    records = []
    passed = unclear = 0
    for number, name in enumerate(wanted, start=1):
        record = known.get(name)
        is_new = record is None
        if record is None:
            record = await one(items[name])
            kept(record)
            unclear = unclear + 1 if record.outcome is Outcome.ERROR else 0
            if unclear >= GIVE_UP:
                raise MeasureError(
                    f"{unclear} items in a row could not be judged, the last: {record.reason}"
                )
        records.append(record)
        passed += record.outcome is Outcome.PASSED
        if is_new or number == len(wanted):
            tell("repairs", number, len(wanted), f"{name} {record.outcome.value}, {passed} passed")
    return tuple(records)


def resumable(earlier: Items, run: RunRecord) -> tuple[ItemRecord, ...]:
    """Return the items of an aborted run that this one may keep: of the same subject, or none.

    Everything but the time must be the same: whoever is measured, what on, and how.
    """
    same = {"measured_at"}
    if earlier.run.model_dump(exclude=same) != run.model_dump(exclude=same):
        return ()
    planned = set(run.planned)
    return tuple(
        one for one in earlier.items if one.id in planned and one.outcome is not Outcome.ERROR
    )
