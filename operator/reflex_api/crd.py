"""Writes the CustomResourceDefinitions from the models.

`make generate` writes them into manifests/crds/ and the chart; `--check` exits 1 when one is stale.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from reflex_api import bakeoff, route
from reflex_api.bakeoff_spec import ReflexBakeoffSpec
from reflex_api.bakeoff_status import ReflexBakeoffStatus
from reflex_api.model import KIND, PLURAL
from reflex_api.names import GROUP, VERSION
from reflex_api.route_spec import ReflexRouteSpec
from reflex_api.route_status import ReflexRouteStatus
from reflex_api.rules import RULES, ApiModel, Rule
from reflex_api.schema import Schema, structural
from reflex_api.spec import ReflexModelSpec
from reflex_api.status import ReflexModelStatus

SIZE_LIMIT: Final = 40_000
"""Bytes of a file. A client-side apply stores the object (compact JSON) in an annotation, too."""

_HEADER: Final = """\
# Generated from operator/reflex_api by `make generate`.
# Do not edit: change the models and generate again.
"""

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
_ROUTE_COLUMNS: Final = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', 0),
    ("Active", "string", ".status.active.model", 0),
    ("Incumbent", "string", ".status.incumbent", 0),
    ("Qualified", "string", '.status.conditions[?(@.type=="Qualified")].status', 0),
    ("Degraded", "string", '.status.conditions[?(@.type=="Degraded")].status', 1),
    ("Slot", "string", ".spec.slot.name", 1),
    ("Endpoint", "string", ".status.endpoint", 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
)
_BAKEOFF_COLUMNS: Final = (
    ("Model", "string", ".spec.modelRef.name", 0),
    ("Suite", "string", ".spec.gate.suite", 0),
    ("Verdict", "string", ".status.verdict", 0),
    ("Superiority", "string", ".status.superiority", 0),
    ("Pass@1", "string", ".status.passAt1", 0),
    ("Reason", "string", '.status.conditions[?(@.type=="Complete")].reason', 0),
    ("Progress", "string", ".status.progress", 0),
    ("Expires", "string", ".status.expiresAt", 1),
    ("Evidence", "string", ".status.evidenceId", 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One kind and what its definition is made of."""

    kind: str
    plural: str
    short: str
    about: str
    spec: type[ApiModel]
    status: type[ApiModel]
    columns: tuple[tuple[str, str, str, int], ...]
    longest_name: int
    scale: bool = False


RESOURCES: Final = (
    Resource(
        kind=KIND,
        plural=PLURAL,
        short="rm",
        about="One model, served by SGLang: which weights, on which engine, with which memory.",
        spec=ReflexModelSpec,
        status=ReflexModelStatus,
        columns=_COLUMNS,
        longest_name=50,
        scale=True,
    ),
    Resource(
        kind=route.KIND,
        plural=route.PLURAL,
        short="rr",
        about="One stable address: which models may serve it, in which order, on what evidence.",
        spec=ReflexRouteSpec,
        status=ReflexRouteStatus,
        columns=_ROUTE_COLUMNS,
        longest_name=50,
    ),
    Resource(
        kind=bakeoff.KIND,
        plural=bakeoff.PLURAL,
        short="rb",
        about="One measurement of a model and its verdict. Its spec is immutable.",
        spec=ReflexBakeoffSpec,
        status=ReflexBakeoffStatus,
        columns=_BAKEOFF_COLUMNS,
        longest_name=63,
    ),
)


def reflex_model() -> Schema:
    """Return the CustomResourceDefinition of ReflexModel."""
    return definition(RESOURCES[0])


def definition(resource: Resource) -> Schema:
    """Return the CustomResourceDefinition of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": resource.plural,
                "singular": resource.kind.lower(),
                "shortNames": [resource.short],
                "categories": ["reflex"],
            },
            "versions": [_version(resource)],
        },
    }


def _version(resource: Resource) -> dict[str, Any]:
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _root(resource)},
        "subresources": {"status": {}, **({"scale": scale} if resource.scale else {})},
        "additionalPrinterColumns": [
            {
                "name": name,
                "type": kind,
                "jsonPath": path,
                **({"priority": priority} if priority else {}),
            }
            for name, kind, path, priority in resource.columns
        ],
    }


def _root(resource: Resource) -> Schema:
    return {
        "type": "object",
        "description": resource.about,
        "properties": {
            "apiVersion": {
                "type": "string",
                "description": f"Version of this schema: {GROUP}/{VERSION}.",
                "maxLength": 64,
            },
            "kind": {
                "type": "string",
                "description": f"Always {resource.kind}.",
                "maxLength": 64,
            },
            "metadata": {"type": "object"},
            "spec": structural(resource.spec, description="What the user asks for."),
            "status": structural(
                resource.status,
                description="What the operator saw and did. Deleting it loses nothing.",
            ),
        },
        "required": ["spec"],
        RULES: [_name_rule(resource.longest_name).to_schema()],
    }


def _name_rule(longest: int) -> Rule:
    return Rule(
        rule=(
            f"self.metadata.name.size() <= {longest}"
            " && self.metadata.name.matches('^[a-z]([a-z0-9.-]*[a-z0-9])?$')"
        ),
        message=(
            "metadata.name must start with a letter, hold only a-z, 0-9, dots and hyphens, and have"
            f" at most {longest} characters: rename it"
        ),
    )


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 and kubectl take for a truth value, and PyYAML does not: a field `n`."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:y|Y|n|N)$"), list("yYnN"))


def render(definition: Schema) -> str:
    """Return the file's text: same models, same bytes."""
    # What holds only scalars is one line: indentation would be a third of the file.
    body = yaml.dump(
        definition,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=10_000,
        default_flow_style=None,
    )
    return _HEADER + body


def files() -> dict[str, str]:
    """Return the name and text of each generated file."""
    return {f"{GROUP}_{one.plural}.yaml": render(definition(one)) for one in RESOURCES}


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
