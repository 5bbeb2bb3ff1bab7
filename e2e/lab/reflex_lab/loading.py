"""Bring an image into the node's containerd: from an archive, or from the buildah store.

References are content hashes by convention, so one that is already there is not copied again.
"""

import json
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

from reflex_lab import packages
from reflex_lab.console import QUIET, Console
from reflex_lab.containerd import ctr, images
from reflex_lab.errors import ImageError
from reflex_lab.locks import exclusive
from reflex_lab.paths import cache_home
from reflex_lab.processes import environment
from reflex_lab.sharing import ShareError, share
from reflex_lab.tools import Tools

_SECONDS = 1800.0


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What a load did; `copied` is False when the node had the image already."""

    references: tuple[str, ...]
    copied: bool
    seconds: float


def load(source: str, *, tools: Tools, containerd_root: Path, console: Console = QUIET) -> Loaded:
    """Load an archive (a path) or an image of the buildah store (a reference).

    Raises:
        ImageError: it cannot be read, or containerd refuses it.
    """
    began = time.monotonic()
    path = Path(source)
    lock = containerd_root / ".load.lock"
    with exclusive(lock, what="load-image", seconds=_SECONDS, console=console):
        references, copied = _load(path, source, tools, containerd_root, console)
    seconds = time.monotonic() - began
    told = f"loaded in {seconds:.1f} s" if copied else "already in the node"
    console.say(f"{', '.join(references) or source}: {told}")
    return Loaded(references=references, copied=copied, seconds=seconds)


def _load(
    path: Path, source: str, tools: Tools, containerd_root: Path, console: Console
) -> tuple[tuple[str, ...], bool]:
    references = archive_references(path) if path.is_file() else (normalised(source),)
    if references and set(references) <= images(tools):
        return references, False
    importer = ctr(tools, "images", "import", "--local")
    if path.is_file():
        _run_import([*importer, str(path)], source=source)
        return references, True
    (reference,) = references
    try:
        share(store_root(), reference, tools=tools, containerd_root=containerd_root)
    except ShareError as error:
        console.say(f"copying {reference}, since it cannot be shared: {error}")
        _copy_from_store(reference, importer)
    return references, True


def normalised(reference: str) -> str:
    """Return the reference with a host and a tag, as containerd and the kubelet write it.

    >>> normalised("reflex-loop")
    'localhost/reflex-loop:latest'
    """
    first, slash, _ = reference.partition("/")
    host = slash and ("." in first or ":" in first or first == "localhost")
    named = reference if host else f"localhost/{reference}"
    tagged = ":" in named.rpartition("/")[2]
    return named if tagged or "@" in named else f"{named}:latest"


def archive_references(path: Path) -> tuple[str, ...]:
    """Return the references that a docker or OCI archive names, () if it names none.

    Raises:
        ImageError: neither kind of archive.
    """
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                if member.name in {"manifest.json", "index.json"}:
                    file = tar.extractfile(member)
                    content = json.load(file) if file else []
                    return _references(content)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise ImageError(f"{path} is not an image archive: {error}") from error
    raise ImageError(f"{path} holds neither manifest.json nor index.json")


def _references(content: object) -> tuple[str, ...]:
    if isinstance(content, list):
        return tuple(tag for image in content for tag in image.get("RepoTags") or ())
    if isinstance(content, dict):
        named = (m.get("annotations", {}) for m in content.get("manifests", ()))
        name = "io.containerd.image.name"
        return tuple(each[name] for each in named if name in each)
    return ()


def store_root() -> Path:
    """Return the folder of the project's image store."""
    return cache_home() / "buildah" / "root"


def store_arguments() -> list[str]:
    """Return buildah's arguments for the project's image store."""
    run_root = store_root().with_name("run")
    storage = ["--root", str(store_root()), "--runroot", str(run_root)]
    return [*storage, "--storage-driver", "overlay"]


def _copy_from_store(reference: str, importer: list[str]) -> None:
    """Stream the image: no archive on disk, no compression."""
    packages.ensure(packages.IMAGES, console=QUIET)
    push = ["buildah", *store_arguments(), "push", "--disable-compression", "--quiet"]
    with subprocess.Popen(
        [*push, reference, f"docker-archive:/dev/stdout:{reference}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment("image-load"),
    ) as sender:
        try:
            _run_import([*importer, "-"], source=reference, stdin=sender.stdout)
        finally:
            _, said = sender.communicate(timeout=60)
        if sender.returncode:
            raise ImageError(f"buildah push of {reference} failed: {said.decode().strip()}")


def _run_import(command: list[str], *, source: str, stdin: object = None) -> None:
    done = subprocess.run(  # type: ignore[call-overload]
        command,
        stdin=stdin or subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    if done.returncode:
        raise ImageError(f"containerd refuses {source}: {done.stderr.strip()}")
