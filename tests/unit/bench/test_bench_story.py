"""The parts of a swap, read from what the API server told meanwhile."""

from typing import Any

import pytest

from bench.bakeoff.story import Event, IncompleteStoryError, parts
from reflex_api.names import LABEL_BAKEOFF, LABEL_MODEL, LABEL_STOPPED


def service(at: float, **selector: str) -> Event:
    document: dict[str, Any] = {"metadata": {"name": "tiny"}, "spec": {"selector": selector}}
    return Event(at=at, kind="services", type="MODIFIED", document=document)


def pod(at: float, model: str, kind: str = "MODIFIED", **status: Any) -> Event:
    metadata = {"name": f"{model}-1", "labels": {LABEL_MODEL: model}}
    return Event(at=at, kind="pods", type=kind, document={"metadata": metadata, "status": status})


READY: dict[str, Any] = {"conditions": [{"type": "Ready", "status": "True"}]}
ENDED: dict[str, Any] = {"containerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}
STORY = (
    service(0.0, **{LABEL_MODEL: "b"}),
    pod(0.0, "b", "ADDED", **READY),
    service(10.0, **{LABEL_MODEL: "b", LABEL_STOPPED: "true"}),
    pod(12.0, "b", **ENDED),
    pod(13.5, "b", "DELETED", **ENDED),
    service(13.6, **{LABEL_MODEL: "a", LABEL_STOPPED: "true"}),
    pod(14.0, "a", "ADDED"),
    pod(34.0, "a", **READY),
    service(34.5, **{LABEL_MODEL: "a"}),
)


def test_the_parts_follow_one_another_and_are_the_downtime() -> None:
    found = parts(STORY, service="tiny", from_="b", to="a")

    assert found == {
        "drain": 2.0, "stop": 1.5, "make": 0.5, "start": 20.0, "smoke": 0.5, "downtime": 24.5,
    }  # fmt: skip


@pytest.mark.parametrize(("left_out", "name"), [(4, "gone"), (6, "made"), (8, "routed")])
def test_a_story_without_its_end_has_no_parts(left_out: int, name: str) -> None:
    events = [event for place, event in enumerate(STORY) if place != left_out]

    with pytest.raises(IncompleteStoryError, match=name):
        parts(events, service="tiny", from_="b", to="a")


def test_what_is_out_of_order_is_no_swap() -> None:
    """Two engines at once: the next pod was made before the old one was gone."""
    early = [*STORY[:4], pod(12.5, "a", "ADDED"), *STORY[4:6], *STORY[7:]]

    with pytest.raises(IncompleteStoryError, match="out of order"):
        parts(early, service="tiny", from_="b", to="a")


def test_a_pod_that_measures_a_model_is_no_engine_of_it() -> None:
    labels = {LABEL_MODEL: "a", LABEL_BAKEOFF: "tiny-a"}
    measuring = Event(
        at=11.0,
        kind="pods",
        type="ADDED",
        document={"metadata": {"name": "m", "labels": labels}, "status": READY},
    )
    with_it = [*STORY[:3], measuring, *STORY[3:]]

    assert parts(with_it, service="tiny", from_="b", to="a")["make"] == 0.5


def test_another_route_of_the_namespace_says_nothing() -> None:
    with pytest.raises(IncompleteStoryError, match="stopped"):
        parts(STORY, service="coder", from_="b", to="a")
