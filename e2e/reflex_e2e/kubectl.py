"""The cluster as its user reaches it: kubectl and helm."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reflex_lab.existing import wanted

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "e2e/lab/reflex-lab"


class CommandError(Exception):
    """A command of the stack failed; the message holds its own words."""


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 600,
    quiet: bool = True,
) -> str:
    """Run a command and return its stdout.

    Args:
        quiet: keep stderr for the error message; else it goes to the terminal as it comes.

    Raises:
        CommandError: it exited with another code than 0 or took too long.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **(env or {})},
            input=stdin,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
            timeout=timeout,
            check=False,
            cwd=ROOT,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{' '.join(words)}: no end after {timeout:.0f} s") from error
    if done.returncode:
        said = (done.stderr or done.stdout or "").strip()
        raise CommandError(f"{' '.join(words)}: exit code {done.returncode}\n{said}")
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Programs and credentials for one cluster."""

    kubeconfig: Path
    kubectl_path: Path
    helm_path: Path

    def kubectl(self, *args: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Run kubectl and return its stdout."""
        command: list[str | Path] = [self.kubectl_path, "--kubeconfig", self.kubeconfig, *args]
        return run(command, stdin=stdin, timeout=timeout)

    def helm(self, *args: str, timeout: float = 300) -> str:
        """Run helm and return its stdout."""
        return run(
            [str(self.helm_path), "--kubeconfig", str(self.kubeconfig), *args], timeout=timeout
        )

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
        """Return one object.

        Raises:
            CommandError: it does not exist or cannot be read.
        """
        where = ["-n", namespace] if namespace else []
        answer: dict[str, Any] = json.loads(self.kubectl("get", kind, name, *where, "-o", "json"))
        return answer

    def list(self, kind: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of a kind in a namespace."""
        args = ["get", kind, "-n", namespace, "-o", "json"]
        if selector:
            args += ["-l", selector]
        items: list[dict[str, Any]] = json.loads(self.kubectl(*args))["items"]
        return items

    @contextmanager
    def port_forward(self, target: str, namespace: str, port: int) -> Iterator[int]:
        """Forward a local port to a Service or pod and yield the local port."""
        process = subprocess.Popen(
            [
                self.kubectl_path,
                "--kubeconfig",
                self.kubeconfig,
                "-n",
                namespace,
                "port-forward",
                target,
                f":{port}",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if "Forwarding from 127.0.0.1:" not in line:
                rest = process.communicate(timeout=5)[0]
                raise CommandError(f"kubectl port-forward {target}: {line}{rest}")
            yield int(line.split("127.0.0.1:")[1].split()[0])
        finally:
            process.terminate()
            process.wait(timeout=10)
            if process.stdout:
                process.stdout.close()


def uses_existing(environ: Mapping[str, str]) -> bool:
    """Return whether the user's own cluster stands in for the lab."""
    return wanted(environ)


def lab_cluster() -> Cluster:
    """Return the lab's cluster, or the existing one that the lab was told to use."""
    existing = os.environ.get("KUBECONFIG", "") if uses_existing(os.environ) else ""
    return Cluster(
        kubeconfig=Path(existing or run([LAB, "kubeconfig"]).strip()),
        kubectl_path=Path(run([LAB, "tool-path", "kubectl"]).strip()),
        helm_path=Path(run([LAB, "tool-path", "helm"]).strip()),
    )
