"""A ReflexModel in a cluster, as its user sees it through kubectl."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

import yaml

from reflex_e2e.kubectl import ROOT, Cluster, CommandError
from reflex_e2e.waiting import wait_for
from reflex_e2e.watch import Watch

START_WITHIN = 300.0
DEMO = ROOT / "manifests/samples/demo.yaml"


def small(name: str, memory: str = "256Mi") -> dict[str, Any]:
    """Return the demo's model under another name, with little to ask for."""
    manifest: dict[str, Any] = yaml.safe_load(DEMO.read_text())
    manifest["metadata"]["name"] = name
    manifest["spec"]["resources"] = {"cpu": "100m", "memory": memory, "sharedMemory": "64Mi"}
    return manifest


@dataclass(frozen=True, kw_only=True)
class Model:
    """One ReflexModel by its name; every look is a new one."""

    cluster: Cluster
    namespace: str
    name: str

    def apply(self, manifest: dict[str, Any] | None = None) -> None:
        """Apply a manifest with kubectl; without one, the demo's."""
        text = yaml.safe_dump(manifest) if manifest else DEMO.read_text()
        self.cluster.kubectl("apply", "-n", self.namespace, "-f", "-", stdin=text)

    def patch(self, spec: dict[str, Any]) -> None:
        """Merge into the spec."""
        body = json.dumps({"spec": spec})
        self.cluster.kubectl(
            "patch", "rm", self.name, "-n", self.namespace, "--type=merge", "-p", body
        )

    def annotate(self, name: str, value: str) -> None:
        """Set an annotation."""
        self.cluster.kubectl(
            "annotate", "rm", self.name, "-n", self.namespace, f"{name}={value}", "--overwrite"
        )

    def delete(self, *, timeout: int = 30) -> None:
        """Delete it and wait until the API server has let it go."""
        self.cluster.kubectl(
            "delete", "rm", self.name, "-n", self.namespace, f"--timeout={timeout}s",
            "--ignore-not-found",
        )  # fmt: skip

    def get(self) -> dict[str, Any]:
        """Return the object."""
        return self.cluster.get("reflexmodel", self.name, self.namespace)

    def exists(self) -> bool:
        """Return whether the API server still has it."""
        try:
            self.get()
        except CommandError as error:
            if "NotFound" in str(error):
                return False
            raise
        return True

    def watch_reason(self, kind: str = "Ready") -> Watch:
        """Collect the reasons of a condition from now on."""
        path = f'.status.conditions[?(@.type=="{kind}")].reason'
        return Watch(self.cluster, "rm", self.name, self.namespace, jsonpath=path)

    def condition(self, kind: str = "Ready") -> dict[str, Any]:
        """Return a condition of the current generation, or nothing yet."""
        model = self.get()
        generation = model["metadata"]["generation"]
        for one in (model.get("status") or {}).get("conditions") or []:
            if one["type"] == kind and one["observedGeneration"] == generation:
                found: dict[str, Any] = one
                return found
        return {}

    def wait_ready(self) -> dict[str, Any]:
        """Wait until the current generation serves and return the model."""

        def serves() -> bool:
            return self.condition().get("status") == "True"

        try:
            wait_for(f"{self.name} serves", serves, within=START_WITHIN, every=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {self.condition()}") from None
        return self.get()

    def wait_reason(self, reason: str, within: float = 60, kind: str = "Ready") -> str:
        """Wait for a condition's reason and return its message."""

        def said() -> dict[str, Any] | None:
            found = self.condition(kind)
            return found if found.get("reason") == reason else None

        try:
            found = wait_for(f"{self.name} says {reason}", said, within=within)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {self.condition(kind)}") from None
        return str(found["message"])

    def pods(self) -> list[dict[str, Any]]:
        """Return its engine pods."""
        return self.cluster.list("pods", self.namespace, f"reflexstack.dev/model={self.name}")

    def wait_gone(self, within: float = 90) -> None:
        """Wait until no engine pod is left."""
        wait_for(f"no pod of {self.name} is left", lambda: not self.pods(), within=within)

    def crash(self, *, times: int = 3, within: float = 300) -> None:
        """Kill its engine as soon as it runs, until the kubelet restarted it so often.

        It ends sooner when the pod is taken away: nobody waits for this engine any more.
        """
        (first,) = self.pods()

        def restarted() -> bool:
            same = [one for one in self.pods() if _same(one, first)]
            if not same or "deletionTimestamp" in same[0]["metadata"]:
                return True
            (container,) = same[0]["status"]["containerStatuses"]
            if int(container["restartCount"]) >= times:
                return True
            self.signal("sglang::scheduler", "SIGKILL")
            return False

        wait_for(f"{self.name} was restarted {times} times", restarted, within=within, every=0.5)

    def signal(self, process: str, signal: str) -> None:
        """Send a signal to the engine's processes whose command line holds `process`."""
        program = (
            "import glob, os, signal, sys\n"
            "for f in glob.glob('/proc/[0-9]*/cmdline'):\n"
            "    pid = int(f.split('/')[2])\n"
            "    if sys.argv[1].encode() in open(f, 'rb').read() and pid != os.getpid():\n"
            "        os.kill(pid, getattr(signal, sys.argv[2]))\n"
        )
        # What is killed may take kubectl's connection along: its exit code says nothing.
        subprocess.run(
            [
                self.cluster.kubectl_path, "--kubeconfig", self.cluster.kubeconfig,
                "-n", self.namespace, "exec", f"deployment/{self.name}", "--",
                "python3", "-c", program, process, signal,
            ],
            check=False,
            capture_output=True,
        )  # fmt: skip


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one["metadata"]["uid"] == other["metadata"]["uid"])
