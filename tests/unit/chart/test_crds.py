"""The chart carries the generated CRDs unchanged."""

from typing import Any

import pytest
import yaml

from unit.chart.helm_chart import CHART, ROOT, Chart, of_kind

KEEP = "helm.sh/resource-policy"
KIND = "CustomResourceDefinition"


def test_the_charts_crds_are_the_generated_ones() -> None:
    generated = {path.name: path.read_text() for path in (ROOT / "manifests/crds").glob("*.yaml")}
    packed = {path.name: path.read_text() for path in (CHART / "files/crds").glob("*.yaml")}
    assert generated, "manifests/crds is empty: run `make generate`"
    assert packed == generated, "run `make generate`: it writes both folders"


def test_rendering_changes_only_labels_and_annotations(chart: Chart) -> None:
    rendered = {crd["metadata"]["name"]: crd for crd in of_kind(chart.render(), KIND)}
    files = [yaml.safe_load(path.read_text()) for path in (CHART / "files/crds").glob("*.yaml")]
    assert {crd["metadata"]["name"] for crd in files} == set(rendered)
    for crd in files:
        shown = rendered[crd["metadata"]["name"]]
        assert _types(shown["spec"]) == _types(crd["spec"])
        assert shown["spec"] == crd["spec"]
        for part in ("labels", "annotations"):
            kept = crd["metadata"].get(part) or {}
            assert kept.items() <= shown["metadata"][part].items()


def _types(value: Any) -> Any:
    """Return the tree of types: `1e+06` would equal 1000000 and still be refused as a length."""
    if isinstance(value, dict):
        return {key: _types(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_types(below) for below in value]
    return type(value).__name__


def test_uninstalling_keeps_the_crds_unless_asked_not_to(chart: Chart) -> None:
    for crd in of_kind(chart.render(), KIND):
        assert crd["metadata"]["annotations"][KEEP] == "keep"
    for crd in of_kind(chart.render(crds__keep=False), KIND):
        assert KEEP not in (crd["metadata"].get("annotations") or {})


@pytest.mark.parametrize("install", [True, False])
def test_crds_can_be_left_out(chart: Chart, install: bool) -> None:
    assert bool(of_kind(chart.render(crds__install=install), KIND)) is install
