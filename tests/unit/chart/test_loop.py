"""The repair service and its sandboxes, as the chart installs them."""

import base64
import json
from typing import Any

import pytest
import yaml

from reflex_api.names import FIELD_MANAGER, LABEL_FEEDBACK, LABEL_MANAGED_BY, feedback_name
from reflex_loop.adapters.pods.podview import CARGO_ANNOTATION, KIND_LABEL, PORT, STATE_LABEL
from reflex_loop.service.settings import PREFIX, ServiceSettings, load_settings
from reflex_routing.config_file import load
from unit.chart.helm_chart import NAMESPACE, Chart, Manifest, Refused, of_kind, pod_template
from unit.chart.test_rbac import grants
from unit.chart.test_rendering import model_policy  # noqa: F401 - a fixture

CONFIG = {
    "model_primary": "m",
    "endpoints": {
        "local": {"base_url": "http://m/v1", "api_key_file": "/etc/reflex/keys/local/api-key"}
    },
}
LOOP: dict[str, Any] = {
    "enabled": True,
    "namespace": "models",
    "config": CONFIG,
    "keys": [{"name": "local", "secretName": "m-keys"}],
}
RESTRICTED_POD = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESTRICTED_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
# Settings of the service that a release leaves at its own defaults.
LEFT_ALONE = set(ServiceSettings.model_fields) - {
    "listen", "data_dir", "keys_file", "sandbox", "runner_namespace", "runner_selector",
    "repairs_running", "repairs_queued", "repair_seconds", "rate", "repair_rate", "grace_seconds",
    "log_level", "database_url",
}  # fmt: skip


def rendered(chart: Chart, /, **loop: Any) -> list[Manifest]:
    return chart.render(loop=LOOP | loop)


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [one for one in of_kind(manifests, kind) if one["metadata"]["name"] == name]
    return found


def service(chart: Chart, /, **loop: Any) -> Manifest:
    return named(rendered(chart, **loop), "Deployment", "reflex-loop")


def variables(deployment: Manifest) -> dict[str, str]:
    (container,) = pod_template(deployment)["spec"]["containers"]
    return {
        each["name"]: each.get("value", "postgresql+psycopg://db/reflex")
        for each in container["env"]
    }


def test_nothing_of_it_is_there_by_default(chart: Chart) -> None:
    names = [each["metadata"]["name"] for each in chart.render()]
    assert not [name for name in names if "loop" in name or "runner" in name]


def test_a_release_with_it_has_exactly_these_objects(chart: Chart) -> None:
    own = [
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"])
        for each in rendered(chart)
        if each["metadata"].get("namespace") != NAMESPACE
        and not each["kind"].startswith(("Cluster", "Custom"))
    ]
    assert sorted(own) == [
        ("ConfigMap", "models", "reflex-loop"),
        ("Deployment", "models", "reflex-loop"),
        ("Deployment", "reflex-runners", "reflex-check"),
        ("Deployment", "reflex-runners", "reflex-fetch"),
        ("LimitRange", "reflex-runners", "reflex-runners"),
        ("Namespace", "", "reflex-runners"),
        ("NetworkPolicy", "models", "reflex-loop"),
        ("NetworkPolicy", "reflex-runners", "reflex-check"),
        ("NetworkPolicy", "reflex-runners", "reflex-fetch"),
        ("PersistentVolumeClaim", "models", "reflex-loop"),
        ("ResourceQuota", "reflex-runners", "reflex-runners"),
        ("Role", "reflex-runners", "reflex-loop"),
        ("RoleBinding", "reflex-runners", "reflex-loop"),
        ("Secret", "models", "reflex-loop-keys"),
        ("Service", "models", "reflex-loop"),
        ("ServiceAccount", "models", "reflex-loop"),
    ]


def test_the_model_to_ask_must_be_named(chart: Chart) -> None:
    with pytest.raises(Refused, match=r"loop\.config\.model_primary"):
        rendered(chart, config={})


