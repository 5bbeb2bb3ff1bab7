"""Run kwokctl, and notice at once when a component that it started ends.

Alone it would wait two minutes for an API server that is already dead, and then report success.
"""

import subprocess
from pathlib import Path

from reflex_lab import processes
from reflex_lab.errors import StartError
from reflex_lab.waiting import until

COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok-controller",
)
CLUSTER = "control-plane"
_LINES = 15


def cluster_folder(work: Path) -> Path:
    """Return where kwokctl keeps the cluster below its working folder."""
    return work / "clusters" / CLUSTER


def create(*, program: Path, work: Path, config: Path, owner: str, seconds: float) -> None:
    """Start the components that `config` describes; return when the API server answers.

    Raises:
        StartError: kwokctl or a component ended; the message holds the end of its log.
    """
    log = config.with_name("kwokctl.log")
    command = [program, "create", "cluster", "--name", CLUSTER, "--config", config]
    # kwokctl would else write into the user's own ~/.kube/config.
    command += ["--kubeconfig", config.with_name("kwokctl.kubeconfig")]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=processes.environment(owner, {"KWOK_WORKDIR": str(work)}),
        ) as child,
    ):
        try:
            until(
                lambda: child.poll() is not None,
                what="kwokctl",
                seconds=seconds,
                every=0.02,
                check=lambda: _refuse_dead(work),
                evidence=lambda: log.read_text(errors="replace")[-2000:],
            )
        finally:
            child.kill()
    if child.returncode:
        raise StartError(f"kwokctl failed\n{log.read_text(errors='replace')[-2000:]}")
    _refuse_dead(work)


def tail(work: Path, *components: str) -> str:
    """Return the ends of the components' logs."""
    parts = []
    for component in components:
        log = cluster_folder(work) / "logs" / f"{component}.log"
        if log.exists():
            lines = log.read_text(errors="replace").splitlines()[-_LINES:]
            parts.append("\n".join([f"--- end of {log}", *lines]))
    return "\n".join(parts)


def _refuse_dead(work: Path) -> None:
    dead = []
    for component in COMPONENTS:
        try:
            pid = int((cluster_folder(work) / "pids" / f"{component}.pid").read_text())
        except (FileNotFoundError, ValueError):
            continue
        if processes.identify(pid) is None:
            dead.append(component)
    if dead:
        raise StartError(f"ended while starting: {', '.join(dead)}\n{tail(work, *dead)}")
