"""500 models on fake nodes: nothing is written at rest, after a restart or after foreign changes.

A self-sustaining loop of writes shows only when there are more models than a process can look at
within a second or so (other operators look perfect with 60 of them).
"""

import time
from collections.abc import Iterator

import pytest
from reflex_e2e.waiting import wait_for

from audit import summary
from bench.rig import Rig, model, rig

pytestmark = pytest.mark.controlplane

MODELS = 500
REST_SECONDS = 20.0
NAMESPACE = "many"
WRITES_EACH = 7


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """500 models that serve, and an operator that has nothing left to write."""
    with rig(tmp_path_factory.mktemp("scale")) as made:
        made.namespace(NAMESPACE)
        names = [f"m-{number:03d}" for number in range(MODELS)]
        made.engine.names.update(names)
        made.audit.mark()
        with made.watch("reflexmodels", NAMESPACE) as models:
            made.apply(NAMESPACE, [model(name) for name in names])
            models.wait(MODELS, ready=True, within=600)
        made.quiet(seconds=5)
        yield made


def written(made: Rig) -> dict[str, int]:
    return summary(made.audit.operator_writes())


def test_few_writes_bring_a_model_to_rest_and_none_is_refused(settled: Rig) -> None:
    writes, events = settled.model_writes(NAMESPACE)
    assert not [one for one in writes if one.code >= 400], summary(writes)
    # What a loaded machine may add: a status while the scheduler is slow.
    assert len(writes) <= MODELS * (WRITES_EACH + 1), summary(writes)
    assert len(events) <= MODELS * 3


def test_nothing_is_written_at_rest(settled: Rig) -> None:
    settled.quiet(seconds=5)
    settled.audit.mark()
    time.sleep(REST_SECONDS)  # what is measured
    assert written(settled) == {}


def test_foreign_changes_of_every_deployment_are_none_of_our_business(settled: Rig) -> None:
    settled.audit.mark()
    everything = ("deployments", "--all", "-n", NAMESPACE, "--overwrite")
    settled.cluster.kubectl("label", *everything, "team=other", timeout=300)
    seen = settled.operator.metric("reflex_watch_events_total")
    settled.quiet(seconds=5)
    assert seen > MODELS
    assert written(settled) == {}


def test_a_restart_writes_nothing(settled: Rig) -> None:
    settled.operator.stop()
    settled.audit.mark()
    asked = settled.engine.asked
    settled.operator.start(within=60)
    wait_for(
        "every engine was asked again", lambda: settled.engine.asked >= asked + MODELS, within=120
    )
    settled.quiet(seconds=5)
    assert written(settled) == {}
