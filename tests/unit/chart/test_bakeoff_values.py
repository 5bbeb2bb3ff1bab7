"""What measures: the image's own declaration is read unless the values hold another."""

import json
from pathlib import Path

import pytest

from reflex_images.catalogue import IMAGES
from reflex_operator.catalogue import load_harness
from unit.chart.helm_chart import Chart, Refused, container, of_kind, pod_template

ROOT = Path(__file__).parents[3]
OWN = {"suites": {"ours": "sha256:1"}, "promptDigest": "p", "sampling": {"maxTokens": 9}}


def settings(deployment: dict[str, object]) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container(deployment)["env"]}


def test_the_operator_reads_the_declaration_that_its_image_brings(chart: Chart) -> None:
    given = settings(chart.only("Deployment", bakeoff__image={"repository": "r/b", "tag": "7"}))
    assert given["REFLEX_BAKEOFF_IMAGE"] == "r/b:7"
    steps = (ROOT / IMAGES["reflex"].containerfile).read_text()
    assert "> /out/harness.json" in steps
    assert "COPY --from=wheel /out /opt/reflex" in steps
    assert given["REFLEX_HARNESS"] == "/opt/reflex/harness.json"
    assert of_kind(chart.render(), "ConfigMap") == []


def test_another_images_declaration_is_mounted_and_read(chart: Chart, tmp_path: Path) -> None:
    config = chart.only("ConfigMap", bakeoff__harness=OWN)
    deployment = chart.only("Deployment", bakeoff__harness=OWN)
    (mount,) = [one for one in container(deployment)["volumeMounts"] if one["name"] == "harness"]
    (volume,) = [
        one for one in pod_template(deployment)["spec"]["volumes"] if one["name"] == "harness"
    ]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    path = Path(settings(deployment)["REFLEX_HARNESS"])
    assert str(path.parent) == mount["mountPath"]
    (tmp_path / path.name).write_text(config["data"][path.name])
    assert load_harness(str(tmp_path / path.name)).suites == OWN["suites"]


def test_another_declaration_starts_the_operator_again(chart: Chart) -> None:
    other = {**OWN, "promptDigest": "q"}
    first, second = (
        pod_template(chart.only("Deployment", bakeoff__harness=each)) for each in (OWN, other)
    )
    assert first["metadata"]["annotations"] != second["metadata"]["annotations"]


def test_an_image_without_a_name_is_refused(chart: Chart) -> None:
    with pytest.raises(Refused, match="repository"):
        chart.render(bakeoff__image={"repository": ""})


@pytest.mark.parametrize(
    ("declared", "image", "rustc"),
    [
        ("none", "r/runner:1", "image:r/runner:1"),
        ("rustc 1.96.0", "r/runner:1", "rustc 1.96.0"),
        ("none", "", "none"),
    ],
)
def test_the_runners_image_stands_for_a_compiler_that_is_not_named(
    declared: str, image: str, rustc: str, tmp_path: Path
) -> None:
    file = tmp_path / "harness.json"
    file.write_text(json.dumps({**OWN, "rustc": declared}))
    assert load_harness(str(file), runner_image=image).rustc == rustc
