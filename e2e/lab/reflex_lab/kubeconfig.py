"""Kubeconfigs with their certificates inside, so that the one file is enough."""

import base64
from pathlib import Path

import yaml


def kubeconfig(*, server: str, ca: Path, certificate: Path, key: Path, name: str) -> str:
    """Return the text of a kubeconfig for one user of one cluster."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [
            {"name": name, "cluster": {"server": server, "certificate-authority-data": _b64(ca)}}
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": _b64(certificate),
                    "client-key-data": _b64(key),
                },
            }
        ],
    }
    return yaml.safe_dump(document, sort_keys=False)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, at once or not at all."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.touch(mode=0o600)
    scratch.chmod(0o600)
    scratch.write_text(text)
    scratch.rename(path)


def _b64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
