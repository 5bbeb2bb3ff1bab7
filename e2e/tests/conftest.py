"""One stack for all tests here: the lab, both images, the operator from the chart."""

from collections.abc import Iterator
from contextlib import contextmanager

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
    with emptied(cluster, NAMESPACE):
        yield NAMESPACE


@pytest.fixture(scope="module")
def own_namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for one module, whose engines leave the node when it ends."""
    name = f"reflex-{request.path.stem.removeprefix('test_')}"
    # Others may serve on; two cores are not enough for their requests and a bakeoff's.
    cluster.kubectl("delete", "rm", "--all", "-n", NAMESPACE, "--timeout=120s")
    with emptied(cluster, name):
        yield name
        cluster.kubectl("delete", "rr,rm", "--all", "-n", name, "--timeout=120s")


@contextmanager
def emptied(cluster: Cluster, name: str) -> Iterator[None]:
    # One that a killed run left with engines in it: Kubernetes looks again only after half of
    # their grace period, which is that of the longest answer.
    gone = ("--ignore-not-found", "--timeout=400s")
    cluster.kubectl("delete", "namespace", name, *gone, timeout=410)
    cluster.kubectl("create", "namespace", name)
    yield
    cluster.kubectl("delete", "namespace", name, "--wait=false")
