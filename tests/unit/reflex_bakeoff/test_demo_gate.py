"""The demo's gate: what it says about the two bundled models, given how good they were measured.

Not a property of the gate but of its demo: each model's expected answer must come nearly always,
or the demo would show something else every now and then. Pass rates are those of the models' cards.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
import yaml
from scipy.stats import binom, multinomial

from measured_runs import item, names
from reflex_api.gate import GateSpec
from reflex_api.items import ItemRecord
from reflex_api.verdict import Judgement, Metric
from reflex_bakeoff.gate.repairs import repair_metrics
from reflex_bakeoff.gate.versus import compare

ROOT = Path(__file__).parents[3]
ITEMS = 100
NEARLY_ALWAYS = 0.99
MOSTLY = 0.95
RARE = 1e-6


def gate() -> GateSpec:
    found = yaml.safe_load_all((ROOT / "manifests/samples/routes/demo.yaml").read_text())
    route = next(one for one in found if one["kind"] == "ReflexRoute")
    return GateSpec.model_validate(route["spec"]["gate"])


def pass_rate(model: str) -> float:
    card = json.loads((ROOT / f"images/engine-cpu/models/{model}/evaluation.json").read_text())
    return float(card["pass_at_1"])


def records(passed: Sequence[bool]) -> tuple[ItemRecord, ...]:
    return tuple(item(name, good) for name, good in zip(names(ITEMS), passed, strict=True))


def named(metrics: Sequence[Metric], name: str) -> Judgement | None:
    return next(one.verdict for one in metrics if one.name == name)


def chance_to_pass(rate: float) -> float:
    """Return the chance that pass@1 is judged Pass, over all numbers of repaired items."""
    return sum(
        float(binom.pmf(count, ITEMS, rate))
        for count in range(ITEMS + 1)
        if _judged(count) is Judgement.PASS
    )


@cache
def _judged(count: int) -> Judgement | None:
    passed = records([index < count for index in range(ITEMS)])
    return named(repair_metrics(passed, gate(), 3, ()), "pass_at_1")


def test_the_gate_is_labelled_and_looks_once() -> None:
    assert gate().label == "demo"
    assert gate().quality.looks == (ITEMS,)


def test_the_better_model_qualifies_and_the_worse_one_does_not() -> None:
    assert chance_to_pass(pass_rate("reflex-tiny-a")) >= NEARLY_ALWAYS
    assert 1 - chance_to_pass(pass_rate("reflex-tiny-b")) >= NEARLY_ALWAYS


def test_the_better_model_is_shown_to_be_better(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if items were repaired independently: real models agree more, which helps."""
    # The power at the observed discordance is simulated for information, thousands of times here.
    monkeypatch.setattr("reflex_bakeoff.gate.versus.pass_probability", lambda *_: 0.0)
    better, worse = pass_rate("reflex-tiny-a"), pass_rate("reflex-tiny-b")
    gain, loss = better * (1 - worse), worse * (1 - better)
    wanted = gate()
    chance = 0.0
    for gained in range(ITEMS + 1):
        for lost in range(ITEMS + 1 - gained):
            same = ITEMS - gained - lost
            weight = float(
                multinomial.pmf([gained, lost, same], ITEMS, [gain, loss, 1 - gain - loss])
            )
            if weight < RARE:
                continue
            ours = records([index < gained for index in range(ITEMS)])
            theirs = records([gained <= index < gained + lost for index in range(ITEMS)])
            metrics, _ = compare(ours, theirs, wanted)
            if all(one.verdict is Judgement.PASS for one in metrics):
                chance += weight
    assert chance >= MOSTLY


@pytest.mark.parametrize(("count", "fits"), [(90, False), (97, True), (100, True)])
def test_the_floor_for_answers_can_be_shown_with_so_few_items(count: int, fits: bool) -> None:
    items = tuple(
        item(name, False, schema_valid=index < count, applied=None)
        for index, name in enumerate(names(ITEMS))
    )
    judged = named(repair_metrics(items, gate(), 3, ()), "schema_validity")
    assert (judged is Judgement.PASS) is fits
