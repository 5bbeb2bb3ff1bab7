"""Why an installation did not become ready, in the pods' own words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reflex_e2e.kubectl import Cluster, CommandError

SELECTOR = "app.kubernetes.io/instance=reflex"
_LOG_LINES = 15
_EVENTS = 6


def unready(pods: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the pods that are not ready and not over."""
    return [pod for pod in pods if pod["status"].get("phase") != "Succeeded" and not _ready(pod)]


def states(pod: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the pod's conditions and containers say about why it is not ready."""
    for condition in pod["status"].get("conditions", ()):
        if condition["status"] != "True" and condition.get("message"):
            yield f"{condition['type']}: {condition.get('reason', '')} {condition['message']}"
    for container in pod["status"].get("containerStatuses", ()):
        for when in ("state", "lastState"):
            for kind, told in container.get(when, {}).items():
                words = ", ".join(f"{key} {value}" for key, value in sorted(told.items()))
                yield f"container {container['name']} ({when}): {kind} {words}"


def diagnosis(cluster: Cluster) -> str:
    """Return states, events and last log lines of each pod of the release that is not ready."""
    try:
        found = _pods(cluster)
    except CommandError as error:
        return f"and the pods cannot be read: {error}"
    lines: list[str] = []
    for pod in unready(found):
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        lines += [f"pod {namespace}/{name}: {pod['status'].get('phase')}"]
        lines += [f"  {state}" for state in states(pod)]
        lines += [f"  event: {text}" for text in _events(cluster, name, namespace)]
        lines += [f"  log: {text}" for text in _log(cluster, name, namespace)]
    return "\n".join(lines) or "all pods of the release are ready by now"


def _ready(pod: Mapping[str, Any]) -> bool:
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod["status"].get("conditions", ())
    )


def _pods(cluster: Cluster) -> list[dict[str, Any]]:
    namespaces = [one["metadata"]["name"] for one in cluster.list("namespaces", "")]
    return [pod for name in namespaces for pod in cluster.list("pods", name, SELECTOR)]


def _events(cluster: Cluster, name: str, namespace: str) -> list[str]:
    found = [
        f"{event.get('reason')}: {event.get('message')}"
        for event in cluster.list("events", namespace)
        if event["involvedObject"].get("name") == name
    ]
    return found[-_EVENTS:]


def _log(cluster: Cluster, name: str, namespace: str) -> list[str]:
    try:
        told = cluster.kubectl(
            "logs", name, "-n", namespace, "--all-containers", f"--tail={_LOG_LINES}"
        )
    except CommandError as error:
        return [str(error).splitlines()[-1]]
    return told.splitlines()[-_LOG_LINES:]
