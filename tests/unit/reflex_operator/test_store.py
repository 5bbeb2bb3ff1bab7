from typing import Any

from reflex_operator.manifest import ObjectRef
from reflex_operator.reconcile.plan import ModelKey
from reflex_operator.store import WATCHED_KINDS, Store

Object = dict[str, Any]
A = ModelKey(namespace="default", name="a")
B = ModelKey(namespace="default", name="b")


def model(name: str, version: int, *, reason: str = "") -> Object:
    conditions = [{"type": "Scheduled", "status": "False", "reason": reason}] if reason else []
    return {
        "kind": "ReflexModel",
        "metadata": {"namespace": "default", "name": name, "resourceVersion": str(version)},
        "status": {"conditions": conditions},
    }


def pod(name: str, version: int, *, of: str = "a", node: str = "", gpu: bool = True) -> Object:
    limits = {"nvidia.com/gpu": "1"} if gpu else {}
    return {
        "kind": "Pod",
        "metadata": {
            "namespace": "default",
            "name": name,
            "resourceVersion": str(version),
            "labels": {"reflexstack.dev/model": of},
        },
        "spec": {
            **({"nodeName": node} if node else {}),
            "containers": [{"name": "engine", "args": ["x"], "resources": {"limits": limits}}],
        },
        "status": {"phase": "Running"},
    }


def node(version: int, **labels: str) -> Object:
    return {
        "kind": "Node",
        "metadata": {"name": "n1", "resourceVersion": str(version), "labels": labels},
        "status": {
            "capacity": {"nvidia.com/gpu": "1"},
            "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": str(version)}],
        },
    }


def test_an_older_event_is_ignored() -> None:
    store = Store()
    assert store.observe("ADDED", model("a", 5)).keys == {A}
    for event, version in (("MODIFIED", 4), ("MODIFIED", 5), ("DELETED", 4)):
        assert not store.observe(event, model("a", version)).news
    assert store.model(A) is not None


def test_a_deleted_object_does_not_come_back_by_an_older_event() -> None:
    store = Store()
    store.observe("ADDED", model("a", 5))
    assert store.observe("DELETED", model("a", 6)).keys == {A}
    assert not store.observe("MODIFIED", model("a", 5)).news
    assert store.model(A) is None
    assert store.observe("ADDED", model("a", 7)).keys == {A}, "a new one of the name"


def test_a_missed_delete_is_found_by_the_list() -> None:
    store = Store()
    store.replace("ReflexModel", [model("a", 5), model("b", 6)], "10")
    change = store.replace("ReflexModel", [model("a", 5)], "20")
    assert change.keys == {B}
    assert change.news
    assert store.model(B) is None
    assert not store.observe("MODIFIED", model("b", 15)).news, "a watch that lags behind the list"
    assert store.observe("ADDED", model("b", 21)).keys == {B}


def test_a_list_that_events_overtook_takes_nothing_away() -> None:
    store = Store()
    store.observe("ADDED", model("b", 25))
    assert not store.replace("ReflexModel", [], "20").keys
    assert store.model(B) is not None


def test_an_unchanged_list_wakes_nobody() -> None:
    store = Store()
    store.replace("ReflexModel", [model("a", 5)], "10")
    change = store.replace("ReflexModel", [model("a", 5)], "20")
    assert not change.keys
    assert not change.news


def test_it_is_synced_when_every_kind_was_listed() -> None:
    store = Store()
    for kind in WATCHED_KINDS:
        assert not store.synced
        store.replace(kind, [], "10")
    assert store.synced


def test_pods_wake_their_model_and_those_that_wait_for_a_gpu() -> None:
    store = Store()
    store.observe("ADDED", model("a", 1))
    store.observe("ADDED", model("b", 2, reason="GPUHeldByPeer"))
    assert store.observe("ADDED", pod("a-1", 3)).keys == {A}
    assert store.observe("MODIFIED", pod("a-1", 4, node="n1")).keys == {A, B}
    assert store.observe("MODIFIED", pod("a-1", 5, node="n1")).keys == {A}
    assert [one["metadata"]["name"] for one in store.gpu_pods(apart_from=B)] == ["a-1"]
    assert store.gpu_pods(apart_from=A) == ()
    assert store.observe("DELETED", pod("a-1", 6, node="n1")).keys == {A, B}
    assert store.gpu_pods(apart_from=B) == ()
    assert store.pods(A) == ()


