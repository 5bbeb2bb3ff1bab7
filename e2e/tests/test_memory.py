"""The reflection service in the lab, on SQLite and on PostgreSQL, and repairs that it remembers.

The model is SIMULATED: this says something about the services, and nothing about models.
"""

import base64
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from reflex_e2e import loop, memory, repairs, scripted
from reflex_e2e.addresses import reachable
from reflex_e2e.kubectl import LAB, ROOT, Cluster, run, uses_existing
from reflex_e2e.memory import NAME, Memories
from reflex_e2e.repairs import Service
from reflex_e2e.stack import Stack, install
from reflex_e2e.waiting import wait_for

from repair_corpus import Item

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(uses_existing(os.environ), reason="pods reach this machine in the lab only"),
]

NAMESPACE = "default"
KEYS = {"default": "default-key-0123456789abcdef", "ada": "ada-key-0123456789abcdef"}
KEYS_SECRET, DATABASE_SECRET, POSTGRES = "memory-test-keys", "memory-test-url", "memory-test-pg"
PASSWORD = "only-in-the-lab"
ITEM = "e0308-if-branches"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def apply(cluster: Cluster, *objects: Mapping[str, Any]) -> None:
    for each in objects:
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(each))


def secret(name: str, **data: str) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {
        "apiVersion": "v1", "kind": "Secret", "data": encoded,
        "metadata": {"name": name, "namespace": NAMESPACE},
    }  # fmt: skip


@pytest.fixture(scope="module")
def keys(stack: Stack) -> str:
    """A Secret with two owners, for both services."""
    lines = "".join(f"{name}:{key}\n" for name, key in KEYS.items())
    apply(stack.cluster, secret(KEYS_SECRET, keys=lines))
    return KEYS_SECRET


