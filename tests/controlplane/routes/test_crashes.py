"""Operators die, stop, and come in pairs, at each step of a swap.

Engines and bakeoffs are scripted: every number is SIMULATED.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from reflex_e2e.kubectl import Cluster
from reflex_e2e.waiting import wait_for

from operator_process import OperatorProcess
from reflex_api.names import ANNOTATION_MANUAL, READINESS_GATE
from reflex_operator.reconcile.route.record import Past
from route_place import ONE_WAY, WITHIN, Object, Place, place_for
from scripted_engine import ScriptedEngine

pytestmark = pytest.mark.controlplane

LEASE = {
    "REFLEX_LEASE_DURATION": "10",
    "REFLEX_RENEW_DEADLINE": "8",
    "REFLEX_RETRY_PERIOD": "0.5",
}
"""Long enough for a busy machine, short enough to wait for."""


def process(
    cluster: Cluster, engine: ScriptedEngine, folder: Path, identity: str
) -> OperatorProcess:
    made = OperatorProcess(
        cluster.kubeconfig,
        folder / f"{identity}.log",
        identity=identity,
        engine_resolver=engine.base_url,
    )
    made.env.update(LEASE)
    return made


@pytest.fixture(scope="module")
def operator(
    cluster: Cluster, engine: ScriptedEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    made = process(cluster, engine, tmp_path_factory.mktemp("operator"), "one")
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def settled(cluster: Cluster, operator: OperatorProcess, engine: ScriptedEngine) -> Iterator[Place]:
    """A route whose two members are qualified: swaps go to and fro by hand."""
    with place_for("swaps-and-crashes", cluster, engine) as place:
        place.models("ab")
        place.route(fallbacks=["b"], promotion={"mode": "Manual"}, failover=ONE_WAY)
        place.wait("PrimaryServing", active="a")
        place.qualify("a", "b")
        yield place


class Turn:
    """A swap by hand to the member that does not serve."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.old = place.status()["active"]["model"]
        self.new = "b" if self.old == "a" else "a"
        self.before = len(place.record().history)
        self.engines: list[set[str]] = []

    def begin(self) -> None:
        found = self.place.member(self.new)["evidence"]["id"]
        self.place.annotate(ANNOTATION_MANUAL, f"{self.new}@{found}")

    def end(self) -> None:
        """Wait for the end and hold it to what was asked for, once."""
        status = self.place.wait("Hold", active=self.new)
        assert status["incumbent"] == self.new
        assert self.place.selected() == self.new
        assert self.place.engines() == {self.new}
        made: tuple[Past, ...] = self.place.record().history[self.before :]
        assert [(one.kind.value, one.to, one.ok) for one in made] == [("Manual", self.new, True)]

    def replicas(self, model: str) -> int:
        live = self.place.cluster.get("deployment", model, self.place.namespace)
        return int(live["spec"]["replicas"])

    def pods(self, model: str) -> list[Object]:
        found = self.place.cluster.list("pods", self.place.namespace)
        label = "reflexstack.dev/model"
        return [one for one in found if one["metadata"]["labels"].get(label) == model]

    def verified(self) -> bool:
        return any(
            one["type"] == READINESS_GATE and one["status"] == "True"
            for pod in self.pods(self.new)
            for one in pod["status"].get("conditions", [])
        )


STEPS: dict[str, Callable[[Turn], object]] = {
    "routing is stopped": lambda turn: turn.place.selected() != turn.old,
    "the old engine is told to stop": lambda turn: not turn.replicas(turn.old),
    "the old engine's pod is gone": lambda turn: not turn.pods(turn.old),
    "the new engine may start": lambda turn: turn.new in turn.place.record().residents,
    "the new engine is told to start": lambda turn: turn.replicas(turn.new),
    "the new engine's pod is there": lambda turn: turn.pods(turn.new),
    "the new engine is verified": Turn.verified,
    "the new engine is routed": lambda turn: turn.place.selected() == turn.new,
}


@pytest.mark.parametrize("step", STEPS)
def test_a_swap_ends_the_same_wherever_the_operator_is_killed(
    settled: Place, operator: OperatorProcess, step: str
) -> None:
    turn = Turn(settled)
    with settled.watched() as seen:
        turn.begin()
        wait_for(step, lambda: STEPS[step](turn), within=WITHIN, every=0.02)
        operator.stop(signal.SIGKILL)
        operator.start(within=60)
        turn.end()
    assert all(len(one) <= 1 for one in seen), seen


def test_of_two_operators_one_works_and_the_other_ends_its_swap(
    settled: Place, operator: OperatorProcess, cluster: Cluster, engine: ScriptedEngine,
    tmp_path: Path,
) -> None:  # fmt: skip
    """The first one sleeps in the middle of a swap, and wakes up when it leads no more."""
    other = process(cluster, engine, tmp_path, "two").start()
    assert operator.process is not None
    first = operator.process
    try:
        assert other.metric("reflex_leader") == 0
        turn = Turn(settled)
        with settled.watched() as seen:
            turn.begin()
            wait_for("it has begun", lambda: settled.selected() == "", within=WITHIN, every=0.02)
            first.send_signal(signal.SIGSTOP)
            turn.end()
            assert other.metric("reflex_leader") == 1
            first.send_signal(signal.SIGCONT)
            assert first.wait(timeout=30) == 1, "whoever lost the Lease ends at once"
            settled.annotate("example.com/nudge", "awake")
            turn.end()
        assert all(len(one) <= 1 for one in seen), seen
    finally:
        with suppress(ProcessLookupError):
            first.send_signal(signal.SIGCONT)
        other.stop()
        if first.poll() is not None:
            operator.process = None
            operator.start(within=60)
