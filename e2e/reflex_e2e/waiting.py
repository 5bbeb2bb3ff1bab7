"""Waits on conditions, with deadlines."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(what: str, check: Callable[[], T | None], *, within: float, every: float = 0.2) -> T:
    """Return the first true answer of `check`.

    Args:
        what: said when it does not come.
        within: seconds until then.
        every: seconds between two looks.

    Raises:
        AssertionError: the deadline passed; it holds the last answer or error.
    """
    deadline = time.monotonic() + within
    last: object = None
    while True:
        try:
            answer = check()
        except Exception as error:
            last = error
        else:
            if answer:
                return answer
            last = answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within:.0f} s; last: {last!r}")
        time.sleep(every)
