"""What `helm template` makes of values."""

import tomllib
from typing import Any

import pytest
import yaml

from reflex_api.model import ReflexModel
from reflex_operator.builders.service import OPERATOR_POD_LABELS, network_policy
from unit.chart.helm_chart import (
    CHART,
    NAMESPACE,
    ROOT,
    Chart,
    Manifest,
    Refused,
    container,
    of_kind,
    pod_template,
)

CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
LABELS = {
    "app.kubernetes.io/name": "reflex-operator",
    "app.kubernetes.io/instance": "reflex",
    "app.kubernetes.io/version": "0.1.0",
    "app.kubernetes.io/managed-by": "Helm",
    "app.kubernetes.io/component": "operator",
    "app.kubernetes.io/part-of": "reflex",
}
DIGEST = "sha256:" + "0123456789abcdef" * 4


def test_lint_finds_nothing(chart: Chart) -> None:
    assert chart.lint().strip() == ""


def test_a_default_release_has_exactly_these_kinds(chart: Chart) -> None:
    rendered = chart.render(crds__install=False)
    assert sorted(found["kind"] for found in rendered) == [
        "ClusterRole",
        "ClusterRole",
        "ClusterRole",
        "ClusterRoleBinding",
        "Deployment",
        "NetworkPolicy",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
    ]


def test_every_object_is_labelled_and_in_the_releases_namespace(chart: Chart) -> None:
    everything = chart.render(replicaCount=2, metrics__serviceMonitor__enabled=True)
    for manifest in everything:
        metadata = manifest["metadata"]
        if manifest["kind"] in CLUSTER_SCOPED:
            assert "namespace" not in metadata
        else:
            assert metadata["namespace"] == NAMESPACE
        assert LABELS.items() <= metadata["labels"].items()


def test_names_are_unique_and_short_for_any_release_name(chart: Chart) -> None:
    long = "a" * 53  # Helm's own limit
    rendered = chart.render(long)
    names = [(found["kind"], found["metadata"]["name"]) for found in rendered]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 63 for kind, name in names if kind != "CustomResourceDefinition")


def test_engines_admit_exactly_the_operators_pods(chart: Chart, model_policy: Manifest) -> None:
    (rule,) = model_policy["spec"]["ingress"]
    admitted = next(peer for peer in rule["from"] if "namespaceSelector" in peer)
    labels = pod_template(chart.only("Deployment"))["metadata"]["labels"]

    assert admitted["podSelector"]["matchLabels"].items() <= labels.items()
    assert admitted["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": NAMESPACE
    }


@pytest.fixture
def model_policy() -> Manifest:
    model = ReflexModel.parse(
        {
            "metadata": {"name": "m", "namespace": "default", "uid": "u", "generation": 1},
            "spec": {
                "source": {"bundled": {"path": "/models/m"}},
                "engine": {"device": "cpu", "contextLength": 2048},
            },
        }
    )
    policy: Manifest = network_policy(model, operator_namespace=NAMESPACE)
    return policy


@pytest.mark.parametrize("release", ["reflex", "other"])
def test_selectors_match_the_pods(chart: Chart, release: str) -> None:
    rendered = chart.render(release, replicaCount=2, metrics__serviceMonitor__enabled=True)
    (deployment,) = of_kind(rendered, "Deployment")
    labels = pod_template(deployment)["metadata"]["labels"]
    (service,) = of_kind(rendered, "Service")
    (policy,) = of_kind(rendered, "NetworkPolicy")
    (budget,) = of_kind(rendered, "PodDisruptionBudget")
    (monitor,) = of_kind(rendered, "ServiceMonitor")

    assert OPERATOR_POD_LABELS.items() <= labels.items()
    for selector in (
        deployment["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        policy["spec"]["podSelector"]["matchLabels"],
        budget["spec"]["selector"]["matchLabels"],
    ):
        assert selector["app.kubernetes.io/instance"] == release
        assert selector.items() <= labels.items()
    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    )


def test_user_labels_reach_the_pods_and_not_the_selector(chart: Chart) -> None:
    deployment = chart.only("Deployment", podLabels={"team": "compilers"})
    assert pod_template(deployment)["metadata"]["labels"]["team"] == "compilers"
    assert "team" not in deployment["spec"]["selector"]["matchLabels"]


def test_a_user_cannot_take_away_the_label_that_engines_admit(chart: Chart) -> None:
    with pytest.raises(Refused, match="/podLabels"):
        chart.render(podLabels={"app.kubernetes.io/name": "mine"})


def test_one_operator_by_default_two_are_spread_and_budgeted(chart: Chart) -> None:
    one, two = chart.render(), chart.render(replicaCount=2)
    (deployment,) = of_kind(two, "Deployment")
    (budget,) = of_kind(two, "PodDisruptionBudget")
    (spread,) = pod_template(deployment)["spec"]["topologySpreadConstraints"]

    assert of_kind(one, "PodDisruptionBudget") == []
    assert "topologySpreadConstraints" not in pod_template(chart.only("Deployment"))["spec"]
    assert chart.only("Deployment")["spec"]["replicas"] == 1
    assert budget["spec"]["maxUnavailable"] == 1
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"


def test_a_new_operator_is_ready_before_the_old_one_goes(chart: Chart) -> None:
    strategy = chart.only("Deployment")["spec"]["strategy"]
    assert strategy == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }


