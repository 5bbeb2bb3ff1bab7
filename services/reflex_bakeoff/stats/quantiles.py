"""Limits on quantiles by counting (Wilks), and quantiles that hold failures as +inf.

Source: S. S. Wilks, Annals of Mathematical Statistics 12 (1941) 91-96. No distribution is assumed.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Final

from scipy.stats import binom

CONFIDENCE: Final = 0.95


@cache
def within_is_shown(over: int, n: int, quantile: float) -> bool:
    """Return whether `over` of `n` above a limit show that the quantile lies below it.

    P(Binomial(n, 1 - quantile) <= over) <= 5 %.

    >>> [within_is_shown(0, n, 0.95) for n in (58, 59)]
    [False, True]
    """
    return bool(binom.cdf(over, n, 1 - quantile) <= 1 - CONFIDENCE)


@cache
def beyond_is_shown(over: int, n: int, quantile: float) -> bool:
    """Return whether they show that the quantile lies above it.

    P(Binomial(n, 1 - quantile) >= over) <= 5 %.
    """
    return bool(binom.sf(over - 1, n, 1 - quantile) <= 1 - CONFIDENCE)


@cache
def least_samples(over: int, quantile: float) -> int:
    """Return the fewest samples with which `over` above the limit still pass.

    >>> [least_samples(over, 0.95) for over in range(5)]
    [59, 93, 124, 153, 181]
    """
    n = over + 1
    while not within_is_shown(over, n, quantile):
        n += 1
    return n


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value at rank ceil(share n), from 1; +inf when failures reach that far.

    Values are never interpolated: between a time and +inf there is nothing.

    Raises:
        ValueError: no values, or one of them is NaN.

    >>> quantile([3.0, 1.0, math.inf, 2.0], 0.5), quantile([3.0, 1.0, math.inf, 2.0], 0.95)
    (2.0, inf)
    """
    if not values or any(math.isnan(value) for value in values):
        raise ValueError("no quantile of nothing, nor of NaN")
    # The guard keeps ranks such as 0.95 * 20 from being rounded up by binary fractions.
    rank = max(1, math.ceil(share * len(values) - 1e-9))
    return sorted(values)[rank - 1]


def quantile_interval(values: Sequence[float], share: float) -> tuple[float, float]:
    """Return bounds of the true quantile, each one-sided 95 %, by order statistics.

    A bound is infinite where the sample is too small to give one.
    """
    ordered, n = sorted(values), len(values)
    below, above = _ranks(n, share)
    low = ordered[below - 1] if below >= 1 else -math.inf
    high = ordered[above - 1] if above <= n else math.inf
    return low, high


@cache
def _ranks(n: int, share: float) -> tuple[int, int]:
    """Return the ranks of the bounds, from 1; 0 or n + 1: there is none."""
    return int(binom.ppf(1 - CONFIDENCE, n, share)), int(binom.ppf(CONFIDENCE, n, share)) + 1
