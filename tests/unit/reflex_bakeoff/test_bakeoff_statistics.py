import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from reflex_bakeoff.stats import planning, quantiles, sequential, shares, tango

LOOKS = (100, 200, 300)
MARGIN = 0.05
SIMULATED = 150_000
"""Runs here; the design's own table was made with 20,000, whose error decides the tolerance."""

# discordance: type I error, power at no difference
TABLE = {
    0.06: (0.039, 0.91),
    0.10: (0.044, 0.77),
    0.15: (0.049, 0.62),
    0.20: (0.046, 0.53),
    0.30: (0.050, 0.40),
}


def tolerance(share: float, decimals: int) -> float:
    """Four standard errors of 20,000 runs, and the rounding of the table."""
    return 4.0 * math.sqrt(share * (1 - share) / 20_000) + 0.5 * 10.0**-decimals


@pytest.mark.parametrize("discordance", TABLE)
def test_type_one_error_over_all_looks_is_that_of_the_design(discordance: float) -> None:
    truth = sequential.Truth(discordance=discordance, difference=-MARGIN)

    share = sequential.pass_probability(truth, LOOKS, MARGIN, runs=SIMULATED, seed=1)

    assert share <= 0.055
    assert share == pytest.approx(TABLE[discordance][0], abs=tolerance(share, 3))


@pytest.mark.parametrize("discordance", [0.06, 0.08, 0.12, 0.18, 0.25])
def test_type_one_error_holds_between_the_rows_of_the_table(discordance: float) -> None:
    truth = sequential.Truth(discordance=discordance, difference=-MARGIN)

    assert sequential.pass_probability(truth, LOOKS, MARGIN, runs=SIMULATED, seed=2) <= 0.055


@pytest.mark.parametrize("discordance", TABLE)
def test_power_is_that_of_the_design(discordance: float) -> None:
    truth = sequential.Truth(discordance=discordance, difference=0.0)

    share = sequential.pass_probability(truth, LOOKS, MARGIN, runs=SIMULATED, seed=3)

    assert share == pytest.approx(TABLE[discordance][1], abs=tolerance(share, 2))


@pytest.mark.parametrize("discordance", [0.06, 0.10, 0.15, 0.20])
def test_a_true_gain_of_five_points_is_nearly_always_seen(discordance: float) -> None:
    truth = sequential.Truth(discordance=discordance, difference=MARGIN)

    share = sequential.pass_probability(truth, LOOKS, MARGIN, runs=SIMULATED, seed=4)

    assert round(share, 2) >= 0.98


def test_walds_interval_would_let_bad_models_through() -> None:
    truth = sequential.Truth(discordance=0.06, difference=-MARGIN)
    gained, lost = sequential.tables(truth, LOOKS, runs=20_000, seed=5)
    n = np.asarray(LOOKS)
    difference = (gained - lost) / n
    error = np.sqrt(np.maximum((gained + lost) / n - difference**2, 0) / n)

    share = float(np.mean((difference - 1.992 * error >= -MARGIN).any(axis=1)))

    assert share > 0.10


@pytest.mark.parametrize("looks", [1, 2, 3, 4, 5])
def test_pocock_constants_keep_five_percent(looks: int) -> None:
    """By numerical integration over the sub-density of the sum of increments (Armitage)."""
    z = sequential.constant(looks)
    grid = np.linspace(-12, 12, 2401)
    step = grid[1] - grid[0]
    density = norm.pdf(grid)
    inside = 1.0
    for look in range(1, looks + 1):
        if look > 1:
            density = np.convolve(density, norm.pdf(grid) * step, mode="same")
        # The bound lies between grid points: the last cell counts by the part below it.
        below = np.clip((z * math.sqrt(look) - grid) / step + 0.5, 0, 1)
        density = density * below
        inside = float(density.sum() * step)

    assert 1 - inside == pytest.approx(0.05, abs=0.0006)


@pytest.mark.parametrize(
    ("gained", "lost", "n", "expected"),
    [
        # Airway hyper-responsiveness (Bentur 2009), as in Fagerland, Lydersen and Laake.
        (1, 7, 21, (-0.517, -0.026)),
    ],
)
def test_tangos_interval_is_that_of_the_literature(
    gained: int, lost: int, n: int, expected: tuple[float, float]
) -> None:
    assert tango.interval(gained, lost, n, 1.959964) == pytest.approx(expected, abs=5e-4)