def test_a_node_wakes_waiting_models_and_its_own_but_not_by_a_heartbeat() -> None:
    store = Store()
    store.observe("ADDED", model("b", 2, reason="InsufficientGPU"))
    store.observe("ADDED", pod("a-1", 4, node="n1"))
    assert store.observe("ADDED", node(5)).keys == {A, B}
    assert store.observe("MODIFIED", node(6)).keys == frozenset()
    assert store.observe("MODIFIED", node(7, gpu="x")).keys == {A, B}
    assert set(store.gpu_nodes()) == {"n1"}


def test_children_are_found_by_reference_and_wake_their_model() -> None:
    store = Store()
    child = {
        "kind": "Service",
        "metadata": {
            "namespace": "default",
            "name": "a",
            "resourceVersion": "3",
            "labels": {"reflexstack.dev/model": "a"},
            "managedFields": [{"manager": "x"}],
        },
    }
    assert store.observe(None, child).keys == {A}
    kept = store.get(ObjectRef(kind="Service", namespace="default", name="a"))
    assert kept is not None
    assert "managedFields" not in kept["metadata"]


def test_a_trimmed_pod_keeps_what_decisions_need_and_no_more() -> None:
    trimmed = Store().trim(pod("a-1", 3, node="n1"))
    assert trimmed["spec"] == {
        "nodeName": "n1",
        "containers": [{"name": "engine", "resources": {"limits": {"nvidia.com/gpu": "1"}}}],
    }


def test_a_version_that_is_no_number_is_believed() -> None:
    store = Store()
    store.observe("ADDED", model("a", 5))
    odd = model("a", 0)
    odd["metadata"]["resourceVersion"] = "opaque"
    assert store.observe("MODIFIED", odd).news


def test_a_shortage_on_a_node_wakes_its_models() -> None:
    store = Store()
    store.observe("ADDED", model("a", 1))
    store.observe("ADDED", pod("a-1", 4, node="n1"))
    store.observe("ADDED", node(5))
    short = node(6)
    short["status"]["conditions"] += [
        {"type": "DiskPressure", "status": "True"},
        {"type": "PIDPressure", "status": "True"},
    ]
    assert store.observe("MODIFIED", short).keys == {A}
    kept = store.node("n1")
    assert kept is not None
    assert [one["type"] for one in kept["status"]["conditions"]] == ["Ready", "DiskPressure"]


def test_gpu_nodes_are_gathered_once_until_a_node_changes() -> None:
    store = Store()
    store.observe("ADDED", node(1))
    before = store.gpu_nodes()
    store.observe("MODIFIED", node(2))  # a heartbeat
    assert store.gpu_nodes() is before
    store.observe("MODIFIED", node(3, **{"nvidia.com/gpu.memory": "32607"}))
    assert store.gpu_nodes()["n1"]["metadata"]["labels"] == {"nvidia.com/gpu.memory": "32607"}
    assert before["n1"]["metadata"]["labels"] == {}  # a snapshot that was taken does not change
    store.observe("DELETED", node(4))
    assert store.gpu_nodes() == {}


def test_a_node_wakes_models_that_fit_no_gpu() -> None:
    store = Store()
    unfit = model("a", 1)
    unfit["status"]["conditions"] = [
        {"type": "MemoryFits", "status": "False", "reason": "InsufficientGPUMemory"}
    ]
    fits = model("b", 2)
    fits["status"]["conditions"] = [{"type": "MemoryFits", "status": "True", "reason": "Fits"}]
    store.observe("ADDED", unfit)
    store.observe("ADDED", fits)
    assert store.observe("ADDED", node(3)).keys == {A}
    assert store.observe("MODIFIED", node(4)).keys == frozenset()
