"""Weights from a hub onto a volume and into a real engine.

The hub is simulated (tests/hub_server.py answers as the real one does, with a CDN on another
origin); the download's image, the volume, the kubelet and the engine are real.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from reflex_e2e.kubectl import ROOT, Cluster
from reflex_e2e.models import Model, small
from reflex_e2e.stack import Stack, install
from reflex_e2e.waiting import wait_for

pytestmark = pytest.mark.lab

NODE = "10.244.0.1"
REVISION = "c" * 40
CHECKPOINT = ROOT / "images/engine-cpu/models/reflex-tiny"
NAME = "from-the-hub"


@dataclass(frozen=True, kw_only=True)
class Hub:
    """The simulated hub, by its control requests."""

    url: str

    def faults(self, *faults: dict[str, Any]) -> None:
        """Replace its faults."""
        self._ask("/_faults", list(faults))

    def answers(self) -> bool:
        """Return whether it listens."""
        return self._ask("/_log") is not None

    def weights_requests(self) -> list[dict[str, Any]]:
        """Return the requests for the weights themselves since the start."""
        log: list[dict[str, Any]] = self._ask("/_log")
        return [one for one in log if one["server"] == "cdn" and one["sent"]]

    def _ask(self, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(self.url + path, data=data, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@pytest.fixture(scope="module")
def hub(cluster: Cluster, stack: Stack) -> Iterator[Hub]:
    """A hub on the node that the operator is told to use, for this module."""
    ports = (28741, 28742)
    url = f"http://{NODE}:{ports[0]}"
    server = subprocess.Popen(
        [
            sys.executable, str(ROOT / "tests/hub_server.py"), "--files", str(CHECKPOINT),
            "--host", NODE, "--port", str(ports[0]), "--cdn-port", str(ports[1]),
            "--cdn-name", NODE,
        ],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        made = Hub(url=url)
        wait_for("the hub answers", made.answers, within=20)
        install(cluster, stack.images, values={"hub.endpoint": url})
        yield made
    finally:
        server.terminate()
        server.wait(timeout=10)
        install(cluster, stack.images)


@pytest.fixture
def model(cluster: Cluster, namespace: str, hub: Hub) -> Iterator[Model]:
    model = Model(cluster=cluster, namespace=namespace, name=NAME)
    hub.faults()
    yield model
    model.delete()
    model.wait_gone()


def manifest() -> dict[str, Any]:
    made = small(NAME, memory="4Gi")
    made["spec"]["source"] = {"huggingFace": {"repo": "acme/tiny", "revision": REVISION}}
    made["spec"]["cache"] = {"size": "100Mi"}
    return made


def download_process() -> int:
    """Return the process id, on the node, of the download that runs."""

    def find() -> int | None:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"reflex_weights" in words and b"download" in words:
                return int(folder.name)
        return None

    return wait_for("the download runs", find, within=60)


def test_a_refused_token_is_named_and_the_model_goes_on_when_the_hub_agrees(
    model: Model, hub: Hub
) -> None:
    hub.faults({"path": "/api/*", "status": 401})
    model.apply(manifest())
    model.wait_reason("SourceUnauthorized", within=40)
    assert not model.pods(), "no engine is started without weights"
    hub.faults()
    model.annotate("reflexstack.dev/retry", "1")
    model.wait_reason("Downloaded", within=90, kind="ModelCached")


def test_a_killed_download_goes_on_where_it_stopped_and_the_volume_is_used_again(
    model: Model, cluster: Cluster, hub: Hub
) -> None:
    claims = cluster.list("pvc", model.namespace)
    for claim in claims:  # of the test before
        cluster.kubectl("delete", "pvc", claim["metadata"]["name"], "-n", model.namespace)
    hub.faults({"path": "/cdn/*", "stall_after": 1 << 20, "times": 1})
    model.apply(manifest())
    wait_for(
        "a part of the weights is there",
        lambda: model.get().get("status", {}).get("download", {}).get("bytesDone"),
        within=90,
    )
    os.kill(download_process(), signal.SIGKILL)
    model.wait_ready()
    served = hub.weights_requests()
    assert any(one["range"] for one in served), served
    status = model.get()["status"]
    assert status["resolved"]["sourceRevision"].endswith(REVISION)

    model.delete()
    model.wait_gone()
    (claim,) = cluster.list("pvc", model.namespace)
    assert claim["status"]["phase"] == "Bound"
    asked = len(hub.weights_requests())
    model.apply(manifest())
    watch = model.watch_reason("ModelCached")
    model.wait_ready()
    assert len(hub.weights_requests()) == asked, "the marker on the volume is enough"
    assert "Downloaded" in watch.stop()
