"""ReflexError > SpecError (final until the object or the CRD changes), ItemsError (final)."""

from dataclasses import dataclass

_FIX = "correct the field, or install the CRD that belongs to this operator"


class ReflexError(Exception):
    """Base of what this package raises."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One field that cannot be used; `text` is a sentence that names it."""

    field: str
    text: str


class SpecError(ReflexError):
    """A custom resource that this version cannot read: its CRD is older or newer."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        shown = "; ".join(problem.text for problem in problems[:3])
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        super().__init__(f"{shown}{more}; {_FIX}")


class ItemsError(ReflexError):
    """A file of measurements that cannot be judged; `line` counts from 1, 0 is the whole file."""

    def __init__(self, *, line: int, fault: str) -> None:
        self.line = line
        self.fault = fault
        where = f"line {line}" if line else "the file"
        super().__init__(f"{where} of items.jsonl: {fault}; measure again, or fix the file")
