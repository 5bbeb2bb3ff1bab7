"""reflex-loop's word about a route: what is counted, what is told, and when."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflex_api.feedback import FEEDBACK_KEY, RouteFeedback
from reflex_loop.adapters.routes.quality import (
    LEAST,
    FirstAnswer,
    first_answer,
    regressed,
    upper_bound,
)
from reflex_loop.adapters.routes.view import RouteView, read
from reflex_loop.adapters.routes.word import Observed, ReplicaWord, compose, due, together
from reflex_loop.protocols import Usage
from reflex_loop.result import Record, Result, Seconds
from reflex_loop.stopping import Stop
from reflex_routing.breaker import BreakerState, StateChange
from route_manifests import NOW, route

MINUTE = timedelta(minutes=1)


def seen(**manifest: Any) -> RouteView:
    view = read(route(**manifest))
    assert view is not None
    return view


def change(before: BreakerState, after: BreakerState) -> StateChange:
    return StateChange(
        breaker_id="local/tiny", previous_state=before, current_state=after, reason="6 of 10",
        failure_count=6, failure_rate=60.0,
    )  # fmt: skip


def word(**more: Any) -> ReplicaWord:
    given: dict[str, Any] = {"model": "tiny", "revision": "r1", "at": NOW} | more
    return ReplicaWord(**given)


def answer(*, kept: bool, revision: str = "r1") -> FirstAnswer:
    return FirstAnswer(endpoint="local", revision=revision, kept=kept)


def record(outcome: str = "kept", mode: str = "reflex", **more: Any) -> Record:
    chosen = {"endpoint": "local", "model": "tiny", "revision": "r1"}
    given: dict[str, Any] = {
        "source": "model", "attempt": 1, "outcome": outcome, "reason": "", "errors_before": 2,
        "errors_after": 1, "routing": {"mode": mode, "chosen": chosen},
    } | more  # fmt: skip
    return Record(**given)


def result(*records: Record) -> Result:
    return Result(
        fixed=False, stop=Stop.ATTEMPTS, detail="", attempts=1, rustfix_edits=0, errors_before=2,
        errors_after=1, diff="", usage=Usage(), cost_usd=0, records=records, seconds=Seconds(),  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("records", "kept"),
    [
        ((record(),), True),
        ((record("rolled_back"),), False),
        ((record("refused", problem="json"),), False),
        # Of several candidates one was better.
        ((record("rolled_back"), record("kept", candidate=1)), True),
        # What the second attempt came to is not the first one's doing.
        ((record("refused"), record("kept", attempt=2)), False),
        ((record(source="compiler"), record("rolled_back")), False),
        ((record(mode="cloud"),), None),
        ((record("unanswered", routing={}),), None),
        ((record("refused", problem="timeout", routing={}),), None),
        ((record("refused", problem="stale"),), None),
        ((record(attempt=3),), None),
        ((), None),
    ],
)
def test_the_first_local_answer_of_a_repair_counts(
    records: tuple[Record, ...], kept: bool | None
) -> None:
    found = first_answer(result(*records))
    assert (found.kept if found else None) is kept


def test_a_model_that_holds_its_floor_has_not_regressed_and_one_far_below_has() -> None:
    assert not regressed([(30, 50)], 0.6)
    assert not regressed([(24, 50)], 0.6)  # unlucky, as one in many runs
    assert "10 of 50 first answers kept (20 %)" in regressed([(10, 50)], 0.6)
    assert regressed([(5, 25), (5, 25)], 0.6)  # replicas count together
    assert not regressed([(0, LEAST - 1)], 0.6)
    assert not regressed([(0, 50)], None)


@given(st.integers(1, 400), st.data())
def test_the_bound_is_above_the_share_and_grows_with_it(tried: int, data: st.DataObject) -> None:
    kept = data.draw(st.integers(0, tried))
    assert kept / tried <= upper_bound(kept, tried) + 1e-9 <= 1 + 1e-9
    if kept < tried:
        assert upper_bound(kept, tried) <= upper_bound(kept + 1, tried)


def test_nothing_is_said_before_there_is_something_to_say() -> None:
    observed = Observed()
    assert observed.word(NOW) is None
    observed.route(seen())
    assert observed.word(NOW) is None
    observed.requested(NOW)
    found = observed.word(NOW)
    assert found is not None
    assert (found.model, found.last_request_at, found.circuit) == ("tiny", NOW, "Closed")
    observed.route(seen(active="", serving="False", reason="EngineNotReady"))
    assert observed.word(NOW) is None


def test_an_open_breaker_is_told_when_its_probe_failed_as_well() -> None:
    observed = Observed()
    observed.route(seen())
    observed.requested(NOW)
    closed, opened, half = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN

    def circuit() -> str:
        found = observed.word(NOW)
        assert found is not None
        return found.circuit

    observed.breaker(change(closed, opened))
    assert circuit() == "Closed"
    observed.breaker(change(opened, half))
    observed.breaker(change(half, opened))
    assert circuit() == "Open"
    observed.breaker(change(opened, half))
    assert circuit() == "Open"
    observed.breaker(change(half, closed))
    assert circuit() == "Closed"
    observed.breaker(change(closed, BreakerState.FORCED_OPEN))
    assert circuit() == "Closed"


@pytest.mark.parametrize("after", [{"revision": "r2"}, {"active": "other"}])
def test_what_an_earlier_engine_did_is_forgotten(after: dict[str, Any]) -> None:
    observed = Observed()
    assert not observed.route(seen())
    observed.requested(NOW)
    observed.answered(answer(kept=False))
    observed.breaker(change(BreakerState.HALF_OPEN, BreakerState.OPEN))
    assert not observed.route(seen(serving="False", reason="EngineNotReady"))
    assert observed.route(seen(**after))
    observed.answered(answer(kept=False))  # came late, from the engine before
    found = observed.word(NOW)
    assert found is not None
    assert found.circuit == "Closed"
    assert found.tried == (1 if after.get("revision") is None else 0)


@pytest.mark.parametrize(
    ("written", "now", "serving", "seconds"),
    [
        (None, word(), True, 0),
        (word(), word(at=NOW + MINUTE), True, None),
        (word(circuit="Open"), word(circuit="Open", at=NOW + MINUTE), True, 120),
        (word(), word(last_request_at=NOW), True, 30),
        # A request may end an evaluation: the operator has to hear of it.
        (word(), word(last_request_at=NOW), False, 2),
        (word(), word(circuit="Open"), True, 2),
        (word(circuit="Open"), word(), True, 2),
        (word(), word(revision="r2"), True, 2),
        (word(), word(kept=1, tried=2), True, 30),
    ],
)
def test_what_matters_is_written_soon_and_the_rest_seldom(
    written: ReplicaWord | None, now: ReplicaWord, serving: bool, seconds: float | None
) -> None:
    wait = due(written, now, serving=serving)
    assert (None if wait is None else wait.total_seconds()) == seconds


def data_of(*words: tuple[str, ReplicaWord]) -> dict[str, str]:
    return {f"replica.{name}.json": one.model_dump_json(by_alias=True) for name, one in words}


def told(data: dict[str, str], own: ReplicaWord) -> tuple[RouteFeedback, dict[str, str | None]]:
    letter = compose(data, replica="me", word=own, floor=0.6)
    text = letter.data[FEEDBACK_KEY]
    assert text is not None
    return RouteFeedback.model_validate_json(text), dict(letter.data)


def test_replicas_speak_together() -> None:
    others = data_of(
        ("a", word(last_request_at=NOW + MINUTE, kept=4, tried=20)),
        ("b", word(last_request_at=NOW - MINUTE, kept=4, tried=20)),
    )
    feedback, data = told(others, word(kept=2, tried=10))
    assert (feedback.model, feedback.at, feedback.circuit) == ("tiny", NOW, "Closed")
    assert feedback.last_request_at == NOW + MINUTE
    assert feedback.quality == "Regressed"
    assert "10 of 50" in feedback.message
    assert set(data) == {FEEDBACK_KEY, "replica.me.json"}  # the others' entries are left alone


def test_one_replica_of_three_that_finds_no_engine_opens_no_circuit() -> None:
    feedback, _ = told(data_of(("a", word()), ("b", word())), word(circuit="Open", detail="x"))
    assert feedback.circuit == "Closed"
    feedback, _ = told(data_of(("a", word(circuit="Open"))), word(circuit="Open", detail="x"))
    assert feedback.circuit == "Open"
    assert feedback.message == "2 of 2 replicas: x"


def test_words_about_another_engine_and_old_ones_do_not_count() -> None:
    before = data_of(
        ("a", word(revision="r0", circuit="Open", tried=90)),
        ("b", word(at=NOW - timedelta(minutes=15), circuit="Open", tried=90)),
    )
    feedback, data = told(before | {"replica.c.json": "{", "else": "x"}, word())
    assert (feedback.circuit, feedback.quality) == ("Closed", "Normal")
    gone = {key for key, text in data.items() if text is None}
    assert gone == {"replica.b.json", "replica.c.json", "else"}


def test_times_without_a_zone_are_not_read() -> None:
    text = '{"model": "tiny", "at": "2026-11-21T12:00:00"}'
    _, data = told({"replica.a.json": text}, word())
    assert data["replica.a.json"] is None


def test_the_operator_reads_what_is_said() -> None:
    late = datetime.fromisoformat("2026-11-21T12:00:00.123456+00:00")
    feedback = together([word(at=late)], about=word(at=late), floor=0.6)
    assert RouteFeedback.model_validate_json(feedback.model_dump_json(by_alias=True)) == feedback
