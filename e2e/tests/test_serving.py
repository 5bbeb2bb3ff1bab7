"""One real engine on the real node, from apply to every change that a user makes.

The tests share one ReflexModel and run in the order in which they stand: an engine takes most of
a minute to start on two cores, so each test leaves a serving model to the next.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from openai import AuthenticationError, OpenAI
from reflex_e2e import broken
from reflex_e2e.chat import api_key, ask
from reflex_e2e.kubectl import Cluster
from reflex_e2e.models import START_WITHIN, Model, small
from reflex_e2e.stack import SYSTEM_NAMESPACE, Stack, install
from reflex_e2e.waiting import wait_for

from reflex_lab.lab import Lab
from reflex_operator.engines.canary import SCHEMA

pytestmark = pytest.mark.lab

MODEL = "reflex-tiny"


@pytest.fixture(scope="module")
def model(cluster: Cluster, namespace: str) -> Model:
    return Model(cluster=cluster, namespace=namespace, name=MODEL)


@pytest.fixture(scope="module")
def served(model: Model) -> dict[str, Any]:
    """The demo's model, applied with kubectl and serving."""
    model.apply()
    return model.wait_ready()


@pytest.fixture
def client(cluster: Cluster, namespace: str, served: dict[str, Any]) -> Iterator[OpenAI]:
    key = api_key(cluster, MODEL, namespace)
    with (
        cluster.port_forward(f"service/{MODEL}", namespace, 80) as port,
        OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=0) as made,
    ):
        yield made


def test_a_served_model_reports_what_runs(
    cluster: Cluster, namespace: str, served: dict[str, Any], stack: Stack
) -> None:
    status = served["status"]
    states = {one["type"]: one["status"] for one in status["conditions"]}
    assert set(states.values()) == {"True"}, states
    assert status["memory"]["source"] == "Measured"
    assert status["memory"]["kvTokens"] >= 1024
    assert status["resolved"]["node"]
    assert status["resolved"]["imageID"]
    assert status["startup"]["durationSeconds"] > 0
    assert status["startup"]["restarts"] == 0
    assert status["endpoint"] == f"http://{MODEL}.{namespace}.svc/v1"
    cluster.kubectl("wait", "--for=condition=Ready", f"rm/{MODEL}", "-n", namespace, "--timeout=5s")
    table = cluster.kubectl("get", "rm", MODEL, "-n", namespace)
    assert table.split()[:6] == ["NAME", "READY", "REASON", "RESIDENT", "NODE", "CONTEXT"]
    assert "Serving" in table


def test_the_answer_keeps_to_the_schema_and_repairs_the_file(client: OpenAI) -> None:
    answer = ask(client, model=MODEL, prompt=broken.PROMPT, schema=SCHEMA)
    assert answer.finish_reason == "stop"
    fixed = broken.apply(broken.SOURCE, answer.edits)
    assert fixed == broken.SOURCE.replace("    smu\n", "    sum\n")


def test_a_repeated_prefix_comes_from_the_cache(client: OpenAI) -> None:
    prompt = broken.PROMPT.replace("src/main.rs", "src/cache_test.rs")
    first = ask(client, model=MODEL, prompt=prompt, schema=SCHEMA)
    second = ask(client, model=MODEL, prompt=prompt, schema=SCHEMA)
    assert second.cached_tokens > first.cached_tokens
    assert second.cached_tokens >= 0.9 * second.prompt_tokens - 1


def test_no_key_no_answer(client: OpenAI, cluster: Cluster, namespace: str) -> None:
    with client.with_options(api_key="wrong") as stranger, pytest.raises(AuthenticationError):
        ask(stranger, model=MODEL, prompt=broken.PROMPT, schema=SCHEMA)
    with cluster.port_forward(f"service/{MODEL}", namespace, 80) as port:
        for path in ("/flush_cache", "/server_info"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5)
            assert refused.value.code in (401, 403)
            refused.value.close()


