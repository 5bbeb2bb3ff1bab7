"""Events about a ReflexModel, in the form in which `kubectl describe` puts them in order.

kubectl sorts by `lastTimestamp`, which has whole seconds, and keeps the order of the list for what
happened within one: that of names. So a name ends in a number that grows from event to event. The
newer `events.k8s.io/v1` has no such time, and kubectl shows its events in any order.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from reflex_api.names import FIELD_MANAGER
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.plan import EventRequest

_NAME_ROOM: Final = 200
_MESSAGE_ROOM: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Events:
    """Writes the manifests; remembers only the last name, so that the next one sorts after it."""

    def __init__(self, *, identity: str, now: Callable[[], datetime]) -> None:
        self._identity = identity
        self._now = now
        self._last = 0

    def manifest(self, model: Manifest, event: EventRequest) -> Manifest:
        """Return the Event: each transition is one of its own, told once."""
        now = self._now()
        since = now - _EPOCH
        microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        self._last = max(self._last + 1, microseconds)
        metadata = model["metadata"]
        at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name'][:_NAME_ROOM]}.{self._last:016x}",
                "namespace": metadata["namespace"],
            },
            "involvedObject": {
                "apiVersion": model["apiVersion"],
                "kind": model["kind"],
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "type": event.type,
            "reason": event.reason,
            "message": event.message[:_MESSAGE_ROOM],
            "count": 1,
            "firstTimestamp": at,
            "lastTimestamp": at,
            "source": {"component": FIELD_MANAGER, "host": self._identity[:128]},
            "reportingComponent": FIELD_MANAGER,
            "reportingInstance": self._identity[:128],
        }
