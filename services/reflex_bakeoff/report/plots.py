"""The plots of the page, each from the verdict and the items alone."""

import math
from collections.abc import Sequence

from reflex_api.items import CacheRecord, Items
from reflex_api.verdict import Metric, Verdict
from reflex_bakeoff.gate.times import Timing, values
from reflex_bakeoff.report import words
from reflex_bakeoff.report.svg import Drawing, Scale

WIDTH = 720
_LEFT, _RIGHT = 120, 24


def by_code(verdict: Verdict) -> str:
    """Return pass@1 with its bounds for all items and each error code."""
    overall = _named(verdict, "pass_at_1")
    rows = [
        (one.name, one.n, one.passed / one.n, one.interval.low or 0.0, one.interval.high or 1.0,
         None if one.incumbent_passed is None else one.incumbent_passed / one.n)
        for one in verdict.strata
    ]  # fmt: skip
    if overall is not None and overall.looks:
        # The newest look, as the groups below are of all its items, too.
        last = overall.looks[-1]
        bounds = (last.interval.low or 0.0, last.interval.high or 1.0)
        rows.insert(0, ("all items", last.items, last.point, *bounds, overall.incumbent))
    top, step = 34, 26
    drawing = Drawing(WIDTH, top + step * len(rows) + 34, "pass@1 by error code, with 95 % bounds")
    # Room for "100 % of 300" beside a dot that stands at the end.
    scale = Scale(low=0, high=1, begin=_LEFT, end=WIDTH - _RIGHT - 92)
    bottom = top + step * len(rows)
    for tick in scale.ticks():
        drawing.line(scale.at(tick), top - 8, scale.at(tick), bottom, "grid")
        drawing.text(scale.at(tick), bottom + 16, f"{tick * 100:.0f} %", "tick", "middle")
    if overall is not None and overall.target is not None:
        x = scale.at(overall.target.value)
        drawing.line(x, top - 8, x, bottom, "limit")
        drawing.text(
            x, top - 14, f"floor {overall.target.value * 100:.0f} %", "limit-text", "middle"
        )
    for index, (name, n, share, low, high, incumbent) in enumerate(rows):
        y = top + step * index + step / 2
        kind = "strong" if name == "all items" else "label"
        drawing.text(_LEFT - 12, y + 4, name, kind, "end")
        drawing.line(scale.at(low), y, scale.at(high), y, "span")
        if incumbent is not None:
            says = f"{name}: incumbent {incumbent * 100:.1f} %"
            drawing.dot(scale.at(incumbent), y, "incumbent", says)
        says = f"{name}: {share * 100:.1f} % of {n} ({low * 100:.1f} to {high * 100:.1f} %)"
        drawing.dot(scale.at(share), y, "candidate", says)
        drawing.text(WIDTH - _RIGHT, y + 4, f"{share * 100:.0f} % of {n}", "tick", "end")
    return drawing.render()


def latency(items: Items, timing: Timing, limit: float | None, baseline: Items | None) -> str:
    """Return which share of requests was done after which time; failures never are."""
    ours = _sorted(items, timing)
    theirs = _sorted(baseline, timing) if baseline is not None else []
    if not ours:
        return ""
    finite = [one for one in (*ours, *theirs) if math.isfinite(one)]
    right = max([*finite, (limit or 0.0)]) * 1.08 or 1.0
    drawing = Drawing(WIDTH, 236, f"{timing.name}: share of requests done by time")
    x = Scale(low=0, high=right, begin=56, end=WIDTH - _RIGHT)
    y = Scale(low=0, high=1, begin=196, end=34)
    for tick in (0.0, 0.25, 0.5, 0.75, 0.95):
        drawing.line(56, y.at(tick), WIDTH - _RIGHT, y.at(tick), "grid")
        drawing.text(48, y.at(tick) + 4, f"{tick * 100:.0f} %", "tick", "end")
    for tick in x.ticks(6):
        drawing.text(x.at(tick), 214, f"{tick * 1000:g}", "tick", "middle")
    drawing.text(WIDTH - _RIGHT, 232, "ms", "tick", "end")
    if limit is not None:
        drawing.line(x.at(limit), 10, x.at(limit), 196, "limit")
        near = x.at(limit) > WIDTH - 160
        drawing.text(
            x.at(limit) + (-6 if near else 6), 18, f"limit for 95 %: {limit * 1000:g} ms",
            "limit-text", "end" if near else "start",
        )  # fmt: skip
    for times, kind in ((theirs, "incumbent-line"), (ours, "candidate-line")):
        if times:
            drawing.path(_steps(times, x, y), kind, "incumbent" if times is theirs else "candidate")
    return drawing.render()


