"""Wait for a condition with a deadline; there is no other sleep in the lab."""

import time
from collections.abc import Callable

from reflex_lab.errors import StartError


def until(
    condition: Callable[[], bool],
    *,
    what: str,
    seconds: float,
    every: float = 0.05,
    check: Callable[[], None] = lambda: None,
    evidence: Callable[[], str] = lambda: "",
) -> None:
    """Return once `condition` holds; `check` may raise at each turn (a process that ended).

    Raises:
        StartError: the deadline passed; the message ends with `evidence()`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        check()
        if time.monotonic() >= deadline:
            raise StartError(f"{what}: not after {seconds:.0f} s\n{evidence()}".rstrip())
        time.sleep(every)
