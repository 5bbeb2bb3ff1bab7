"""From the arrivals of one answer to its times. Every formula of the speed report is here.

Times run from when a request was *due*, not from when it was sent: a client or a server that falls
behind cannot hide the wait (coordinated omission).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from reflex_api.items import Ending, Prefix, RequestRecord
from reflex_bakeoff.stats.quantiles import quantile

ABORTED: Final = frozenset({"abort", "error"})
"""Finish reasons that mean the server gave up."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One chunk with text, as it arrived.

    Attributes:
        at: seconds on the client's monotonic clock.
        visible: not reasoning only.
        tokens: output tokens up to and including it, if the server says so with each chunk.
    """

    at: float
    visible: bool = True
    tokens: int | None = None


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Everything that was seen of one request; times on the client's monotonic clock."""

    id: str
    phase: str
    prefix: Prefix
    block: int
    streams: int
    due: float
    sent: float
    status: int = 0
    broken: Ending | None = None
    """The transport's own failure: refused, reset, timeout, garbled."""
    fault: str = ""
    finish: str = ""
    arrivals: tuple[Arrival, ...] = ()
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None


def ending(trace: Trace) -> Ending:
    """Return how the request ended: only a finished answer with at least one token is OK."""
    if trace.broken is not None:
        return trace.broken
    if trace.status != 200 or trace.fault:
        return Ending.HTTP_ERROR
    if not trace.arrivals:
        return Ending.EMPTY
    if not trace.finish or trace.finish in ABORTED:
        return Ending.INCOMPLETE
    return Ending.OK


def time_to_first_token(trace: Trace) -> float:
    """Return seconds from due to the first chunk with text, reasoning included.

    TTFT = first arrival - due.
    """
    return trace.arrivals[0].at - trace.due


def time_to_first_visible(trace: Trace) -> float | None:
    """Return seconds from due to the first chunk that is no reasoning; None: there is none."""
    return next((one.at - trace.due for one in trace.arrivals if one.visible), None)


def mean_inter_token(trace: Trace) -> float | None:
    """Return the mean seconds between tokens.

    ITL = (last arrival - first arrival) / (n - f), n output tokens, f of them in the first chunk.
    f is what the server says with that chunk, else n / chunks: all chunks alike. With f = 1
    always, several tokens a chunk would make ITL too small by (f - 1) / (n - 1).

    None without a token count, with a single chunk, or if more tokens came first than in all.
    """
    arrivals, n = trace.arrivals, trace.output_tokens
    if n is None or len(arrivals) < 2:
        return None
    told = arrivals[0].tokens
    first = float(told) if told is not None else n / len(arrivals)
    if n <= first:
        return None
    return (arrivals[-1].at - arrivals[0].at) / (n - first)


def gaps(trace: Trace) -> list[float]:
    """Return the seconds between successive chunks with text: chunks, not tokens."""
    return [later.at - earlier.at for earlier, later in pairwise(trace.arrivals)]


def record(trace: Trace) -> RequestRecord:
    """Return the line of `items.jsonl`; a failed request has no times."""
    how = ending(trace)
    fine = how is Ending.OK
    waits = gaps(trace) if fine else []
    return RequestRecord(
        id=trace.id,
        phase=trace.phase,
        prefix=trace.prefix,
        block=trace.block,
        streams=trace.streams,
        ending=how,
        status=trace.status,
        dispatch_lag=max(0.0, trace.sent - trace.due),
        ttft=time_to_first_token(trace) if fine else None,
        ttft_visible=time_to_first_visible(trace) if fine else None,
        itl=mean_inter_token(trace) if fine else None,
        gap_median=quantile(waits, 0.5) if waits else None,
        gap_p99=quantile(waits, 0.99) if waits else None,
        gap_max=max(waits) if waits else None,
        latency=trace.arrivals[-1].at - trace.due if fine else None,
        chunks=len(trace.arrivals),
        prompt_tokens=trace.prompt_tokens,
        output_tokens=trace.output_tokens if fine else None,
        cached_tokens=trace.cached_tokens,
    )


def wall(traces: Sequence[Trace]) -> float:
    """Return the seconds of a phase: from the first due time to the last arrival (or sending)."""
    begin = min(trace.due for trace in traces)
    end = max(max((one.at for one in trace.arrivals), default=trace.sent) for trace in traces)
    return max(end - begin, 1e-9)
