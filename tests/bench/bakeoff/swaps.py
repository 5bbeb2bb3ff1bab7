"""Swaps and failovers of a route, and how long each part of them takes.

    make bench ARGS='--suite swaps'
    make bench ARGS='--suite swaps --route default/tiny --swaps 20 --failovers 5'

Without a route, two tiny models are applied and measured in the running lab. A route of one's own
needs two members with current evidence that lets them serve; who served before serves again
afterwards, and what was written beside the route is taken away.
"""

import json
import statistics
import sys
import time
from datetime import UTC, datetime
from typing import Any, Final

from bench.bakeoff.place import Place, SwapBenchError, active, members_of, watching
from bench.bakeoff.story import PARTS, Event, IncompleteStoryError, parts
from bench.rows import Bar, Rows
from reflex_api.feedback import FEEDBACK_KEY, RouteFeedback
from reflex_api.names import (
    ANNOTATION_MANUAL,
    FIELD_MANAGER,
    LABEL_FEEDBACK,
    LABEL_MANAGED_BY,
    route_service_name,
)

REAL: Final = "real engine on CPU"
OWN_SECONDS: Final = 5.0
"""What a swap may take beside drain, stop and start of the engines."""
DECISION_SECONDS: Final = 2.0
_SETTLED_SECONDS: Final = 2.0
_FEEDBACK: Final = "bench-breaker"
Samples = dict[str, list[float]]


def run(rows: Rows, place: Place, *, swaps: int, failovers: int) -> None:
    """Swap and fail over so many times and add the rows.

    Raises:
        SwapBenchError: the route has not two members that may serve, or none of the swaps ended
            well.
    """
    members = members_of(place)
    first = active(place.status())
    if first not in members:
        raise SwapBenchError(f"{first or 'no model'} is active: wait until an eligible one serves")
    by_hand: Samples = {}
    failing: Samples = {}
    try:
        for number in range(swaps):
            _measured(place, members, by_hand, f"swap {number + 1}/{swaps}", _swap)
        for number in range(failovers):
            _measured(place, members, failing, f"failover {number + 1}/{failovers}", _fail_over)
    except SwapBenchError as error:
        if not by_hand and not failing:
            raise
        print(f"error: {error}; what was measured until then is kept", file=sys.stderr)
    finally:
        place.kubectl("delete", "configmap", _FEEDBACK, "--ignore-not-found")
        if active(place.status()) != first:
            _swap(place, first, members[first])
        place.kubectl("annotate", "rr", place.name, f"{ANNOTATION_MANUAL}-")
    bars = {
        "swap_own": Bar(limit=OWN_SECONDS, strict=False),
        "failover_decision": Bar(limit=DECISION_SECONDS, strict=False),
    }
    for kind, samples in (("swap", by_hand), ("failover", failing)):
        for name, values in samples.items():
            row = f"{kind}_{name}"
            rows.add(row, statistics.median(values), "s", samples=values, bar=bars.get(row),
                     note=REAL)  # fmt: skip


def _measured(
    place: Place, members: dict[str, str], samples: Samples, title: str, change: Any
) -> None:
    """Let one other member serve and keep the seconds of each part."""
    before = active(place.status())
    after = next(name for name in members if name != before)
    with watching(place) as watched:
        ruled, transition = change(place, after, members[after])
    print(
        f"{title}: {before} to {after}, {transition.get('downtimeSeconds')} s without an engine",
        file=sys.stderr,
    )
    # The operator's own word, in whole seconds: start with the trial generation.
    for name in ("drain", "stop", "start", "downtime"):
        if (value := transition.get(f"{name}Seconds")) is not None:
            samples.setdefault(f"{name}_in_status", []).append(float(value))
    service = route_service_name(place.name)
    try:
        one = parts(watched.events, service=service, from_=before, to=after)
    except IncompleteStoryError as error:
        print(f"{title}: {error}", file=sys.stderr)
        return
    one["own"] = one["make"] + one["smoke"]
    if change is _fail_over:
        one["decision"] = max(0.0, _stopped(watched.events, service) - ruled)
    for name in (*PARTS, "downtime", "own", "decision"):
        if name in one:
            samples.setdefault(name, []).append(one[name])


def _stopped(events: list[Event], service: str) -> float:
    """Return when routing was stopped: the first change of the stable Service."""
    return next(
        one.at for one in events
        if one.kind == "services" and one.type == "MODIFIED"
        and one.document["metadata"]["name"] == service
    )  # fmt: skip


def _swap(place: Place, to: str, evidence: str) -> tuple[float, dict[str, Any]]:
    """Choose a model by hand; return when, and the transition."""
    before = _last(place)
    ruled = time.monotonic()
    choice = f"{ANNOTATION_MANUAL}={to}@{evidence}"
    place.kubectl("annotate", "rr", place.name, choice, "--overwrite")
    return ruled, _ended(place, to, before)


def _fail_over(place: Place, to: str, evidence: str) -> tuple[float, dict[str, Any]]:
    """Say that the breaker of who is active is open; return when that was, and the transition.

    Whoever serves then is made the incumbent: nothing falls back meanwhile.
    """
    before = _last(place)
    word = RouteFeedback(
        model=active(place.status()), at=datetime.now(UTC), circuit="Open", message="make bench"
    )
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": _FEEDBACK,
            "labels": {LABEL_FEEDBACK: place.name, LABEL_MANAGED_BY: FIELD_MANAGER},
        },
        "data": {FEEDBACK_KEY: word.model_dump_json(by_alias=True)},
    }
    place.kubectl("apply", "-f", "-", stdin=json.dumps(document))
    ruled = time.monotonic()
    transition = _ended(place, to, before)
    place.kubectl("delete", "configmap", _FEEDBACK)
    choice = f"{ANNOTATION_MANUAL}={to}@{evidence}"
    place.kubectl("annotate", "rr", place.name, choice, "--overwrite")
    return ruled, transition


def _last(place: Place) -> object:
    return (place.status().get("lastTransition") or {}).get("at")


def _ended(place: Place, to: str, before: object) -> dict[str, Any]:
    """Wait until a model serves after a new transition, and return that."""
    deadline = time.monotonic() + place.within
    while True:
        status = place.status()
        transition: dict[str, Any] = status.get("lastTransition") or {}
        if transition.get("at") != before:
            if transition.get("to") != to or transition.get("succeeded") is False:
                raise SwapBenchError(f"the swap to {to} ended otherwise: {transition}")
            if active(status) == to:
                time.sleep(_SETTLED_SECONDS)  # the last events of the watch
                return transition
        said = str(status.get("manual") or "")
        if said.startswith("refused"):
            raise SwapBenchError(f"the choice of {to} was {said}")
        if time.monotonic() > deadline:
            raise SwapBenchError(f"{to} does not serve after {place.within:.0f} s: {said}")
        time.sleep(0.5)
