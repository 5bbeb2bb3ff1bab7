"""Which models are whose: a model belongs to at most one route, and the older route wins."""

from collections.abc import Iterable, Mapping
from typing import Any

from reflex_api.route_spec import MOST_FALLBACKS
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.route.record import RouteRecord, record_of
from reflex_operator.reconcile.route.snapshot import PeerRoute


def names_in(route: Manifest) -> tuple[str, ...]:
    """Return the models that a route lists, as far as it can be read."""
    spec = route.get("spec") or {}
    listed = [spec.get("primary"), *(spec.get("fallbacks") or [])]
    return tuple(one for one in listed if isinstance(one, str))[: MOST_FALLBACKS + 1]


def slot_of(route: Manifest) -> str:
    """Return the name of a route's slot; without one it has a slot of its own."""
    slot = (route.get("spec") or {}).get("slot") or {}
    return str(slot.get("name") or f"route/{route['metadata']['name']}")


def room_of(routes: Iterable[Manifest]) -> int:
    """Return how many engines fit: of several answers the least."""
    sizes = (((one.get("spec") or {}).get("slot") or {}).get("maxResident", 1) for one in routes)
    return min((size for size in sizes if isinstance(size, int) and size > 0), default=1)


def owner_of(model: str, routes: Iterable[Manifest]) -> Manifest | None:
    """Return the route that a model belongs to, or None."""
    claims = [
        one
        for one in routes
        if model in names_in(one) and not one["metadata"].get("deletionTimestamp")
    ]
    return min(claims, key=_age, default=None)


def is_older(one: Manifest, other: Manifest) -> bool:
    """Return whether a route goes before another one."""
    return _age(one) < _age(other)


def same_slot(route: Manifest, peers: Iterable[PeerRoute]) -> tuple[PeerRoute, ...]:
    """Return the other routes that share a route's slot."""
    slot = slot_of(route)
    return tuple(
        one
        for one in peers
        if slot_of(one.route) == slot and not one.route["metadata"].get("deletionTimestamp")
    )


def wanted(model: str, peers: Iterable[PeerRoute]) -> bool | None:
    """Return whether a route wants the model to run; None: its route has not said yet.

    What has not been said changes nothing: an engine that runs goes on, one that does not is not
    started.
    """
    routes = list(peers)
    owner = owner_of(model, [one.route for one in routes])
    if owner is None:
        return False
    service = next(one.service for one in routes if one.route is owner)
    record = record_of(service)
    return None if record is None else model in record.residents


def residents_of(peer: PeerRoute) -> tuple[str, ...]:
    """Return the models that a route lets run, or is about to.

    The room that a swap has emptied is its target's: else a waiting route would take it.
    """
    record = record_of(peer.service) or RouteRecord()
    return (*record.residents, *((record.swap.to,) if record.swap else ()))


def _age(route: Manifest) -> tuple[str, str]:
    metadata: Mapping[str, Any] = route["metadata"]
    return str(metadata.get("creationTimestamp") or ""), str(metadata.get("uid") or "")
