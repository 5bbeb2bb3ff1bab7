"""Quality: how many items are repaired, and how well formed the answers are."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from reflex_api.gate import GateSpec
from reflex_api.items import ItemRecord, Outcome
from reflex_api.verdict import Judgement, Look, Metric, Part, Stratum, Target, Why
from reflex_bakeoff.gate.metrics import (
    SINGLE_LOOK_Z,
    Fault,
    Relation,
    Subject,
    bounded,
    failed,
    judge,
    over_looks,
    reported,
)
from reflex_bakeoff.stats.sequential import constant
from reflex_bakeoff.stats.shares import wilson

Reader = Callable[[ItemRecord], bool | None]

MOST_STRATA: Final = 200
_BOUNDS = "bounds: Wilson, Pocock's z over all looks"


def repair_metrics(
    ordered: Sequence[ItemRecord], gate: GateSpec, tries: int,
    baseline: Sequence[ItemRecord] = (),
) -> list[Metric]:  # fmt: skip
    """Return the metrics of the repairs.

    Args:
        ordered: the items that were measured, in the planned order.
        gate: what is wanted.
        tries: N of "pass within N".
        baseline: the incumbent's items, for information.
    """
    answers = gate.answers
    return [
        _share(
            ("pass_at_1", f"items repaired by the first patch / items; {_BOUNDS}"),
            _passed, gate.quality.pass_at1_floor, ">=", ordered, gate, baseline,
        ),
        _share(
            ("pass_within_n", f"items repaired within {tries} tries / items; {_BOUNDS}"),
            _repaired, gate.quality.pass_within_n_floor, ">=", ordered, gate, baseline,
        ),
        _share(
            ("schema_validity", f"first answers that fit the patch schema / items; {_BOUNDS}"),
            lambda item: item.schema_valid, answers.schema_floor, ">=", ordered, gate, baseline,
        ),
        _share(
            ("truncation_rate", f"first answers cut off by the token limit / items; {_BOUNDS}"),
            lambda item: item.truncated, answers.truncation_ceiling, "<=", ordered, gate, baseline,
        ),
        _share(
            ("apply_rate", f"first answers whose patch applies / items; {_BOUNDS}"),
            _applied, answers.apply_floor, ">=", ordered, gate, baseline,
        ),
        _share(
            ("rustfix_floor", "items that the compiler's own suggestions repair / items"),
            lambda item: item.rustfix_only, None, ">=", ordered, gate, baseline,
        ),
        _share(
            ("first_suggestion_floor", "items that its first suggestion repairs / items"),
            lambda item: item.first_suggestion, None, ">=", ordered, gate, baseline,
        ),
    ]  # fmt: skip


def _passed(item: ItemRecord) -> bool:
    return item.outcome is Outcome.PASSED


def _repaired(item: ItemRecord) -> bool:
    return item.fixed_within is not None


def _applied(item: ItemRecord) -> bool | None:
    """An answer that is no patch does not apply; one that is must say."""
    return False if item.schema_valid is False else item.applied


def _share(
    what: tuple[str, str], reader: Reader, wanted: Decimal | None, relation: Relation,
    ordered: Sequence[ItemRecord], gate: GateSpec, baseline: Sequence[ItemRecord],
) -> Metric:  # fmt: skip
    """Return one share over the looks; without a target it is reported only."""
    name, formula = what
    part = Part.QUALIFICATION if wanted is not None else Part.REPORT
    subject = Subject(name=name, part=part, unit="share", formula=formula)
    reached = [look for look in gate.quality.looks if look <= len(ordered)]
    used = ordered[: reached[-1]]
    values = [reader(item) for item in used]
    missing = [item.id for item, value in zip(used, values, strict=True) if value is None]
    if missing:
        unknown = Fault(
            reason=Why.MISSING_MEASUREMENT,
            message=f"not recorded for {len(missing)} items, the first is {missing[0]}",
        )
        return failed(subject, unknown, len(used))
    z = constant(len(gate.quality.looks))
    incumbent = _incumbent(baseline[: len(used)], reader)
    if wanted is None:
        low, high = wilson(sum(map(bool, values)), len(values), z)
        point = sum(map(bool, values)) / len(values)
        return reported(subject, len(values), point, bounded(low, high), incumbent)
    target = Target(relation=relation, value=float(wanted))
    looks = []
    for look in reached:
        count = sum(map(bool, values[:look]))
        low, high = wilson(count, look, z)
        verdict = judge(low, high, target)
        looks.append(
            Look(items=look, point=count / look, interval=bounded(low, high), verdict=verdict)
        )
    return over_looks(subject, target, looks, gate.quality.looks[-1], incumbent)


def _incumbent(baseline: Sequence[ItemRecord], reader: Reader) -> float | None:
    values = [reader(item) for item in baseline]
    if not values or any(value is None for value in values):
        return None
    return sum(map(bool, values)) / len(values)


def strata(
    ordered: Sequence[ItemRecord], baseline: Sequence[ItemRecord] = ()
) -> tuple[Stratum, ...]:
    """Return pass@1 by error code, the largest group first; at most `MOST_STRATA`."""
    other = {item.id: _passed(item) for item in baseline}
    groups: dict[str, list[ItemRecord]] = {}
    for item in ordered:
        groups.setdefault(item.stratum, []).append(item)
    rows = []
    for name, members in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        passed = sum(map(_passed, members))
        low, high = wilson(passed, len(members), SINGLE_LOOK_Z)
        paired = [other[item.id] for item in members if item.id in other]
        rows.append(
            Stratum(
                name=name,
                n=len(members),
                passed=passed,
                interval=bounded(low, high),
                incumbent_passed=sum(paired) if len(paired) == len(members) else None,
            )
        )
    return tuple(rows[:MOST_STRATA])


def is_pending(metric: Metric) -> bool:
    """Return whether more items can still decide it."""
    return metric.verdict is Judgement.INCONCLUSIVE and metric.reason is Why.NOT_YET_DECIDED
