"""The API server of the tests, as kubectl and Helm see it."""

from reflex_e2e.kubectl import ROOT, Cluster

from reflex_lab.controlplane import ControlPlane
from reflex_lab.tools import Tools


def clients(plane: ControlPlane) -> Cluster:
    """Return kubectl and Helm for a control plane."""
    tools = Tools()
    tools.ensure(("kubernetes", "helm"))
    return Cluster(
        kubeconfig=plane.kubeconfig,
        kubectl_path=tools.path("kubectl"),
        helm_path=tools.path("helm"),
    )


def with_definitions(plane: ControlPlane) -> Cluster:
    """Return the same once our resources are known there."""
    cluster = clients(plane)
    cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "manifests/crds"))
    for plural in ("reflexmodels", "reflexroutes", "reflexbakeoffs"):
        crd = f"crd/{plural}.reflexstack.dev"
        cluster.kubectl("wait", "--for=condition=Established", crd, "--timeout=30s")
    return cluster
