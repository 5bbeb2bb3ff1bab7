"""Shares: Wilson's bounds, and an exact test of two paired ones."""

import math

from scipy.stats import binomtest


def wilson(successes: int, n: int, z: float) -> tuple[float, float]:
    """Return Wilson's bounds of a share, each one-sided at `z`.

    (p + z^2/2n +- z sqrt(p (1-p)/n + z^2/4n^2)) / (1 + z^2/n), p = successes / n. Source:
    E. B. Wilson, JASA 22 (1927) 209-212.

    Raises:
        ValueError: n below 1, or successes outside 0 to n.

    >>> low, high = wilson(81, 263, 1.959964)
    >>> round(low, 4), round(high, 4)
    (0.2553, 0.3662)
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"no such share: {successes} of {n}")
    share, square = successes / n, z * z
    middle = share + square / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    scale = 1 + square / n
    low = 0.0 if successes == 0 else (middle - half) / scale
    high = 1.0 if successes == n else (middle + half) / scale
    return low, high


def least_without_failure(ceiling: float, z: float) -> int:
    """Return how many trials without one failure show that its share is at most `ceiling`.

    >>> least_without_failure(0.01, 1.645)
    268
    """
    return math.ceil(z * z * (1 - ceiling) / ceiling)


def mcnemar(gained: int, lost: int) -> float:
    """Return the two-sided exact p-value that gains and losses are equally likely."""
    if gained + lost == 0:
        return 1.0
    return float(binomtest(gained, gained + lost, 0.5).pvalue)
