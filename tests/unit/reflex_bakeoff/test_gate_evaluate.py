from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import measured_runs as runs
from reflex_api import items as documents
from reflex_api.gate import GateSpec
from reflex_api.items import Ending, Items, Outcome
from reflex_api.verdict import Judgement, Part, Why, worst
from reflex_bakeoff.gate.evaluate import evaluate, evaluate_texts

GATE = GateSpec(suite=runs.SUITE)
PASS, FAIL, OPEN, ERROR = (
    Judgement.PASS, Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.ERROR,
)  # fmt: skip


def gate(**parts: Any) -> GateSpec:
    return GateSpec.model_validate({"suite": runs.SUITE, **parts})


def test_a_good_run_is_qualified_and_not_promoted_without_a_baseline() -> None:
    verdict = evaluate(runs.measured(), None, GATE)

    assert verdict.verdict is PASS, verdict.qualification.message
    assert verdict.superiority is None
    assert not verdict.promotes
    assert verdict.next_look is None


def test_the_same_measurements_give_the_same_bytes() -> None:
    first = evaluate(runs.measured(), runs.measured(), GATE).model_dump_json()

    assert evaluate(runs.measured(), runs.measured(), GATE).model_dump_json() == first


# --- quality over looks


@pytest.mark.parametrize(
    ("passed", "n", "verdict", "reason", "following"),
    [
        (70, 100, PASS, Why.BOUND_MET, None),
        (30, 100, FAIL, Why.BOUND_MISSED, None),
        (52, 100, OPEN, Why.NOT_YET_DECIDED, 200),
        (104, 200, OPEN, Why.NOT_YET_DECIDED, 300),
        (156, 300, OPEN, Why.UNDECIDED_AT_LAST_LOOK, None),
    ],
)
def test_the_floor_is_judged_at_each_look(
    passed: int, n: int, verdict: Judgement, reason: Why, following: int | None
) -> None:
    lenient = gate(answers={"schemaFloor": "0.90"})

    found = evaluate(runs.measured(runs.spread(passed, n)), None, lenient)

    assert (runs.metric(found, "pass_at_1").verdict, runs.metric(found, "pass_at_1").reason) == (
        verdict,
        reason,
    )
    assert found.next_look == following
    assert found.look == n


def test_the_first_look_that_decides_stands_whatever_comes_after_it() -> None:
    passed = [True] * 80 + [False] * 220

    metric = runs.metric(evaluate(runs.measured(passed), None, GATE), "pass_at_1")

    assert (metric.verdict, metric.n) == (PASS, 100)
    assert [look.verdict for look in metric.looks] == [PASS, FAIL, FAIL]


def test_items_beyond_the_last_full_look_wait() -> None:
    found = evaluate(runs.measured(runs.spread(78, 150)), None, gate(answers={"schemaFloor": 0.9}))

    assert (found.look, found.next_look) == (100, 200)


@pytest.mark.parametrize(("invalid", "verdict"), [(3, PASS), (4, OPEN), (20, FAIL)])
def test_at_most_three_of_three_hundred_answers_break_the_schema(
    invalid: int, verdict: Judgement
) -> None:
    good = runs.repairs(runs.spread(210, 300))
    bad = runs.spread(invalid, 300)
    items = tuple(
        one.model_copy(update={"schema_valid": not broken, "applied": not broken})
        for one, broken in zip(good, bad, strict=True)
    )

    found = evaluate(runs.measured(items=items), None, GATE)

    assert runs.metric(found, "schema_validity").verdict is verdict
    assert found.verdict is verdict


@pytest.mark.parametrize(("cut_off", "verdict"), [(1, PASS), (2, OPEN), (20, FAIL)])
def test_a_ceiling_is_met_by_the_whole_interval(cut_off: int, verdict: Judgement) -> None:
    items = tuple(
        one.model_copy(update={"truncated": cut})
        for one, cut in zip(
            runs.repairs(runs.spread(210, 300)), runs.spread(cut_off, 300), strict=True
        )
    )

    found = evaluate(runs.measured(items=items), None, gate(answers={"truncationCeiling": "0.02"}))

    assert runs.metric(found, "truncation_rate").verdict is verdict


