"""What goes wrong with a real engine on a real node, named and overcome.

A Service's address is used from the node itself, so that no port-forward stands between a client
and a pod that is going away.
"""

import threading
from typing import Any

import pytest
from openai import OpenAI
from reflex_e2e.chat import api_key
from reflex_e2e.kubectl import Cluster
from reflex_e2e.models import Model, small
from reflex_e2e.waiting import wait_for

pytestmark = pytest.mark.lab

MODEL = "tiny-fails"


@pytest.fixture(scope="module")
def model(cluster: Cluster, namespace: str) -> Model:
    """A model of this module's own that serves; each test leaves it serving."""
    model = Model(cluster=cluster, namespace=namespace, name=MODEL)
    model.apply(small(MODEL, memory="4Gi"))
    model.wait_ready()
    return model


def events_of(model: Model) -> list[dict[str, Any]]:
    """Events about the model, oldest first."""
    found = [
        event
        for event in model.cluster.list("events", model.namespace)
        if event["involvedObject"]["name"] == model.name
        and event["involvedObject"]["kind"] == "ReflexModel"
    ]
    return sorted(found, key=lambda event: str(event["firstTimestamp"]))


class Stream(threading.Thread):
    """A streamed completion of several seconds, read in the background."""

    TOKENS = 700

    def __init__(self, model: Model) -> None:
        super().__init__(daemon=True)
        service = model.cluster.get("service", model.name, model.namespace)
        self._client = OpenAI(
            base_url=f"http://{service['spec']['clusterIP']}/v1",
            api_key=api_key(model.cluster, model.name, model.namespace),
            max_retries=0,
            timeout=120,
        )
        self._model = model.name
        self.begun = threading.Event()
        self.finish_reason = ""
        self.tokens = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with self._client:
                stream = self._client.chat.completions.create(
                    model=self._model,
                    messages=[{"role": "user", "content": "fn main() {"}],
                    max_tokens=self.TOKENS,
                    temperature=0,
                    stream=True,
                    stream_options={"include_usage": True},
                    extra_body={"ignore_eos": True},
                )
                for chunk in stream:
                    self.begun.set()
                    if chunk.usage:
                        self.tokens = chunk.usage.completion_tokens
                    for choice in chunk.choices:
                        self.finish_reason = choice.finish_reason or self.finish_reason
        except Exception as error:
            self.error = error

    def start_and_wait(self) -> None:
        """Start, and return once the first token is there."""
        self.start()
        assert self.begun.wait(30), self.error

    def assert_complete(self) -> None:
        """Wait for the end and check that nothing is missing."""
        self.join(120)
        assert self.error is None, self.error
        assert (self.finish_reason, self.tokens) == ("length", self.TOKENS)


def test_kubectl_tells_the_whole_story(model: Model, cluster: Cluster) -> None:
    where = ["-n", model.namespace]
    cluster.kubectl("wait", "--for=condition=Ready", f"rm/{MODEL}", *where, "--timeout=5s")
    story = [event["reason"] for event in events_of(model)]
    assert story.index("EngineStarting") < story.index("Serving"), story
    assert len(story) == len(set(story)), f"each transition once: {story}"
    described = cluster.kubectl("describe", "rm", MODEL, *where)
    _, _, listed = described.partition("Events:")
    assert listed.index("EngineStarting") < listed.index("Serving"), described
    explained = cluster.kubectl("explain", "rm.spec.memoryPolicy.admission")
    assert "Enforce" in explained


def test_a_killed_scheduler_is_named_and_the_engine_recovers(model: Model) -> None:
    (before,) = model.pods()
    watch = model.watch_reason()
    model.signal("sglang::scheduler", "SIGKILL")
    model.wait_reason("EngineRestarting", within=30)
    after = model.wait_ready()
    reasons = watch.stop()
    (pod,) = model.pods()
    assert pod["metadata"]["uid"] == before["metadata"]["uid"]
    assert "EngineRestarting" in reasons
    last = after["status"]["startup"]["lastTermination"]
    assert "scheduler" in last["message"].lower(), last