def test_the_keys_are_in_no_spec_status_or_log(
    cluster: Cluster, namespace: str, model: Model, served: dict[str, Any]
) -> None:
    secret = cluster.get("secret", f"{MODEL}-keys", namespace)
    assert set(secret["data"]) == {"api-key", "admin-api-key"}
    keys = [api_key(cluster, MODEL, namespace)]
    texts = {
        "model": json.dumps(cluster.get("rm", MODEL, namespace)),
        "pods": json.dumps(model.pods()),
        "events": json.dumps(cluster.list("events", namespace)),
        "engine log": cluster.kubectl("logs", f"deployment/{MODEL}", "-n", namespace),
        "operator log": cluster.kubectl(
            "logs", "-n", SYSTEM_NAMESPACE, "-l", "app.kubernetes.io/name=reflex-operator",
            "--tail=-1",
        ),
        "command lines": cluster.kubectl(
            "exec", f"deployment/{MODEL}", "-n", namespace, "--", "python3", "-c",
            "import glob; print([open(f).read() for f in glob.glob('/proc/[0-9]*/cmdline')])",
        ),
    }  # fmt: skip
    assert "server_args=" in texts["engine log"], "SGLang prints its arguments: they were redacted"
    for key in keys:
        for name, text in texts.items():
            assert key not in text, name


def test_an_engine_that_is_killed_recovers_in_its_pod(
    cluster: Cluster, namespace: str, model: Model, served: dict[str, Any]
) -> None:
    (before,) = model.pods()
    watch = model.watch_reason()
    model.signal("sglang", "SIGKILL")
    model.wait_reason("EngineRestarting")
    after = model.wait_ready()
    reasons = watch.stop()
    (pod,) = model.pods()
    assert pod["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["startup"]["restarts"] == 1
    assert "exit code 137" in after["status"]["startup"]["lastTermination"]["message"]
    assert "EngineRestarting" in reasons
    events = cluster.list("events", namespace)
    assert any(event["reason"] == "EngineRestarting" for event in events)


def test_one_changed_argument_is_one_recreate(
    cluster: Cluster, namespace: str, model: Model, served: dict[str, Any]
) -> None:
    (before,) = model.pods()
    seen = {before["metadata"]["uid"]}
    most_at_once = 1
    model.patch({"engine": {"maxRunningRequests": 3}})
    deadline = time.monotonic() + START_WITHIN
    while model.condition().get("status") != "True":
        pods = model.pods()
        seen |= {pod["metadata"]["uid"] for pod in pods}
        # A pod whose containers have ended may stay listed for a moment; it holds no GPU.
        alive = [pod for pod in pods if pod["status"].get("phase") in ("Pending", "Running")]
        most_at_once = max(most_at_once, len(alive))
        assert time.monotonic() < deadline, model.condition()
        time.sleep(0.3)
    (after,) = model.pods()
    assert seen == {before["metadata"]["uid"], after["metadata"]["uid"]}
    assert most_at_once == 1, "two engines at once would fight for one GPU"
    assert "--max-running-requests=3" in after["spec"]["containers"][0]["args"]


def test_suspend_stops_the_engine_and_resume_starts_it(
    cluster: Cluster, namespace: str, model: Model, served: dict[str, Any]
) -> None:
    model.patch({"suspend": True})
    model.wait_reason("Suspended", within=120)
    model.wait_gone(within=60)
    assert cluster.get("rm", MODEL, namespace)["status"]["replicas"] == 0
    model.patch({"suspend": False})
    model.wait_ready()


def test_kubectl_scale_works(
    cluster: Cluster, namespace: str, model: Model, served: dict[str, Any]
) -> None:
    cluster.kubectl("scale", "rm", MODEL, "--replicas=0", "-n", namespace)
    model.wait_reason("ScaledToZero", within=120)
    cluster.kubectl("scale", "rm", MODEL, "--replicas=1", "-n", namespace)
    model.wait_ready()


def test_an_image_that_cannot_be_pulled_is_explained(cluster: Cluster, namespace: str) -> None:
    model = Model(cluster=cluster, namespace=namespace, name="no-image")
    manifest = small("no-image")
    manifest["spec"]["engine"]["image"] = "localhost/no-such-engine:1"
    model.apply(manifest)
    assert "no-such-engine" in model.wait_reason("ImagePullError", within=10)
    model.delete()


def test_a_missing_secret_is_explained_and_the_model_goes_on_when_it_comes(
    cluster: Cluster, namespace: str
) -> None:
    model = Model(cluster=cluster, namespace=namespace, name="no-secret")
    manifest = small("no-secret")
    manifest["spec"]["apiKeySecretRef"] = {"name": "late-keys"}
    model.apply(manifest)
    assert f"{namespace}/late-keys" in model.wait_reason("SecretNotFound", within=10)
    literals = ["--from-literal=api-key=k1", "--from-literal=admin-api-key=k2"]
    cluster.kubectl("create", "secret", "generic", "late-keys", *literals, "-n", namespace)
    # The kubelet tries a failed mount again after at most two minutes.
    model.wait_reason("EngineStarting", within=150)
    model.delete()
    cluster.kubectl("delete", "secret", "late-keys", "-n", namespace)


def test_weights_on_a_claim_are_served(cluster: Cluster, namespace: str, stack: Stack) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "weights"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "100Mi"}},
        },
    }
    copies = "import shutil; shutil.copytree('/models/reflex-tiny', '/claim/tiny')"
    filler = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "filler"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "copy",
                    "image": stack.images["engine-cpu"],
                    "imagePullPolicy": "Never",
                    "command": ["python3", "-c", copies],
                    "volumeMounts": [{"name": "claim", "mountPath": "/claim"}],
                }
            ],
            "volumes": [{"name": "claim", "persistentVolumeClaim": {"claimName": "weights"}}],
        },
    }
    documents = yaml.safe_dump_all([claim, filler])
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=documents)
    cluster.kubectl(
        "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/filler", "-n", namespace,
        "--timeout=90s",
    )  # fmt: skip
    cluster.kubectl("delete", "pod", "filler", "-n", namespace)
    manifest = small("on-a-claim", memory="4Gi")
    source = {"persistentVolumeClaim": {"claimName": "weights", "path": "tiny"}}
    manifest["spec"]["source"] = source
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=yaml.safe_dump(manifest))
    cluster.kubectl(
        "wait", "--for=condition=Ready", "rm/on-a-claim", "-n", namespace, "--timeout=180s"
    )
    status = cluster.get("rm", "on-a-claim", namespace)["status"]
    reasons = {one["type"]: one["reason"] for one in status["conditions"]}
    assert reasons["ModelCached"] == "ClaimBound"
    cluster.kubectl("delete", "rm", "on-a-claim", "-n", namespace, "--timeout=30s")
    wait_for(
        "the engine is gone",
        lambda: not cluster.list("pods", namespace, "reflexstack.dev/model=on-a-claim"),
        within=90,
    )
    assert cluster.get("pvc", "weights", namespace)["status"]["phase"] == "Bound"
    cluster.kubectl("delete", "pvc", "weights", "-n", namespace)


