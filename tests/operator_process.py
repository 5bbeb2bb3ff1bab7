"""The operator as a process of its own, outside the cluster."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from reflex_e2e.kubectl import ROOT
from reflex_e2e.waiting import wait_for


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class OperatorProcess:
    """One operator; its log goes to a file."""

    def __init__(
        self, kubeconfig: Path, log: Path, *, identity: str = "one", engine_resolver: str = ""
    ) -> None:
        self.port = free_port()
        self.log = log
        kept = {k: v for k, v in os.environ.items() if not k.startswith("REFLEX_")}
        self.env = {
            **kept,
            "KUBECONFIG": str(kubeconfig),
            "PYTHONPATH": str(ROOT / "operator"),
            "REFLEX_NAMESPACE": "default",
            "REFLEX_IDENTITY": identity,
            "REFLEX_HTTP_HOST": "127.0.0.1",
            "REFLEX_HTTP_PORT": str(self.port),
            "REFLEX_ENGINE_IMAGE_CUDA": "example/sglang:cuda",
            "REFLEX_ENGINE_IMAGE_CPU": "example/sglang:cpu",
            "REFLEX_WEIGHTS_IMAGE": "example/reflex:1",
            "REFLEX_BAKEOFF_IMAGE": "example/reflex-bakeoff:1",
            "REFLEX_ENGINE_RESOLVER": engine_resolver,
            "REFLEX_LOG_FORMAT": "text",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, within: float = 30) -> "OperatorProcess":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "reflex_operator"],
                env=self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.log.parent,
            )
        wait_for("the operator is ready", self.ready, within=within)
        return self

    def ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"the operator ended: {self.log.read_text()[-3000:]}")
        try:
            return b"ok" in self.http("/readyz").lower() or True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def http(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            body: bytes = answer.read()
            return body

    def metric(self, name: str) -> float:
        """Sum of a metric's samples."""
        lines = self.http("/metrics").decode().splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith((f"{name}{{", f"{name} "))
        )

    def writes(self) -> float:
        """How often it wrote to anything but its Lease."""
        lines = self.http("/metrics").decode().splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith("reflex_api_requests_total{")
            and 'resource="leases"' not in line
            and 'verb="get"' not in line
            and 'verb="list"' not in line
        )

    def stop(self, sig: signal.Signals = signal.SIGTERM, *, within: float = 30) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(sig)
        code = self.process.wait(timeout=within)
        self.process = None
        return code
