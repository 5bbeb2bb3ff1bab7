"""The repair service in the cluster: its values for the demo, the stub cloud beside it, its key."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from reflex_e2e import stub_cloud
from reflex_e2e.kubectl import ROOT, Cluster
from reflex_e2e.waiting import wait_for

CRATE: Final = ROOT / "manifests/samples/broken-crate"
NAME: Final = "reflex-loop"
RUNNERS: Final = "reflex-runners"
STUB: Final = "stub-cloud"

# What the stub answers: the repairs of the demo's crate that the bundled model fails at. The second
# wants three edits at once, and that model gives one; the first it finds now and then.
ANSWERS: Final = [
    {
        "when": "`Hours::Weekend` not covered",
        "edits": [
            {
                "path": "src/tariff.rs",
                "search": ["        Hours::Night => 20,"],
                "replace": ["        Hours::Night | Hours::Weekend => 20,"],
            }
        ],
    },
    {
        "when": "borrow of moved value: `readings`",
        "edits": [
            {
                "path": "src/report.rs",
                "search": ["    let sums = sums(readings);"],
                "replace": ["    let sums = sums(&readings);"],
            },
            {
                "path": "src/report.rs",
                "search": ["fn sums(readings: Vec<Reading>) -> String {"],
                "replace": ["fn sums(readings: &[Reading]) -> String {"],
            },
            {
                "path": "src/report.rs",
                "search": [
                    '    format!("{} W in all, {} W at most", total(&readings), peak(&readings))'
                ],
                "replace": [
                    '    format!("{} W in all, {} W at most", total(readings), peak(readings))'
                ],
            },
        ],
    },
]

Values = dict[str, Any]


def values(
    images: Mapping[str, str],
    *,
    pull_policy: str,
    namespace: str = "default",
    model: str = "reflex-tiny",
    route: str = "",
    secret: str = "",
) -> Values:
    """Return `loop` of the chart's values: a bundled model first, then the stub cloud.

    Args:
        images: by name.
        pull_policy: of the sandboxes' image.
        namespace: where the service runs.
        model: its name in the OpenAI API.
        route: ReflexRoute that it is a member of: its evidence decides; empty: it has none, and
            every decision record says that the gate was off.
        secret: with the engine's key; empty: the one that the operator made.
    """
    repository, _, tag = images["runner"].rpartition(":")
    return {
        "enabled": True,
        "namespace": namespace,
        "config": {
            "model_primary": model,
            "models": {
                # It reads 1,024 tokens; a reply that is longer than a few lines is going astray.
                model: {"renderer": "compact", "context_tokens": 1024, "reply_tokens": 160}
            },
            "endpoints": {
                "local": {
                    "base_url": f"http://{route or model}/v1",
                    "api_key_file": "/etc/reflex/keys/local/api-key",
                },
                "cloud": {"base_url": f"http://{STUB}/v1", "dialect": "openai"},
            },
            "cloud": {"enabled": True, "endpoint": "cloud", "implementer": [stub_cloud.MODEL]},
            "gate": {"mode": "enforce" if route else "disabled"},
            "budgets": {"daily_usd": 1, "monthly_usd": 10},
        },
        "routes": {"local": route} if route else {},
        "prices": {
            "version": "demo: a stub's made-up prices",
            "models": {
                stub_cloud.MODEL: {
                    "input_usd": "1.25",
                    "output_usd": "10",
                    "max_output_tokens": 2048,
                }
            },
        },
        "keys": [{"name": "local", "secretName": secret or f"{model}-keys"}],
        "storage": {"size": "1Gi"},
        # It listens on 8080, which is not the cloud's 443.
        "networkPolicy": {"extraEgress": [{"ports": [{"port": stub_cloud.PORT}]}]},
        "runners": {
            "image": {"repository": repository, "tag": tag, "pullPolicy": pull_policy},
            "check": {"warm": 2, "resources": {"requests": {"cpu": "50m"}}},
            "fetch": {"warm": 1, "resources": {"requests": {"cpu": "10m"}}},
        },
    }


def start_stub(
    cluster: Cluster, image: str, *, pull_policy: str, namespace: str = "default"
) -> None:
    """Run the stub cloud as a pod behind a Service of its own; it is labelled a stub."""
    labels = {"app.kubernetes.io/name": STUB, "reflexstack.dev/stub": "true"}
    program = (ROOT / "e2e/reflex_e2e/stub_cloud.py").read_text()
    container = {
        "name": "stub",
        "image": image,
        "imagePullPolicy": pull_policy,
        "command": ["python3", "/stub/stub_cloud.py", "/stub/answers.json"],
        "ports": [{"name": "http", "containerPort": stub_cloud.PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "stub", "mountPath": "/stub", "readOnly": True}],
    }
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "stub", "configMap": {"name": STUB}}],
    }
    answers = json.dumps(ANSWERS)
    # A pod reads its program once: another program is another pod.
    version = hashlib.sha256(f"{program}{answers}".encode()).hexdigest()
    template = {"metadata": {"labels": labels, "annotations": {"version": version}}, "spec": pod}
    made = [
        {"kind": "ConfigMap", "apiVersion": "v1",
         "data": {"stub_cloud.py": program, "answers.json": answers}},
        {"kind": "Service", "apiVersion": "v1",
         "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": "http"}]}},
        {"kind": "Deployment", "apiVersion": "apps/v1",
         "spec": {"selector": {"matchLabels": labels}, "template": template}},
    ]  # fmt: skip
    for each in made:
        each["metadata"] = {"name": STUB, "namespace": namespace, "labels": labels}
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(each))


def wait_for_stub(cluster: Cluster, namespace: str = "default") -> None:
    """Wait until the stub that was started last is the one that answers."""
    where = ["-n", namespace, "--timeout=120s"]
    cluster.kubectl("rollout", "status", f"deployment/{STUB}", *where, timeout=130)


def wait_for_keys(cluster: Cluster, model: str, namespace: str = "default") -> None:
    """Wait for a model's Secret: a pod that starts before it would get its keys a minute late."""

    def there() -> bool:
        return bool(cluster.get("secret", f"{model}-keys", namespace))

    wait_for(f"the keys of {model}", there, within=30)


def bearer_key(cluster: Cluster, namespace: str = "default") -> str:
    """Return the service's own key, which the chart made."""
    data = cluster.get("secret", f"{NAME}-keys", namespace)["data"]["keys"]
    return base64.b64decode(data).decode().strip().partition(":")[2]


@contextmanager
def forwarded(cluster: Cluster, namespace: str = "default") -> Iterator[str]:
    """Yield a base URL of the service on this machine."""
    with cluster.port_forward(f"service/{NAME}", namespace, 80) as port:
        yield f"http://127.0.0.1:{port}"
