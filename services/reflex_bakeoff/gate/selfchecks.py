"""Is the measurement itself to be believed? Saturated clients and impossible speeds."""

from typing import Final

from reflex_api.gate import GateSpec
from reflex_api.items import Ending, Items
from reflex_api.verdict import Why
from reflex_bakeoff.gate.metrics import Fault
from reflex_bakeoff.stats.quantiles import quantile

LOOP_LAG_SECONDS: Final = 0.005
DISPATCH_LAG_SECONDS: Final = 0.020
LAG_SHARE: Final = 0.10
"""A lag up to this share of the median time to first token, or of the strictest limit on a time, is
put up with, too: the one only ever makes the model look slower, the other decides nothing."""
CPU_SHARE: Final = 0.90


def client_fault(items: Items, gate: GateSpec) -> Fault | None:
    """Return why the client and not the server may have been measured."""
    load = items.load
    if load is None:
        return None
    first = [one.ttft for one in items.requests if one.ending is Ending.OK and one.ttft is not None]
    allowed = LAG_SHARE * max(quantile(first, 0.5) if first else 0.0, _strictest(gate))
    checks = (
        ("event loop lag p99", load.loop_lag_p99, max(LOOP_LAG_SECONDS, allowed)),
        ("dispatch lag p95", load.dispatch_lag_p95, max(DISPATCH_LAG_SECONDS, allowed)),
    )
    for name, seconds, limit in checks:
        if seconds > limit:
            return Fault(
                reason=Why.CLIENT_SATURATED,
                message=f"{name} {seconds * 1000:.1f} ms, at most {limit * 1000:.1f} ms is"
                " allowed: give the load generator a core of its own or fewer streams",
            )
    if load.cpu_share > CPU_SHARE:
        return Fault(
            reason=Why.CLIENT_SATURATED,
            message=f"the load generator used {load.cpu_share:.0%} of a core, at most"
            f" {CPU_SHARE:.0%} is allowed: use fewer streams",
        )
    return None


def _strictest(gate: GateSpec) -> float:
    """Return the lowest limit on a time, in seconds; 0: there is none."""
    limits = (
        gate.latency.ttft_cold_p95_milliseconds,
        gate.latency.ttft_warm_p95_milliseconds,
        gate.latency.itl_p95_milliseconds,
    )
    return min((one for one in limits if one is not None), default=0) / 1000


def speed_fault(items: Items) -> Fault | None:
    """Return which reading is faster than the memory can be read, if one is.

    A stream cannot be written faster than its weights are read, once a token: neither over a whole
    request, nor in the median while decoding. Drafted tokens (speculative decoding) lift the bound.
    """
    load = items.load
    if load is None or load.roofline is None or load.speculative:
        return None
    limit = load.roofline
    for one in items.requests:
        if one.ending is not Ending.OK or not one.output_tokens or one.latency is None:
            continue
        if one.latency == 0 or one.output_tokens / one.latency > limit:
            return _impossible(f"request {one.id} as a whole", limit)
    speeds = [
        1 / one.itl if one.itl else float("inf")
        for one in items.requests
        if one.ending is Ending.OK and one.streams == 1 and one.itl is not None
    ]
    if speeds and quantile(speeds, 0.5) > limit:
        return _impossible(f"the median decode speed {quantile(speeds, 0.5):.0f} tokens/s", limit)
    return None


def _impossible(what: str, limit: float) -> Fault:
    return Fault(
        reason=Why.IMPOSSIBLE_MEASUREMENT,
        message=f"{what} is above the roofline of {limit:.0f} tokens/s: wrong token counts, a"
        " buffering proxy, or a wrong roofline",
    )