def test_a_second_operator_takes_over_within_the_leases_time(
    cluster: Cluster, namespace: str, served: dict[str, Any], stack: Stack
) -> None:
    install(cluster, stack.images, replicas=2)

    def holder() -> str:
        lease = cluster.get("lease", "reflex-operator", SYSTEM_NAMESPACE)
        return str(lease["spec"].get("holderIdentity") or "")

    try:
        leader = wait_for("a leader", holder, within=30)
        start = time.monotonic()
        cluster.kubectl(
            "delete", "pod", leader, "-n", SYSTEM_NAMESPACE, "--grace-period=0", "--force"
        )
        taken = wait_for(
            "another leads", lambda: holder() if holder() not in ("", leader) else None, within=30
        )
        took = time.monotonic() - start
        assert taken != leader
        assert took < 25, f"{took:.1f} s"
        # The new leader works: what is broken by hand is mended.
        cluster.kubectl("delete", "service", MODEL, "-n", namespace)
        wait_for("the Service is back", lambda: cluster.get("service", MODEL, namespace), within=30)
    finally:
        install(cluster, stack.images, replicas=1)


def test_the_operator_was_denied_nothing(cluster: Cluster) -> None:
    account = f"system:serviceaccount:{SYSTEM_NAMESPACE}:"
    denied = []
    with Lab().audit_log.open() as log:
        for line in log:
            event = json.loads(line)
            decision = (event.get("annotations") or {}).get("authorization.k8s.io/decision")
            if decision == "forbid" and event["user"]["username"].startswith(account):
                denied.append((event["verb"], event.get("objectRef")))
    assert denied == []


def test_delete_leaves_nothing(cluster: Cluster, namespace: str, served: dict[str, Any]) -> None:
    cluster.kubectl("delete", "rm", MODEL, "-n", namespace, "--timeout=30s")
    kinds = "deployments,replicasets,pods,services,networkpolicies,secrets"
    wait_for("nothing is left", lambda: cluster.list(kinds, namespace) == [], within=90, every=1)
