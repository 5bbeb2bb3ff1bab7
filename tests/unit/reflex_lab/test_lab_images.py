import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from reflex_lab.archives import archive
from reflex_lab.cli import parser
from reflex_lab.errors import ImageError
from reflex_lab.existing import wanted
from reflex_lab.kube import resource_path
from reflex_lab.loading import archive_references, normalised
from reflex_lab.selftest import _manifests as self_test_manifests
from reflex_lab.storage import configuration, helper_pod


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_an_archive_is_the_same_bytes_each_time() -> None:
    first = archive(reference="localhost/a:1", program=b"x", name="a")
    assert first == archive(reference="localhost/a:1", program=b"x", name="a")


def test_an_archives_layer_has_the_digest_that_its_configuration_says() -> None:
    content = archive(reference="localhost/a:1", program=b"x", name="a")
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        files = {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]
    (image,) = json.loads(files["manifest.json"])
    config = json.loads(files[image["Config"]])
    digest = hashlib.sha256(files[image["Layers"][0]]).hexdigest()
    assert config["rootfs"]["diff_ids"] == [f"sha256:{digest}"]
    assert config["config"]["Entrypoint"] == ["/a"]


def test_an_archive_names_its_references(tmp_path: Path) -> None:
    content = archive(reference="localhost/a:1", program=b"x", name="a")
    assert archive_references(write(tmp_path / "a.tar", content)) == ("localhost/a:1",)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is not an image archive"):
        archive_references(write(tmp_path / "a.tar", b"text"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("reflex-loop:3f2a", "localhost/reflex-loop:3f2a"),
        ("localhost/reflex-loop:3f2a", "localhost/reflex-loop:3f2a"),
        ("localhost/reflex-loop", "localhost/reflex-loop:latest"),
        ("registry.example:5000/a/b:1", "registry.example:5000/a/b:1"),
        ("a@sha256:00", "localhost/a@sha256:00"),
    ],
)
def test_references_are_written_as_the_kubelet_writes_them(given: str, expected: str) -> None:
    assert normalised(given) == expected


def test_volumes_of_every_node_are_in_one_folder() -> None:
    assert configuration(Path("/v"))["nodePathMap"] == [
        {"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": ["/v"]}
    ]
    metadata = helper_pod()["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["labels"] == {"reflexstack.dev/lab": "volume-helper"}


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        ({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}, "/api/v1/nodes/n"),
        (
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": "s"},
            },
            "/apis/storage.k8s.io/v1/storageclasses/s",
        ),
        (
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "c", "namespace": "n"},
            },
            "/api/v1/namespaces/n/configmaps/c",
        ),
    ],
)  # fmt: skip
def test_objects_have_their_usual_paths(manifest: dict[str, object], path: str) -> None:
    assert resource_path(manifest) == path


def test_the_self_test_runs_under_the_restricted_pod_security_level() -> None:
    namespace, *_ = self_test_manifests()
    metadata = namespace["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("", False), ("0", False)])
def test_an_existing_cluster_is_used_only_on_request(value: str, expected: bool) -> None:
    assert wanted({"REFLEX_EXISTING_CLUSTER": value}) is expected
    assert not wanted({})


def test_a_negative_number_of_nodes_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["up", "--gpu-nodes", "-1"])
    assert "must not be negative" in capsys.readouterr().err
