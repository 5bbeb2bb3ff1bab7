"""The numbers of a model card: rates with their intervals, and a comparison item by item."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reflex_bakeoff.stats import shares, tango
from reflex_tiny.evaluation import Outcome

_Z: Final = 1.959964
_FEW: Final = 4


def summary(model: str, found: Sequence[Outcome]) -> dict[str, Any]:
    """Return the numbers of a model card: overall and by error code."""
    codes = sorted({each.code for each in found})
    by_code = {code: [each for each in found if each.code == code] for code in codes}
    return {
        "model": model,
        **_numbers(found),
        "against_first_suggestion": _paired(found),
        "codes": {
            code: _numbers(some)
            for code, some in sorted(by_code.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        },
    }


def _numbers(found: Sequence[Outcome]) -> dict[str, Any]:
    passed = sum(each.passed for each in found)
    both = sum(each.with_rustfix for each in found)
    return _row(
        len(found),
        passed,
        both,
        sum(each.rustfix for each in found),
        sum(each.first_suggestion for each in found),
    )


def _paired(found: Sequence[Outcome]) -> dict[str, Any]:
    """Compare the model with the first suggestion on the same items (Tango's interval)."""
    gained = sum(each.passed and not each.first_suggestion for each in found)
    lost = sum(each.first_suggestion and not each.passed for each in found)
    low, high = tango.interval(gained, lost, len(found), _Z)
    return {
        "only_model": gained,
        "only_first_suggestion": lost,
        "difference": round((gained - lost) / len(found), 3),
        "interval": [round(low, 3), round(high, 3)],
    }


def _wilson(passed: int, count: int) -> list[float]:
    return [round(bound, 3) for bound in shares.wilson(passed, count, _Z)]


def _row(count: int, passed: int, both: int, rustfix: int, first: int) -> dict[str, Any]:
    return {
        "items": count,
        "passed": passed,
        "pass_at_1": round(passed / count, 3),
        "interval": _wilson(passed, count),
        "with_rustfix_passed": both,
        "with_rustfix": round(both / count, 3),
        "with_rustfix_interval": _wilson(both, count),
        "rustfix_passed": rustfix,
        "rustfix": round(rustfix / count, 3),
        "first_suggestion_passed": first,
        "first_suggestion": round(first / count, 3),
    }


def comparison(numbers: Mapping[str, Any]) -> str:
    """Return in a sentence how the model does beside the first suggestion, item by item."""
    paired = numbers["against_first_suggestion"]
    low, high = paired["interval"]
    return (
        f"On the same items, model minus first suggestion: {paired['difference']:+.3f} "
        f"(95 % interval {low:+.3f} to {high:+.3f}); {paired['only_model']} items only the model "
        f"repairs, {paired['only_first_suggestion']} only the suggestion."
    )


def table(numbers: Mapping[str, Any]) -> str:
    """Return the numbers as lines of Markdown; codes of few items share a line."""
    lines = [
        "| code | items | pass@1 | 95 % interval | rustfix + model | rustfix | first suggestion |",
        "|---|---|---|---|---|---|---|",
    ]
    codes: Mapping[str, Any] = numbers["codes"]
    few = [row for row in codes.values() if row["items"] < _FEW]
    rows = [("all", numbers), *((c, row) for c, row in codes.items() if row["items"] >= _FEW)]
    if few:
        counts = [
            sum(row[name] for row in few)
            for name in (
                "items",
                "passed",
                "with_rustfix_passed",
                "rustfix_passed",
                "first_suggestion_passed",
            )
        ]
        rows.append((f"{len(few)} others", _row(*counts)))
    for code, row in rows:
        low, high = row["interval"]
        lines.append(
            f"| {code} | {row['items']} | {row['pass_at_1']:.3f} | {low:.2f}-{high:.2f} | "
            f"{row['with_rustfix']:.3f} | {row['rustfix']:.3f} | {row['first_suggestion']:.3f} |"
        )
    return "\n".join(lines)
