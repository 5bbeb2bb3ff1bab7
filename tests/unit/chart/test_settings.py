"""What the chart sets is what the operator reads."""

import os

import pytest
import yaml

from reflex_operator.settings import PREFIX, OperatorSettings, load_settings
from unit.chart.helm_chart import CHART, Chart, container

# Settings that a release leaves at the operator's own defaults.
LEFT_ALONE = {
    "engine_resolver",  # test profile only
    "http_host",
    "http_port",  # the pod's port, probes and policies are fixed
    "identity",
    "lease_name",  # the Role names it
    "relist_seconds",
    "workers",
}


def environment(chart: Chart, **values: object) -> dict[str, str]:
    """Return the operator's variables as the kubelet would set them."""
    resolved = {}
    for variable in container(chart.only("Deployment", **values))["env"]:
        by_field = (variable.get("valueFrom") or {}).get("fieldRef") or {}
        assert by_field.get("fieldPath", "metadata.namespace") == "metadata.namespace"
        resolved[variable["name"]] = variable.get("value", "reflex-system")
    return resolved


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def test_the_operator_reads_every_variable_of_the_chart(
    chart: Chart, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(
        chart,
        engine__images={"cpu": "engine-cpu:1", "cuda": "engine:2"},
        logLevel="debug",
        logFormat="text",
        leaseDurations={"duration": 60, "renewDeadline": 40, "retryPeriod": 5},
    )
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()

    assert settings.namespace == "reflex-system"
    assert (settings.engine_image_cpu, settings.engine_image_cuda) == ("engine-cpu:1", "engine:2")
    assert (settings.log_level, settings.log_format) == ("debug", "text")
    assert (settings.lease_duration, settings.renew_deadline, settings.retry_period) == (60, 40, 5)


def test_every_setting_is_in_the_chart_or_left_alone_on_purpose(chart: Chart) -> None:
    set_by_chart = {name.removeprefix(PREFIX).lower() for name in environment(chart)}
    assert set_by_chart | LEFT_ALONE == OperatorSettings.model_fields.keys()
    assert not set_by_chart & LEFT_ALONE


def test_the_charts_defaults_are_the_operators(chart: Chart) -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    fields = OperatorSettings.model_fields
    lease = values["leaseDurations"]
    assert lease["duration"] == fields["lease_duration"].default
    assert lease["renewDeadline"] == fields["renew_deadline"].default
    assert lease["retryPeriod"] == fields["retry_period"].default
    assert values["logLevel"] == fields["log_level"].default
    assert values["logFormat"] == fields["log_format"].default


def test_the_role_names_the_operators_lease_and_the_pod_its_port(chart: Chart) -> None:
    fields = OperatorSettings.model_fields
    names = {name for rule in chart.only("Role")["rules"] for name in rule.get("resourceNames", ())}
    (port,) = container(chart.only("Deployment"))["ports"]
    assert names == {fields["lease_name"].default}
    assert port["containerPort"] == fields["http_port"].default
