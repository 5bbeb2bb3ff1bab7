"""A real API server with fake GPU nodes, and an operator for each file of tests."""

from collections.abc import Iterator

import pytest
from reflex_e2e.kubectl import ROOT, Cluster

from operator_process import OperatorProcess
from reflex_lab.controlplane import ControlPlane
from reflex_lab.tools import Tools
from route_place import Place, place_for
from scripted_engine import ScriptedEngine, serving


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> Cluster:
    tools = Tools()
    tools.ensure(("kubernetes", "helm"))
    made = Cluster(
        kubeconfig=control_plane.kubeconfig,
        kubectl_path=tools.path("kubectl"),
        helm_path=tools.path("helm"),
    )
    made.kubectl("apply", "--server-side", "-f", str(ROOT / "manifests/crds"))
    for plural in ("reflexmodels", "reflexroutes", "reflexbakeoffs"):
        crd = f"crd/{plural}.reflexstack.dev"
        made.kubectl("wait", "--for=condition=Established", crd, "--timeout=30s")
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
