"""Tango's score interval for the difference of two paired proportions.

Source: T. Tango, Statistics in Medicine 17 (1998) 891-908. Chosen over Wald's interval, whose
true error at a discordance of 6 % is .123 instead of .05 (simulated; `docs/harness.md`).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_STEPS = 60
"""Halvings of [-1, 1]: beyond the precision of a double."""


def score(
    gained: Counts | int, lost: Counts | int, n: Counts | int, difference: Floats | float
) -> Floats:
    """Return Tango's statistic for the hypothesis that the true difference is `difference`.

    Z(D) = (b - c - n D) / sqrt(n (2 q + D (1 - D))), where q, the probability of a loss, is its
    maximum-likelihood estimate under D: q = (sqrt(B^2 - 4 A C) - B) / (2 A) with A = 2 n,
    B = (2 n - b + c) D - b - c, C = -c D (1 - D).

    Args:
        gained: items that only the candidate solved (b).
        lost: items that only the baseline solved (c).
        n: items in all, concordant ones included.
        difference: D, candidate minus baseline, strictly between -1 and 1.

    Returns:
        Above 0 when the data lie above D. 0 where the data leave no variance at all.
    """
    b, c, size, delta = (
        np.asarray(each, dtype=np.float64) for each in (gained, lost, n, difference)
    )
    a2 = 2.0 * size
    b2 = (2.0 * size - b + c) * delta - b - c
    c2 = -c * delta * (1.0 - delta)
    root = np.sqrt(np.maximum(b2 * b2 - 4.0 * a2 * c2, 0.0))
    q = (root - b2) / (2.0 * a2)
    variance = size * (2.0 * q + delta * (1.0 - delta))
    distance = b - c - size * delta
    flat = variance <= 1e-12
    safe = np.where(flat, 1.0, variance)
    certain = np.where(distance > 1e-9, np.inf, np.where(distance < -1e-9, -np.inf, 0.0))
    return np.asarray(np.where(flat, certain, distance / np.sqrt(safe)))


def interval(gained: int, lost: int, n: int, z: float) -> tuple[float, float]:
    """Return the bounds of the true difference: all D with |Z(D)| <= z.

    Raises:
        ValueError: counts below 0, or more discordant items than items.

    >>> low, high = interval(1, 7, 21, 1.959964)  # airway hyper-responsiveness, Bentur 2009
    >>> round(low, 3), round(high, 3)
    (-0.517, -0.026)
    """
    if min(gained, lost) < 0 or gained + lost > n or n < 1:
        raise ValueError(f"no such table: {gained} gained, {lost} lost of {n}")
    point = (gained - lost) / n
    return _bound(gained, lost, n, z, -1.0, point), _bound(gained, lost, n, z, 1.0, point)


def _bound(gained: int, lost: int, n: int, z: float, outer: float, inner: float) -> float:
    """Return where |Z| crosses z between a difference far out and the point estimate."""
    for _ in range(_STEPS):
        middle = (outer + inner) / 2.0
        if abs(float(score(gained, lost, n, middle))) > z:
            outer = middle
        else:
            inner = middle
    return (outer + inner) / 2.0
