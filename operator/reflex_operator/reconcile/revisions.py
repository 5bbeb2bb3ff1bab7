"""What a Deployment remembers about revisions, in its annotations, and how to read a template.

The memory stands on the Deployment and not in the status: a status can be lost at any time, and
the template of the last good revision is nowhere else once it was replaced.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reflex_api.conditions import Reason
from reflex_api.names import ANNOTATION_FAILED, ANNOTATION_LAST_GOOD, READINESS_GATE
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.choice import ANNOTATION as ANNOTATION_CHOICE

_LONGEST_EVIDENCE: Final = 256


class GoodRevision(BaseModel):
    """The last revision that was verified; without a template it is the Deployment's own."""

    model_config = ConfigDict(frozen=True)
    revision: str = Field(min_length=1)
    template: Manifest | None = None
    source: str = ""  # what status.resolved.sourceRevision said of it


class FailedRevision(BaseModel):
    """The revision that was tried and failed, and the retry annotation's value at that time."""

    model_config = ConfigDict(frozen=True)
    revision: str = Field(min_length=1)
    reason: Reason
    evidence: str = Field(default="", max_length=_LONGEST_EVIDENCE)
    retry: str = ""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What is remembered about a model's revisions."""

    good: GoodRevision | None = None
    failed: FailedRevision | None = None

    def annotations(self) -> dict[str, str]:
        """Return the memory as the Deployment's annotations."""
        both = {ANNOTATION_LAST_GOOD: self.good, ANNOTATION_FAILED: self.failed}
        return {name: _text(one) for name, one in both.items() if one is not None}


def memory_of(deployment: Manifest | None) -> Memory:
    """Return what a Deployment remembers; what cannot be read counts as forgotten."""
    annotations = ((deployment or {}).get("metadata") or {}).get("annotations") or {}
    return Memory(
        good=_read(GoodRevision, annotations.get(ANNOTATION_LAST_GOOD)),
        failed=_read(FailedRevision, annotations.get(ANNOTATION_FAILED)),
    )


def failed_revision(revision: str, reason: Reason, evidence: str, retry: str) -> FailedRevision:
    """Return the record of a failure; the evidence is cut to fit."""
    line = " ".join(evidence.split())
    return FailedRevision(
        revision=revision, reason=reason, evidence=line[:_LONGEST_EVIDENCE], retry=retry
    )


def template_of(deployment: Manifest) -> Manifest:
    """Return a copy of the live pod template without empty fields, fit to be applied again."""
    return _without_nulls(deployment["spec"]["template"])


def held(deployment: Manifest, *, replicas: int, memory: Memory) -> Manifest:
    """Return the live Deployment as a manifest to apply, with other replicas and memory.

    It names every field of the live one: what server-side apply is not told again, it drops.
    """
    ours = ("name", "namespace", "labels", "ownerReferences")
    metadata = {key: value for key, value in deployment["metadata"].items() if key in ours}
    choice = (deployment["metadata"].get("annotations") or {}).get(ANNOTATION_CHOICE)
    if choice:
        metadata["annotations"] = {ANNOTATION_CHOICE: choice}
    return with_memory(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {**_without_nulls(deployment["spec"]), "replicas": replicas},
        },
        memory,
    )


def with_memory(deployment: Manifest, memory: Memory) -> Manifest:
    """Return a manifest with the memory among its annotations."""
    remembered = memory.annotations()
    if not remembered:
        return deployment
    metadata = deployment["metadata"]
    annotations = {**(metadata.get("annotations") or {}), **remembered}
    return {**deployment, "metadata": {**metadata, "annotations": annotations}}


def engine_args(template: Manifest) -> tuple[str, ...]:
    """Return the arguments of a template's engine."""
    return tuple(template["spec"]["containers"][0].get("args") or ())


def flag_value(args: Sequence[str], flag: str) -> str:
    """Return the value of `--flag=value`, or nothing.

    >>> flag_value(["--port=30000"], "--port")
    '30000'
    """
    start = f"{flag}="
    return next((one.removeprefix(start) for one in args if one.startswith(start)), "")


def keys_secret_of(template: Manifest) -> str:
    """Return the name of the Secret that a template's engine reads its API keys from."""
    volumes = template["spec"].get("volumes") or []
    secrets = (one.get("secret") or {} for one in volumes if one.get("name") == "keys")
    return str(next(secrets, {}).get("secretName") or "")


def gate_is_open(pod: Manifest) -> bool:
    """Return whether the pod's engine was verified."""
    return any(
        one["type"] == READINESS_GATE and one["status"] == "True"
        for one in (pod.get("status") or {}).get("conditions") or []
    )


_Record = TypeVar("_Record", GoodRevision, FailedRevision)


def _read(kind: type[_Record], text: str | None) -> _Record | None:
    try:
        return kind.model_validate_json(text) if text else None
    except ValidationError:
        return None


def _text(record: BaseModel) -> str:
    values = record.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _without_nulls(mapping: Manifest) -> Manifest:
    return {key: _bare(value) for key, value in mapping.items() if value is not None}


def _bare(value: object) -> object:
    if isinstance(value, dict):
        return _without_nulls(value)
    return [_bare(one) for one in value] if isinstance(value, list) else value
