"""Writes the CustomResourceDefinitions from the models.

`make generate` writes them into manifests/crds/ and the chart; `--check` exits 1 when one is stale.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from reflex_api.model import KIND, PLURAL
from reflex_api.names import GROUP, VERSION
from reflex_api.rules import RULES, Rule
from reflex_api.schema import Schema, structural
from reflex_api.spec import ReflexModelSpec
from reflex_api.status import ReflexModelStatus

SIZE_LIMIT: Final = 40_000
"""Bytes of a file. A client-side apply stores the object (compact JSON) in an annotation, too."""

_HEADER: Final = """\
# Generated from operator/reflex_api by `make generate`.
# Do not edit: change the models and generate again.
"""

_NAME: Final = Rule(
    rule=(
        "self.metadata.name.size() <= 50"
        " && self.metadata.name.matches('^[a-z]([a-z0-9.-]*[a-z0-9])?$')"
    ),
    message=(
        "metadata.name must start with a letter, hold only a-z, 0-9, dots and hyphens, and have at"
        " most 50 characters: rename it"
    ),
)

_COLUMNS: Final = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', 0),
    ("Resident", "string", '.status.conditions[?(@.type=="Resident")].status', 0),
    ("Node", "string", ".status.resolved.node", 0),
    ("Context", "integer", ".spec.engine.contextLength", 0),
    ("Headroom", "string", ".status.memory.headroom", 1),
    ("Restarts", "integer", ".status.startup.restarts", 1),
    ("Endpoint", "string", ".status.endpoint", 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
)


def reflex_model() -> Schema:
    """Return the CustomResourceDefinition of ReflexModel."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": "reflexmodel",
                "shortNames": ["rm"],
                "categories": ["reflex"],
            },
            "versions": [_version()],
        },
    }


def _version() -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _root()},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": [
            {
                "name": name,
                "type": kind,
                "jsonPath": path,
                **({"priority": priority} if priority else {}),
            }
            for name, kind, path, priority in _COLUMNS
        ],
    }


def _root() -> Schema:
    return {
        "type": "object",
        "description": "One model, served by SGLang: which weights, on which engine, with which"
        " memory.",
        "properties": {
            "apiVersion": {
                "type": "string",
                "description": f"Version of this schema: {GROUP}/{VERSION}.",
                "maxLength": 64,
            },
            "kind": {"type": "string", "description": f"Always {KIND}.", "maxLength": 64},
            "metadata": {"type": "object"},
            "spec": structural(ReflexModelSpec, description="What the user asks for."),
            "status": structural(
                ReflexModelStatus,
                description="What the operator saw and did. Deleting it loses nothing.",
            ),
        },
        "required": ["spec"],
        RULES: [_NAME.to_schema()],
    }


def render(definition: Schema) -> str:
    """Return the file's text: same models, same bytes."""
    # What holds only scalars is one line: indentation would be a third of the file.
    body = yaml.safe_dump(
        definition, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None
    )
    return _HEADER + body


def files() -> dict[str, str]:
    """Return the name and text of each generated file."""
    return {f"{GROUP}_{PLURAL}.yaml": render(reflex_model())}


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with --check only compare them."""
    parser = argparse.ArgumentParser(prog="python -m reflex_api.crd", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 when a file is stale")
    parser.add_argument("--into", action="append", type=Path, metavar="FOLDER", required=True)
    options = parser.parse_args(arguments)
    wanted = {folder / name: text for folder in options.into for name, text in files().items()}
    stale = [
        (path, text)
        for path, text in wanted.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in stale:
        if options.check:
            sys.stderr.write(f"error: {path} is stale\n\nhint: run `make generate`\n")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
