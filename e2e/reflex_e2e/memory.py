"""The reflection service in the cluster: its values, its key, and what a client sees of it."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

import httpx2

from reflex_e2e.kubectl import Cluster
from reflex_e2e.waiting import wait_for

NAME: Final = "reflex-reflection"
FOUND_WITHIN: Final = 60.0

Json = dict[str, Any]


def values(*, database: str = "", keys: str = "", namespace: str = "default") -> Json:
    """Return `reflection` of the chart's values.

    Args:
        database: a Secret with a PostgreSQL URL; empty: SQLite on a volume.
        keys: a Secret with keys; empty: the chart makes one.
        namespace: where the service runs, with these Secrets.
    """
    return {
        "enabled": True,
        "namespace": namespace,
        "storage": {"size": "256Mi"},
        "database": {"existingSecret": database},
        "auth": {"existingSecret": keys},
        "resources": {"requests": {"cpu": "10m", "memory": "96Mi"}},
    }


def bearer_key(cluster: Cluster, namespace: str = "default") -> str:
    """Return the key that the chart made, of the owner `default`."""
    data = cluster.get("secret", f"{NAME}-keys", namespace)["data"]["keys"]
    return base64.b64decode(data).decode().strip().partition(":")[2]


@contextmanager
def forwarded(cluster: Cluster, namespace: str = "default") -> Iterator[str]:
    """Yield a base URL of the service on this machine."""
    with cluster.port_forward(f"service/{NAME}", namespace, 80) as port:
        yield f"http://127.0.0.1:{port}"


class Memories:
    """The memories of one key."""

    def __init__(self, base_url: str, key: str, *, seconds: float = 30) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx2.Client(
            base_url=base_url, headers=headers, timeout=seconds, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def reflect(self, utter: str, *, turn: int) -> Json:
        """Send a turn that is to be remembered, and return what came of it."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        ctx = {"agent_id": "e2e", "turn_id": turn, "now_iso": now}
        bundle = {"ctx": ctx, "plan": {"reflection": True}, "utter": utter}
        return self._json(self._http.post("/v1/reflections", json={"bundle": bundle}))

    def search(self, query: str) -> list[Json]:
        """Return what is found, best first."""
        answer = self._http.post("/v1/memories/search", json={"query": query})
        found: list[Json] = self._json(answer)["results"]
        return found

    def stats(self) -> Json:
        """Return how much is remembered."""
        return self._json(self._http.get("/v1/stats"))

    def refused(self, path: str) -> int:
        """Return the status of a GET."""
        return self._http.get(path).status_code

    def found(self, query: str, *, within: float = FOUND_WITHIN) -> list[Json]:
        """Wait until something is found."""
        return wait_for(f"a memory of {query!r}", lambda: self.search(query), within=within)

    def _json(self, answer: httpx2.Response) -> Json:
        assert answer.is_success, f"HTTP {answer.status_code}: {answer.text[:500]}"
        found: Json = answer.json()
        return found


def recalled(cluster: Cluster, query: str, namespace: str = "default") -> str:
    """Return, for people, what the service remembers of a repair that has just ended.

    The repair service reports it in the background: so it is waited for.
    """
    with (
        forwarded(cluster, namespace) as url,
        Memories(url, bearer_key(cluster, namespace)) as memories,
    ):
        best = memories.found(query)[0]
        kept = memories.stats()["memories"]
    return (
        f"What is remembered of it ({kept} kept; found by {query!r}):\n"
        f"  {best['id']}, a rule-based summary without any model:\n  {best['text']}"
    )
