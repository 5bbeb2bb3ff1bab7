"""Renders the chart with the real helm."""

import functools
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[3]
CHART: Final = ROOT / "charts" / "reflex"
NAMESPACE: Final = "reflex-system"

Manifest = dict[str, Any]


class Refused(Exception):  # noqa: N818 - an outcome that tests expect
    """Helm refused the values; its text is what the user sees."""


class Chart:
    """The chart as one helm binary renders it; equal calls run helm once."""

    def __init__(self, helm: Path) -> None:
        self._helm = helm
        self._output = functools.cache(self._run)

    def render(
        self, release: str = "reflex", kube_version: str = "", /, **values: object
    ) -> list[Manifest]:
        """Return all objects of a release with these values (`image__tag` for image.tag).

        Raises:
            Refused: helm did not accept the values.
        """
        version = ("--kube-version", kube_version) if kube_version else ()
        output = self._output(
            "template", release, str(CHART), "--namespace", NAMESPACE, *version, *_sets(values)
        )
        return [found for found in yaml.safe_load_all(output) if found]

    def only(self, kind: str, /, **values: object) -> Manifest:
        """Return the one object of that kind."""
        (found,) = of_kind(self.render(**values), kind)
        return found

    def notes(self, **values: object) -> str:
        """Return what `helm install` tells the user."""
        output = self._output(
            "install",
            "reflex",
            str(CHART),
            "--namespace",
            NAMESPACE,
            "--dry-run=client",
            "--output=json",
            *_sets(values),
        )
        return str(json.loads(output)["info"]["notes"])

    def lint(self) -> str:
        """Return what `helm lint --strict` says."""
        return self._output("lint", "--strict", "--quiet", str(CHART))

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._helm), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={"HOME": "/nonexistent", "KUBECONFIG": "/dev/null"},
        )
        if done.returncode:
            raise Refused(done.stderr + done.stdout)
        return done.stdout


def of_kind(manifests: Iterable[Manifest], kind: str) -> list[Manifest]:
    """Return the objects of a kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def pod_template(deployment: Manifest) -> Manifest:
    """Return a Deployment's pod template."""
    template: Manifest = deployment["spec"]["template"]
    return template


def container(deployment: Manifest) -> Manifest:
    """Return the one container of a Deployment."""
    (only,) = pod_template(deployment)["spec"]["containers"]
    found: Manifest = only
    return found


def _sets(values: dict[str, object]) -> list[str]:
    return [f"--set-json={name.replace('__', '.')}={json.dumps(v)}" for name, v in values.items()]