def test_the_service_may_only_claim_follow_and_delete_pods(chart: Chart) -> None:
    manifests = rendered(chart)
    role = named(manifests, "Role", "reflex-loop")
    assert role["metadata"]["namespace"] == "reflex-runners"
    assert grants(role) == {("", "pods", ""): {"get", "list", "watch", "patch", "delete"}}
    (binding,) = [
        each
        for each in of_kind(manifests, "RoleBinding") + of_kind(manifests, "ClusterRoleBinding")
        for subject in each["subjects"]
        if subject["name"] == "reflex-loop"
    ]
    assert binding["metadata"]["namespace"] == "reflex-runners"


ROUTES = {"local": "coder", "other": "fast"}


def test_the_service_is_told_its_routes_and_may_read_them_and_speak_of_them(chart: Chart) -> None:
    manifests = rendered(chart, routes=ROUTES)
    settings = load_settings(variables(named(manifests, "Deployment", "reflex-loop")))
    assert (settings.route_of, settings.routes_namespace) == (ROUTES, "models")
    role = named(manifests, "Role", "reflex-loop-routes")
    assert role["metadata"]["namespace"] == "models"
    # No list, nothing of another route, and no create: it would be the right to make evidence.
    assert grants(role) == {
        ("reflexstack.dev", "reflexroutes", "coder"): {"get", "watch"},
        ("reflexstack.dev", "reflexroutes", "fast"): {"get", "watch"},
        ("", "configmaps", "coder.feedback"): {"get", "patch"},
        ("", "configmaps", "fast.feedback"): {"get", "patch"},
    }
    for route in ROUTES.values():
        labels = named(manifests, "ConfigMap", feedback_name(route))["metadata"]["labels"]
        assert labels[LABEL_FEEDBACK] == route
        assert labels[LABEL_MANAGED_BY] == FIELD_MANAGER
    roles = {one["metadata"]["name"] for one in of_kind(rendered(chart), "Role")}
    assert "reflex-loop-routes" not in roles


@pytest.mark.parametrize("database", ["", "postgres"])
def test_the_service_reads_every_variable_of_the_chart(chart: Chart, database: str) -> None:
    given = variables(service(chart, database={"existingSecret": database}))
    settings = load_settings(given)
    assert (settings.sandbox, settings.runner_namespace) == ("pods", "reflex-runners")
    assert settings.address == ("0.0.0.0", 8080)
    assert settings.url.startswith("postgresql" if database else "sqlite")
    names = {name.removeprefix(PREFIX).lower() for name in given}
    expected = set(ServiceSettings.model_fields) - LEFT_ALONE
    assert names == (expected if database else expected - {"database_url"})


def test_the_configuration_is_one_that_the_service_takes(chart: Chart, tmp_path: Any) -> None:
    for name, text in named(rendered(chart), "ConfigMap", "reflex-loop")["data"].items():
        (tmp_path / name).write_text(text)
    loaded = load(tmp_path / "reflex.yaml", environ={})
    assert loaded.reflex.model_primary == "m"


def test_keys_are_mounted_where_the_configuration_looks_for_them(chart: Chart) -> None:
    pod = pod_template(service(chart))["spec"]
    (container,) = pod["containers"]
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    folder, _, file = CONFIG["endpoints"]["local"]["api_key_file"].rpartition("/")  # type: ignore[index]
    secret = volumes[mounts[folder]]["secret"]
    assert secret["secretName"] == "m-keys"
    assert secret["items"] == [{"key": "api-key", "path": file}]
    assert volumes[mounts["/etc/reflex/bearer"]]["secret"]["secretName"] == "reflex-loop-keys"


def test_a_key_of_its_own_is_made_unless_one_is_there(chart: Chart) -> None:
    secret = named(rendered(chart), "Secret", "reflex-loop-keys")
    name, _, key = base64.b64decode(secret["data"]["keys"]).decode().strip().partition(":")
    assert name == "default"
    assert len(key) == 48
    existing = rendered(chart, auth={"existingSecret": "mine"})
    assert of_kind(existing, "Secret") == []
    assert "mine" in json.dumps(service(chart, auth={"existingSecret": "mine"}))


