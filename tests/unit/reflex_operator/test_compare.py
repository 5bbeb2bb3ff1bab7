from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflex_operator.compare import ANNOTATION_APPLIED, differs, stamped, status_differs

SAME: list[tuple[Any, Any]] = [
    ({"a": 1}, {"a": 1, "defaulted": "x"}),
    ({"limits": {"cpu": "1000m", "memory": "1024Mi"}}, {"limits": {"cpu": "1", "memory": "1Gi"}}),
    ({"sizeLimit": "8192Mi"}, {"sizeLimit": "8Gi"}),
    ({"nodeSelector": {}}, {}),
    ({"hostIPC": False}, {}),
    ({"env": []}, {}),
    ({"name": ""}, {}),
    # merged by name: another manager's sidecar is not ours
    (
        {"containers": [{"name": "engine", "image": "i"}]},
        {"containers": [{"name": "sidecar"}, {"name": "engine", "image": "i", "x": 1}]},
    ),
    (
        {"volumeMounts": [{"mountPath": "/a", "name": "v"}, {"mountPath": "/b", "name": "v"}]},
        {"volumeMounts": [{"mountPath": "/b", "name": "v"}, {"mountPath": "/a", "name": "v"}]},
    ),
    ({"ingress": [{"ports": [{"port": 1}]}]}, {"ingress": [{"ports": [{"port": 1, "p": "TCP"}]}]}),
]
DIFFERENT: list[tuple[Any, Any]] = [
    ({"a": 1}, {}),
    ({"a": 1}, {"a": 2}),
    ({"replicas": 0}, {"replicas": 1}),
    ({"flag": True}, {"flag": 1}),
    ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}}),
    # quantities only where quantities stand
    ({"value": "1000m"}, {"value": "1"}),
    ({"args": ["--a", "--b"]}, {"args": ["--b", "--a"]}),
    ({"args": ["--a"]}, {"args": ["--a", "--b"]}),
    ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "a"}, {"key": "b"}]}),
    ({"containers": [{"name": "a"}]}, {"containers": [{"name": "b"}]}),
    ({"ports": [{"name": "http", "port": 80}]}, {"ports": [{"name": "http", "port": 81}]}),
    ({"from": [{"x": 1}]}, {"from": [{"x": 1}, {"x": 2}]}),
    ({"selector": {"a": "b"}}, {"selector": None}),
]


@pytest.mark.parametrize(("desired", "live"), SAME)
def test_defaults_and_others_fields_are_no_difference(desired: Any, live: Any) -> None:
    assert not differs(desired, live)


@pytest.mark.parametrize(("desired", "live"), DIFFERENT)
def test_a_difference_is_seen(desired: Any, live: Any) -> None:
    assert differs(desired, live)


def test_a_field_that_is_no_longer_wanted_is_seen_by_the_hash() -> None:
    def manifest(spec: dict[str, str]) -> dict[str, Any]:
        return {"kind": "Service", "metadata": {"name": "a"}, "spec": spec}

    live = stamped(manifest({"type": "ClusterIP", "old": "x"}))
    assert not differs(stamped(manifest({"old": "x", "type": "ClusterIP"})), live)
    assert differs(stamped(manifest({"type": "ClusterIP"})), live)
    assert len(live["metadata"]["annotations"][ANNOTATION_APPLIED]) == 16


def test_a_status_is_compared_as_a_whole() -> None:
    live = {"replicas": 0, "conditions": [{"type": "Ready"}], "memory": {"kvTokens": 1}}
    assert not status_differs({**live, "startup": {}}, live)
    assert status_differs({"replicas": 0, "conditions": [{"type": "Ready"}]}, live)
    assert status_differs({**live, "replicas": 1}, live)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab1m", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "name", "limits", "args", "ports"]), inner)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "limits", "ports", "spec"]), JSON)


@given(OBJECTS)
def test_what_was_applied_does_not_differ(manifest: dict[str, Any]) -> None:
    assert not differs(manifest, manifest)
    assert not status_differs(manifest, manifest)


@given(OBJECTS, JSON)
def test_fields_of_others_never_matter(manifest: dict[str, Any], other: Any) -> None:
    assert not differs(manifest, {**manifest, "other": other})
