"""From an empty machine to a cluster with the operator in it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from reflex_e2e.diagnosis import diagnosis
from reflex_e2e.kubectl import (
    LAB,
    ROOT,
    Cluster,
    CommandError,
    lab_cluster,
    run,
    uses_existing,
)
from reflex_e2e.progress import Phases
from reflex_lab import packages
from reflex_lab.console import Console

SYSTEM_NAMESPACE = "reflex-system"
IMAGES = ("reflex", "bakeoff", "runner", "engine-cpu")


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A running stack: its cluster and the images in it."""

    cluster: Cluster
    images: dict[str, str]
    pull_policy: str = "Never"


def build_images() -> dict[str, str]:
    """Build what is not built yet; return each image's content-hashed reference."""
    references = {}
    for name in IMAGES:
        answer = json.loads(
            run(
                # buildah's store is what the lab loads from, whatever else is installed.
                [sys.executable, ROOT / "images/build.py", name, "--json", "--builder=buildah"],
                quiet=False,
                timeout=2400,
            )
        )
        references[name] = answer["image"]
    return references


def bring_up(phases: Phases, *, gpu_nodes: int = 0) -> Stack:
    """Start the lab, build and load the images, install the chart. Safe to call again.

    Compiling Kubernetes keeps the cores busy and fetching Python packages the network, so both
    run side by side; the time of each phase is that of its own end.
    """
    if uses_existing(os.environ):
        return _bring_up_existing(phases)
    with phases.phase("Debian packages"):  # before both sides want apt's lock
        packages.ensure({**packages.NODE, **packages.IMAGES}, console=Console())
    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = pool.submit(build_images)
        try:
            with phases.phase("cluster (tools, control plane, node)"):
                start_lab(gpu_nodes)
        except BaseException:
            pending.cancel()
            raise
        with phases.phase("images (what was left after the cluster)"):
            images = pending.result()
    with phases.phase("images into the node"):
        for reference in images.values():
            run([LAB, "load-image", reference], quiet=False, timeout=1200)
    with phases.phase("client tools (kubectl, helm)"):
        cluster = lab_cluster()
    with phases.phase("operator (helm install)"):
        install(cluster, images)
    return Stack(cluster=cluster, images=images)


def _bring_up_existing(phases: Phases) -> Stack:
    """Install into the user's own cluster, with images that it can pull.

    Raises:
        CommandError: the cluster does not answer, or an image is not named.
    """
    names = {
        "reflex": "REFLEX_IMAGE",
        "bakeoff": "REFLEX_BAKEOFF_IMAGE",
        "runner": "REFLEX_RUNNER_IMAGE",
        "engine-cpu": "REFLEX_ENGINE_CPU_IMAGE",
    }
    missing = [variable for variable in names.values() if not os.environ.get(variable)]
    if missing:
        raise CommandError(
            f"{' and '.join(missing)} must name images that the cluster can pull: build them as "
            "images/README.md says and push them to its registry"
        )
    images = {name: os.environ[variable] for name, variable in names.items()}
    with phases.phase("existing cluster"):
        start_lab()
    cluster = lab_cluster()
    with phases.phase("operator (helm install)"):
        install(cluster, images, pull_policy="IfNotPresent")
    return Stack(cluster=cluster, images=images, pull_policy="IfNotPresent")


def start_lab(gpu_nodes: int = 0) -> None:
    """Start the lab with its own progress on the terminal."""
    done = subprocess.run(
        [LAB, "up", "--gpu-nodes", str(gpu_nodes)], check=False, stdout=sys.stderr
    )
    if done.returncode:
        raise CommandError(f"reflex-lab up: exit code {done.returncode}")


def install(
    cluster: Cluster,
    images: dict[str, str],
    *,
    replicas: int = 1,
    pull_policy: str = "Never",
    values: Mapping[str, str] | None = None,
    loop: Mapping[str, Any] | None = None,
    reflection: Mapping[str, Any] | None = None,
) -> None:
    """Install or upgrade the chart and wait until all of it is ready.

    Args:
        values: further values of the chart, by their path.
        loop: the chart's `loop`; without it the repair service stays as it is, if it is there.
        reflection: the chart's `reflection`, likewise.

    Raises:
        CommandError: helm refused or it took too long; it says what the pods say.
    """
    loop = loop or _installed(cluster, "loop")
    reflection = reflection or _installed(cluster, "reflection")
    repository, _, tag = images["reflex"].rpartition(":")
    harness, _, harness_tag = images["bakeoff"].rpartition(":")
    runner, _, runner_tag = images["runner"].rpartition(":")
    command = (
        "upgrade", "--install", "reflex", str(ROOT / "charts/reflex"),
        "--namespace", SYSTEM_NAMESPACE, "--create-namespace",
        "--set-string", f"image.repository={repository}",
        "--set-string", f"image.tag={tag}",
        "--set", f"image.pullPolicy={pull_policy}",
        "--set-string", f"bakeoff.image.repository={harness}",
        "--set-string", f"bakeoff.image.tag={harness_tag}",
        "--set-string", f"loop.runners.image.repository={runner}",
        "--set-string", f"loop.runners.image.tag={runner_tag}",
        "--set-string", f"engine.images.cpu={images['engine-cpu']}",
        "--set", f"replicaCount={replicas}",
        *(word for path, value in (values or {}).items()
          for word in ("--set-string", f"{path}={value}")),
        *(("--set-json", f"loop={json.dumps(loop)}") if loop else ()),
        *(("--set-json", f"reflection={json.dumps(reflection)}") if reflection else ()),
        "--wait", "--timeout", "3m",
    )  # fmt: skip
    try:
        cluster.helm(*command)
    except CommandError as error:
        raise CommandError(f"{error}\n{diagnosis(cluster)}") from error


def _installed(cluster: Cluster, service: str) -> Mapping[str, Any] | None:
    try:
        found = cluster.helm("get", "values", "reflex", "-n", SYSTEM_NAMESPACE, "-o", "json")
    except CommandError:
        return None  # nothing is installed
    values: Mapping[str, Any] = json.loads(found) or {}
    return values.get(service)
