"""The story of one swap as the API server tells it, and its parts in seconds. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from reflex_api.names import LABEL_BAKEOFF, LABEL_MODEL, LABEL_STOPPED

PARTS: Final = ("drain", "stop", "make", "start", "smoke")
"""Routing stopped → the old engine's process ended → its pod gone → the new pod made → it is Ready
→ routed again, after a trial generation."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event of a watch: when it arrived, of which collection."""

    at: float
    kind: str  # pods, services
    type: str  # ADDED, MODIFIED, DELETED
    document: Mapping[str, Any]


class IncompleteStoryError(Exception):
    """An event of the swap is missing."""


def parts(events: Iterable[Event], *, service: str, from_: str, to: str) -> dict[str, float]:
    """Return the seconds of each part of a swap, and `downtime`, which is their sum.

    Args:
        events: of the namespace's pods and services, in order, beginning before the swap.
        service: the route's stable Service.
        from_: model that served before.
        to: model that serves since.

    Raises:
        IncompleteStoryError: a moment is missing, or they are in another order.
    """
    moments: dict[str, float] = {}
    for event in events:
        for name in _moments(event, service=service, from_=from_, to=to):
            if name == "routed" and "ready" not in moments:
                continue  # still to the same model, by another revision
            moments.setdefault(name, event.at)
    moments.setdefault("ended", moments.get("gone", -1.0))  # the last status was not seen
    order = ("stopped", "ended", "gone", "made", "ready", "routed")
    missing = [name for name in order if moments.get(name, -1.0) < 0]
    if missing:
        raise IncompleteStoryError(f"{from_} to {to}: not seen: {', '.join(missing)}")
    times = [moments[name] for name in order]
    seconds = [after - before for before, after in pairwise(times)]
    if min(seconds) < 0:
        raise IncompleteStoryError(f"{from_} to {to}: out of order: {moments}")
    return {**dict(zip(PARTS, seconds, strict=True)), "downtime": times[-1] - times[0]}


def _moments(event: Event, *, service: str, from_: str, to: str) -> Iterable[str]:
    metadata = event.document["metadata"]
    if event.kind == "services":
        if metadata["name"] != service:
            return
        selector = event.document["spec"].get("selector") or {}
        if LABEL_STOPPED in selector or not selector:
            yield "stopped"
        elif selector.get(LABEL_MODEL) == to:
            yield "routed"
        return
    labels = metadata.get("labels") or {}
    model = labels.get(LABEL_MODEL) if LABEL_BAKEOFF not in labels else None
    status = event.document.get("status") or {}
    if model == from_:
        if event.type == "DELETED":
            yield "gone"
        states = [one.get("state") or {} for one in status.get("containerStatuses") or []]
        if states and all("terminated" in one for one in states):
            yield "ended"
    elif model == to:
        if event.type == "ADDED":
            yield "made"
        if any(
            one["type"] == "Ready" and one["status"] == "True"
            for one in status.get("conditions") or []
        ):
            yield "ready"
