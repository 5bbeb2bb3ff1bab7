"""A Service's own address, as the node itself reaches it."""

from typing import Final

import httpx2

from reflex_e2e.kubectl import Cluster
from reflex_e2e.waiting import wait_for

_TRY_SECONDS: Final = 2.0


def reachable(cluster: Cluster, service: str, namespace: str, *, within: float = 60) -> str:
    """Return the base URL of a Service once it answers there.

    A connection that begins before the node has the Service's rule never gets through: the kernel
    remembers where its first packet went. So each try is a new and a short one.
    """
    url = f"http://{cluster.get('service', service, namespace)['spec']['clusterIP']}"

    def answers() -> bool:
        return httpx2.get(f"{url}/healthz", timeout=_TRY_SECONDS, trust_env=False).is_success

    wait_for(f"{service} answers at {url}", answers, within=within)
    return url
