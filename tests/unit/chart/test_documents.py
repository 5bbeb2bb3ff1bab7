"""Documents say what the code does, and their links lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reflex_api.conditions import ConditionType, Reason
from reflex_operator.metrics import Metrics
from reflex_operator.route_metrics import BakeoffMetrics, RouteMetrics
from unit.chart.helm_chart import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def test_every_reason_has_its_row_and_no_row_lacks_a_reason() -> None:
    text = (ROOT / "docs/reflexmodel.md").read_text()
    _, _, table = text.partition("### Reasons")
    rows = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(rows) == sorted(reason.value for reason in Reason)


def test_every_condition_is_described() -> None:
    text = (ROOT / "docs/reflexmodel.md").read_text()
    for kind in ConditionType:
        assert f"| `{kind.value}` |" in text


def test_every_metric_of_ours_is_described() -> None:
    metrics = Metrics()
    metrics.export_conditions(lambda: [])
    metrics.export(RouteMetrics(lambda: []))
    metrics.export(BakeoffMetrics(lambda: []))
    text = (ROOT / "docs/operations.md").read_text()
    documented = set(re.findall(r"^\| `(reflex_\w+)` \|", text, re.MULTILINE))
    exported = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in metrics.registry.collect()
        if family.name.startswith("reflex_")
    }
    assert documented == exported


def test_every_make_target_that_documents_name_exists() -> None:
    targets = set(re.findall(r"^([\w./$()-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        text = document.read_text()
        named = re.findall(r"(?:^|`)make ([a-z][\w/.-]*)", text, re.MULTILINE)
        named += re.findall(r"(?:^|`)make (\.venv/ok)", text, re.MULTILINE)
        assert set(named) <= targets, document


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in _links(document):
        path, _, anchor = target.partition("#")
        place = (document.parent / path).resolve() if path else document
        assert place.exists(), f"{document.name}: {target}"
        if anchor:
            anchors = {_anchor(heading) for heading in HEADING.findall(place.read_text())}
            assert anchor in anchors, f"{document.name}: {target}"


def _links(document: Path) -> Iterator[str]:
    for target in LINK.findall(document.read_text()):
        if "://" not in target:
            yield target


def _anchor(heading: str) -> str:
    """Return a heading's anchor as the usual hosts make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