def test_the_pod_meets_pod_security_restricted(chart: Chart) -> None:
    pod = pod_template(chart.only("Deployment"))["spec"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(chart.only("Deployment"))["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
    assert all(set(volume) == {"name", "emptyDir"} for volume in pod["volumes"])


def test_the_token_is_mounted_only_where_it_is_used(chart: Chart) -> None:
    assert chart.only("ServiceAccount")["automountServiceAccountToken"] is False
    pod = pod_template(chart.only("Deployment"))["spec"]
    assert pod["automountServiceAccountToken"] is True
    assert pod["serviceAccountName"] == chart.only("ServiceAccount")["metadata"]["name"]


def test_services_cannot_inject_settings(chart: Chart) -> None:
    """A Service named reflex-* would set REFLEX_*_SERVICE_HOST, which the operator refuses."""
    assert pod_template(chart.only("Deployment"))["spec"]["enableServiceLinks"] is False


def test_probes_ask_the_named_port(chart: Chart) -> None:
    operator = container(chart.only("Deployment"))
    (port,) = operator["ports"]
    assert (port["name"], port["containerPort"]) == ("http", 8080)
    for probe, path in {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }.items():
        assert operator[probe]["httpGet"] == {"path": path, "port": "http"}
        assert operator[probe]["timeoutSeconds"] > 1


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, "localhost/reflex:0.1.0"),
        ({"repository": "r.example:5000/a/b", "tag": "t1"}, "r.example:5000/a/b:t1"),
        ({"tag": "ignored", "digest": DIGEST}, f"localhost/reflex@{DIGEST}"),
    ],
)
def test_a_digest_wins_over_a_tag(chart: Chart, image: dict[str, str], expected: str) -> None:
    values: dict[str, Any] = {f"image__{name}": value for name, value in image.items()}
    assert container(chart.only("Deployment", **values))["image"] == expected


def test_images_loaded_by_hand_need_no_registry(chart: Chart) -> None:
    operator = container(chart.only("Deployment", image__pullPolicy="Never"))
    assert operator["imagePullPolicy"] == "Never"


def test_versions_of_chart_and_package_agree() -> None:
    described = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert described["appVersion"] == described["version"] == project["version"]


def test_an_older_kubernetes_is_refused_and_vendors_suffixes_are_not(chart: Chart) -> None:
    assert chart.render("reflex", "1.30.2-gke.100")
    with pytest.raises(Refused, match="kubeVersion"):
        chart.render("reflex", "1.29.9")


def test_only_the_http_port_is_open(chart: Chart) -> None:
    policy = chart.only("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    assert policy["ingress"] == [{"ports": [{"port": 8080, "protocol": "TCP"}]}]


def test_metrics_can_be_limited_to_some_clients(chart: Chart) -> None:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    (rule,) = chart.only("NetworkPolicy", networkPolicy__from=[peer])["spec"]["ingress"]
    assert rule["from"] == [peer]


def test_network_policy_and_service_monitor_are_optional(chart: Chart) -> None:
    rendered = chart.render(networkPolicy__enabled=False)
    assert of_kind(rendered, "NetworkPolicy") == of_kind(rendered, "ServiceMonitor") == []

    monitor = chart.only(
        "ServiceMonitor",
        metrics__serviceMonitor__enabled=True,
        metrics__serviceMonitor__labels={"release": "prometheus"},
    )
    (endpoint,) = monitor["spec"]["endpoints"]
    (port,) = chart.only("Service")["spec"]["ports"]
    assert endpoint["port"] == port["name"]
    assert endpoint["path"] == "/metrics"
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_an_existing_service_account_is_bound(chart: Chart) -> None:
    rendered = chart.render(serviceAccount__create=False, serviceAccount__name="ours")
    assert of_kind(rendered, "ServiceAccount") == []
    bindings = of_kind(rendered, "ClusterRoleBinding") + of_kind(rendered, "RoleBinding")
    assert len(bindings) == 2
    for binding in bindings:
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "ours", "namespace": NAMESPACE}
        ]


def test_scheduling_values_reach_the_pod(chart: Chart) -> None:
    toleration = {"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}
    pod = pod_template(
        chart.only(
            "Deployment",
            tolerations=[toleration],
            priorityClassName="system-cluster-critical",
            nodeSelector={"pool": "system"},
            imagePullSecrets=[{"name": "registry"}],
        )
    )["spec"]
    assert pod["tolerations"] == [toleration]
    assert pod["priorityClassName"] == "system-cluster-critical"
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux", "pool": "system"}
    assert pod["imagePullSecrets"] == [{"name": "registry"}]


def test_notes_say_what_to_do_next(chart: Chart) -> None:
    notes = chart.notes()
    for words in ("kubectl get rm -w", "driver 580", "CUDA 13", "engine.images.cpu is empty"):
        assert words in notes
    assert "names a tag without a digest" in notes
    assert "which no node can pull" in notes

    settled = chart.notes(
        image__repository="registry.example/reflex",
        engine__images={"cpu": "e:1", "cuda": f"lmsysorg/sglang:v0.5.23@{DIGEST}"},
    )
    for words in ("is empty", "without a digest", "no node can pull"):
        assert words not in settled
