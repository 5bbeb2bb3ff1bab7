"""A route in an existing cluster: its members, its status, and what is seen of it meanwhile."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reflex_e2e import pair
from reflex_e2e.kubectl import Cluster, lab_cluster

from bench.bakeoff.story import Event

_MAY_SERVE: Final = "Eligible"
_NAMESPACE: Final = "reflex-bench"


class SwapBenchError(Exception):
    """The route cannot be measured; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """The route and how to reach its cluster."""

    namespace: str
    name: str
    kubectl_path: Path
    kubeconfig: Path
    within: float = 600.0

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """Run kubectl and return its stdout.

        Raises:
            SwapBenchError: it failed.
        """
        done = subprocess.run(
            [self.kubectl_path, "--kubeconfig", self.kubeconfig, "-n", self.namespace, *words],
            capture_output=True, text=True, timeout=60, check=False, input=stdin,
        )  # fmt: skip
        if done.returncode:
            raise SwapBenchError(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def status(self) -> dict[str, Any]:
        """Return the route's status."""
        found: dict[str, Any] = json.loads(self.kubectl("get", "rr", self.name, "-o", "json"))
        return found.get("status") or {}


@dataclass
class Watched:
    """Events of two collections, as they arrive."""

    events: list[Event] = field(default_factory=list)

    def read(self, kind: str, lines: Iterator[str]) -> None:
        """Take in one collection's events until its stream ends."""
        for line in lines:
            now = time.monotonic()
            event = json.loads(line)
            if event["type"] in {"ADDED", "MODIFIED", "DELETED"}:
                document = event["object"]
                self.events.append(Event(at=now, kind=kind, type=event["type"], document=document))


@contextmanager
def pair_in_the_lab() -> Iterator[Place]:
    """Make a route with two measured members in a namespace of the lab's; it goes with the end.

    Raises:
        SwapBenchError: a bakeoff does not pass.
    """
    cluster = lab_cluster()
    gone = ("delete", "namespace", _NAMESPACE, "--ignore-not-found", "--timeout=400s")
    cluster.kubectl(*gone, timeout=410)
    cluster.kubectl("create", "namespace", _NAMESPACE)
    try:
        yield _measured_pair(cluster)
    finally:
        cluster.kubectl("delete", "rr,rm", "--all", "-n", _NAMESPACE, "--timeout=120s")
        cluster.kubectl("delete", "namespace", _NAMESPACE, "--wait=false")


def _measured_pair(cluster: Cluster) -> Place:
    print(f"swaps: two engines in {_NAMESPACE}, measured one after the other", file=sys.stderr)
    route = pair.apply(cluster, _NAMESPACE)
    for name in (pair.SECOND, pair.FIRST):
        verdict = pair.measure(route, name, f"bench-{name}")
        print(f"swaps: {name}: {verdict}", file=sys.stderr)
        if verdict != "Pass":
            raise SwapBenchError(f"the bakeoff of {name} says {verdict}, so it may not serve")
    return Place(
        namespace=_NAMESPACE, name=route.name,
        kubectl_path=cluster.kubectl_path, kubeconfig=cluster.kubeconfig,
    )  # fmt: skip


def members_of(place: Place) -> dict[str, str]:
    """Return the two first members that may serve, each with its evidence's id."""
    found = {
        one["model"]: one["evidence"]["id"]
        for one in place.status().get("members") or []
        if one["eligibility"] == _MAY_SERVE and (one.get("evidence") or {}).get("id")
    }
    if len(found) < 2:
        standings = [
            f"{one['model']} is {one['eligibility']}" for one in place.status().get("members") or []
        ]
        raise SwapBenchError(
            f"the route {place.namespace}/{place.name} needs two members that may serve:"
            f" {', '.join(standings) or 'it has none'}; give it a gate that both pass"
        )
    return dict(list(found.items())[:2])


def active(status: dict[str, Any]) -> str:
    return str((status.get("active") or {}).get("model") or "")


@contextmanager
def watching(place: Place) -> Iterator[Watched]:
    """Watch the namespace's pods and services."""
    watched, processes, threads = Watched(), [], []
    try:
        for kind in ("pods", "services"):
            path = f"/api/v1/namespaces/{place.namespace}/{kind}?watch=true"
            process = subprocess.Popen(
                [place.kubectl_path, "--kubeconfig", place.kubeconfig, "get", "--raw", path],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True,
            )  # fmt: skip
            processes.append(process)
            assert process.stdout is not None
            thread = threading.Thread(target=watched.read, args=(kind, process.stdout), daemon=True)
            thread.start()
            threads.append(thread)
        deadline = time.monotonic() + 30
        while {one.kind for one in watched.events} != {"pods", "services"}:
            if time.monotonic() > deadline:
                raise SwapBenchError(f"no pods or no services in {place.namespace}")
            time.sleep(0.1)
        yield watched
    finally:
        for process in processes:
            process.kill()
            process.wait()
        for thread in threads:
            thread.join(5)
        for process in processes:
            assert process.stdout is not None
            process.stdout.close()
