"""Wrong values are refused with the field's name, before anything reaches a cluster."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from unit.chart.helm_chart import CHART, Chart, Refused

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
OPEN = {
    "affinity",
    "nodeSelector",
    "podAnnotations",
    "podLabels",
    "serviceAccount.annotations",
    "metrics.serviceMonitor.labels",
    "resources.requests",
    "resources.limits",
    "loop.config",
    "loop.prices",
    "loop.routes",
    "loop.prices.models",
    "loop.nodeSelector",
    "loop.podAnnotations",
    "loop.podLabels",
    "loop.resources.requests",
    "loop.resources.limits",
    "loop.runners.nodeSelector",
    "loop.runners.check.resources.requests",
    "loop.runners.check.resources.limits",
    "loop.runners.fetch.resources.requests",
    "loop.runners.fetch.resources.limits",
    "reflection.config",
    "reflection.config.t3",
    "reflection.nodeSelector",
    "reflection.podAnnotations",
    "reflection.podLabels",
    "reflection.resources.requests",
    "reflection.resources.limits",
}
"""Mappings whose keys are the user's or Kubernetes' own."""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image.repository", ""),
        ("image.repository", "reflex:latest"),
        ("image.tag", "not a tag"),
        ("image.digest", "sha256:abc"),
        ("image.pullPolicy", "Sometimes"),
        ("imagePullSecrets", ["registry"]),
        ("replicaCount", -1),
        ("replicaCount", "2"),
        ("fullnameOverride", "Reflex"),
        ("engine.images.cuda", "Not An Image"),
        ("logLevel", "verbose"),
        ("logFormat", "xml"),
        ("leaseDurations.duration", "15s"),
        ("crds.keep", "yes"),
        ("rbac.create", 1),
        ("serviceAccount.name", "Not_A_Name"),
        ("resources", {"request": {}}),
        ("tolerations", {}),
        ("priorityClassName", "Very High"),
        ("podLabels", {"app.kubernetes.io/name": "mine"}),
        ("terminationGracePeriodSeconds", 0),
        ("metrics.serviceMonitor.interval", "often"),
        ("networkPolicy.from", [{}]),
    ],
)
def test_a_wrong_value_is_refused_by_name(chart: Chart, field: str, value: object) -> None:
    with pytest.raises(Refused) as refused:
        chart.render(**{field.replace(".", "__"): value})
    assert "/" + field.replace(".", "/") in str(refused.value)


def test_an_unknown_value_is_refused_by_name(chart: Chart) -> None:
    with pytest.raises(Refused, match="replicas"):
        chart.render(replicas=2)
    with pytest.raises(Refused, match=r"/image.*pullpolicy"):
        chart.render(image__pullpolicy="Always")


def test_there_is_no_way_to_pass_a_test_switch(chart: Chart) -> None:
    """`--engine-resolver` and the like must not be reachable from a released chart."""
    for field in ("args", "extraArgs", "command", "env", "extraEnv"):
        with pytest.raises(Refused, match=field):
            chart.render(**{field: ["--engine-resolver=x"]})


@pytest.mark.parametrize(
    "lease",
    [
        {"duration": 10, "renewDeadline": 10, "retryPeriod": 2},
        {"duration": 15, "renewDeadline": 2, "retryPeriod": 2},
        {"duration": 15, "renewDeadline": 6, "retryPeriod": 5},
    ],
)
def test_lease_durations_must_descend(chart: Chart, lease: dict[str, int]) -> None:
    with pytest.raises(Refused, match="leaseDurations: duration"):
        chart.render(leaseDurations=lease)


def test_the_defaults_are_valid() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.Draft7Validator(SCHEMA).validate(VALUES)


def test_every_mapping_of_ours_is_closed() -> None:
    validator = jsonschema.Draft7Validator(SCHEMA)
    for path in _mappings(VALUES):
        if path in OPEN:
            continue
        changed = json.loads(json.dumps(VALUES))
        place = changed
        for part in filter(None, path.split(".")):
            place = place[part]
        place["unknownName"] = 1
        assert not validator.is_valid(changed), f"{path or 'top level'} takes any name"


def test_every_default_is_described() -> None:
    for path in _mappings(VALUES):
        if path in OPEN:
            continue
        described, given = SCHEMA, VALUES
        for part in filter(None, path.split(".")):
            described, given = described["properties"][part], given[part]
        assert given.keys() <= described["properties"].keys(), path


def _mappings(value: dict[str, Any], path: str = "") -> Iterator[str]:
    yield path
    for name, below in value.items():
        if isinstance(below, dict):
            yield from _mappings(below, f"{path}.{name}" if path else name)
