"""One page with everything in it: no script, no font, no picture from elsewhere."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from reflex_api.items import Items
from reflex_api.verdict import Metric, Verdict
from reflex_bakeoff.cache.proof import Step, prove
from reflex_bakeoff.gate.times import ITL, TTFT_COLD, TTFT_WARM
from reflex_bakeoff.report import plots, words


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A plot with its words."""

    title: str
    picture: Markup
    caption: str
    legend: bool = False


def render(verdict: Verdict, items: Items | None, baseline: Items | None = None) -> str:
    """Return the page; the same evidence gives the same bytes.

    Args:
        verdict: what the gate found.
        items: the candidate's measurements; None when they could not be read.
        baseline: the incumbent's.
    """
    steps: tuple[Step, ...] = ()
    if items is not None and items.cache is not None:
        steps, _ = prove(items.cache, verdict.gate.cache)
    return _template().render(
        verdict=verdict,
        title=words.title(verdict),
        warnings=words.warnings(verdict),
        summary=words.summary(verdict),
        deciding=words.deciding(verdict),
        informing=words.informing(verdict),
        figures=_figures(verdict, items, baseline),
        steps=steps,
        unrepaired=[one for one in items.items if one.fixed_within != 1] if items else [],
        words=words,
    )


@cache
def _template() -> Template:
    source = files("reflex_bakeoff.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)


def _figures(verdict: Verdict, items: Items | None, baseline: Items | None) -> list[Figure]:
    if items is None:
        return []
    compared = baseline is not None
    limits = verdict.gate.latency
    found = {one.name: one for one in verdict.metrics}
    drawn = [
        ("Repaired by the first patch, by error code", plots.by_code(verdict), "pass_at_1",
         any(one.incumbent_passed is not None for one in verdict.strata)),
        ("Difference to the incumbent after each look", plots.looks(verdict), "delta_pass_at_1",
         False),
        ("The same items in both runs", plots.pairs(verdict, items, baseline), "benefit", False),
    ]  # fmt: skip
    for name, timing, limit in (
        ("Time to first token, nothing cached", TTFT_COLD, limits.ttft_cold_p95_milliseconds),
        ("Time to first token, prefix cached", TTFT_WARM, limits.ttft_warm_p95_milliseconds),
        ("Time between tokens, one stream", ITL, limits.itl_p95_milliseconds),
    ):
        seconds = None if limit is None else limit / 1000
        picture = plots.latency(items, timing, seconds, baseline)
        drawn.append((f"{name}: share of requests done", picture, timing.name, compared))
    if items.cache is not None:
        drawn.append(
            ("Prefix cache: cold and warm requests", plots.cache(items.cache), "cache_proof", False)
        )
    return [
        # The picture is ours: every text in it is escaped where it is drawn.
        Figure(title=title, picture=Markup(picture), caption=_caption(found, name), legend=legend)  # noqa: S704
        for title, picture, name, legend in drawn
        if picture
    ]


def _caption(found: dict[str, Metric], name: str) -> str:
    return plots.caption(found.get(name))
