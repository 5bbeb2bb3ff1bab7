import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

import measured_runs as runs
from reflex_api.gate import GateSpec
from reflex_api.items import Items
from reflex_api.verdict import Verdict
from reflex_bakeoff.gate.evaluate import evaluate, evaluate_texts
from reflex_bakeoff.report import html, junit, markdown
from reflex_bakeoff.report.svg import Scale

GATE = GateSpec(suite=runs.SUITE)
HOSTILE = "<script>alert(\"1\")</script> | & 'x' \x07"


def verdicts() -> dict[str, tuple[Verdict, Items | None, Items | None]]:
    ours, theirs = runs.paired(30, 12, 300, 170)
    candidate = runs.measured(ours)
    incumbent = runs.measured(theirs, run=runs.run(model="incumbent"))
    slow = tuple(runs.failure(one) for one in candidate.requests[:20])
    failing = runs.measured(
        runs.spread(40, 100),
        requests=(*slow, *candidate.requests[20:]),
        cache=runs.cache(flushed=False),
    )
    empty = runs.measured(items=(), requests=(), load=None, cache=None)
    return {
        "promoted": (evaluate(candidate, incumbent, GATE), candidate, incumbent),
        "alone": (evaluate(candidate, None, GATE), candidate, None),
        "failing": (evaluate(failing, incumbent, GATE), failing, incumbent),
        "open": (
            evaluate(runs.measured(runs.spread(52, 100)), None, GATE),
            runs.measured(runs.spread(52, 100)),
            None,
        ),
        "empty": (evaluate(empty, incumbent, GATE), empty, incumbent),
        "unreadable": (evaluate_texts("", None, GATE), None, None),
    }


ALL = verdicts()