@given(st.data())
def test_tangos_score_agrees_with_a_likelihood_maximised_by_search(data: st.DataObject) -> None:
    n = data.draw(st.integers(20, 400))
    gained = data.draw(st.integers(0, n // 3))
    lost = data.draw(st.integers(0, n // 3))
    delta = data.draw(st.sampled_from([-0.3, -0.1, -0.05, 0.02, 0.2]))
    low, high = max(0.0, -delta), (1 - delta) / 2

    def minus_log_likelihood(q: float) -> float:
        cells = ((gained, q + delta), (lost, q), (n - gained - lost, 1 - 2 * q - delta))
        return -sum(count * math.log(max(p, 1e-300)) for count, p in cells if count)

    found = minimize_scalar(
        minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    )
    q = float(found.x)
    expected = (gained - lost - n * delta) / math.sqrt(n * (2 * q + delta * (1 - delta)))

    assert float(tango.score(gained, lost, n, delta)) == pytest.approx(expected, abs=2e-3)


@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_estimate_and_mirrors(n: int, data: st.DataObject) -> None:
    gained = data.draw(st.integers(0, n))
    lost = data.draw(st.integers(0, n - gained))

    low, high = tango.interval(gained, lost, n, 1.992)

    assert -1 <= low <= (gained - lost) / n <= high <= 1
    assert tango.interval(lost, gained, n, 1.992) == pytest.approx((-high, -low), abs=1e-9)


def test_the_score_decides_as_the_interval_does() -> None:
    for gained, lost in [(0, 0), (3, 6), (10, 10), (12, 2), (2, 12)]:
        low, _ = tango.interval(gained, lost, 100, 1.992)
        assert (low > -MARGIN) == bool(tango.score(gained, lost, 100, -MARGIN) > 1.992)


@pytest.mark.parametrize(("gained", "lost", "n"), [(-1, 0, 10), (6, 6, 10), (0, 0, 0)])
def test_a_table_that_cannot_be_is_refused(gained: int, lost: int, n: int) -> None:
    with pytest.raises(ValueError, match="no such table"):
        tango.interval(gained, lost, n, 1.992)


@pytest.mark.parametrize(
    ("successes", "n", "expected"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_is_that_of_the_literature(
    successes: int, n: int, expected: tuple[float, float]
) -> None:
    assert shares.wilson(successes, n, 1.959964) == pytest.approx(expected, abs=5e-5)


def test_a_schema_floor_of_97_percent_allows_three_of_three_hundred() -> None:
    assert shares.wilson(297, 300, sequential.constant(3))[0] >= 0.97
    assert shares.wilson(296, 300, sequential.constant(3))[0] < 0.97


def test_mcnemar_is_exact() -> None:
    assert shares.mcnemar(0, 0) == 1.0
    assert shares.mcnemar(1, 7) == pytest.approx(0.0703125)


def test_wilks_counts_are_those_of_the_tables() -> None:
    assert [quantiles.least_samples(over, 0.95) for over in range(5)] == [59, 93, 124, 153, 181]
    assert quantiles.least_samples(0, 0.99) == 299


@given(st.integers(0, 300), st.integers(1, 300))
def test_a_count_never_shows_both(over: int, n: int) -> None:
    over = min(over, n)

    assert not (
        quantiles.within_is_shown(over, n, 0.95) and quantiles.beyond_is_shown(over, n, 0.95)
    )


def test_failures_move_quantiles_to_infinity() -> None:
    times = [0.1] * 94 + [math.inf] * 6

    assert quantiles.quantile(times, 0.5) == 0.1
    assert quantiles.quantile(times, 0.94) == 0.1
    assert math.isinf(quantiles.quantile(times, 0.95))


@pytest.mark.parametrize(
    ("n", "share", "rank"),
    [(3, 0.5, 2), (10, 0.95, 10), (20, 0.95, 19), (59, 0.95, 57), (100, 0.55, 55)],
)
def test_a_quantile_is_the_value_at_its_rank(n: int, share: float, rank: int) -> None:
    """In floating point 0.55 * 100 is more than 55."""
    assert quantiles.quantile([float(one) for one in range(n, 0, -1)], share) == rank


@pytest.mark.parametrize("values", [[], [1.0, math.nan]])
def test_there_is_no_quantile_of_nothing_nor_of_nan(values: list[float]) -> None:
    with pytest.raises(ValueError, match="no quantile"):
        quantiles.quantile(values, 0.5)


def test_the_bounds_of_a_median_mirror_each_other() -> None:
    assert quantiles.quantile_interval([float(one) for one in range(1, 32)], 0.5) == (11, 21)


def test_the_interval_of_a_median_covers_it() -> None:
    source = np.random.default_rng(7)
    covered = 0
    for _ in range(2000):
        low, high = quantiles.quantile_interval(list(source.exponential(size=31)), 0.5)
        covered += low <= math.log(2) <= high
    assert covered / 2000 >= 0.88


@pytest.mark.parametrize(("share", "floor"), [(0.5, 0.5), (0.6, 0.5), (0.97, 0.97), (0.3, 0.5)])
def test_chances_of_a_floor_agree_with_simulation(share: float, floor: float) -> None:
    source = np.random.default_rng(11)
    counts = np.cumsum(source.binomial(100, share, size=(20_000, 3)), axis=1)
    bounds = [[shares.wilson(k, n, 1.992) for k in range(n + 1)] for n in LOOKS]
    tally = {"pass": 0, "fail": 0}
    for run in counts:
        for column, k in enumerate(run):
            low, high = bounds[column][k]
            if low >= floor or high < floor:
                tally["pass" if low >= floor else "fail"] += 1
                break

    found = planning.floor_chances(share, floor, LOOKS)

    assert found.passes == pytest.approx(tally["pass"] / 20_000, abs=0.012)
    assert found.fails == pytest.approx(tally["fail"] / 20_000, abs=0.012)
    assert found.passes + found.fails + found.inconclusive == pytest.approx(1)


@pytest.mark.parametrize("floor", [0.3, 0.5, 0.7])
def test_a_model_at_the_floor_passes_in_about_five_percent(floor: float) -> None:
    assert planning.floor_chances(floor, floor, LOOKS).passes == pytest.approx(0.05, abs=0.012)
    assert planning.floor_chances(floor - 0.001, floor, LOOKS).passes <= 0.06
