"""Superiority: the candidate against the incumbent, item by item."""

from collections.abc import Sequence

from reflex_api.gate import GateSpec
from reflex_api.items import ItemRecord, Outcome
from reflex_api.verdict import Judgement, Look, Metric, Pairs, Part, Target
from reflex_bakeoff.gate.metrics import Subject, bounded, judge, over_looks
from reflex_bakeoff.stats.sequential import Truth, constant, pass_probability
from reflex_bakeoff.stats.shares import mcnemar
from reflex_bakeoff.stats.tango import interval

_DIFFERENCE = "(gained - lost) / items; bounds: Tango's score interval, Pocock's z over all looks"

NON_INFERIORITY = Subject(
    name="delta_pass_at_1", part=Part.SUPERIORITY, unit="share", formula=_DIFFERENCE
)
BENEFIT = Subject(
    name="benefit",
    part=Part.SUPERIORITY,
    unit="share",
    formula=f"{_DIFFERENCE}; Pass: point at least minBenefit and lower bound above 0",
)


def compare(
    candidate: Sequence[ItemRecord], baseline: Sequence[ItemRecord], gate: GateSpec
) -> tuple[list[Metric], Pairs]:
    """Return the metrics of superiority and the pairs behind them.

    Both sequences are in the same planned order and reach the first look at least.
    """
    last = gate.quality.looks[-1]
    margin = float(gate.superiority.non_inferiority_margin)
    wanted = float(gate.superiority.min_benefit)
    z = constant(len(gate.quality.looks))
    both = min(len(candidate), len(baseline))
    no_worse, better = [], []
    target = Target(relation=">=", value=-margin)
    gained = lost = reached = 0
    for look in (one for one in gate.quality.looks if one <= both):
        gained, lost = count(candidate[:look], baseline[:look])
        low, high = interval(gained, lost, look, z)
        point, bounds = (gained - lost) / look, bounded(low, high)
        no_worse.append(
            Look(items=look, point=point, interval=bounds, verdict=judge(low, high, target))
        )
        better.append(
            Look(
                items=look, point=point, interval=bounds, verdict=_benefit(point, low, high, wanted)
            )
        )
        reached = look
    metrics = [
        over_looks(NON_INFERIORITY, target, no_worse, last),
        over_looks(BENEFIT, Target(relation=">=", value=wanted), better, last),
    ]
    discordance = (gained + lost) / reached
    pairs = Pairs(
        n=reached,
        gained=gained,
        lost=lost,
        discordance=discordance,
        mcnemar_p=mcnemar(gained, lost),
        power=pass_probability(
            Truth(discordance=discordance, difference=0.0), gate.quality.looks, margin
        ),
        power_at_margin_gain=pass_probability(
            Truth(discordance=max(discordance, margin), difference=margin),
            gate.quality.looks,
            margin,
        ),
    )
    return metrics, pairs


def count(candidate: Sequence[ItemRecord], baseline: Sequence[ItemRecord]) -> tuple[int, int]:
    """Return how many items only the candidate repaired, and only the baseline."""
    results = [
        (ours.outcome is Outcome.PASSED, theirs.outcome is Outcome.PASSED)
        for ours, theirs in zip(candidate, baseline, strict=True)
    ]
    return results.count((True, False)), results.count((False, True))


def _benefit(point: float, low: float, high: float, wanted: float) -> Judgement:
    # A hair below: a gain of 5 in 100 must meet 0.05, whatever binary fractions make of it.
    if point >= wanted - 1e-9 and low > 0:
        return Judgement.PASS
    if high < wanted or high <= 0:
        return Judgement.FAIL
    return Judgement.INCONCLUSIVE
