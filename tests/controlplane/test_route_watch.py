"""Routes and the word about them, against a real API server with the chart's own Role."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from reflex_e2e.kubectl import ROOT, Cluster

from planes import clients
from reflex_api.feedback import FEEDBACK_KEY, RouteFeedback
from reflex_lab.controlplane import ControlPlane
from reflex_loop.adapters.routes.watch import RouteWatch
from reflex_loop.service.metrics import ServiceMetrics
from reflex_routing.breaker import BreakerConfig
from reflex_routing.breakers import Breakers
from reflex_routing.config import ReflexSection
from route_manifests import route
from service_rig import eventually

pytestmark = pytest.mark.controlplane

USER = "system:serviceaccount:default:reflex-loop"
CONFIG = {"model_primary": "tiny", "endpoints": {"local": {"base_url": "http://coder/v1"}}}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    home = tmp_path_factory.mktemp("route-plane")
    with ControlPlane(name="t-route-watch", home=home, storage=False) as running:
        yield running


@pytest.fixture(scope="module")
def cluster(plane: ControlPlane) -> Cluster:
    made = clients(plane)
    loop = {
        "enabled": True, "namespace": "default", "replicaCount": 0, "config": CONFIG,
        "database": {"existingSecret": "none"}, "routes": {"local": "coder"},
        "runners": {"check": {"warm": 1}, "fetch": {"warm": 0}},
    }  # fmt: skip
    made.helm(
        "install", "reflex", str(ROOT / "charts/reflex"), "--namespace", "reflex-system",
        "--create-namespace", "--set", "replicaCount=0", "--set-json", f"loop={json.dumps(loop)}",
    )  # fmt: skip
    return made


def signed_in(cluster: Cluster, folder: Path) -> Path:
    """Write the way in as the service: its token, not the administrator's certificate."""
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    token = cluster.kubectl("create", "token", "reflex-loop", "-n", "default").strip()
    for user in config["users"]:
        user["user"] = {"token": token}
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


def put(cluster: Cluster, folder: Path, manifest: dict[str, Any]) -> None:
    """Write a route and its status, as a user and the operator do."""
    manifest["metadata"] = {"name": "coder", "namespace": "default"}
    path = folder / "route.json"
    path.write_text(json.dumps(manifest))
    cluster.kubectl("apply", "-f", str(path))
    patch = json.dumps({"status": manifest["status"]})
    cluster.kubectl(
        "patch", "reflexroute", "coder", "-n", "default", "--subresource=status", "--type=merge",
        "-p", patch,
    )  # fmt: skip


async def test_the_service_follows_its_route_and_speaks_of_it_with_its_own_rights(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(signed_in(cluster, tmp_path)))
    put(cluster, tmp_path, route())
    watch = RouteWatch(
        {"local": "coder"}, namespace="default", section=ReflexSection.model_validate(CONFIG),
        replica="one", metrics=ServiceMetrics(CollectorRegistry()), clock=time.monotonic,
        now=lambda: datetime.now(UTC),
    )  # fmt: skip
    await watch.start(Breakers(BreakerConfig(), clock=time.monotonic))
    try:
        assert "tiny@r1 serves" in watch.standing()["coder"]
        put(cluster, tmp_path, route(serving="False", reason="Evaluating"))
        await eventually(lambda: "Evaluating" in watch.standing()["coder"])
        one = watch._watched["local"]
        one.observed.requested(datetime.now(UTC))
        one.reporter.news()

        def said() -> str:
            found = cluster.get("configmap", "coder.feedback", "default")
            text: str = (found.get("data") or {}).get(FEEDBACK_KEY, "")
            return text

        await eventually(lambda: said() or one.reporter.trouble)
        assert one.reporter.trouble == ""
        feedback = RouteFeedback.model_validate_json(await asyncio.to_thread(said))
        assert (feedback.model, feedback.circuit) == ("tiny", "Closed")
        assert feedback.last_request_at is not None
    finally:
        await watch.close()
    rights = cluster.kubectl("auth", "can-i", "--list", "-n", "default", f"--as={USER}")
    ours = [
        line.split()
        for line in rights.splitlines()
        if line.startswith(("configmaps", "reflexroutes"))
    ]
    assert sorted(ours) == [
        ["configmaps", "[]", "[coder.feedback]", "[get", "patch]"],
        ["reflexroutes.reflexstack.dev", "[]", "[coder]", "[get", "watch]"],
    ]
