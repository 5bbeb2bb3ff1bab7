"""The load generator watches itself: a busy client measures itself instead of the server."""

import resource
import time
from typing import Final

import gevent

from reflex_bakeoff.speed.traces import Watched
from reflex_bakeoff.stats.quantiles import quantile

TICK: Final = 0.010


class Watch:
    """Samples how late the event loop wakes up, and the CPU time used."""

    def __init__(self) -> None:
        self._lags: list[float] = []
        self._begin = time.monotonic()
        self._cpu = _cpu_seconds()
        self._sampler = gevent.spawn(self._sample)

    def stop(self) -> Watched:
        """Return what was seen since the start."""
        self._sampler.kill()
        wall = max(time.monotonic() - self._begin, 1e-9)
        return Watched(
            loop_lag_p99=quantile(self._lags, 0.99) if self._lags else 0.0,
            cpu_share=(_cpu_seconds() - self._cpu) / wall,
        )

    def _sample(self) -> None:
        while True:
            before = time.monotonic()
            gevent.sleep(TICK)
            self._lags.append(max(0.0, time.monotonic() - before - TICK))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
