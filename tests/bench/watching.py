"""Watches a collection in a thread and keeps the time at which each event arrived."""

import http.client
import json
import ssl
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from reflex_lab.controlplane import ControlPlane

_PATHS = {
    "reflexmodels": "/apis/reflexstack.dev/v1alpha1",
    "deployments": "/apis/apps/v1",
}
# Deployments are only counted and compared by generation: their metadata is enough.
_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One event: when it arrived, what it was."""

    at: float  # time.monotonic()
    type: str
    name: str
    generation: int
    ready: str  # status of the condition Ready for the current generation, or nothing


class Watch:
    """Events of one collection in one namespace, from now on."""

    def __init__(self, plane: ControlPlane, kind: str, namespace: str) -> None:
        context = ssl.create_default_context(cafile=str(plane.pki / "ca.crt"))
        context.load_cert_chain(plane.pki / "admin.crt", plane.pki / "admin.key")
        self._connection = http.client.HTTPSConnection("127.0.0.1", plane.port, context=context)
        self._whole = kind == "reflexmodels"
        path = f"{_PATHS[kind]}/namespaces/{namespace}/{kind}?watch=true"
        accept = "application/json" if self._whole else _METADATA_ONLY
        self._connection.request("GET", path, headers={"Accept": accept})
        self._response = self._connection.getresponse()
        if self._response.status != 200:
            raise AssertionError(f"watch {kind}: HTTP {self._response.status}")
        self.events: list[Seen] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the watch."""
        sock = self._connection.sock
        if sock is not None:
            sock.shutdown(2)
        self._thread.join(timeout=5)
        self._connection.close()

    def first(self, *, ready: bool = False) -> dict[str, float]:
        """Return when each object was first seen, or first seen Ready."""
        times: dict[str, float] = {}
        for seen in list(self.events):
            if not ready or seen.ready == "True":
                times.setdefault(seen.name, seen.at)
        return times

    def wait(self, count: int, *, ready: bool = False, within: float) -> dict[str, float]:
        """Wait until so many objects were seen (Ready) and return when each was.

        Raises:
            AssertionError: it took longer than `within` seconds.
        """
        deadline = time.monotonic() + within
        with self._changed:
            while len(found := self.first(ready=ready)) < count:
                left = deadline - time.monotonic()
                if left <= 0:
                    what = "Ready" if ready else "there"
                    raise AssertionError(f"{len(found)} of {count} {what} after {within:.0f} s")
                self._changed.wait(min(left, 1.0))
        return found

    def wait_generation(self, name: str, above: int, *, within: float) -> float:
        """Wait until the object has a higher generation and return when it was seen."""
        deadline = time.monotonic() + within
        with self._changed:
            while True:
                for seen in self.events:
                    if seen.name == name and seen.generation > above:
                        return seen.at
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{name}: no new generation after {within:.0f} s")
                self._changed.wait(min(left, 1.0))

    def generation(self, name: str) -> int:
        """Return the last generation that was seen of the object."""
        return max((one.generation for one in list(self.events) if one.name == name), default=0)

    def _read(self) -> None:
        while True:
            try:
                line = self._response.readline()
            except (OSError, ValueError, http.client.HTTPException):
                return
            if not line:
                return
            now = time.monotonic()
            event = json.loads(line)
            if event["type"] in {"BOOKMARK", "ERROR"}:
                continue
            with self._changed:
                self.events.append(_seen(event, now))
                self._changed.notify_all()


def _seen(event: dict[str, Any], now: float) -> Seen:
    metadata = event["object"]["metadata"]
    generation = int(metadata.get("generation", 0))
    ready = ""
    for condition in (event["object"].get("status") or {}).get("conditions") or []:
        if condition["type"] == "Ready" and condition.get("observedGeneration") == generation:
            ready = condition["status"]
    return Seen(
        at=now,
        type=event["type"],
        name=metadata["name"],
        generation=generation,
        ready=ready,
    )
