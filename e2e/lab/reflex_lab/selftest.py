"""`reflex-lab self-test`: does a pod get what it relies on?"""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reflex_lab.archives import archive
from reflex_lab.command import run
from reflex_lab.console import Console
from reflex_lab.errors import LabError, StartError
from reflex_lab.lab import Lab
from reflex_lab.waiting import until

NAMESPACE = "reflex-lab-self-test"
IMAGE = "localhost/reflex-lab-probe:1"


class SelfTest:
    """One run, in a namespace of its own that is deleted afterwards."""

    def __init__(self, lab: Lab, *, console: Console) -> None:
        self._lab = lab
        self._console = console
        self._kubectl = [
            str(lab.tools.path("kubectl")),
            f"--kubeconfig={lab.kubeconfig()}",
            f"--namespace={NAMESPACE}",
        ]

    def run(self) -> None:
        """Raise LabError at the first thing that does not work."""
        with self._step("image loaded"):
            self._load()
        try:
            with self._step("pod Ready, names resolved, TLS to the service address verified"):
                self._start()
            with self._step("logs"):
                said = self._ask("logs", "pod/probe")
                self._expect("ok" in said.split() and "TLS verified" in said, said)
            with self._step("volume bound and written"):
                self._volume()
            with self._step("exec, Service and cluster DNS from the pod"):
                url = f"http://probe.{NAMESPACE}.svc.cluster.local"
                said = self._ask("exec", "pod/probe", "--", "/probe", "get", url)
                self._expect(said == "served", said)
            with self._step("Service from this machine"):
                address = self._ask("get", "service/probe", "-o=jsonpath={.spec.clusterIP}")
                self._expect(_get(f"http://{address}/") == "served", address)
            with self._step("port-forward"):
                self._port_forward()
        finally:
            self._ask("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=true")

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._console.say(f"{what}: {time.monotonic() - began:.1f} s")

    def _ask(self, *arguments: str, text: str | None = None) -> str:
        return run([*self._kubectl, *arguments], text=text, seconds=120)

    @staticmethod
    def _expect(held: bool, evidence: str) -> None:
        if not held:
            raise LabError(f"self-test failed: {evidence}")

    def _load(self) -> None:
        program = self._lab.tools.path("probe").read_bytes()
        file = self._lab.paths.node / "probe.tar"
        file.write_bytes(archive(reference=IMAGE, program=program, name="probe"))
        self._lab.load_image(str(file))
        file.unlink()

    def _start(self) -> None:
        documents = json.dumps({"apiVersion": "v1", "kind": "List", "items": _manifests()})
        self._ask("apply", "--server-side", "--filename=-", text=documents)
        try:
            self._ask("wait", "pod/probe", "--for=condition=Ready", "--timeout=60s")
        except LabError as error:
            raise LabError(f"self-test failed: {self._ask('logs', 'pod/probe')}") from error

    def _volume(self) -> None:
        name = self._ask("get", "pvc/data", "-o=jsonpath={.spec.volumeName}")
        path = self._ask("get", f"pv/{name}", "-o=jsonpath={.spec.hostPath.path}")
        self._expect((Path(path) / "written").read_text() == "by the probe\n", path)

    def _port_forward(self) -> None:
        command = [*self._kubectl, "port-forward", "pod/probe", ":8080"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            try:
                line = child.stdout.readline() if child.stdout else ""
                port = line.partition("127.0.0.1:")[2].split(" ")[0]
                self._expect(_get(f"http://127.0.0.1:{port}/") == "served", line)
            finally:
                child.kill()


def _get(url: str) -> str:
    answer = []

    def answered() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                answer.append(response.read().decode())
        except OSError:
            return False
        return True

    try:
        until(answered, what=url, seconds=15, every=0.2)
    except StartError as error:
        raise LabError(f"self-test failed: {error}") from None
    return str(answer[0])


def _manifests() -> list[dict[str, object]]:
    labels = {"app": "probe"}
    restricted = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "probe",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "securityContext": restricted,
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    spec = {
        "nodeSelector": {"reflexstack.dev/lab-node": "real"},
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    }
    metadata = {"namespace": NAMESPACE}
    enforce = {"pod-security.kubernetes.io/enforce": "restricted"}
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
    }
    ports = [{"port": 80, "targetPort": 8080}]
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": enforce},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {**metadata, "name": "data"},
            "spec": claim,
        },
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {**metadata, "name": "default"},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**metadata, "name": "probe", "labels": labels},
            "spec": spec,
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**metadata, "name": "probe"},
            "spec": {"selector": labels, "ports": ports},
        },
    ]