def test_a_repair_by_the_second_try_is_no_pass_at_1() -> None:
    items = tuple(runs.item(name, False, fixed_within=2) for name in runs.names(300))

    found = evaluate(runs.measured(items=items), None, GATE)

    assert (runs.metric(found, "pass_at_1").point, found.verdict) == (0.0, FAIL)
    assert runs.metric(found, "pass_within_n").point == 1.0


def test_an_answer_that_is_no_patch_does_not_apply() -> None:
    good = runs.repairs(runs.spread(210, 300))
    items = (*good[:-1], good[-1].model_copy(update={"schema_valid": False, "applied": None}))

    found = evaluate(runs.measured(items=items), None, GATE)

    assert runs.metric(found, "apply_rate").point == pytest.approx(299 / 300)


def test_a_failed_floor_stops_the_run_although_others_are_open() -> None:
    passed = runs.spread(30, 100)

    assert evaluate(runs.measured(passed), None, GATE).next_look is None


# --- what spoils a measurement


def spoilt(change: Callable[[tuple[Any, ...]], tuple[Any, ...]], n: int = 300) -> Items:
    return runs.measured(items=change(runs.repairs(runs.spread(210, n))))


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        (spoilt(lambda all: (*all[:-1], all[0])), Why.DUPLICATE_ITEM),
        (spoilt(lambda all: (*all[:-1], runs.item("other-1", True))), Why.UNKNOWN_ITEM),
        (spoilt(lambda all: all[:5] + all[6:]), Why.MISSING_ITEM),
        (spoilt(lambda all: all[:60]), Why.TOO_FEW_SAMPLES),
        (spoilt(lambda all: ()), Why.TOO_FEW_SAMPLES),
        (
            spoilt(
                lambda all: (
                    *all[:-1],
                    all[-1].model_copy(update={"outcome": Outcome.ERROR, "fixed_within": None}),
                )
            ),
            Why.UNMEASURED_ITEM,
        ),
        (runs.measured(run=runs.run(250)), Why.UNKNOWN_ITEM),
        (
            runs.measured(runs.spread(140, 200), run=runs.run(200)),
            Why.SUITE_TOO_SMALL,
        ),
        (runs.measured(run=runs.run(suite="another")), Why.WRONG_SUITE),
    ],
)
def test_repairs_that_cannot_be_judged_are_errors(items: Items, reason: Why) -> None:
    found = evaluate(items, runs.measured(), GATE)

    assert found.verdict is ERROR
    assert found.superiority is not None
    assert found.superiority.verdict is ERROR
    assert not found.promotes
    allowed = {reason, Why.SUITE_TOO_SMALL} if reason is Why.UNKNOWN_ITEM else {reason}
    assert runs.metric(found, "pass_at_1").reason in allowed
    assert found.next_look is None


@pytest.mark.parametrize("field", ["schema_valid", "truncated"])
def test_one_item_without_its_number_spoils_the_metric(field: str) -> None:
    items = spoilt(lambda all: (*all[:-1], all[-1].model_copy(update={field: None})))

    found = evaluate(items, None, GATE)

    assert found.verdict is ERROR
    assert Why.MISSING_MEASUREMENT in {one.reason for one in found.metrics}


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_an_error(word: str) -> None:
    text = documents.dump(runs.measured()).replace('"ttft":0.4', f'"ttft":{word}', 1)

    found = evaluate_texts(text, None, GATE)

    assert (found.verdict, found.qualification.reason) == (ERROR, Why.UNREADABLE_ITEMS)
    assert word in found.qualification.message


@pytest.mark.parametrize("text", ["", "{}", "no json", '{"kind":"item"}', "[]", "null"])
def test_a_file_that_is_none_is_an_error(text: str) -> None:
    good = documents.dump(runs.measured())

    assert evaluate_texts(text, None, GATE).verdict is ERROR
    found = evaluate_texts(good, text, GATE)
    assert found.verdict is ERROR
    assert not found.promotes


def test_a_second_run_line_is_an_error() -> None:
    text = documents.dump(runs.measured())

    found = evaluate_texts(text + text.splitlines()[0] + "\n", None, GATE)

    assert found.qualification.reason is Why.UNREADABLE_ITEMS


def test_texts_and_values_give_the_same_verdict() -> None:
    items = documents.read(documents.dump(runs.measured()))

    assert evaluate_texts(documents.dump(items), None, GATE) == evaluate(items, None, GATE)


