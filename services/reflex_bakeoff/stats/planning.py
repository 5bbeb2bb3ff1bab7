"""Which verdict a model of a given skill will get: for choosing a floor before measuring."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from reflex_bakeoff.stats.sequential import constant
from reflex_bakeoff.stats.shares import wilson


@dataclass(frozen=True, kw_only=True)
class Chances:
    """Probabilities of the three verdicts; their sum is 1."""

    passes: float
    fails: float
    inconclusive: float


def floor_chances(true_share: float, floor: float, looks: Sequence[int]) -> Chances:
    """Return the exact chances of a floor's verdict over all looks.

    Computed by carrying the distribution of successes from look to look without the runs that were
    decided; no simulation.

    Args:
        true_share: the model's true share of successes.
        floor: what is wanted.
        looks: numbers of items, ascending.

    >>> round(floor_chances(0.5, 0.5, (100, 200, 300)).passes, 3) < 0.05
    True
    """
    z = constant(len(looks))
    open_ = np.ones(1)
    passes = fails = 0.0
    before = 0
    for look in looks:
        step = look - before
        open_ = np.convolve(open_, binom.pmf(np.arange(step + 1), step, true_share))
        for successes in range(look + 1):
            low, high = wilson(successes, look, z)
            if low >= floor:
                passes += open_[successes]
            elif high < floor:
                fails += open_[successes]
            else:
                continue
            open_[successes] = 0.0
        before = look
    return Chances(passes=float(passes), fails=float(fails), inconclusive=float(open_.sum()))
