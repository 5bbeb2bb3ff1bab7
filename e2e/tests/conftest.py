"""One stack for all tests here: the lab, both images, the operator from the chart."""

from collections.abc import Iterator

import pytest
from reflex_e2e.kubectl import Cluster
from reflex_e2e.progress import Phases
from reflex_e2e.stack import Stack, bring_up

NAMESPACE = "reflex-e2e"


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The running stack; left running, the caller decides about `reflex-lab down`."""
    return bring_up(Phases())


@pytest.fixture(scope="session")
def cluster(stack: Stack) -> Cluster:
    return stack.cluster


@pytest.fixture(scope="session")
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace for this run; its end takes everything in it along."""
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")
    cluster.kubectl("create", "namespace", NAMESPACE)
    yield NAMESPACE
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
