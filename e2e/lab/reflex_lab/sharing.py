"""Give containerd an image of the buildah store without copying it: hard links, no archive.

Both stores keep a layer as a folder in overlay's own format, and neither writes to a finished one.
So each layer's folder becomes a containerd snapshot by hard links, and only the manifest and the
configuration are imported. An image of several gigabytes takes seconds, and no disk. Where that is
not possible (another file system, a layer that was compressed), `ShareError` sends the caller to
the ordinary way.
"""

import base64
import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reflex_lab.command import run, succeeds
from reflex_lab.containerd import ctr
from reflex_lab.errors import ImageError, LabError
from reflex_lab.tools import Tools

_CONFIG_LABEL = "containerd.io/gc.ref.snapshot.overlayfs"
_ROOT_LABEL = "containerd.io/gc.root"
_SECONDS = 600.0
_LINK = """
set -eu
while umount -l "$1" 2>/dev/null; do :; done
cp --archive --link "$2/." "$3/"
"""
"""Links for files, copies of folders with their overlay attributes (opaque, whiteouts).

buildah mounts its overlay folder onto itself, and the kernel refuses links from one mount to
another: in a mount namespace of our own that mount is taken away first.
"""


class ShareError(ImageError):
    """This image cannot be shared; copy it."""


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """An image as the buildah store holds it."""

    manifest: bytes
    config: bytes
    layers: tuple[Path, ...]
    """Folders, lowest first."""
    diff_ids: tuple[str, ...]


def stored_image(root: Path, reference: str) -> StoredImage:
    """Read an image from a containers/storage root with the overlay driver.

    Raises:
        ShareError: it is not there, or its layers are not what its configuration says.
    """
    try:
        images = json.loads((root / "overlay-images" / "images.json").read_text())
        layers = json.loads((root / "overlay-layers" / "layers.json").read_text())
        image = next(each for each in images if reference in each.get("names", ()))
        folder = root / "overlay-images" / image["id"]
        config = (folder / _file_name(f"sha256:{image['id']}")).read_bytes()
        manifest = (folder / "manifest").read_bytes()
        chain = _chain({layer["id"]: layer for layer in layers}, image["layer"])
        diff_ids = tuple(str(layer["diff-digest"]) for layer in chain)
        said = json.loads(config)["rootfs"]["diff_ids"]
        digests = [layer["digest"] for layer in json.loads(manifest)["layers"]]
    except (OSError, ValueError, KeyError, StopIteration) as error:
        raise ShareError(f"{reference} is not readable in {root}: {error!r}") from error
    if list(diff_ids) != said or digests != said:
        raise ShareError(f"{reference}: stored layers differ from its manifest")
    folders = tuple(root / "overlay" / str(layer["id"]) / "diff" for layer in chain)
    return StoredImage(manifest=manifest, config=config, layers=folders, diff_ids=diff_ids)


def chain_ids(diff_ids: Sequence[str]) -> tuple[str, ...]:
    """Return the OCI chain id of each layer: the name of its snapshot.

    >>> chain_ids(["sha256:a"])
    ('sha256:a',)
    """
    found: list[str] = []
    for diff_id in diff_ids:
        if not found:
            found.append(diff_id)
            continue
        digest = hashlib.sha256(f"{found[-1]} {diff_id}".encode()).hexdigest()
        found.append(f"sha256:{digest}")
    return tuple(found)


def share(root: Path, reference: str, *, tools: Tools, containerd_root: Path) -> None:
    """Make the image known to containerd.

    Raises:
        ShareError: not possible for this image or on these file systems.
        LabError: containerd refused a step; what was made is collected as garbage.
    """
    image = stored_image(root, reference)
    if root.stat().st_dev != containerd_root.stat().st_dev:
        raise ShareError(f"{root} and {containerd_root} are on different file systems")
    names = chain_ids(image.diff_ids)
    parent = ""
    for folder, name in zip(image.layers, names, strict=True):
        if not succeeds(ctr(tools, "snapshots", "info", name)):
            _snapshot(folder, name, parent, tools)
        parent = name
    scratch = containerd_root / f".import-{os.getpid()}.tar"
    scratch.write_bytes(_archive(image, reference))
    try:
        run(ctr(tools, "images", "import", "--local", "--no-unpack", scratch), seconds=_SECONDS)
    finally:
        scratch.unlink()
    config = f"sha256:{hashlib.sha256(image.config).hexdigest()}"
    # From now on the image holds the snapshots, as after an ordinary unpacking.
    run(ctr(tools, "content", "label", config, f"{_CONFIG_LABEL}={names[-1]}"))
    for name in names:
        run(ctr(tools, "snapshots", "label", name, f"{_ROOT_LABEL}="))


def _snapshot(layer: Path, name: str, parent: str, tools: Tools) -> None:
    key = f"reflex-lab-{os.getpid()}-{name[-12:]}"
    run(ctr(tools, "snapshots", "prepare", key, *([parent] if parent else [])))
    mount = run(ctr(tools, "snapshots", "mounts", "/unused", key))
    target = snapshot_folder(mount)
    alone = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _LINK, "link"]
    try:
        run([*alone, layer.parent.parent, layer, target], seconds=_SECONDS)
    except LabError as error:
        run(ctr(tools, "snapshots", "remove", key))
        raise ShareError(str(error)) from error
    run(ctr(tools, "snapshots", "commit", name, key))


def snapshot_folder(mount: str) -> Path:
    """Return the folder that a snapshot's mount command would let us write.

    >>> snapshot_folder("mount -t bind /r/snapshots/1/fs /unused -o rw,rbind")
    PosixPath('/r/snapshots/1/fs')
    """
    upper = re.search(r"upperdir=([^,\s]+)", mount)
    if upper:
        return Path(upper[1])
    words = mount.split()
    if words[:3] == ["mount", "-t", "bind"]:
        return Path(words[3])
    raise ShareError(f"containerd's snapshotter is not overlayfs: {mount.strip()}")


def _chain(layers: dict[str, dict[str, object]], top: str) -> list[dict[str, object]]:
    chain = []
    at: object = top
    while at:
        layer = layers[str(at)]
        chain.append(layer)
        at = layer.get("parent")
    return chain[::-1]


def _file_name(key: str) -> str:
    """Return the file of a piece of data, as containers/storage names it."""
    if re.fullmatch(r"[A-Za-z0-9._-]+", key):
        return key
    return f"={base64.b64encode(key.encode()).decode()}"


def _archive(image: StoredImage, reference: str) -> bytes:
    """Return an OCI archive of the image without its layers."""
    media_type = json.loads(image.manifest).get("mediaType")
    digest = hashlib.sha256(image.manifest).hexdigest()
    descriptor = {
        "mediaType": media_type or "application/vnd.oci.image.manifest.v1+json",
        "digest": f"sha256:{digest}",
        "size": len(image.manifest),
        "annotations": {"io.containerd.image.name": reference},
    }
    config = hashlib.sha256(image.config).hexdigest()
    files = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [descriptor]}).encode(),
        f"blobs/sha256/{digest}": image.manifest,
        f"blobs/sha256/{config}": image.config,
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