# --- times


def with_requests(change: Callable[[tuple[Any, ...]], tuple[Any, ...]], **load: Any) -> Items:
    sent = change(runs.requests())
    return runs.measured(requests=sent, load=runs.load(sent, **load))


def slow(count: int, seconds: float) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    def change(sent: tuple[Any, ...]) -> tuple[Any, ...]:
        which = {
            index: sent[index].model_copy(update={"ttft": seconds, "latency": seconds + 1})
            for index in range(count)
        }
        return runs.replaced(sent, which)

    return change


@pytest.mark.parametrize(("over", "verdict"), [(2, PASS), (3, OPEN), (12, OPEN), (13, FAIL)])
def test_latency_is_judged_by_counts(over: int, verdict: Judgement) -> None:
    metric = runs.metric(evaluate(with_requests(slow(over, 1.5)), None, GATE), "ttft_cold_p95")

    assert metric.verdict is verdict, metric.message
    assert metric.n == 150


def test_failed_requests_count_as_too_slow() -> None:
    def some_fail(sent: tuple[Any, ...]) -> tuple[Any, ...]:
        return runs.replaced(sent, {index: runs.failure(sent[index]) for index in range(15)})

    found = evaluate(with_requests(some_fail), None, GATE)

    assert runs.metric(found, "ttft_cold_p95").verdict is FAIL
    assert runs.metric(found, "ttft_cold_p95").point is None
    assert runs.metric(found, "error_rate").verdict is FAIL


@pytest.mark.parametrize("ending", [one for one in Ending if one is not Ending.OK])
def test_every_kind_of_failure_counts(ending: Ending) -> None:
    def some_fail(sent: tuple[Any, ...]) -> tuple[Any, ...]:
        return runs.replaced(sent, {i: runs.failure(sent[i], ending) for i in range(12)})

    assert runs.metric(evaluate(with_requests(some_fail), None, GATE), "error_rate").verdict is FAIL


def test_without_a_failure_enough_requests_show_few_errors() -> None:
    metric = runs.metric(evaluate(runs.measured(), None, GATE), "error_rate")

    assert (metric.verdict, metric.n) == (PASS, 300)


@pytest.mark.parametrize("name", ["ttft_cold_p95", "ttft_warm_p95", "itl_p95", "error_rate"])
def test_few_requests_are_an_error(name: str) -> None:
    sent = runs.requests(29)
    found = evaluate(runs.measured(requests=sent, load=runs.load(sent)), None, GATE)
    if name == "itl_p95":
        sent = runs.requests(20)
        found = evaluate(runs.measured(requests=sent, load=runs.load(sent)), None, GATE)

    assert runs.metric(found, name).reason is Why.TOO_FEW_SAMPLES
    assert found.verdict is ERROR


def test_no_requests_at_all_are_an_error() -> None:
    found = evaluate(runs.measured(requests=(), load=None), None, GATE)

    assert found.verdict is ERROR
    assert runs.metric(found, "error_rate").verdict is ERROR


@pytest.mark.parametrize(
    ("change", "load", "reason"),
    [
        (lambda sent: (*sent[:-1], sent[0]), {}, Why.DUPLICATE_ITEM),
        (lambda sent: sent, {"loop_lag_p99": 0.05}, Why.CLIENT_SATURATED),
        (lambda sent: sent, {"dispatch_lag_p95": 0.08}, Why.CLIENT_SATURATED),
        (lambda sent: sent, {"cpu_share": 0.97}, Why.CLIENT_SATURATED),
        (lambda sent: sent, {"roofline": 150.0}, Why.IMPOSSIBLE_MEASUREMENT),
        # Slower as a whole, faster while it decodes.
        (lambda sent: sent, {"roofline": 180.0}, Why.IMPOSSIBLE_MEASUREMENT),
        (
            lambda sent: (sent[0].model_copy(update={"latency": 0.001, "ttft": 0.0005}), *sent[1:]),
            {},
            Why.IMPOSSIBLE_MEASUREMENT,
        ),
        (
            lambda sent: (sent[0].model_copy(update={"latency": 0.1}), *sent[1:]),
            {},
            Why.IMPOSSIBLE_MEASUREMENT,
        ),
    ],
)
def test_doubtful_times_are_errors(
    change: Callable[[tuple[Any, ...]], tuple[Any, ...]], load: dict[str, float], reason: Why
) -> None:
    found = evaluate(with_requests(change, **load), None, GATE)

    assert found.verdict is ERROR
    for name in ("ttft_cold_p95", "ttft_warm_p95", "itl_p95", "roofline_share"):
        assert (runs.metric(found, name).verdict, runs.metric(found, name).reason) == (
            ERROR,
            reason,
        )