def test_an_engine_that_ends_with_exit_code_0_has_crashed(model: Model) -> None:
    # A SIGTERM that is not ours looks as one of the kubelet's: a probe that got no answer.
    model.signal("sglang.launch_server", "SIGTERM")
    message = model.wait_reason("ProbeTimeout", within=60)
    assert "SIGTERM" in message
    (pod,) = model.pods()
    (container,) = pod["status"]["containerStatuses"]
    ended = container["state"].get("terminated") or container["lastState"]["terminated"]
    assert ended["exitCode"] == 0, ended
    last = model.wait_ready()["status"]["startup"]["lastTermination"]
    assert last["reason"] == "ProbeTimeout"


def test_a_revision_that_cannot_start_gives_way_to_the_last_good_one(
    model: Model, cluster: Cluster
) -> None:
    good = model.get()["status"]["resolved"]["revisionHash"]
    model.patch({"engine": {"extraArgs": ["--tokenizer-mode=no-such-mode"]}})
    message = model.wait_reason("RevisionRestored", within=180)
    assert "EngineArgumentsInvalid" in message, message
    assert model.condition()["status"] == "True"
    assert model.get()["status"]["resolved"]["revisionHash"] == good
    (pod,) = model.pods()
    generation = cluster.get("deployment", MODEL, model.namespace)["metadata"]["generation"]
    model.annotate("example.com/touched", "1")  # wakes the operator; nothing is tried again
    stream = Stream(model)
    stream.start_and_wait()
    stream.assert_complete()
    (same,) = model.pods()
    assert same["metadata"]["uid"] == pod["metadata"]["uid"]
    deployment = cluster.get("deployment", MODEL, model.namespace)
    assert deployment["metadata"]["generation"] == generation
    model.annotate("reflexstack.dev/retry", "1")
    wait_for(
        "the failed revision is tried again",
        lambda: model.condition().get("reason") != "RevisionRestored",
        within=30,
    )
    model.patch({"engine": {"extraArgs": None}})
    model.wait_reason("Serving", within=180)


def test_a_streaming_request_survives_suspension(model: Model) -> None:
    stream = Stream(model)
    stream.start_and_wait()
    watch = model.watch_reason("Resident")
    model.patch({"suspend": True})
    stream.assert_complete()
    model.wait_gone()
    assert "Draining" in watch.stop()
    model.patch({"suspend": False})
    model.wait_ready()


def test_an_eviction_is_named_and_remembered(model: Model, cluster: Cluster) -> None:
    watch = model.watch_reason()
    fill = "f = open('/tmp/fill', 'wb')\nfor _ in range(1100): f.write(b'x' * (1 << 20))"
    cluster.kubectl(
        "exec", f"deployment/{MODEL}", "-n", model.namespace, "--", "python3", "-c", fill
    )
    wait_for(
        "the kubelet evicts the pod",
        lambda: any(pod["status"].get("reason") == "Evicted" for pod in model.pods()),
        within=300,
    )

    def last() -> dict[str, str]:
        found: dict[str, str] = model.get()["status"]["startup"].get("lastTermination") or {}
        return found

    wait_for("it is remembered", lambda: last().get("reason") == "PodEvicted", within=30)
    model.wait_ready()
    assert "exceeds the limit" in last()["message"]
    assert "PodEvicted" in watch.stop()


def test_a_streaming_request_survives_deletion(model: Model) -> None:
    stream = Stream(model)
    stream.start_and_wait()
    model.delete()
    assert stream.is_alive(), "the stream ended before the deletion: nothing was shown"
    stream.assert_complete()
    model.wait_gone()


def test_a_memory_limit_that_is_too_low_is_named(cluster: Cluster, namespace: str) -> None:
    model = Model(cluster=cluster, namespace=namespace, name="starved")
    model.apply(small("starved", memory="300Mi"))
    message = model.wait_reason("EngineHostOOMKilled", within=90)
    assert "resources.memory" in message
    model.delete()
    model.wait_gone()
