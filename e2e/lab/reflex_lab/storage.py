"""Dynamic volumes: Rancher's local-path-provisioner as a host process, and a default StorageClass.

Its helper pods run a program of ours (tools/node/volume-helper) on the volume's node; on a fake
node kwok completes them, so that claims are bound there too.
"""

import json
from pathlib import Path

from reflex_lab.kube import Kube, Manifest
from reflex_lab.launch import launch
from reflex_lab.tools import Tools

NAMESPACE = "reflex-lab"
CLASS = "local-path"
PROVISIONER = "rancher.io/local-path"
HELPER_IMAGE = "localhost/reflex-lab-volume-helper:1"
_SERVICE_ACCOUNT = "volume-helper"


class Storage:
    """The provisioner of one cluster."""

    def __init__(self, *, owner: str, folder: Path, volumes: Path | None = None) -> None:
        self._owner = owner
        self._folder = folder
        self._volumes = volumes or folder / "volumes"

    def start(self, *, tools: Tools, client: Kube, kubeconfig: Path) -> None:
        """Create the StorageClass and start the provisioner."""
        for manifest in manifests():
            client.apply(manifest)
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "config.json"
        config.write_text(json.dumps(configuration(self._volumes), indent=1))
        helper = self._folder / "helper-pod.json"
        helper.write_text(json.dumps(helper_pod()))
        launch(
            "local-path-provisioner",
            [
                tools.path("local-path-provisioner"),
                "start",
                f"--config={config}",
                f"--helper-pod-file={helper}",
                f"--helper-image={HELPER_IMAGE}",
                f"--kubeconfig={kubeconfig}",
                f"--namespace={NAMESPACE}",
                f"--provisioner-name={PROVISIONER}",
                f"--service-account-name={_SERVICE_ACCOUNT}",
                "--worker-threads=32",
            ],
            owner=self._owner,
            log=self._folder / "local-path-provisioner.log",
        )


def configuration(volumes: Path) -> Manifest:
    """Return the provisioner's configuration: every node keeps its volumes in one folder."""
    every_node = {"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [str(volumes)]}
    return {
        "nodePathMap": [every_node],
        "setupCommand": "/volume-helper",
        "teardownCommand": "/volume-helper",
    }


def helper_pod() -> Manifest:
    """Return the pod that makes and removes volume folders."""
    container = {
        "name": "helper",
        "image": HELPER_IMAGE,
        "imagePullPolicy": "Never",
        "securityContext": {"runAsUser": 0},
    }
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
    }
    metadata = {"name": "volume", "labels": {"reflexstack.dev/lab": "volume-helper"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def manifests() -> tuple[Manifest, ...]:
    """Return the namespace of the helper pods, their account and the default StorageClass."""
    return (
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": NAMESPACE,
                # Helper pods mount the volumes' folder from the host.
                "labels": {"pod-security.kubernetes.io/enforce": "privileged"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": _SERVICE_ACCOUNT, "namespace": NAMESPACE},
        },
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": PROVISIONER,
            "volumeBindingMode": "WaitForFirstConsumer",
            "reclaimPolicy": "Delete",
        },
    )
