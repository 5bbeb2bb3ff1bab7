"""When engines' containers were restarted: the pod itself tells only of the last time."""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

from reflex_operator.manifest import Manifest

_KEPT: Final = 8


class Restarts:
    """Counts by pod, as watch events bring them; a new process begins without a past."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._counts: dict[str, int] = {}
        self._times: dict[str, deque[datetime]] = {}

    def observe(self, event_type: str | None, pod: Manifest) -> None:
        """Take in an event about a pod."""
        uid = pod["metadata"].get("uid", "")
        if event_type == "DELETED":
            self._counts.pop(uid, None)
            self._times.pop(uid, None)
            return
        containers = (pod.get("status") or {}).get("containerStatuses") or []
        count = int(containers[0].get("restartCount", 0)) if containers else 0
        before = self._counts.get(uid)
        if count or before is not None:
            self._counts[uid] = count
        if before is not None and count > before:
            times = self._times.setdefault(uid, deque(maxlen=_KEPT))
            times.extend([self._now()] * min(count - before, _KEPT))
        elif before is None and not count:
            self._counts[uid] = 0

    def of(self, pods: tuple[Manifest, ...]) -> tuple[datetime, ...]:
        """Return the restarts of these pods that were seen, oldest first."""
        found = (self._times.get(pod["metadata"]["uid"], ()) for pod in pods)
        return tuple(sorted(moment for times in found for moment in times))
