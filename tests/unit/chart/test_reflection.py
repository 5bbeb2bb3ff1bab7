"""The reflection service as the chart installs it, and the repair service that uses it."""

import base64
import json
from typing import Any

import pytest
import yaml

from reflex_loop.service.settings import load_settings as load_loop_settings
from reflex_reflection.service.settings import PREFIX, ServiceSettings, load_settings
from reflex_reflection.validation import validate
from reflexctl import cluster
from unit.chart.helm_chart import NAMESPACE, Chart, Manifest, Refused, of_kind, pod_template
from unit.chart.test_loop import LOOP, RESTRICTED_CONTAINER, RESTRICTED_POD, named

NAME = "reflex-reflection"
SET = {
    "listen", "data_dir", "keys_file", "config", "memories", "ttl_days", "rate", "log_level",
    "database_url",
}  # fmt: skip


def rendered(chart: Chart, /, **reflection: Any) -> list[Manifest]:
    return chart.render(reflection={"enabled": True} | reflection)


def with_loop(chart: Chart, /, memory: dict[str, Any], **reflection: Any) -> list[Manifest]:
    memory = {"enabled": True} | memory
    return chart.render(loop=LOOP | {"memory": memory}, reflection={"enabled": True} | reflection)


def variables(deployment: Manifest) -> dict[str, str]:
    (container,) = pod_template(deployment)["spec"]["containers"]
    return {
        each["name"]: each.get("value", "postgresql+psycopg://db/r") for each in container["env"]
    }


def test_nothing_of_it_is_there_by_default(chart: Chart) -> None:
    for manifests in (chart.render(), chart.render(loop=LOOP)):
        assert "reflection" not in json.dumps(manifests)
        assert "MEMORY" not in json.dumps(manifests)


def test_a_release_with_it_has_exactly_these_objects(chart: Chart) -> None:
    before = {(each["kind"], each["metadata"]["name"]) for each in chart.render()}
    own = {(each["kind"], each["metadata"]["name"]) for each in rendered(chart)} - before
    assert own == {
        ("ConfigMap", NAME), ("Deployment", NAME), ("NetworkPolicy", NAME),
        ("PersistentVolumeClaim", NAME), ("Secret", f"{NAME}-keys"), ("Service", NAME),
    }  # fmt: skip
    assert named(rendered(chart), "Deployment", NAME)["metadata"]["namespace"] == NAMESPACE


@pytest.mark.parametrize(
    "more", [{}, {"database": {"existingSecret": "pg"}}, {"limits": {"ttlDays": 7}}]
)
def test_the_service_reads_every_variable_of_the_chart(chart: Chart, more: dict[str, Any]) -> None:
    given = variables(named(rendered(chart, **more), "Deployment", NAME))
    settings = load_settings(given)
    names = {name.removeprefix(PREFIX).lower() for name in given}
    assert names <= ServiceSettings.model_fields.keys()
    expected = SET if "database" in more else SET - {"database_url"}
    assert names == (expected if "limits" in more else expected - {"ttl_days"})
    assert settings.address == ("0.0.0.0", 8080)
    assert settings.memories == 100_000
    assert settings.url.startswith("postgresql" if "database" in more else "sqlite")


def test_the_configuration_is_the_specifications_and_lets_turns_in(chart: Chart) -> None:
    data = named(rendered(chart), "ConfigMap", NAME)["data"]
    assert validate(yaml.safe_load(data["reflection.yaml"])).config.allow_reflection
    off = rendered(chart, config={"t3": {"allow_reflection": False}})
    text = named(off, "ConfigMap", NAME)["data"]["reflection.yaml"]
    assert not validate(yaml.safe_load(text)).config.allow_reflection


def test_a_change_of_the_configuration_restarts_it(chart: Chart) -> None:
    def checksum(**more: Any) -> str:
        template = pod_template(named(rendered(chart, **more), "Deployment", NAME))
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert checksum() != checksum(config={"t3": {"reflection": {"summary_tokens": 64}}})


