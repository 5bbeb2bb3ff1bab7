import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from reflex_lab.sharing import (
    ShareError,
    StoredImage,
    _archive,
    chain_ids,
    snapshot_folder,
    stored_image,
)

REFERENCE = "localhost/reflex-loop:3f2a"
CONFIG = json.dumps({"rootfs": {"diff_ids": ["sha256:low", "sha256:top"]}}).encode()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A containers/storage root with one image of two layers."""
    identity = hashlib.sha256(CONFIG).hexdigest()
    layers = [
        {"id": "2", "parent": "1", "diff-digest": "sha256:top"},
        {"id": "1", "diff-digest": "sha256:low"},
    ]
    manifest = {"layers": [{"digest": "sha256:low"}, {"digest": "sha256:top"}]}
    image = tmp_path / "overlay-images" / identity
    image.mkdir(parents=True)
    (tmp_path / "overlay-layers").mkdir()
    (tmp_path / "overlay-images" / "images.json").write_text(
        json.dumps([{"id": "0"}, {"id": identity, "names": [REFERENCE], "layer": "2"}])
    )
    (tmp_path / "overlay-layers" / "layers.json").write_text(json.dumps(layers))
    (image / "manifest").write_text(json.dumps(manifest))
    key = base64.b64encode(f"sha256:{identity}".encode()).decode()
    (image / f"={key}").write_bytes(CONFIG)
    return tmp_path


def test_layers_are_read_lowest_first(store: Path) -> None:
    image = stored_image(store, REFERENCE)
    assert image.diff_ids == ("sha256:low", "sha256:top")
    assert image.layers == (store / "overlay/1/diff", store / "overlay/2/diff")
    assert image.config == CONFIG


def test_an_image_that_is_not_there_is_copied_or_refused_elsewhere(store: Path) -> None:
    with pytest.raises(ShareError, match="is not readable"):
        stored_image(store, "localhost/other:1")
    with pytest.raises(ShareError, match="is not readable"):
        stored_image(store / "nowhere", REFERENCE)


def test_layers_that_were_compressed_are_not_shared(store: Path) -> None:
    layers = store / "overlay-layers" / "layers.json"
    layers.write_text(layers.read_text().replace("sha256:top", "sha256:else"))
    with pytest.raises(ShareError, match="differ from its manifest"):
        stored_image(store, REFERENCE)


def test_a_chain_id_covers_all_lower_layers() -> None:
    low, top = chain_ids(["sha256:low", "sha256:top"])
    assert low == "sha256:low"
    assert top == f"sha256:{hashlib.sha256(b'sha256:low sha256:top').hexdigest()}"


def test_the_writable_folder_of_a_snapshot_is_found() -> None:
    overlay = "mount -t overlay overlay /x -o index=off,upperdir=/s/2/fs,lowerdir=/s/1/fs\n"
    assert snapshot_folder(overlay) == Path("/s/2/fs")
    assert snapshot_folder("mount -t bind /s/1/fs /x -o rw,rbind") == Path("/s/1/fs")
    with pytest.raises(ShareError, match="not overlayfs"):
        snapshot_folder("mount -t btrfs /dev/sda /x")


def test_the_imported_archive_names_the_image_and_holds_no_layer() -> None:
    image = StoredImage(manifest=b'{"a": 1}', config=b"{}", layers=(), diff_ids=())
    with tarfile.open(fileobj=io.BytesIO(_archive(image, REFERENCE))) as tar:
        files = {member.name: tar.extractfile(member) for member in tar}
        index = json.load(files["index.json"] or io.BytesIO())
    (descriptor,) = index["manifests"]
    assert descriptor["annotations"]["io.containerd.image.name"] == REFERENCE
    assert f"blobs/sha256/{descriptor['digest'].removeprefix('sha256:')}" in files
    assert len(files) == 4
