"""How often engines ended of late. A pod tells of its last two ends only; the record has the rest.

Nothing here is in an operator's memory: after its own restart it knows as much as before.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from reflex_api.conditions import parse_time
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.route.record import Crashes

_KEPT: Final = 3
"""The third one within ten minutes is what counts."""


def noted(known: Iterable[Crashes], pods: Iterable[Manifest]) -> tuple[Crashes, ...]:
    """Return the ends of these pods' engines: what was known, and what the pods tell anew.

    Without news it is equal to what was known, so that it costs no write.
    """
    before = {one.pod: one for one in known}
    found = []
    for pod in pods:
        uid, container = pod["metadata"]["uid"], _container(pod)
        count = int(container.get("restartCount", 0))
        last = before.get(uid) or Crashes(pod=uid)
        new = count - last.count
        if new > 0:
            # Of more than two since then the pod does not say when: those are left out.
            times = (*last.times, *_ends(container)[-new:])
            last = Crashes(pod=uid, count=count, times=times[-_KEPT:])
        if last.count:
            found.append(last)
    return tuple(sorted(found, key=lambda one: one.pod))


def times_of(known: Iterable[Crashes], pods: Iterable[Manifest]) -> tuple[datetime, ...]:
    """Return when the engines of these pods ended, oldest first."""
    uids = {pod["metadata"]["uid"] for pod in pods}
    return tuple(sorted(time for one in known if one.pod in uids for time in one.times))


def _ends(container: dict[str, Any]) -> list[datetime]:
    """Return when the last runs ended, oldest first: a run begins when the one before is over."""
    last = (container.get("lastState") or {}).get("terminated") or {}
    both = (parse_time(last.get("startedAt")), parse_time(last.get("finishedAt")))
    return [one for one in both if one is not None]


def _container(pod: Manifest) -> dict[str, Any]:
    containers = (pod.get("status") or {}).get("containerStatuses") or []
    return containers[0] if containers else {}