def test_its_pod_is_restricted_and_has_no_token(chart: Chart) -> None:
    spec = pod_template(named(rendered(chart), "Deployment", NAME))["spec"]
    security = dict(spec["securityContext"])
    security.pop("fsGroupChangePolicy")
    (container,) = spec["containers"]
    assert security == RESTRICTED_POD
    assert container["securityContext"] == RESTRICTED_CONTAINER
    assert "limits" in container["resources"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    probes = {
        kind: container[f"{kind}Probe"]["httpGet"]["path"]
        for kind in ("startup", "liveness", "readiness")
    }
    assert probes == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


def test_it_speaks_to_nobody_but_its_database(chart: Chart) -> None:
    alone = named(rendered(chart), "NetworkPolicy", NAME)["spec"]
    assert alone["policyTypes"] == ["Ingress", "Egress"]
    assert alone["egress"] == []
    database = {"existingSecret": "pg", "port": 6432}
    with_database = named(rendered(chart, database=database), "NetworkPolicy", NAME)["spec"]
    ports = [port["port"] for rule in with_database["egress"] for port in rule["ports"]]
    assert ports == [53, 53, 6432]
    peer = {"podSelector": {"matchLabels": {"a": "b"}}}
    (rule,) = named(rendered(chart, networkPolicy={"from": [peer]}), "NetworkPolicy", NAME)["spec"][
        "ingress"
    ]
    assert rule["from"] == [peer]
    assert not [
        one for one in rendered(chart, networkPolicy={"enabled": False})
        if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == NAME
    ]  # fmt: skip


def test_its_key_is_made_unless_one_is_there(chart: Chart) -> None:
    secret = named(rendered(chart), "Secret", f"{NAME}-keys")
    name, _, key = base64.b64decode(secret["data"]["keys"]).decode().strip().partition(":")
    assert (name, len(key)) == ("default", 48)
    mine = rendered(chart, auth={"existingSecret": "mine"})
    assert of_kind(mine, "Secret") == []
    volumes = pod_template(named(mine, "Deployment", NAME))["spec"]["volumes"]
    assert [each["secret"]["secretName"] for each in volumes if "secret" in each] == ["mine"]


def test_several_replicas_need_postgresql(chart: Chart) -> None:
    with pytest.raises(Refused, match="several replicas need PostgreSQL"):
        rendered(chart, replicaCount=2)
    several = rendered(chart, replicaCount=2, database={"existingSecret": "pg"})
    assert of_kind(several, "PersistentVolumeClaim") == []
    assert named(several, "PodDisruptionBudget", NAME)["spec"]["maxUnavailable"] == 1
    assert named(several, "Deployment", NAME)["spec"]["strategy"]["type"] == "RollingUpdate"
    assert named(rendered(chart), "Deployment", NAME)["spec"]["strategy"] == {"type": "Recreate"}


def test_what_is_remembered_stays_on_uninstall(chart: Chart) -> None:
    claim = named(rendered(chart), "PersistentVolumeClaim", NAME)
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert (
        of_kind(rendered(chart, storage={"existingClaim": "mine"}), "PersistentVolumeClaim") == []
    )


def test_prometheus_finds_it(chart: Chart) -> None:
    manifests = chart.render(
        reflection={"enabled": True}, metrics={"serviceMonitor": {"enabled": True}}
    )
    monitor = named(manifests, "ServiceMonitor", NAME)
    labels = named(manifests, "Service", NAME)["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_reflexctl_finds_the_service_and_its_key(
    chart: Chart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: "/bin/true")
    wanted = cluster.Kubectl(component="reflex-reflection").label
    name, _, value = wanted.partition("=")
    manifests = with_loop(chart, {})
    for kind in ("Service", "Secret"):
        found = [
            one for one in of_kind(manifests, kind) if one["metadata"]["labels"].get(name) == value
        ]
        assert len(found) == 1, kind


def test_the_repair_service_is_told_where_it_is_and_may_go_there(chart: Chart) -> None:
    manifests = with_loop(chart, {"recall": True})
    loop = named(manifests, "Deployment", "reflex-loop")
    settings = load_loop_settings(variables(loop))
    service = named(manifests, "Service", NAME)["metadata"]
    assert settings.memory_url == f"http://{service['name']}.{service['namespace']}"
    assert settings.memory_report
    assert settings.memory_recall
    spec = pod_template(loop)["spec"]
    mounts = {each["mountPath"]: each["name"] for each in spec["containers"][0]["volumeMounts"]}
    volumes = {each["name"]: each for each in spec["volumes"]}
    keys = volumes[mounts[str(settings.memory_keys_file)]]["secret"]["secretName"]
    secret = named(manifests, "Secret", keys)
    assert secret["metadata"]["namespace"] == loop["metadata"]["namespace"] == "models"
    egress = named(manifests, "NetworkPolicy", "reflex-loop")["spec"]["egress"]
    selectors = [
        peer.get("podSelector", {}).get("matchLabels")
        for rule in egress
        for peer in rule.get("to", ())
    ]
    labels = pod_template(named(manifests, "Deployment", NAME))["metadata"]["labels"]
    assert any(one and one.items() <= labels.items() for one in selectors)


def test_another_reflection_service_can_be_named(chart: Chart) -> None:
    memory = {"url": "https://memory.example", "existingSecret": "memory-keys"}
    loop = named(
        chart.render(loop=LOOP | {"memory": {"enabled": True, **memory}}),
        "Deployment",
        "reflex-loop",
    )
    settings = load_loop_settings(variables(loop))
    assert settings.memory_url == "https://memory.example"
    assert not settings.memory_recall
    assert "memory-keys" in json.dumps(pod_template(loop)["spec"]["volumes"])


@pytest.mark.parametrize(
    ("memory", "reflection", "said"),
    [
        ({}, {"enabled": False}, "there is no reflection service"),
        ({"url": "http://x"}, {}, r"loop\.memory\.existingSecret"),
        ({}, {"namespace": "elsewhere"}, "in another namespace"),
        ({"url": "x"}, {}, "url"),
    ],
)
def test_a_memory_that_cannot_work_is_refused(
    chart: Chart, memory: dict[str, Any], reflection: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused, match=said):
        with_loop(chart, memory, **reflection)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("replicaCount", -1),
        ("storage", {"size": "much"}),
        ("limits", {"rate": "often"}),
        ("limits", {"memories": 0}),
        ("limits", {"ttlDays": -1}),
        ("podLabels", {"app.kubernetes.io/name": "mine"}),
        ("networkPolicy", {"from": [{}]}),
        ("unknown", 1),
    ],
)
def test_a_wrong_value_of_it_is_refused(chart: Chart, field: str, value: object) -> None:
    with pytest.raises(Refused, match="reflection"):
        rendered(chart, **{field: value})
