"""Looks at growing data: bounds that keep 5 % over all of them, and the power they leave.

Source: S. J. Pocock, Biometrika 64 (1977) 191-199; constants as in Jennison and Turnbull, Group
Sequential Methods (2000), table 2.1, two-sided 10 %, which is one-sided 5 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reflex_bakeoff.stats.tango import Counts, score

POCOCK: Final = (1.645, 1.875, 1.992, 2.067, 2.122)
"""z of every look for 1 to 5 evenly spaced looks; one-sided 5 % over all of them."""

RUNS: Final = 20_000
SEED: Final = 20_261_121


def constant(looks: int) -> float:
    """Return Pocock's z.

    Raises:
        ValueError: no looks, or more than the table holds.

    >>> constant(3)
    1.992
    """
    if not 1 <= looks <= len(POCOCK):
        raise ValueError(f"{looks} looks: wanted 1 to {len(POCOCK)}")
    return POCOCK[looks - 1]


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a simulated pair of models is like.

    Attributes:
        discordance: share of items that exactly one of the two solves.
        difference: true pass@1 of the candidate minus that of the baseline.
    """

    discordance: float
    difference: float

    def __post_init__(self) -> None:
        if not abs(self.difference) <= self.discordance <= 1:
            raise ValueError("a difference cannot be larger than the discordance")


def tables(truth: Truth, looks: Sequence[int], *, runs: int, seed: int) -> tuple[Counts, Counts]:
    """Return simulated gained and lost counts, one row a run, one column a look (cumulative)."""
    source = np.random.default_rng(seed)
    gain = (truth.discordance + truth.difference) / 2
    loss = (truth.discordance - truth.difference) / 2
    steps = np.diff(np.asarray([0, *looks]))
    drawn = [
        source.multinomial(int(step), [gain, loss, max(0.0, 1.0 - gain - loss)], size=runs)
        for step in steps
    ]
    counts = np.cumsum(np.stack(drawn, axis=1), axis=1)
    return counts[:, :, 0], counts[:, :, 1]


def pass_probability(
    truth: Truth, looks: Sequence[int], margin: float, *, runs: int = RUNS, seed: int = SEED
) -> float:
    """Return how often non-inferiority is found at some look: a simulated probability.

    The power when `truth.difference` is above -margin; the type I error when it is -margin. Its
    standard error is sqrt(p (1 - p) / runs), at most .0036 with 20,000 runs.
    """
    gained, lost = tables(truth, looks, runs=runs, seed=seed)
    values = score(gained, lost, np.asarray(looks), -margin)
    return float(np.mean((values >= constant(len(looks))).any(axis=1)))
