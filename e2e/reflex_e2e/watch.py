"""What `kubectl get -w` shows of one object, collected until it is stopped."""

import subprocess
import threading

from reflex_e2e.kubectl import Cluster


class Watch:
    """Collects one value of an object, each time that the object changes.

    Args:
        kind: of the object, as kubectl takes it.
        jsonpath: which value, without braces.
    """

    def __init__(
        self, cluster: Cluster, kind: str, name: str, namespace: str, *, jsonpath: str
    ) -> None:
        self._seen: list[str] = []
        self._process = subprocess.Popen(
            [
                cluster.kubectl_path, "--kubeconfig", cluster.kubeconfig, "-n", namespace,
                "get", kind, name, "-w", "-o", f'jsonpath={{{jsonpath}}}{{"\\n"}}',
            ],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._seen.append(line.strip())

    def stop(self) -> list[str]:
        """End the watch and return what it saw, in order."""
        self._process.terminate()
        self._process.wait(timeout=10)
        self._thread.join(timeout=10)
        if self._process.stdout:
            self._process.stdout.close()
        return self._seen
