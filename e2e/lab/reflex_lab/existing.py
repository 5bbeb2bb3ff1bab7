"""Use a cluster that is already there: nothing is started, only checked."""

from collections.abc import Mapping

from reflex_lab.command import run
from reflex_lab.errors import LabError
from reflex_lab.tools import Tools

EXISTING = "REFLEX_EXISTING_CLUSTER"


def wanted(environ: Mapping[str, str]) -> bool:
    """Say whether the user asks for the cluster of KUBECONFIG instead of the lab."""
    return environ.get(EXISTING, "") not in {"", "0"}


def check_existing(tools: Tools, environ: Mapping[str, str]) -> str:
    """Return a line about the cluster of KUBECONFIG.

    Raises:
        LabError: KUBECONFIG is not set, or the cluster does not answer.
    """
    if not environ.get("KUBECONFIG"):
        raise LabError(f"{EXISTING} is set but KUBECONFIG is not")
    kubectl = tools.path("kubectl")
    version = run([kubectl, "version", "--request-timeout=10s"], seconds=30).splitlines()[-1]
    nodes = run([kubectl, "get", "nodes", "--no-headers", "--request-timeout=10s"], seconds=30)
    return (
        f"using the cluster of {environ['KUBECONFIG']}: {version}, {len(nodes.splitlines())} nodes"
    )
