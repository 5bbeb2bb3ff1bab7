"""Who serves when nothing special happens, and that this costs nothing.

Engines and bakeoffs are scripted: every number is SIMULATED.
"""

from datetime import UTC, datetime, timedelta

import pytest
from reflex_e2e.waiting import wait_for

from operator_process import OperatorProcess
from route_place import WITHIN, Object, Place

pytestmark = pytest.mark.controlplane

SECOND = timedelta(seconds=1)


def test_the_primary_serves_and_an_unqualified_fallback_never_does(place: Place) -> None:
    place.models("abc")
    place.route()
    status = place.wait("PrimaryServing", active="a")
    assert place.selected() == "a"
    assert status["incumbent"] == "a"
    assert place.condition("Qualified")["status"] == "False"
    assert place.engines() == {"a"}
    place.kill("a")
    place.wait("NoEligibleFallback")
    serving = place.condition("Serving")
    assert (serving["status"], serving["reason"]) == ("False", "NoEligibleFallback")
    assert place.engines() == {"a"}


def test_a_route_at_rest_costs_no_write(place: Place, operator: OperatorProcess) -> None:
    place.models("ab")
    place.route(fallbacks=["b"])
    place.wait("PrimaryServing", active="a")
    place.measure("b")
    place.wait_member("b", "Eligible")
    place.wait("PrimaryServing", active="a")

    def written() -> dict[str, str]:
        kinds = ("reflexmodels", "reflexbakeoffs", "services", "deployments", "configmaps", "jobs")
        return {
            f"{kind}/{one['metadata']['name']}": one["metadata"]["resourceVersion"]
            for kind in kinds
            for one in place.cluster.list(kind, place.namespace)
        }

    def nudge(word: str) -> None:
        passes = operator.metric("reflex_reconcile_total")
        place.annotate("example.com/nudge", word)
        wait_for(
            "a pass", lambda: operator.metric("reflex_reconcile_total") > passes, within=WITHIN
        )

    def resting() -> bool:
        """Three passes, and nothing was written, not even an event."""
        before, writes, status = written(), operator.writes(), place.status()
        for number in range(3):
            nudge(f"{writes} {number}")
        assert writes > 0
        return (before, writes, status) == (written(), operator.writes(), place.status())

    wait_for("passes cost no write any more", resting, within=WITHIN)


def test_a_model_belongs_to_the_older_route(place: Place) -> None:
    place.models("ab")
    place.route(fallbacks=["b"])
    place.wait("PrimaryServing", active="a")
    created = place.cluster.get("reflexroute", "r", place.namespace)["metadata"]
    # Of two routes of the same second either may be the older one.
    wait_for(
        "another second",
        lambda: datetime.now(UTC) >= datetime.fromisoformat(created["creationTimestamp"]) + SECOND,
        within=WITHIN,
    )
    place.route("later", primary="b", fallbacks=[], slot={"name": "gpu1"})
    status = place.wait("MemberConflict", name="later")
    assert "active" not in status
    assert place.engines() == {"a"}


def test_another_primary_becomes_the_incumbent(place: Place) -> None:
    place.models("ab")
    place.route(fallbacks=["b"])
    place.wait("PrimaryServing", active="a")
    place.qualify("b")
    place.route(primary="b", fallbacks=["a"])
    status = place.wait("PrimaryServing", active="b")
    assert status["incumbent"] == "b"
    assert status["lastTransition"]["reason"] in ("Failover", "Failback")


def test_every_status_deleted_gives_the_same_state(place: Place) -> None:
    place.models("ab")
    place.route(fallbacks=["b"])
    place.wait("PrimaryServing", active="a")
    place.qualify("a", "b")
    kinds = {"reflexmodel": "ab", "reflexroute": "r", "reflexbakeoff": ["by-hand-a", "by-hand-b"]}

    def told() -> Object:
        """All that statuses say but for the moments of their conditions."""
        found = {}
        for kind, names in kinds.items():
            for name in names:
                status = place.status(kind, name)
                conditions = status.pop("conditions", [])
                if kind == "reflexmodel":
                    # What was measured of an engine that runs no more is told by nobody again.
                    conditions = [one for one in conditions if one["type"] == "Ready"]
                    status = {"endpoint": status.get("endpoint")}
                found[f"{kind}/{name}"] = status
                for one in conditions:
                    told = (one["status"], one["reason"], one["message"])
                    found[f"{kind}/{name}"][one["type"]] = told
        return found

    def pods() -> set[str]:
        return {one["metadata"]["uid"] for one in place.cluster.list("pods", place.namespace)}

    before, running = told(), pods()
    for kind, names in kinds.items():
        for name in names:
            place.cluster.kubectl(
                "patch", kind, name, "-n", place.namespace, "--subresource=status",
                "--type=json", "-p", '[{"op": "remove", "path": "/status"}]',
            )  # fmt: skip
    try:
        wait_for("every status is there again", lambda: told() == before, within=WITHIN)
    except AssertionError:
        assert told() == before
    assert pods() == running
    assert place.selected() == "a"
