"""Own models in the chart's values arrive in the operator's catalogue."""

from itertools import takewhile
from pathlib import Path

import pytest
import yaml

from reflex_operator.catalogue import load_catalogue
from unit.chart.helm_chart import Chart, Refused, container, of_kind, pod_template

OWN = {
    "repo": "example/own",
    "architecture": {"name": "Qwen2ForCausalLM", "layers": 2, "kvHeads": 1, "headDim": 64},
    "weightsBytes": 19328804864,
    "sources": ["config.json"],
}


def test_without_own_models_there_is_no_config_map(chart: Chart) -> None:
    assert of_kind(chart.render(), "ConfigMap") == []
    pod = pod_template(chart.only("Deployment"))["spec"]
    assert [volume["name"] for volume in pod["volumes"]] == ["tmp"]


def test_the_operator_reads_what_the_values_say(chart: Chart, tmp_path: Path) -> None:
    config = chart.only("ConfigMap", catalogue=[OWN])
    deployment = chart.only("Deployment", catalogue=[OWN])
    pod = pod_template(deployment)["spec"]
    (volume,) = [one for one in pod["volumes"] if one["name"] == "catalogue"]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    (mount,) = [one for one in container(deployment)["volumeMounts"] if one["name"] == "catalogue"]
    (setting,) = [one for one in container(deployment)["env"] if one["name"] == "REFLEX_CATALOGUE"]
    place = Path(mount["mountPath"])
    for name, text in config["data"].items():
        (tmp_path / name).write_text(text)
    read = load_catalogue(str(tmp_path / Path(setting["value"]).relative_to(place)))
    found = read.find("example/own")
    assert found is not None
    assert found.weights_bytes == 19328804864


def test_own_gpus_arrive_without_own_models(chart: Chart, tmp_path: Path) -> None:
    gpu = {"product": "NVIDIA-OWN", "memoryBandwidth": 960000000000, "sources": ["its maker"]}
    config = chart.only("ConfigMap", catalogueGpus=[gpu])
    (tmp_path / "own.yaml").write_text(config["data"]["catalogue.yaml"])
    found = load_catalogue(str(tmp_path / "own.yaml")).gpu("NVIDIA-OWN")
    assert found is not None
    assert found.memory_bandwidth == 960000000000
    pod = pod_template(chart.only("Deployment", catalogueGpus=[gpu]))["spec"]
    assert "catalogue" in [volume["name"] for volume in pod["volumes"]]
    with pytest.raises(Refused, match="sources"):
        chart.render(catalogueGpus=[{"product": "NVIDIA-OWN", "memoryBandwidth": 1}])


def test_another_catalogue_starts_the_operator_again(chart: Chart) -> None:
    other = {**OWN, "repo": "example/other"}
    first, second = (pod_template(chart.only("Deployment", catalogue=[o])) for o in (OWN, other))
    assert first["metadata"]["annotations"] != second["metadata"]["annotations"]


def test_an_entry_without_sources_is_refused(chart: Chart) -> None:
    with pytest.raises(Refused, match="sources"):
        chart.render(catalogue=[{key: OWN[key] for key in OWN if key != "sources"}])


def test_the_example_in_the_values_is_a_valid_entry(chart: Chart, tmp_path: Path) -> None:
    values = (Path(__file__).parents[3] / "charts/reflex/values.yaml").read_text()
    lines = values.split("catalogue: []\n")[1].splitlines()
    block = takewhile(lambda line: line.startswith("# "), lines)
    example = yaml.safe_load("\n".join(line.removeprefix("# ") for line in block))
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"models": example}))
    assert load_catalogue(str(tmp_path / "own.yaml")).find("example/my-coder-awq") is not None
