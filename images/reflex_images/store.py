"""The image store in the user's cache: buildah with its own root, next to nothing of the system.

Several programs may use it at once: a build takes a lock, readers (`buildah push`) need none,
because a tag appears only when its image is complete.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reflex_images.errors import ImageError
from reflex_images.programs import run
from reflex_images.progress import say

CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
# Untagged images are the cached steps of builds; dropping them costs one build from the start.
_CACHED_STEPS: Final = 40
_ATTEMPTS: Final = 3


@dataclass(frozen=True, kw_only=True)
class Tagged:
    """One tag of the store."""

    repository: str
    tag: str
    created: int

    @property
    def reference(self) -> str:
        """Return the full name."""
        return f"{self.repository}:{self.tag}"


def outdated(tags: Sequence[Tagged], repository: str, *, keep: int = 2) -> tuple[str, ...]:
    """Return the references of `repository` beyond its newest `keep`."""
    ours = [tag for tag in tags if tag.repository == repository]
    newest_first = sorted(ours, key=lambda tag: (tag.created, tag.tag), reverse=True)
    return tuple(tag.reference for tag in newest_first[keep:])


def parse_images(listing: str) -> tuple[Tagged, ...]:
    """Return the tags in the output of `buildah images --json`."""
    found = []
    for entry in json.loads(listing or "[]") or []:
        for name in entry.get("names") or []:
            repository, _, tag = name.rpartition(":")
            created = int(entry["created"])
            found.append(Tagged(repository=repository, tag=tag, created=created))
    return tuple(found)


def leftovers(listing: str, finished: Sequence[str]) -> tuple[str, ...]:
    """Return the containers in `buildah containers --json` that an interrupted build left.

    A build's containers come from the base, from nothing or from an untagged step. One of a
    `finished` repository belongs to somebody who runs the image: the contract tests do.
    """
    theirs = tuple(f"{repository}:" for repository in finished)
    return tuple(
        entry["id"]
        for entry in json.loads(listing or "[]") or []
        if not entry.get("imagename", "").startswith(theirs)
    )


def cache_folder() -> Path:
    """Return the folder that everything here lives in; it may be deleted at any time."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "reflex", "buildah")


class Store:
    """The store of one cache folder."""

    def __init__(self, folder: Path, *, finished: Sequence[str]) -> None:
        """`finished` names the repositories of images that others may be running."""
        self.folder = folder
        self.finished = tuple(finished)

    @property
    def command(self) -> tuple[str, ...]:
        """How to call buildah on this store."""
        roots = ("--root", str(self.folder / "root"), "--runroot", str(self.folder / "run"))
        return ("buildah", *roots, "--storage-driver", "overlay")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one build at a time in."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def clear(self) -> None:
        """Remove what an interrupted build left. The store must be locked."""
        for partial in self.folder.glob("*.partial"):
            partial.unlink()
        listing = run([*self.command, "containers", "--json"])
        for container in leftovers(listing, self.finished):
            run([*self.command, "rm", container])

    def has(self, reference: str) -> bool:
        """Say whether the tag is there."""
        return any(tag.reference == reference for tag in self.tags())

    def tags(self) -> tuple[Tagged, ...]:
        """Return every tag."""
        if not self.folder.is_dir():
            return ()
        return parse_images(run([*self.command, "images", "--json"]))

    def size_bytes(self, reference: str) -> int:
        """Return the bytes of an image's layers, as they are written to an uncompressed archive."""
        inspected: dict[str, Any] = json.loads(
            run([*self.command, "inspect", "--type", "image", reference])
        )
        wanted: list[str] = inspected["OCIv1"]["rootfs"]["diff_ids"]
        layers = json.loads((self.folder / "root/overlay-layers/layers.json").read_text())
        sizes = {layer.get("diff-digest"): layer.get("diff-size", 0) for layer in layers}
        return sum(int(sizes.get(digest, 0)) for digest in wanted)

    def import_base(self, tar: Path, reference: str) -> None:
        """Make an image of a root file system."""
        container = run([*self.command, "from", "scratch"]).strip()
        run([*self.command, "add", "--quiet", container, str(tar), "/"])
        run([*self.command, "config", "--cmd", "python3", container])
        run([*self.command, "commit", "--quiet", "--rm", container, reference])

    def build(
        self,
        *,
        reference: str,
        containerfile: Path,
        context: Path,
        arguments: Mapping[str, str],
        keep_layers: bool,
    ) -> None:
        """Build an image; its tag appears when it is complete."""
        mounts = []
        for name, target in (("pip", "/root/.cache/pip"), ("uv", "/root/.cache/uv")):
            downloads = self.folder / "downloads" / name
            downloads.mkdir(parents=True, exist_ok=True)
            mounts += ["--volume", f"{downloads}:{target}"]
        values = dict(arguments)
        if CERTIFICATES.is_file():
            mounts += ["--volume", f"{CERTIFICATES.parent}:{CERTIFICATES.parent}:ro"]
            values["SSL_CERT_FILE"] = str(CERTIFICATES)
        self._build_step(
            [
                *self.command,
                "bud",
                "--quiet",
                "--isolation=chroot",
                f"--layers={str(keep_layers).lower()}",
                f"--ignorefile={containerfile.with_name('Containerfile.dockerignore')}",
                *(f"--build-arg={name}={value}" for name, value in values.items()),
                *mounts,
                f"--tag={reference}",
                f"--file={containerfile}",
                str(context),
            ]
        )

    def _build_step(self, command: Sequence[str]) -> None:
        """Build; again when buildah could not start itself, which happens on a busy machine.

        Version 1.28 copies itself into memory, and the kernel may still hold the copy's pages when
        it is sealed (EBUSY).
        """
        for left in reversed(range(_ATTEMPTS)):
            try:
                run(command)
                return
            except ImageError as error:
                if left == 0 or "sealing memfd" not in str(error):
                    raise
                say("buildah failed to start itself (sealing memfd); again")
                self.clear()

    def prune(self, repository: str) -> tuple[str, ...]:
        """Drop old tags of `repository`, except those that somebody runs; return them."""
        dropped = []
        for reference in outdated(self.tags(), repository):
            with suppress(ImageError):
                run([*self.command, "rmi", reference])
                dropped.append(reference)
        untagged = run([*self.command, "images", "--quiet", "--filter", "dangling=true"]).split()
        if len(untagged) > _CACHED_STEPS:
            with suppress(ImageError):
                run([*self.command, "rmi", "--prune"])
        return tuple(dropped)
