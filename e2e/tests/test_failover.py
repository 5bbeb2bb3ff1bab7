"""One slot, two real engines: who takes over when the one that serves dies, and who never does.

The gate here lets any model pass that repairs something: what follows of a verdict is tested.
"""

import time
from pathlib import Path
from typing import Any

import pytest
from reflex_e2e import evidence, pair
from reflex_e2e.chat import key_in
from reflex_e2e.kubectl import Cluster
from reflex_e2e.pair import FIRST, KEYS, SECOND, WITHIN, model
from reflex_e2e.progress import Phases
from reflex_e2e.routes import Route
from reflex_e2e.traffic import Traffic
from reflex_e2e.waiting import wait_for

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def route(cluster: Cluster, own_namespace: str) -> Route:
    """`first` serves; `second` may take over once somebody measured it."""
    return pair.apply(cluster, own_namespace)


def test_a_fallback_that_nobody_measured_is_never_routed(route: Route) -> None:
    """The primary dies again and again, and nobody else may serve: then nobody does."""
    first, second = (model(route.cluster, route.namespace, name) for name in (FIRST, SECOND))
    watch = route.watch_selector()
    assert route.member(SECOND)["eligibility"] == "Unqualified"
    first.crash()

    def nobody() -> bool:
        serving = route.condition("Serving")
        assert not second.pods(), "an engine that may not serve was started"
        return serving.get("reason") == "NoEligibleFallback" and serving["status"] == "False"

    wait_for("the route says that nobody may take over", nobody, within=WITHIN)
    assert route.addresses() == []
    # It is tried again all the while, and serves when it can.
    route.wait_active(FIRST, within=WITHIN)
    selected = watch.stop()
    assert FIRST in selected, "the watch saw nothing"
    assert SECOND not in selected


def test_a_bakeoff_on_the_only_slot_qualifies_the_fallback(route: Route, tmp_path: Path) -> None:
    """Real engines one after the other; the gate's answer follows from the recorded numbers."""
    pair.measure(route, SECOND, "by-hand")
    found = evidence.fetch(route.cluster, "by-hand", route.namespace, tmp_path)
    assert found.verdict.verdict == "Pass", found.verdict.qualification
    assert evidence.judge(found) == found.verdict
    assert found.page.stat().st_size > 10_000
    member = route.member(SECOND)
    assert member["eligibility"] == "Eligible", member
    assert member["evidence"]["bakeoff"] == "by-hand"


def test_the_qualified_fallback_takes_over_and_gives_back(route: Route) -> None:
    """Under traffic without a pause; what a swap costs is printed, and not judged."""
    cluster, namespace = route.cluster, route.namespace
    assert route.member(SECOND)["eligibility"] == "Eligible", "the bakeoff before it failed"
    key = key_in(cluster, KEYS, namespace)
    with Traffic(address=route.url(), key=key, model=FIRST) as traffic:
        wait_for("requests are answered", lambda: any(x.complete for x in traffic.sent), within=60)
        began = time.monotonic()
        model(cluster, namespace, FIRST).crash()
        route.wait_active(SECOND, within=WITHIN)
        failed_over = time.monotonic()
        over = route.status()["lastTransition"]
        wait_for(
            "the fallback answers",
            lambda: SECOND in traffic.answered_by(failed_over) or route.active() == FIRST,
            within=60,
        )
        silent = traffic.silence(began)
        route.wait_active(FIRST, within=WITHIN)
        back = route.status()["lastTransition"]
        given_back = time.monotonic()
        wait_for(
            "the primary answers again",
            lambda: FIRST in traffic.answered_by(given_back),
            within=60,
        )
    assert (over["reason"], over["from"], over["to"]) == ("Failover", FIRST, SECOND)
    assert (back["reason"], back["from"], back["to"]) == ("Failback", SECOND, FIRST)
    assert traffic.answered_by(began)[-2:] == [SECOND, FIRST]
    # Nobody died in the failback: whatever had begun was finished before the engine stopped.
    cut = [one for one in traffic.since(failed_over) if one.begun and not one.complete]
    assert cut == []
    Phases().line(f"failover: no answer for {silent:.1f} s (three crashes included); {parts(over)}")
    Phases().line(f"failback: no answer for {traffic.silence(failed_over):.1f} s; {parts(back)}")


def parts(transition: dict[str, Any]) -> str:
    return ", ".join(f"{key} {transition[key]}" for key in transition if key.endswith("Seconds"))
