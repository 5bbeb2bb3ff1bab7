"""A real API server with fake GPU nodes, and an operator for each file of tests."""

from collections.abc import Iterator

import pytest
from reflex_e2e.kubectl import Cluster

from operator_process import OperatorProcess
from planes import with_definitions
from reflex_lab.controlplane import ControlPlane
from route_place import Place, place_for
from scripted_engine import ScriptedEngine, serving


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> Cluster:
    made = with_definitions(control_plane)
    control_plane.add_gpu_nodes(2)
    return made


@pytest.fixture(scope="session")
def engine() -> Iterator[ScriptedEngine]:
    with serving({"a", "b", "c"}) as running:
        yield running


@pytest.fixture(scope="module")
def operator(
    cluster: Cluster, engine: ScriptedEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    log = tmp_path_factory.mktemp("operator") / "operator.log"
    process = OperatorProcess(cluster.kubeconfig, log, engine_resolver=engine.base_url)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def place(
    cluster: Cluster,
    operator: OperatorProcess,
    engine: ScriptedEngine,
    request: pytest.FixtureRequest,
) -> Iterator[Place]:
    with place_for(request.node.name, cluster, engine) as made:
        yield made