def test_several_replicas_need_postgresql(chart: Chart) -> None:
    with pytest.raises(Refused, match="several replicas need PostgreSQL"):
        rendered(chart, replicaCount=2)
    several = rendered(chart, replicaCount=2, database={"existingSecret": "postgres"})
    deployment = named(several, "Deployment", "reflex-loop")
    assert deployment["spec"]["strategy"]["type"] == "RollingUpdate"
    assert of_kind(several, "PersistentVolumeClaim") == []
    (budget,) = of_kind(several, "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1
    assert service(chart)["spec"]["strategy"] == {"type": "Recreate"}


def test_engines_admit_the_service(chart: Chart, model_policy: Manifest) -> None:  # noqa: F811
    (rule,) = model_policy["spec"]["ingress"]
    admitted = next(peer for peer in rule["from"] if "namespaceSelector" not in peer)
    labels = pod_template(service(chart))["metadata"]["labels"]
    assert admitted["podSelector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("name", ["reflex-loop", "reflex-check", "reflex-fetch"])
def test_every_pod_meets_pod_security_restricted(chart: Chart, name: str) -> None:
    pod = pod_template(named(rendered(chart), "Deployment", name))["spec"]
    security = dict(pod["securityContext"])
    security.pop("fsGroupChangePolicy", None)
    assert security == RESTRICTED_POD
    for container in pod["containers"]:
        assert container["securityContext"] == RESTRICTED_CONTAINER
        assert "limits" in container["resources"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
    assert pod["enableServiceLinks"] is False
    namespace = named(rendered(chart), "Namespace", "reflex-runners")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("kind", ["check", "fetch"])
def test_a_sandbox_has_no_token_and_every_folder_of_it_has_an_end(chart: Chart, kind: str) -> None:
    pod = pod_template(named(rendered(chart), "Deployment", f"reflex-{kind}"))["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod
    assert all(each["emptyDir"]["sizeLimit"] for each in pod["volumes"])
    (container,) = pod["containers"]
    assert container["resources"]["limits"].keys() == {"cpu", "memory", "ephemeral-storage"}
    (port,) = container["ports"]
    assert port["containerPort"] == PORT
    assert ("--fetch" in container["args"]) is (kind == "fetch")


@pytest.mark.parametrize("kind", ["check", "fetch"])
def test_a_claim_takes_a_pod_out_of_its_pool_and_not_out_of_its_policy(
    chart: Chart, kind: str
) -> None:
    manifests = rendered(chart)
    deployment = named(manifests, "Deployment", f"reflex-{kind}")
    idle = pod_template(deployment)["metadata"]["labels"]
    assert idle[KIND_LABEL] == kind
    claimed = idle | {STATE_LABEL: "claimed"}
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert selector.items() <= idle.items()
    assert not selector.items() <= claimed.items()
    policy = named(manifests, "NetworkPolicy", f"reflex-{kind}")["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= claimed.items()
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    wanted = variables(named(manifests, "Deployment", "reflex-loop"))[f"{PREFIX}RUNNER_SELECTOR"]
    assert dict(each.split("=") for each in wanted.split(",")).items() <= claimed.items()


def test_what_compiles_has_no_network_and_what_fetches_not_this_one(chart: Chart) -> None:
    manifests = rendered(chart)
    check = named(manifests, "NetworkPolicy", "reflex-check")["spec"]
    fetch = named(manifests, "NetworkPolicy", "reflex-fetch")["spec"]
    assert check["egress"] == []
    for policy in (check, fetch):
        (rule,) = policy["ingress"]
        (peer,) = rule["from"]
        assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "models"}
        labels = pod_template(service(chart))["metadata"]["labels"]
        assert peer["podSelector"]["matchLabels"].items() <= labels.items()
    blocks = [
        peer["ipBlock"] for rule in fetch["egress"] for peer in rule["to"] if "ipBlock" in peer
    ]
    assert [each["cidr"] for each in blocks] == ["0.0.0.0/0", "::/0"]
    assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(blocks[0]["except"])


def test_the_quota_has_room_for_every_claim_and_an_upgrade(chart: Chart) -> None:
    quota = named(rendered(chart, limits={"repairsRunning": 8}), "ResourceQuota", "reflex-runners")[
        "spec"
    ]["hard"]
    assert quota["pods"] == str(2 * 8 + 2 * (2 + 1))
    assert quota["services"] == quota["persistentvolumeclaims"] == "0"


def test_a_cargo_configuration_reaches_both_kinds(chart: Chart) -> None:
    manifests = rendered(chart, runners={"cargoConfig": "[net]\nretry = 1\n"})
    text = named(manifests, "ConfigMap", "reflex-cargo")["data"]["config.toml"]
    assert text.strip() == "[net]\nretry = 1"
    for kind in ("check", "fetch"):
        (container,) = pod_template(named(manifests, "Deployment", f"reflex-{kind}"))["spec"][
            "containers"
        ]
        assert "--cargo-config=/etc/reflex/cargo/config.toml" in container["args"]


def test_both_kinds_say_by_one_word_which_crates_they_can_use(chart: Chart) -> None:
    def words(**runners: Any) -> set[str]:
        manifests = rendered(chart, runners=runners)
        return {
            pod_template(named(manifests, "Deployment", f"reflex-{kind}"))["metadata"][
                "annotations"
            ][CARGO_ANNOTATION]
            for kind in ("check", "fetch")
        }

    assert len(words()) == 1
    assert words() != words(cargoConfig="[net]\n")
    assert words() != words(image={"tag": "2"})


def test_a_change_of_the_configuration_restarts_the_service(chart: Chart) -> None:
    def checksum(**loop: Any) -> str:
        annotations = pod_template(service(chart, **loop))["metadata"]["annotations"]
        return str(annotations["checksum/config"])

    assert checksum() != checksum(config=CONFIG | {"max_attempts": 3})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("replicaCount", -1),
        ("keys", [{"name": "No Name", "secretName": "x"}]),
        ("storage", {"size": "much"}),
        ("limits", {"rate": "often"}),
        ("podLabels", {"reflexstack.dev/engine-client": "false"}),
        ("runners", {"check": {"warm": 0}}),
        ("runners", {"fetch": {"deniedRanges": {"ipv4": ["everything"]}}}),
        ("unknown", 1),
    ],
)
def test_a_wrong_value_of_it_is_refused(chart: Chart, field: str, value: object) -> None:
    with pytest.raises(Refused, match=r"loop"):
        rendered(chart, **{field: value})


def test_the_namespace_can_be_somebody_elses(chart: Chart) -> None:
    manifests = rendered(chart, runners={"namespace": {"name": "mine", "create": False}})
    assert of_kind(manifests, "Namespace") == []
    assert named(manifests, "Role", "reflex-loop")["metadata"]["namespace"] == "mine"


def test_the_demos_values_are_valid(chart: Chart) -> None:
    from reflex_e2e import loop

    values = loop.values({"runner": "localhost/reflex-runner:1"}, pull_policy="Never")
    config = named(chart.render(loop=values), "ConfigMap", "reflex-loop")["data"]
    assert yaml.safe_load(config["reflex.yaml"])["reflex"]["cloud"]["enabled"]


@pytest.mark.parametrize("running", [1, 4, 64])
def test_all_trees_that_are_packed_at_once_fit_into_tmp(chart: Chart, running: int) -> None:
    """An emptyDir that is overrun costs the whole pod, with every repair in it."""
    limits = {"repairsRunning": running}
    volumes = pod_template(service(chart, limits=limits))["spec"]["volumes"]
    (tmp,) = [each["emptyDir"]["sizeLimit"] for each in volumes if each["name"] == "tmp"]
    assert int(tmp.removesuffix("Mi")) >= running * 64 + 64