def test_drafted_tokens_lift_the_roofline() -> None:
    items = with_requests(lambda sent: sent, roofline=150.0, speculative=True)

    assert evaluate(items, None, GATE).verdict is PASS


def test_a_lag_that_is_small_beside_the_strictest_limit_decides_nothing() -> None:
    far = {
        "ttftColdP95Milliseconds": 10_000,
        "ttftWarmP95Milliseconds": 10_000,
        "itlP95Milliseconds": 1000,
    }
    near = {**far, "itlP95Milliseconds": 100}

    def verdict(lag: float, limits: dict[str, int]) -> Judgement:
        lagging = with_requests(lambda sent: sent, loop_lag_p99=lag)
        return evaluate(lagging, None, gate(latency=limits)).verdict

    assert verdict(0.05, far) is PASS
    assert verdict(0.05, near) is ERROR
    assert verdict(0.11, far) is ERROR


def test_a_lag_that_is_small_beside_a_slow_engine_is_put_up_with() -> None:
    def slower(sent: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            one.model_copy(update={"ttft": one.ttft + 2, "latency": one.latency + 2})
            for one in sent
        )

    limits = {"ttftColdP95Milliseconds": 5000, "ttftWarmP95Milliseconds": 5000}

    found = evaluate(with_requests(slower, loop_lag_p99=0.05), None, gate(latency=limits))

    assert found.verdict is PASS, found.qualification.message


def test_a_phase_with_fewer_requests_than_planned_is_an_error() -> None:
    sent = runs.requests()
    found = evaluate(runs.measured(requests=sent[1:], load=runs.load(sent)), None, GATE)

    assert runs.metric(found, "error_rate").reason is Why.MISSING_MEASUREMENT