class Page(HTMLParser):
    """Collects what a browser would load, and checks that tags are closed."""

    VOID = frozenset({"meta", "br", "hr", "line", "circle", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in {"meta", "br", "hr"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", ALL)
def test_the_page_needs_nothing_from_elsewhere(name: str) -> None:
    text = html.render(*ALL[name])
    page = Page(text)

    assert page.open == []
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(page.seen)
    assert not [pair for pair in page.attributes if pair[0] in {"src", "href", "srcset", "style"}]
    assert not [pair for pair in page.attributes if pair[0].startswith("on")]
    assert not re.search(r"https?://|@import|url\(", text)
    assert "nan" not in re.sub(r"[a-z]*nan[a-z]+|[a-z]+nan[a-z]*", "", text.lower())


def test_the_page_knows_light_and_dark() -> None:
    text = html.render(*ALL["promoted"])

    light, dark = (
        set(re.findall(r"--([a-z]+):", part))
        for part in re.findall(r":root \{(.*?)\}", text, re.DOTALL)
    )
    assert light == dark
    assert set(re.findall(r"var\(--([a-z]+)\)", text)) <= light


def test_every_class_of_a_plot_has_a_style() -> None:
    text = html.render(*ALL["promoted"])
    style = text[: text.index("</style>")]
    pictures = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    used = {one for found in re.findall(r'class="([^"]+)"', pictures) for one in found.split()}

    assert {one for one in used if f".{one}" not in style} <= {"label"}


def test_plots_show_what_was_measured() -> None:
    promoted = html.render(*ALL["promoted"])

    assert promoted.count("<svg") == 7
    assert "E0382" in promoted
    assert "30 of 300" in promoted
    assert html.render(*ALL["alone"]).count("<svg") == 5
    assert html.render(*ALL["unreadable"]).count("<svg") == 0


@pytest.mark.parametrize("name", ALL)
def test_the_same_evidence_gives_the_same_bytes(name: str) -> None:
    verdict, items, baseline = ALL[name]
    again = Verdict.model_validate_json(verdict.model_dump_json())

    assert html.render(again, items, baseline) == html.render(verdict, items, baseline)
    assert markdown.render(again) == markdown.render(verdict)
    assert junit.render(again) == junit.render(verdict)


def test_names_from_outside_stay_text() -> None:
    items = runs.measured(run=runs.run(model=HOSTILE))
    items = runs.measured(
        run=items.run,
        items=tuple(one.model_copy(update={"stratum": HOSTILE}) for one in items.items),
    )
    verdict = evaluate(items, items, GATE)

    page = html.render(verdict, items, items)
    assert "<script" not in page
    assert Page(page).open == []
    assert "<script" not in markdown.render(verdict)
    ElementTree.fromstring(junit.render(verdict))


@pytest.mark.parametrize("name", ALL)
def test_markdown_tables_are_whole(name: str) -> None:
    text = markdown.render(ALL[name][0])
    tables = [block for block in text.split("\n\n") if block.startswith("|")]

    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(widths) == 1
    for metric in ALL[name][0].metrics:
        assert f"`{metric.name}` = " in text


def parsed(verdict: Verdict) -> Any:
    return ElementTree.fromstring(junit.render(verdict))


@pytest.mark.parametrize("name", ALL)
def test_junit_counts_what_it_lists(name: str) -> None:
    suite = parsed(ALL[name][0])

    assert int(suite.get("tests")) == len(suite.findall("testcase")) >= 1
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.get(attribute)) == len(suite.findall(f"testcase/{tag}"))


def test_junit_fails_errs_and_skips_by_verdict() -> None:
    failing, open_, broken = (parsed(ALL[name][0]) for name in ("failing", "open", "unreadable"))

    failed = {
        case.get("name") for case in failing.findall("testcase") if case.find("failure") is not None
    }
    errors = {
        case.get("name") for case in failing.findall("testcase") if case.find("error") is not None
    }
    skipped = {
        case.get("name") for case in open_.findall("testcase") if case.find("skipped") is not None
    }
    assert {"error_rate", "ttft_cold_p95"} <= failed
    assert "cache_proof" in errors
    assert "pass_at_1" in skipped
    assert broken.get("errors") == "1"


def test_demo_and_simulated_are_said_everywhere() -> None:
    verdict, items, _ = ALL["alone"]
    demo = verdict.model_copy(update={"gate": verdict.gate.model_copy(update={"label": "demo"})})

    for text in (html.render(demo, items), markdown.render(demo)):
        assert "Gate: demo." in text
        assert "Simulated: these numbers come from no real model." in text


def test_only_what_passed_is_said_to_be_good_enough() -> None:
    for name, sentence in (
        ("promoted", "It may take the incumbent's place."),
        ("alone", "It may serve as a fallback."),
        ("failing", "It must not serve."),
        ("open", "It must not serve."),
        ("unreadable", "It must not serve."),
    ):
        assert sentence in markdown.render(ALL[name][0])


def test_items_that_were_not_repaired_are_listed_with_their_reason() -> None:
    seen = runs.measured(runs.spread(1, 2))
    wrong, right = sorted(seen.items, key=lambda one: one.fixed_within == 1)
    items = replace(seen, items=(wrong.model_copy(update={"reason": HOSTILE}), right))
    page = html.render(evaluate(items, None, GATE), items)
    listed = page.partition("Not repaired by the first patch")[2].partition("</table>")[0]

    assert "1 item," in listed
    assert f"<code>{wrong.id}</code>" in listed
    assert f"<code>{right.id}</code>" not in listed
    assert "&lt;script&gt;" in listed


def test_one_cause_of_several_metrics_is_told_once() -> None:
    load = runs.measured().load
    assert load is not None
    busy = runs.measured(load=load.model_copy(update={"loop_lag_p99": 0.05}))
    said = evaluate(busy, None, GATE).qualification.message

    assert said.startswith("ttft_cold_p95, ttft_warm_p95, itl_p95")
    assert said.count("event loop lag") == 1


def test_an_error_is_said_to_show_nothing() -> None:
    text = markdown.render(ALL["empty"][0])

    assert "Nothing is shown either way. It must not serve." in text


def test_an_axis_has_round_ticks_inside() -> None:
    for low, high in ((0, 1), (0, 0.37), (-0.08, 0.08), (0, 1234.5), (3, 3)):
        scale = Scale(low=low, high=high, begin=0, end=100)
        ticks = scale.ticks()
        assert 1 <= len(ticks) <= 12
        assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)
        assert 0 <= scale.at(low) <= scale.at(high) <= 100
