"""Numbers and judgements as people read them."""

from reflex_api.verdict import Interval, Judgement, Metric, Part, Target, Verdict, Why

MARKS = {
    Judgement.PASS: "✓",
    Judgement.FAIL: "✗",
    Judgement.INCONCLUSIVE: "?",
    Judgement.ERROR: "!",
}
"""Beside the word, never instead of it."""

_SIGNS = {">=": "≥", "<=": "≤", ">": ">"}


def number(value: float | None, unit: str) -> str:
    """Return a number with its unit, no longer than needed.

    >>> number(0.7123, "share"), number(0.0053, "s"), number(12.5, "s"), number(None, "s")
    ('71.2 %', '5.3 ms', '12.5 s', '∞')
    """
    if value is None:
        return "∞" if unit == "s" else "none"
    if unit == "share":
        return f"{value * 100:.1f} %"
    if unit == "s":
        if value >= 10:
            return f"{value:.1f} s"
        return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value * 1000:.0f} ms"
    if unit == "steps":
        return f"{value:.0f}"
    return f"{value:.1f} {unit}"


def point(metric: Metric) -> str:
    """Return what was measured; "not measured" when nothing was."""
    if metric.point is None and (metric.verdict is Judgement.ERROR or metric.interval is None):
        return "not measured"
    return number(metric.point, metric.unit)


def interval(bounds: Interval | None, unit: str) -> str:
    """Return both bounds."""
    if bounds is None:
        return ""
    low = "-∞" if bounds.low is None else number(bounds.low, unit)
    high = "∞" if bounds.high is None else number(bounds.high, unit)
    return f"{low} to {high}"


def target(wanted: Target | None, unit: str) -> str:
    """Return what was wanted."""
    return "" if wanted is None else f"{_SIGNS[wanted.relation]} {number(wanted.value, unit)}"


def judgement(verdict: Judgement | None) -> str:
    """Return mark and word; nothing for what decides nothing."""
    return "" if verdict is None else f"{MARKS[verdict]} {verdict.value}"


def why(metric: Metric) -> str:
    """Return why it was judged so; nothing where nothing was to be judged."""
    plain = metric.verdict is None and metric.reason is Why.REPORT_ONLY and metric.point is not None
    return "" if plain else metric.message


def deciding(verdict: Verdict) -> list[Metric]:
    """Return the metrics that decide, qualification first."""
    parts = (Part.QUALIFICATION, Part.SUPERIORITY)
    return [one for part in parts for one in verdict.metrics if one.part is part]


def informing(verdict: Verdict) -> list[Metric]:
    """Return the others."""
    return [one for one in verdict.metrics if one.part is Part.REPORT]


def title(verdict: Verdict) -> str:
    """Return one line that names the candidate and the suite."""
    model = verdict.candidate.model if verdict.candidate is not None else "unreadable measurements"
    return f"Bakeoff of {model} on {verdict.gate.suite}"


def summary(verdict: Verdict) -> list[str]:
    """Return the answer in whole sentences, the most important first."""
    qualification = verdict.qualification
    said = [f"Qualification: {qualification.verdict.value} ({qualification.message})."]
    if verdict.superiority is not None:
        over = verdict.baseline.model if verdict.baseline is not None else "the baseline"
        said.append(
            f"Superiority over {over}: {verdict.superiority.verdict.value}"
            f" ({verdict.superiority.message})."
        )
    if verdict.promotes:
        said.append("It may take the incumbent's place.")
    elif verdict.verdict is Judgement.PASS:
        said.append("It may serve as a fallback.")
    elif verdict.verdict is Judgement.ERROR:
        said.append("Nothing is shown either way. It must not serve.")
    else:
        said.append("It must not serve.")
    if verdict.next_look is not None:
        said.append(f"Not final: measure {verdict.next_look} items and ask again.")
    elif verdict.look:
        said.append(f"Final, after {verdict.look} items.")
    return said


def warnings(verdict: Verdict) -> list[str]:
    """Return what a reader must know before believing a number."""
    said = []
    if verdict.gate.label:
        said.append(f"Gate: {verdict.gate.label}. Its limits are not those of production.")
    sides = [one for one in (verdict.candidate, verdict.baseline) if one is not None]
    if any(side.simulated for side in sides):
        said.append("Simulated: these numbers come from no real model.")
    return said