def test_missing_token_counts_are_an_error_and_the_first_token_is_not() -> None:
    def uncounted(sent: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(one.model_copy(update={"output_tokens": None, "itl": None}) for one in sent)

    found = evaluate(with_requests(uncounted), None, GATE)

    assert runs.metric(found, "itl_p95").reason is Why.MISSING_MEASUREMENT
    assert runs.metric(found, "roofline_share").reason is Why.MISSING_MEASUREMENT
    assert runs.metric(found, "ttft_cold_p95").verdict is PASS


def test_blocks_that_disagree_are_a_noisy_node() -> None:
    def noisy(sent: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            one.model_copy(update={"ttft": one.ttft * 1.3}) if one.block == 1 else one
            for one in sent
        )

    found = evaluate(with_requests(noisy), None, GATE)

    assert runs.metric(found, "ttft_cold_p95").reason is Why.NOISY_NODE
    assert runs.metric(found, "itl_p95").verdict is PASS


def test_one_block_says_nothing_about_noise() -> None:
    sent = runs.requests(blocks=1)
    found = evaluate(runs.measured(requests=sent, load=runs.load(sent)), None, GATE)

    assert runs.metric(found, "ttft_cold_p95").reason is Why.TOO_FEW_SAMPLES


@pytest.mark.parametrize(
    ("speed", "verdict"), [(0.35 * 484 * 1.05, PASS), (0.35 * 484 * 0.9, FAIL)]
)
def test_decoding_is_measured_against_the_roofline(speed: float, verdict: Judgement) -> None:
    def paced(sent: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(one.model_copy(update={"itl": 1 / speed}) for one in sent)

    metric = runs.metric(evaluate(with_requests(paced), None, GATE), "roofline_share")

    assert metric.verdict is verdict


def test_failed_requests_count_as_standing_still() -> None:
    def half_fail(sent: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(runs.failure(one) if index % 5 < 3 else one for index, one in enumerate(sent))

    metric = runs.metric(evaluate(with_requests(half_fail), None, GATE), "roofline_share")

    assert (metric.verdict, metric.point) == (FAIL, 0.0)


def test_an_unknown_roofline_is_an_error_unless_it_is_not_asked_for() -> None:
    items = with_requests(lambda sent: sent, roofline=None)

    assert evaluate(items, None, GATE).verdict is ERROR
    assert evaluate(items, None, gate(throughput={"minRooflineShare": None})).verdict is PASS


def test_only_one_stream_is_compared_with_the_limits() -> None:
    busy = tuple(
        runs.request(f"busy-{index}", "busy", documents.Prefix.MIXED, streams=8, ttft=9, latency=12)
        for index in range(20)
    )
    found = evaluate(with_requests(lambda sent: sent + busy), None, GATE)

    assert found.verdict is PASS
    assert runs.metric(found, "ttft_p95.busy").point == 9
    assert runs.metric(found, "ttft_p95.busy").part is Part.REPORT


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_an_error_however_they_came(number: float) -> None:
    def unreal(sent: tuple[Any, ...]) -> tuple[Any, ...]:
        return (sent[0].model_copy(update={"ttft": number}), *sent[1:])

    assert evaluate(with_requests(unreal), None, GATE).verdict is ERROR
    assert evaluate(with_requests(lambda sent: sent, roofline=None), None, GATE).verdict is ERROR
    odd = runs.cache().model_copy(update={"cold": (runs.asked(0, 0.1),) * 29})
    asked = runs.asked(0).model_copy(update={"ttft": number})
    odd = odd.model_copy(update={"cold": (*odd.cold, asked)})
    assert (
        runs.metric(evaluate(runs.measured(cache=odd), None, GATE), "cache_proof").verdict is ERROR
    )


def test_repeated_phases_are_reported_as_one() -> None:
    sent = tuple(
        one.model_copy(update={"phase": f"{one.phase}-{one.block}"}) for one in runs.requests()
    )
    found = evaluate(runs.measured(requests=sent, load=runs.load(sent)), None, GATE)

    assert runs.metric(found, "ttft_p50.cold").n == 150
    assert runs.metric(found, "output_rate.warm").point == pytest.approx(150 * 128 / 300)


# --- superiority


def against(gained: int, lost: int, n: int, both: int, **parts: Any) -> Any:
    ours, theirs = runs.paired(gained, lost, n, both)
    baseline = runs.measured(theirs, run=runs.run(model="incumbent"))
    return evaluate(runs.measured(ours), baseline, gate(**parts))


def test_a_better_candidate_is_promoted() -> None:
    found = against(30, 2, 200, 120)

    assert found.promotes
    assert found.pairs is not None
    assert (found.pairs.gained, found.pairs.lost, found.pairs.discordance) == (30, 2, 0.16)
    assert runs.metric(found, "pass_at_1").incumbent == pytest.approx(0.61)


def test_an_equal_candidate_is_not_worse_and_not_promoted() -> None:
    found = against(15, 15, 300, 180)

    assert found.verdict is PASS
    assert found.superiority is not None
    assert runs.metric(found, "delta_pass_at_1").verdict is PASS
    assert runs.metric(found, "benefit").verdict is FAIL
    assert found.superiority.verdict is FAIL
    assert not found.promotes


def test_without_a_wanted_benefit_a_gain_must_still_be_shown() -> None:
    found = against(15, 15, 300, 180, superiority={"minBenefit": "0"})

    assert runs.metric(found, "benefit").verdict is OPEN
    assert runs.metric(found, "benefit").reason is Why.UNDECIDED_AT_LAST_LOOK
    assert not found.promotes


def test_a_worse_candidate_fails() -> None:
    found = against(2, 20, 100, 58)

    assert runs.metric(found, "delta_pass_at_1").verdict is FAIL
    assert not found.promotes


def test_a_gain_of_exactly_the_wanted_benefit_suffices() -> None:
    found = against(5, 0, 100, 60)

    assert runs.metric(found, "benefit").point == 0.05
    assert runs.metric(found, "benefit").verdict is PASS


def test_a_gain_that_is_shown_and_smaller_than_wanted_promotes_nobody() -> None:
    found = against(13, 0, 300, 180)

    benefit = runs.metric(found, "benefit")
    assert (benefit.point, benefit.verdict) == (pytest.approx(13 / 300), OPEN)
    assert benefit.interval.low > 0
    assert not found.promotes


def test_a_comparison_pays_for_all_of_its_looks() -> None:
    """By one look alone these four items would show that it is not worse."""
    found = against(2, 2, 100, 60)

    assert runs.metric(found, "delta_pass_at_1").verdict is OPEN


def test_more_items_are_asked_for_while_superiority_is_open() -> None:
    found = against(20, 10, 200, 120)

    assert found.verdict is PASS
    assert found.next_look == 300


def test_a_better_model_that_is_not_qualified_is_not_promoted() -> None:
    found = against(40, 0, 300, 30)

    assert found.verdict is FAIL
    assert found.superiority is not None
    assert found.superiority.verdict is PASS
    assert not found.promotes


@pytest.mark.parametrize(
    "changes",
    [
        {"run": runs.run(suite_digest="sha256:other")},
        {"run": runs.run(planned=300).model_copy(update={"planned": runs.names(300)[::-1]})},
        {"items": runs.repairs(runs.spread(40, 60))},
        {"items": (*runs.repairs(runs.spread(210, 300))[:-1], runs.item("item-000", True))},
    ],
)
def test_a_baseline_that_does_not_match_gives_no_superiority(changes: dict[str, Any]) -> None:
    found = evaluate(runs.measured(), runs.measured(**changes), GATE)

    assert found.verdict is PASS
    assert found.superiority is not None
    assert found.superiority.verdict is ERROR
    assert not found.promotes


def test_the_shorter_of_two_runs_sets_the_look() -> None:
    baseline = runs.measured(runs.spread(100, 200))

    found = evaluate(runs.measured(runs.spread(210, 300)), baseline, GATE)

    assert found.pairs is not None
    assert found.pairs.n == 200


def test_the_power_is_that_of_the_observed_discordance() -> None:
    found = against(15, 15, 300, 180)

    assert found.pairs is not None
    assert found.pairs.discordance == pytest.approx(0.10)
    assert found.pairs.power == pytest.approx(0.77, abs=0.02)


# --- cache in the verdict


def test_a_cache_that_does_not_hit_fails_the_gate() -> None:
    broken = runs.cache(warm=tuple(runs.asked(0, 0.4) for _ in range(30)), counter_delta=0)

    found = evaluate(runs.measured(cache=broken), None, GATE)

    assert found.verdict is FAIL
    assert "warm requests hit" in runs.metric(found, "cache_proof").message


def test_an_unprobed_cache_is_an_error_unless_it_is_only_reported() -> None:
    items = runs.measured(cache=None)

    assert evaluate(items, None, GATE).verdict is ERROR
    assert evaluate(items, None, gate(cache={"mode": "ReportOnly"})).verdict is PASS


# --- the whole


def test_the_worst_metric_decides() -> None:
    assert worst(PASS, OPEN) is OPEN
    assert worst(OPEN, ERROR) is ERROR
    assert worst(ERROR, FAIL) is FAIL
    assert worst() is ERROR


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_taking_anything_away_never_makes_it_pass(data: st.DataObject) -> None:
    """Nothing fails open: a run that does not pass never passes by losing measurements."""
    whole = runs.measured(runs.spread(data.draw(st.sampled_from([150, 210])), 300))
    before = evaluate(whole, None, GATE).verdict
    kept = data.draw(st.integers(0, 299))
    sent = data.draw(st.integers(0, 299))
    less = data.draw(
        st.sampled_from(
            [
                replace(whole, cache=None),
                replace(whole, load=None),
                replace(whole, requests=whole.requests[:sent]),
                replace(whole, items=whole.items[kept + 1 :]),
                replace(whole, items=(), requests=()),
            ]
        )
    )

    after = evaluate(less, None, GATE).verdict

    assert after is not PASS or before is PASS
    assert after is not PASS or less == whole


def test_every_metric_says_its_formula_and_its_reason() -> None:
    found = evaluate(runs.measured(), runs.measured(), GATE)

    for metric in found.metrics:
        assert metric.formula
        assert metric.message
        assert (metric.verdict is None) == (metric.part is Part.REPORT)


def test_the_document_is_small() -> None:
    items = runs.measured()
    found = evaluate(items, items, GATE)

    assert len(found.model_dump_json().encode()) < 64 * 1024
    assert found.gate.quality.pass_at1_floor == Decimal("0.50")