def looks(verdict: Verdict) -> str:
    """Return the difference to the incumbent with its bounds after each look."""
    metric = _named(verdict, "delta_pass_at_1")
    if metric is None or not metric.looks or metric.target is None:
        return ""
    margin = metric.target.value
    wanted = float(verdict.gate.superiority.min_benefit)
    ends = [bound for look in metric.looks for bound in (look.interval.low, look.interval.high)]
    reach = max([abs(one or 0.0) for one in ends] + [abs(margin), wanted]) * 1.15
    top, step = 44, 34
    bottom = top + step * len(metric.looks)
    drawing = Drawing(WIDTH, bottom + 34, "difference of pass@1 to the incumbent after each look")
    scale = Scale(low=-reach, high=reach, begin=_LEFT, end=WIDTH - _RIGHT - 90)
    for tick in scale.ticks(6):
        drawing.line(scale.at(tick), top - 6, scale.at(tick), bottom, "grid")
        drawing.text(scale.at(tick), bottom + 16, f"{tick * 100:+.3g}", "tick", "middle")
    drawing.text(WIDTH - _RIGHT, bottom + 30, "points of pass@1", "tick", "end")
    drawing.line(scale.at(0), top - 6, scale.at(0), bottom, "axis")
    for value, text, row in (
        (margin, f"margin {margin * 100:+g}", 14),
        (wanted, f"wanted {wanted * 100:+g}", 14),
    ):
        drawing.line(scale.at(value), top - 12, scale.at(value), bottom, "limit")
        drawing.text(scale.at(value), row + 12, text, "limit-text", "middle")
    for index, look in enumerate(metric.looks):
        y = top + step * index + step / 2
        low, high = look.interval.low or -1.0, look.interval.high or 1.0
        drawing.text(_LEFT - 12, y + 4, f"{look.items} items", "label", "end")
        drawing.line(scale.at(low), y, scale.at(high), y, "span")
        says = (
            f"{look.items} items: {look.point * 100:+.1f} ({low * 100:+.1f} to {high * 100:+.1f})"
        )
        drawing.dot(scale.at(look.point), y, "candidate", says)
        drawing.text(WIDTH - _RIGHT, y + 4, f"{look.point * 100:+.1f} points", "tick", "end")
    return drawing.render()


def pairs(verdict: Verdict, items: Items, baseline: Items | None) -> str:
    """Return what became of the items in both runs, as one bar."""
    if verdict.pairs is None or baseline is None:
        return ""
    n, gained, lost = verdict.pairs.n, verdict.pairs.gained, verdict.pairs.lost
    first = set(items.run.planned[:n])
    ours = sum(one.fixed_within == 1 for one in items.items if one.id in first)
    both = ours - gained
    parts = (
        ("both", both, "both"),
        ("only the candidate", gained, "candidate-box"),
        ("only the incumbent", lost, "incumbent-box"),
        ("neither", n - both - gained - lost, "neither"),
    )
    drawing = Drawing(WIDTH, 84, f"of {n} items: who repaired which")
    x = 4.0
    for index, (name, count, kind) in enumerate(parts):
        width = (WIDTH - 8) * count / n
        drawing.box(x, 8, max(width - 2, 1), 26, kind, f"{name}: {count} of {n}")
        drawing.box(4 + index * 180, 52, 11, 11, kind)
        drawing.text(20 + index * 180, 62, f"{name} {count}", "label")
        x += width
    return drawing.render()


def cache(seen: CacheRecord) -> str:
    """Return the time to the first token of each cold and warm request."""
    groups = (("cold", seen.cold, "incumbent"), ("warm", seen.warm, "candidate"))
    times = [one.ttft for _, group, _ in groups for one in group]
    if not times:
        return ""
    drawing = Drawing(WIDTH, 150, "time to first token, cold and warm")
    scale = Scale(low=0, high=max(times) * 1.08, begin=_LEFT, end=WIDTH - _RIGHT)
    for tick in scale.ticks(6):
        drawing.line(scale.at(tick), 14, scale.at(tick), 112, "grid")
        drawing.text(scale.at(tick), 130, f"{tick * 1000:g}", "tick", "middle")
    drawing.text(WIDTH - _RIGHT, 146, "ms", "tick", "end")
    for index, (name, group, kind) in enumerate(groups):
        y = 38 + index * 50
        drawing.text(_LEFT - 12, y + 4, f"{name} ({len(group)})", "label", "end")
        for place, one in enumerate(group):
            # Spread by place, not by chance: the same evidence gives the same picture.
            shift = ((place * 7) % 11 - 5) * 2.2
            hit = f"{one.cached_tokens} of {one.prompt_tokens} tokens cached"
            says = f"{one.ttft * 1000:.1f} ms, {hit}"
            drawing.dot(scale.at(one.ttft), y + shift, f"{kind} faint", says, 3.5)
    return drawing.render()


def _named(verdict: Verdict, name: str) -> Metric | None:
    return next((one for one in verdict.metrics if one.name == name), None)


def _sorted(items: Items, timing: Timing) -> list[float]:
    return sorted(one for one in values(items.requests, timing) if one is not None)


def _steps(times: Sequence[float], x: Scale, y: Scale) -> list[tuple[float, float]]:
    """Return the corners of the share that is done: up at each time, flat between."""
    n = len(times)
    points = [(x.at(0), y.at(0))]
    for index, time in enumerate(times):
        if math.isinf(time):
            break
        points += [(x.at(time), y.at(index / n)), (x.at(time), y.at((index + 1) / n))]
    done = sum(math.isfinite(one) for one in times) / n
    return [*points, (x.end, y.at(done))]


def caption(metric: Metric | None) -> str:
    """Return a metric's own sentence for below a plot."""
    if metric is None:
        return ""
    return ": ".join(part for part in (words.judgement(metric.verdict), words.why(metric)) if part)