@pytest.fixture(scope="module")
def postgres(stack: Stack) -> Iterator[str]:
    """A PostgreSQL pod of the test's own; yields the Secret with its URL."""
    cluster = stack.cluster
    built = json.loads(
        run(
            [sys.executable, ROOT / "images/build.py", "postgres", "--json", "--builder=buildah"],
            quiet=False, timeout=1200,
        )
    )  # fmt: skip
    run([LAB, "load-image", built["image"]], quiet=False, timeout=600)
    url = f"postgresql+psycopg://reflex:{PASSWORD}@{POSTGRES}/postgres"
    labels = {"app": POSTGRES}
    meta = {"name": POSTGRES, "namespace": NAMESPACE, "labels": labels}
    container = {
        "name": "postgres", "image": built["image"], "imagePullPolicy": "Never",
        "env": [{"name": "PASSWORD_FILE", "value": "/secret/password"}],
        "ports": [{"containerPort": 5432}],
        "readinessProbe": {
            "exec": {"command": ["pg_isready", "-h", "127.0.0.1"]}, "periodSeconds": 1,
            "timeoutSeconds": 5,
        },
        "securityContext": RESTRICTED,
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp"},
            {"name": "password", "mountPath": "/secret", "readOnly": True},
        ],
    }  # fmt: skip
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "data", "emptyDir": {"sizeLimit": "512Mi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}},
            {"name": "password", "secret": {"secretName": DATABASE_SECRET, "defaultMode": 0o440,
                                            "items": [{"key": "password", "path": "password"}]}},
        ],
    }  # fmt: skip
    apply(
        cluster,
        secret(DATABASE_SECRET, url=url, password=PASSWORD),
        {"apiVersion": "v1", "kind": "Service", "metadata": meta,
         "spec": {"selector": labels, "ports": [{"port": 5432}]}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta,
         "spec": {"selector": {"matchLabels": labels},
                  "template": {"metadata": {"labels": labels}, "spec": pod}}},
    )  # fmt: skip
    try:
        where = ["-n", NAMESPACE, "--timeout=180s"]
        cluster.kubectl("rollout", "status", f"deployment/{POSTGRES}", *where, timeout=190)
        yield DATABASE_SECRET
    finally:
        gone = [f"deployment/{POSTGRES}", f"service/{POSTGRES}", f"secret/{DATABASE_SECRET}"]
        cluster.kubectl("delete", "-n", NAMESPACE, "--ignore-not-found", "--wait=false", *gone)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(stack: Stack, keys: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The reflection service on one of the databases; yields its URL."""
    database = request.getfixturevalue("postgres") if request.param == "postgresql" else ""
    values = memory.values(database=database, keys=keys, namespace=NAMESPACE)
    try:
        install(stack.cluster, stack.images, reflection=values)
        yield reachable(stack.cluster, NAME, NAMESPACE)
    finally:  # also of an installation that failed: every later one keeps what it finds
        install(stack.cluster, stack.images, reflection={"enabled": False})


def pods(cluster: Cluster) -> set[str]:
    found = cluster.list("pods", NAMESPACE, f"app.kubernetes.io/name={NAME}")
    return {
        each["metadata"]["uid"] for each in found if not each["metadata"].get("deletionTimestamp")
    }


def test_memories_outlive_their_pod_and_owners_are_apart(cluster: Cluster, service: str) -> None:
    with Memories(service, KEYS["ada"]) as ada, Memories(service, KEYS["default"]) as other:
        made = ada.reflect("The quick brown fox is remembered by ada", turn=1)
        assert made["ops_written"] == 1
        (kept,) = ada.search("quick fox")
        assert kept["text"] == "the quick brown fox is remembered by ada"
        assert other.search("quick fox") == []
        assert other.refused(f"/v1/memories/{kept['id']}") == 404
        with Memories(service, "mallory-key-0123456789abcdef") as mallory:
            assert mallory.refused("/v1/memories") == 401

        before = pods(cluster)
        where = ["-n", NAMESPACE, "-l", f"app.kubernetes.io/name={NAME}", "--wait=true"]
        cluster.kubectl("delete", "pod", "--timeout=120s", *where, timeout=130)

        def ready_anew() -> bool:
            found = cluster.get("deployment", NAME, NAMESPACE)["status"]
            return bool(found.get("readyReplicas")) and not before & pods(cluster)

        wait_for("another pod is ready", ready_anew, within=120)
        assert [each["id"] for each in ada.found("quick fox")] == [kept["id"]]
        again = ada.reflect("The quick brown fox is remembered by ada", turn=1)
        assert again["ops_written"] == 0, "a rerun of the turn changes nothing"


def test_a_repair_leaves_a_memory_and_the_next_one_recalls_it(
    stack: Stack, service: str, keys: str, tmp_path: Path
) -> None:
    item = Item.load(ITEM)
    questions: list[str] = []

    def answer(body: Mapping[str, Any]) -> str:
        questions.append("".join(str(each["content"]) for each in body["messages"]))
        return item.answer()

    with scripted.serving(answer) as engine:
        values = loop.values(stack.images, pull_policy=stack.pull_policy, namespace=NAMESPACE)
        values["config"] = {
            "model_primary": scripted.MODEL,
            "endpoints": {"local": {"base_url": engine}},
            "gate": {"mode": "disabled"},
        }
        values["auth"] = {"existingSecret": keys}
        values["memory"] = {"enabled": True, "recall": True}
        installed = stack.cluster.helm(
            "get", "values", "reflex", "-n", "reflex-system", "-o", "json"
        )
        reflection = json.loads(installed)["reflection"]
        install(stack.cluster, stack.images, loop=values, reflection=reflection)
        url = reachable(stack.cluster, loop.NAME, NAMESPACE)
        try:
            with Service(url, KEYS["ada"]) as asked, Memories(service, KEYS["ada"]) as memories:
                first = repaired(asked, item, tmp_path / "first")
                kept = memories.found("repaired E0308")[0]
                second = repaired(asked, item, tmp_path / "second")
        finally:
            values["memory"] = {"enabled": False}
            install(stack.cluster, stack.images, loop=values)
    assert "recalled" not in first
    assert kept["text"].startswith("repaired e0308")
    assert "recalled" in second
    assert kept["text"] not in questions[0]
    assert kept["text"] in questions[-1]


def repaired(service: Service, item: Item, folder: Path) -> list[str]:
    """Repair an item and return the kinds of its events."""
    tar = repairs.pack(item.copy_to(folder))
    number = service.create(tar, suggestions="off", entry=item.entry)
    with service.events(number) as told:
        kinds = [event.kind for event in told]
    assert service.repair(number)["result"]["fixed"], service.repair(number)
    return kinds
