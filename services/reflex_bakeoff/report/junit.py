"""The verdict as JUnit XML: one test case a metric, so that CI shows which one it was."""

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from reflex_api.verdict import Judgement, Verdict
from reflex_bakeoff.report import words

_UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold."""


def render(verdict: Verdict) -> str:
    """Return the document. Fail is a failure, Error an error, Inconclusive a skipped test."""
    metrics = words.deciding(verdict)
    judged = [metric.verdict for metric in metrics]
    suite = Element(
        "testsuite",
        name=_clean(words.title(verdict)),
        tests=str(len(metrics)),
        failures=str(judged.count(Judgement.FAIL)),
        errors=str(judged.count(Judgement.ERROR)),
        skipped=str(judged.count(Judgement.INCONCLUSIVE)),
    )
    if verdict.candidate is not None:
        suite.set("timestamp", verdict.candidate.measured_at.strftime("%Y-%m-%dT%H:%M:%S"))
    properties = SubElement(suite, "properties")
    for name, value in (
        ("qualification", verdict.qualification.verdict.value),
        ("superiority", verdict.superiority.verdict.value if verdict.superiority else "not judged"),
        ("gate", verdict.gate.label or verdict.gate.suite),
        ("evidenceKey", verdict.candidate.evidence_key if verdict.candidate else ""),
    ):
        SubElement(properties, "property", name=name, value=_clean(value))
    for metric in metrics:
        case = SubElement(
            suite, "testcase", classname=f"bakeoff.{metric.part.value}", name=metric.name
        )
        message = _clean(f"{metric.reason.value}: {metric.message}")
        if metric.verdict is Judgement.FAIL:
            SubElement(case, "failure", message=message, type=metric.reason.value)
        elif metric.verdict is Judgement.ERROR:
            SubElement(case, "error", message=message, type=metric.reason.value)
        elif metric.verdict is Judgement.INCONCLUSIVE:
            SubElement(case, "skipped", message=message)
        SubElement(case, "system-out").text = _clean(
            f"{words.point(metric)} ({words.interval(metric.interval, metric.unit)}), wanted"
            f" {words.target(metric.target, metric.unit)}, n = {metric.n}; {metric.formula}"
        )
    if not metrics:
        # Without a case CI would show nothing at all, which looks like success.
        suite.set("tests", "1")
        suite.set("errors", "1")
        case = SubElement(suite, "testcase", classname="bakeoff", name="measurements")
        SubElement(
            case, "error", message=_clean(verdict.qualification.message),
            type=verdict.qualification.reason.value,
        )  # fmt: skip
    indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suite, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("?", text)
