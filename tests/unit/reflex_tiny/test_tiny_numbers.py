"""Intervals and tables of an evaluation."""

from reflex_tiny.evaluation import Outcome, summary, table, wilson


def outcome(code: str, *, passed: bool) -> Outcome:
    return Outcome(
        code=code,
        passed=passed,
        with_rustfix=True,
        rustfix=False,
        first_suggestion=passed,
        problem="",
        tokens=40,
        seconds=0.2,
    )


def test_wilson_intervals_hold_the_rate_and_stay_in_bounds() -> None:
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0
    assert wilson(50, 100) == (0.404, 0.596)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_summary_counts_by_code_with_the_most_frequent_first() -> None:
    found = [outcome("E0308", passed=True), outcome("E0308", passed=False)]
    numbers = summary("m", [*found, outcome("E0382", passed=True)])
    assert (numbers["items"], numbers["passed"], numbers["pass_at_1"]) == (3, 2, 0.667)
    assert list(numbers["codes"]) == ["E0308", "E0382"]
    assert numbers["codes"]["E0308"]["pass_at_1"] == 0.5
    rows = table(numbers).splitlines()
    assert rows[2].startswith("| all | 3 | 0.667 |")
    assert rows[3] == "| 2 others | 3 | 0.667 | 0.21-0.94 | 1.000 | 0.000 | 0.667 |"
    assert len(rows) == 4
