"""The operator's rights: exactly what it calls. A new call is a change here and in rbac.yaml."""

import pytest

from unit.chart.helm_chart import NAMESPACE, Chart, Manifest, of_kind

# (API group, resource, resource name): verbs
CLUSTER = {
    ("reflexstack.dev", "reflexmodels", ""): {"list", "watch"},
    ("reflexstack.dev", "reflexmodels/status", ""): {"patch"},
    ("reflexstack.dev", "reflexroutes", ""): {"list", "watch"},
    ("reflexstack.dev", "reflexroutes/status", ""): {"patch"},
    ("reflexstack.dev", "reflexbakeoffs", ""): {
        "get",
        "list",
        "watch",
        "create",
        "patch",
        "delete",
    },
    ("reflexstack.dev", "reflexbakeoffs/status", ""): {"patch"},
    ("", "configmaps", ""): {"get", "list", "watch", "create", "patch"},
    ("apps", "deployments", ""): {"get", "list", "watch", "create", "patch"},
    ("", "services", ""): {"get", "list", "watch", "create", "patch"},
    ("networking.k8s.io", "networkpolicies", ""): {"get", "list", "watch", "create", "patch"},
    ("batch", "jobs", ""): {"get", "list", "watch", "create", "patch", "delete"},
    ("", "persistentvolumeclaims", ""): {"get", "list", "watch", "create", "patch"},
    ("", "secrets", ""): {"get", "create"},
    ("", "pods", ""): {"list", "watch"},
    ("", "pods/log", ""): {"get"},
    ("", "pods/status", ""): {"patch"},
    ("", "nodes", ""): {"list", "watch"},
    ("", "events", ""): {"create"},
}
OWN_NAMESPACE = {
    ("coordination.k8s.io", "leases", ""): {"create"},
    ("coordination.k8s.io", "leases", "reflex-operator"): {"get", "update"},
}
VIEWER = {
    ("reflexstack.dev", resource, ""): {"get", "list", "watch"}
    for resource in (
        "reflexmodels",
        "reflexmodels/status",
        "reflexmodels/scale",
        "reflexroutes",
        "reflexroutes/status",
        "reflexbakeoffs",
        "reflexbakeoffs/status",
    )
}
EDITOR = {
    **{
        ("reflexstack.dev", resource, ""): {
            "create",
            "update",
            "patch",
            "delete",
            "deletecollection",
        }
        for resource in ("reflexmodels", "reflexroutes", "reflexbakeoffs")
    },
    ("reflexstack.dev", "reflexmodels/scale", ""): {"update", "patch"},
}
AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"


def grants(role: Manifest) -> dict[tuple[str, str, str], set[str]]:
    """Return a role's rules spread out; two rules for one resource are refused."""
    spread: dict[tuple[str, str, str], set[str]] = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for name in rule.get("resourceNames", [""]):
                    assert (group, resource, name) not in spread
                    spread[group, resource, name] = set(rule["verbs"])
    return spread


def named(chart: Chart, kind: str, name: str) -> Manifest:
    (found,) = [one for one in of_kind(chart.render(), kind) if one["metadata"]["name"] == name]
    return found


def test_the_operator_has_exactly_these_rights_in_the_cluster(chart: Chart) -> None:
    assert grants(named(chart, "ClusterRole", "reflex-operator")) == CLUSTER


def test_the_operator_has_exactly_the_lease_in_its_namespace(chart: Chart) -> None:
    role = named(chart, "Role", "reflex-operator-lease")
    assert role["metadata"]["namespace"] == NAMESPACE
    assert grants(role) == OWN_NAMESPACE


def test_secrets_are_never_listed_or_watched() -> None:
    assert not CLUSTER["", "secrets", ""] & {"list", "watch"}


@pytest.mark.parametrize("kind", ["ClusterRole", "Role"])
def test_no_role_holds_a_wildcard_or_a_way_to_more_rights(chart: Chart, kind: str) -> None:
    for role in of_kind(chart.render(), kind):
        for (group, resource, _), verbs in grants(role).items():
            assert "*" not in {group, resource} | verbs
            assert not verbs & {"escalate", "bind", "impersonate"}
            assert resource not in {"pods/exec", "serviceaccounts/token"}


def test_both_roles_are_bound_to_the_operators_account(chart: Chart) -> None:
    for kind, role_kind, name in (
        ("ClusterRoleBinding", "ClusterRole", "reflex-operator"),
        ("RoleBinding", "Role", "reflex-operator-lease"),
    ):
        binding = named(chart, kind, name)
        assert binding["roleRef"] == {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": role_kind,
            "name": name,
        }
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "reflex-operator", "namespace": NAMESPACE}
        ]


def test_users_get_their_rights_through_kubernetes_own_roles(chart: Chart) -> None:
    viewer = named(chart, "ClusterRole", "reflex-view")
    editor = named(chart, "ClusterRole", "reflex-edit")
    assert grants(viewer) == VIEWER
    assert grants(editor) == EDITOR
    assert viewer["metadata"]["labels"][f"{AGGREGATE}view"] == "true"
    assert f"{AGGREGATE}view" not in editor["metadata"]["labels"]
    for role in ("edit", "admin"):
        assert editor["metadata"]["labels"][f"{AGGREGATE}{role}"] == "true"


def test_roles_can_be_left_to_the_cluster_administrator(chart: Chart) -> None:
    rendered = chart.render(rbac__create=False, rbac__aggregate=False)
    for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"):
        assert of_kind(rendered, kind) == []
