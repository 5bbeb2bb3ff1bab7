"""Intervals and tables of an evaluation."""

from reflex_tiny.evaluation import Outcome
from reflex_tiny.scores import comparison, summary, table


def outcome(code: str, *, passed: bool, first: bool | None = None) -> Outcome:
    return Outcome(
        code=code,
        passed=passed,
        with_rustfix=True,
        rustfix=False,
        first_suggestion=passed if first is None else first,
        problem="",
        tokens=40,
        seconds=0.2,
    )


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


def test_the_model_is_compared_with_the_first_suggestion_item_by_item() -> None:
    only_model = [outcome("E0308", passed=True, first=False)] * 7
    only_first = [outcome("E0308", passed=False, first=True)] * 1
    both = [outcome("E0308", passed=True)] * 13
    numbers = summary("m", [*only_model, *only_first, *both])
    # Bentur's table of T. Tango's interval, the other way round: 0.026 to 0.517.
    assert numbers["against_first_suggestion"] == {
        "only_model": 7,
        "only_first_suggestion": 1,
        "difference": 0.286,
        "interval": [0.026, 0.517],
    }
    assert "+0.286 (95 % interval +0.026 to +0.517); 7 items only the model" in comparison(numbers)
