"""When the requests of an open loop are due: fixed before the first is sent."""

import random


def due_times(requests: int, rate: float, seed: int) -> list[float]:
    """Return seconds from the start at which requests are due, ascending, the first at 0.

    The gaps are exponential (Poisson arrivals) and then scaled so that exactly `requests / rate`
    seconds pass from the first to where the next after the last would be: every run has the same
    load. Nothing that happens while sending moves a due time.

    Raises:
        ValueError: the rate is not above 0.

    >>> times = due_times(4, 2.0, seed=1)
    >>> times[0], times == sorted(times), times[-1] < 2.0
    (0.0, True, True)
    """
    if rate <= 0:
        raise ValueError("an open loop needs a rate above 0")
    source = random.Random(seed)
    gaps = [source.expovariate(1.0) for _ in range(requests)]
    scale = (requests / rate) / sum(gaps) if gaps else 0.0
    times, now = [], 0.0
    for gap in gaps:
        times.append(now)
        now += gap * scale
    return times
